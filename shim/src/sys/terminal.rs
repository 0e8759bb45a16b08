//! The ioctl requests for terminals.
#![allow(unsafe_code)]

use core::{mem::MaybeUninit, ptr};

use linux_raw_sys::{general as raw, ioctl};
use rustix::{
    fd::{AsRawFd, OwnedFd},
    io::Result,
};

use super::{call, opened};

/// A terminal's settings, speeds included (include/uapi/asm-generic/termbits.h).
pub type Settings = raw::termios2;

/// `struct serial_struct` (include/uapi/linux/serial.h) as words; only two of them are used here.
pub type Serial = [u32; 18];

/// `struct serial_icounter_struct` (in the same header).
pub type Counters = [u32; 20];

#[inline(never)]
fn ioctl(terminal: &OwnedFd, request: u32, argument: usize) -> Result<()> {
    let fd = terminal.as_raw_fd().cast_unsigned() as usize;
    // SAFETY: the callers below pass what the request needs: a number, or the address of a value of its type.
    unsafe { call(raw::__NR_ioctl, [fd, request as usize, argument, 0, 0, 0]) }.map(drop)
}

/// Makes a terminal the controlling terminal of this session, even if another session has it. Needs `CAP_SYS_ADMIN`.
pub fn take_terminal(terminal: &OwnedFd) -> Result<()> {
    ioctl(terminal, ioctl::TIOCSCTTY, 1) // 1 steals (ioctl_tty(2))
}

// rustix has these two in its feature `pty`, with one more dependency

/// Lets the other end of a new pseudo terminal be opened (ioctl_tty(2)).
pub fn unlock(master: &OwnedFd) -> Result<()> {
    let no = 0_i32;
    ioctl(master, ioctl::TIOCSPTLCK, ptr::from_ref(&no) as usize)
}

/// Opens the other end of a pseudo terminal, which becomes nobody's controlling terminal.
pub fn other_end(master: &OwnedFd) -> Result<OwnedFd> {
    let (fd, flags) = (master.as_raw_fd().cast_unsigned() as usize, raw::O_RDWR | raw::O_NOCTTY | raw::O_CLOEXEC);
    // SAFETY: takes a number.
    opened(unsafe { call(raw::__NR_ioctl, [fd, ioctl::TIOCGPTPEER as usize, flags as usize, 0, 0, 0])? })
}

/// Reads the settings of a terminal.
pub fn settings(terminal: &OwnedFd) -> Result<Settings> {
    let mut settings = MaybeUninit::<Settings>::zeroed();
    ioctl(terminal, ioctl::TCGETS2, settings.as_mut_ptr() as usize)?;
    // SAFETY: all fields are numbers; zeros are valid too.
    Ok(unsafe { settings.assume_init() })
}

/// Sets the settings at once.
pub fn set_settings(terminal: &OwnedFd, settings: &Settings) -> Result<()> {
    ioctl(terminal, ioctl::TCSETS2, ptr::from_ref(settings) as usize)
}

/// Reads what the driver knows about a serial line.
///
/// # Errors
/// `ENOTTY` if the terminal is not a serial line.
pub fn serial(terminal: &OwnedFd) -> Result<Serial> {
    let mut serial = [0; 18];
    ioctl(terminal, ioctl::TIOCGSERIAL, serial.as_mut_ptr() as usize).map(|()| serial)
}

/// Changes what the driver knows about a serial line.
pub fn set_serial(terminal: &OwnedFd, serial: &Serial) -> Result<()> {
    ioctl(terminal, ioctl::TIOCSSERIAL, serial.as_ptr() as usize)
}

/// Makes a serial line send what is written to it, and not loop it back (`TIOCM_LOOP`); also clears `TIOCM_OUT1`, which
/// some devices treat as a reset. Both settings survive every open file of the line, and a hang-up.
pub fn send_out(terminal: &OwnedFd) {
    const LOOP_AND_OUT1: u32 = 0xa000; // include/uapi/asm-generic/termios.h
    let lines = LOOP_AND_OUT1;
    let _ = ioctl(terminal, ioctl::TIOCMBIC, ptr::from_ref(&lines) as usize);
}

/// Counters of a serial line, among them the characters that it sent and received.
///
/// # Errors
/// `ENOTTY` if the terminal is not a serial line.
pub fn counters(terminal: &OwnedFd) -> Result<Counters> {
    let mut counters = [0; 20];
    ioctl(terminal, ioctl::TIOCGICOUNT, counters.as_mut_ptr() as usize).map(|()| counters)
}

/// Whether the terminal is a virtual one, on a screen.
#[must_use]
pub fn is_screen(terminal: &OwnedFd) -> bool {
    const VT_GETSTATE: u32 = 0x5603;
    let mut state = [0_u16; 3]; // struct vt_stat (include/uapi/linux/vt.h)
    ioctl(terminal, VT_GETSTATE, state.as_mut_ptr() as usize).is_ok()
}

/// Requests to a virtual terminal that take a number (include/uapi/linux/kd.h).
#[derive(Clone, Copy)]
#[repr(u32)]
pub enum Screen {
    /// `KIOCSOUND`: a tone.
    Sound = 0x4b2f,
    /// `KDSETLED`: the keyboard's lights.
    Lights = 0x4b32,
    /// `KDSETMODE`: text or graphics.
    Mode = 0x4b3a,
    /// `KDSKBMODE`: how keys are translated.
    Keyboard = 0x4b45,
    /// `KDSIGACCEPT`: which signal the caller gets at `POWER_BUTTON`, instead of whoever asked before.
    PowerButton = 0x4b4e,
    /// `KDSKBMETA`: what Alt adds to a character.
    Meta = 0x4b63,
}

/// Makes the request. Terminals that are not virtual ignore it.
pub fn tell_screen(terminal: &OwnedFd, what: Screen, number: u8) {
    let _ = ioctl(terminal, what as u32, number.into());
}

/// Revokes the right of a process to delay a switch of virtual terminals.
pub fn switch_freely(terminal: &OwnedFd) {
    const VT_SETMODE: u32 = 0x5602;
    let auto = [0_u8; 8]; // struct vt_mode: VT_AUTO, no signals
    let _ = ioctl(terminal, VT_SETMODE, auto.as_ptr() as usize);
}

/// `struct kbentry` (include/uapi/linux/kd.h).
#[repr(C)]
struct KeyEntry {
    table: u8,
    key: u8,
    value: u16,
}

/// The entry of a key in one of the kernel's tables.
pub fn key_entry(screen: &OwnedFd, table: u8, key: u8) -> Result<u16> {
    const KDGKBENT: u32 = 0x4b46;
    let mut entry = KeyEntry { table, key, value: 0 };
    ioctl(screen, KDGKBENT, ptr::from_mut(&mut entry) as usize).map(|()| entry.value)
}

/// Sets the entry, which needs `CAP_SYS_TTY_CONFIG`.
#[inline(never)]
pub fn set_key_entry(screen: &OwnedFd, table: u8, key: u8, value: u16) -> Result<()> {
    const KDSKBENT: u32 = 0x4b47;
    let entry = KeyEntry { table, key, value };
    ioctl(screen, KDSKBENT, ptr::from_ref(&entry) as usize)
}

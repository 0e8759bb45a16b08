//! Settings that a session can leave on its console for the next session.

use linux_raw_sys::general as raw;
use rustix::{
    fd::OwnedFd,
    fs::OFlags,
    io::{Errno, Result},
    termios::Winsize,
};
use shim::{
    say,
    say::Text,
    sys::{
        Start, Stream,
        terminal::{self, Screen},
    },
};

use crate::call::{Table, call3, number, open};

pub const ATTACKS: Table = &[
    ("set_serial", set_serial),
    ("spoil_line", spoil_line),
    ("loop_line", loop_line),
    ("show_line", show_line),
    ("spoil_screen", spoil_screen),
    ("show_screen", show_screen),
];

const FLAGS: usize = 4;
const DIVISOR: usize = 6;
const SPD_CUST: u32 = 0x30; // include/uapi/linux/tty_flags.h
const TIOCM_OUT1: u32 = 0x2000; // include/uapi/asm-generic/termios.h
const TIOCM_LOOP: u32 = 0x8000;

fn own() -> Result<OwnedFd> {
    open(c"/dev/tty", OFlags::RDWR)
}

/// Sets a custom divisor on the serial port.
fn set_serial(_: Start) -> Result<()> {
    let terminal = own()?;
    let mut serial = terminal::serial(&terminal)?;
    *serial.get_mut(FLAGS).ok_or(Errno::INVAL)? |= SPD_CUST;
    *serial.get_mut(DIVISOR).ok_or(Errno::INVAL)? = 7;
    terminal::set_serial(&terminal, &serial)?;
    if terminal::serial(&terminal)?.get(DIVISOR) == Some(&7) { Ok(()) } else { Err(Errno::NODATA) }
}

/// Sets modem lines. That needs no capability, and a seccomp filter cannot see which lines are set.
/// With `TIOCM_LOOP` the port sends nothing any more.
fn set_modem(terminal: &OwnedFd, lines: u32) -> Result<()> {
    const TIOCMBIS: usize = 0x5416;
    call3(raw::__NR_ioctl, number(terminal), TIOCMBIS, (&raw const lines) as usize).map(drop)
}

/// Changes the divisor, a modem line, the speed and the size, and turns off editing of UTF-8
/// characters.
fn spoil_line(start: Start) -> Result<()> {
    set_serial(start)?;
    let terminal = own()?;
    set_modem(&terminal, TIOCM_OUT1)?;
    let mut settings = terminal::settings(&terminal)?;
    settings.c_cflag = settings.c_cflag & !0o10017 | 0o11; // CBAUD, B1200
    settings.c_iflag &= !0o40000; // IUTF8
    terminal::set_settings(&terminal, &settings)?;
    rustix::termios::tcsetwinsize(&terminal, Winsize { ws_row: 1, ws_col: 2, ws_xpixel: 3, ws_ypixel: 4 })
}

/// Sets the port to loopback: written bytes come back as input. Nothing is sent, not even that the
/// attack worked.
fn loop_line(_: Start) -> Result<()> {
    let terminal = own()?;
    let mut settings = terminal::settings(&terminal)?;
    settings.c_lflag &= !raw::ECHO; // an echo would loop without end
    terminal::set_settings(&terminal, &settings)?;
    set_modem(&terminal, TIOCM_LOOP | TIOCM_OUT1)
}

/// Prints all these settings.
fn show_line(_: Start) -> Result<()> {
    const TIOCMGET: usize = 0x5415;
    let terminal = own()?;
    let mut modem = 0_u32;
    call3(raw::__NR_ioctl, number(&terminal), TIOCMGET, (&raw mut modem) as usize)?;
    let (settings, serial) = (terminal::settings(&terminal)?, terminal::serial(&terminal)?);
    let size = rustix::termios::tcgetwinsize(&terminal)?;
    let flags = serial.get(FLAGS).copied().unwrap_or(0) & SPD_CUST;
    let divisor = serial.get(DIVISOR).copied().unwrap_or(0);
    let mut line = Text::new();
    say!(&mut line, "the line has ", settings.c_ospeed, " bit/s, flags ", flags, ", divisor ", divisor, ", modem ");
    say!(&mut line, modem & (TIOCM_LOOP | TIOCM_OUT1), ", iflag ");
    say!(&mut line, settings.c_iflag, ", ", size.ws_col, "x", size.ws_row, "\n");
    Stream(1).put(&line);
    Ok(())
}

/// Turns the keyboard off and sets the screen to graphics mode. Sets other modes: insert, reverse,
/// origin, and no line wrap. Then switches to another virtual terminal. Creates a file if all of
/// that worked.
fn spoil_screen(_: Start) -> Result<()> {
    const KDGETMODE: usize = 0x4b3b;
    const KDGKBMODE: usize = 0x4b44;
    let terminal = own()?;
    if !terminal::is_screen(&terminal) {
        return Err(Errno::NOTTY);
    }
    rustix::io::write(&terminal, b"\x1b[4;20h\x1b[?5;6h\x1b[?7l")?;
    if is_usual(&terminal)? {
        return Err(Errno::NODATA);
    }
    terminal::tell_screen(&terminal, Screen::Keyboard, 4); // K_OFF
    terminal::tell_screen(&terminal, Screen::Mode, 1); // KD_GRAPHICS
    let (mut keyboard, mut mode) = (0_i32, 0_i32);
    call3(raw::__NR_ioctl, number(&terminal), KDGKBMODE, (&raw mut keyboard) as usize)?;
    call3(raw::__NR_ioctl, number(&terminal), KDGETMODE, (&raw mut mode) as usize)?;
    if (keyboard, mode) != (4, 1) {
        return Err(Errno::PERM);
    }
    open(c"/spoiled", OFlags::CREATE | OFlags::WRONLY).map(drop)
}

/// Whether a screen wraps long lines and counts rows from its top rather than from a scroll region.
/// Found out by the position that the cursor reports.
fn is_usual(terminal: &OwnedFd) -> Result<bool> {
    let mut settings = terminal::settings(terminal)?;
    settings.c_lflag &= !(raw::ICANON | raw::ECHO);
    terminal::set_settings(terminal, &settings)?;
    let columns = rustix::termios::tcgetwinsize(terminal)?.ws_col;
    rustix::io::write(terminal, b"\r")?;
    for _ in 0..columns.saturating_add(5) {
        rustix::io::write(terminal, b"x")?;
    }
    let wraps = cursor(terminal)?.ends_with(";6R");
    rustix::io::write(terminal, b"\x1b[5;10r")?;
    Ok(wraps && cursor(terminal)?.ends_with("[1;1R"))
}

/// Asks a screen for the position of its cursor (console_codes(4)): `ESC [ ROW ; COLUMN R`.
fn cursor(terminal: &OwnedFd) -> Result<Text> {
    rustix::io::write(terminal, b"\x1b[6n")?;
    let mut said = Text::new();
    while !said.ends_with('R') {
        let mut byte = [0];
        rustix::io::read(terminal, &mut byte)?;
        said.push(byte[0].into()).map_err(|_| Errno::NOBUFS)?;
    }
    Ok(said)
}

/// Creates a file if the screen has its usual modes.
fn show_screen(_: Start) -> Result<()> {
    if !is_usual(&own()?)? {
        return Err(Errno::NODATA);
    }
    open(c"/usual", OFlags::CREATE | OFlags::WRONLY).map(drop)
}

//! System calls that rustix does not have, typed once. Among the guest's programs, only this file and those below
//! `sys/` contain `unsafe`.
//!
//! Levels: `arch::syscall` is raw, this file and rustix are typed, `execute` is the domain. Flags and numbers come from
//! linux-raw-sys, which is generated from the kernel's headers.
#![allow(unsafe_code)]

pub mod bpf;
pub mod clock;
pub mod disk;
mod loopback;
pub mod packet;
mod signals;
mod start;
pub mod terminal;
pub mod trace;
pub mod watchdog;

pub use self::{
    clock::milliseconds,
    loopback::loopback_up,
    signals::{SIGNAL_INFO, Signals},
    start::Start,
};

use core::{
    ffi::{CStr, c_char},
    mem::MaybeUninit,
    ptr,
};

use linux_raw_sys::general as raw;
use rustix::{
    event::{PollFd, PollFlags, Timespec},
    fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
    fs::CWD,
    io::{Errno, Result},
    mm::{MapFlags, ProtFlags},
    process::Signal,
};

use crate::{
    arch::syscall::syscall6,
    op::Attr,
    seccomp::{self, Instruction},
    supervise::Pid,
};

/// A standard stream, or PID 1's watchdog, by number.
pub struct Stream(pub i32);

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the numbers are 0, 1 and 2, and 63 in PID 1. No program here closes them before it exits
        // or executes another program.
        unsafe { BorrowedFd::borrow_raw(self.0) }
    }
}

impl Stream {
    /// Writes text. Errors are ignored, because there is nobody to report them to.
    pub fn put(&self, text: &str) {
        let _ = rustix::io::write(self, text.as_bytes());
    }
}

/// Makes the call and turns a negative result into an errno.
///
/// # Safety
/// As `syscall6`.
unsafe fn call(number: u32, arguments: [usize; 6]) -> Result<usize> {
    // SAFETY: the caller vouches for the arguments.
    let result = unsafe { syscall6(number as usize, arguments) };
    match i32::try_from(result) {
        Ok(error @ -4095..0) => Err(Errno::from_raw_os_error(error.saturating_neg())),
        _ => Ok(result.cast_unsigned()),
    }
}

/// A descriptor that a call has just returned.
fn opened(fd: usize) -> Result<OwnedFd> {
    let fd = i32::try_from(fd).map_err(|_| Errno::BADF)?;
    // SAFETY: the kernel has just opened it for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Executes the program at that path, with all the arguments and the whole environment of `start`. Returns only on
/// error.
#[must_use]
pub fn exec_with(path: &CStr, start: Start) -> Errno {
    execveat(CWD.as_fd(), path, start.argv, start.envp)
}

/// Executes the program at that path below a folder, or the open program itself if the path is empty, with at most 255
/// arguments and as many variables. Returns only on error.
pub fn exec<'a, 'b>(
    folder: impl AsFd,
    path: &CStr,
    arguments: impl Iterator<Item = &'a CStr>,
    environment: impl Iterator<Item = &'b CStr>,
) -> Errno {
    match (pointers(arguments), pointers(environment)) {
        (Some(argv), Some(envp)) => execveat(folder.as_fd(), path, argv.as_ptr(), envp.as_ptr()),
        _ => Errno::TOOBIG,
    }
}

/// Both arrays must end with NULL and hold pointers to strings that outlive the call.
fn execveat(folder: BorrowedFd<'_>, path: &CStr, argv: *const *const c_char, envp: *const *const c_char) -> Errno {
    let folder = folder.as_raw_fd().cast_unsigned() as usize;
    let flags = if path.is_empty() { raw::AT_EMPTY_PATH as usize } else { 0 };
    let arguments = [folder, path.as_ptr() as usize, argv as usize, envp as usize, flags, 0];
    // SAFETY: the arrays are what the kernel itself laid out (`Start`), or what `pointers` made.
    unsafe { call(raw::__NR_execveat, arguments) }.err().unwrap_or(Errno::INVAL)
}

/// Strings that follow each other in `text`, each one ended by NUL.
pub fn strings(text: &str) -> impl Iterator<Item = &CStr> {
    let ended = text.as_bytes().split_inclusive(|byte| *byte == 0).filter(|string| string.ends_with(&[0]));
    // SAFETY: the bytes are split behind each NUL, so their last one is the only NUL.
    ended.map(|string| unsafe { CStr::from_bytes_with_nul_unchecked(string) })
}

/// The addresses of the strings, followed by NULL; `None` if there are too many.
fn pointers<'a>(mut strings: impl Iterator<Item = &'a CStr>) -> Option<[*const c_char; 256]> {
    let mut array = [ptr::null(); 256];
    for place in &mut array {
        match strings.next() {
            Some(string) => *place = string.as_ptr(),
            None => return Some(array),
        }
    }
    None
}

/// Ends this process.
pub fn exit(status: u8) -> ! {
    loop {
        // SAFETY: `exit_group` takes a number and does not return.
        let _ = unsafe { call(raw::__NR_exit_group, [usize::from(status), 0, 0, 0, 0, 0]) };
    }
}

/// Forks; `None` in the child. The pidfd identifies the child even if its number is used again later.
pub fn fork() -> Result<Option<(Pid, OwnedFd)>> {
    clone(0, None)
}

/// Forks into new namespaces and a cgroup.
///
/// # Errors
/// The kernel's error; `EAGAIN` if the cgroup has no room for a process.
pub fn fork_into(namespaces: u32, cgroup: &OwnedFd) -> Result<Option<(Pid, OwnedFd)>> {
    clone(namespaces, Some(cgroup))
}

fn clone(namespaces: u32, cgroup: Option<&OwnedFd>) -> Result<Option<(Pid, OwnedFd)>> {
    const CLONE_INTO_CGROUP: u64 = 1 << 33; // include/uapi/linux/sched.h
    let mut pidfd: i32 = -1;
    let into = cgroup.map_or(0, |_| CLONE_INTO_CGROUP);
    let arguments = raw::clone_args {
        flags: u64::from(namespaces) | u64::from(raw::CLONE_PIDFD) | into,
        cgroup: cgroup.map_or(0, |folder| u64::from(folder.as_raw_fd().cast_unsigned())),
        pidfd: ptr::from_mut(&mut pidfd) as u64,
        exit_signal: Signal::CHILD.as_raw() as u64,
        // SAFETY: all other fields are numbers for which zero means "not given".
        ..unsafe { MaybeUninit::zeroed().assume_init() }
    };
    let size = size_of::<raw::clone_args>();
    // SAFETY: without CLONE_VM the child has its own copy of the memory and continues on the same stack.
    let pid = unsafe { call(raw::__NR_clone3, [ptr::from_ref(&arguments) as usize, size, 0, 0, 0, 0])? };
    match Pid::try_from(pid) {
        Ok(0) | Err(_) => Ok(None),
        // SAFETY: the kernel has just opened it for us (CLONE_PIDFD).
        Ok(pid) => Ok(Some((pid, unsafe { OwnedFd::from_raw_fd(pidfd) }))),
    }
}

/// Joins the namespaces of the process of `pidfd`.
///
/// # Errors
/// `ESRCH` if that process has ended.
pub fn join(pidfd: BorrowedFd<'_>, namespaces: u32) -> Result<()> {
    let arguments = [pidfd.as_raw_fd().cast_unsigned() as usize, namespaces as usize, 0, 0, 0, 0];
    // SAFETY: there is one thread, which shares no filesystem state, and all paths that are held are descriptors.
    unsafe { call(raw::__NR_setns, arguments) }.map(drop)
}

/// Moves this process into new namespaces.
pub fn unshare(namespaces: u32) -> Result<()> {
    // SAFETY: takes a number; no thread and no descriptor is unshared.
    unsafe { call(raw::__NR_unshare, [namespaces as usize, 0, 0, 0, 0, 0]) }.map(drop)
}

/// From here on, this process and its descendants can only make the system calls that the filter allows.
pub fn filter_calls() -> Result<()> {
    /// `struct sock_fprog` (include/uapi/linux/filter.h).
    #[repr(C)]
    struct Program {
        length: u16,
        filter: *const Instruction,
    }
    const SET_MODE_FILTER: usize = 1; // SECCOMP_SET_MODE_FILTER, include/uapi/linux/seccomp.h
    let length = u16::try_from(seccomp::FILTER.len()).map_err(|_| Errno::INVAL)?;
    let program = Program { length, filter: seccomp::FILTER.as_ptr() };
    let program = ptr::from_ref(&program) as usize;
    // SAFETY: reads one sock_fprog and the constant that it points to.
    unsafe { call(raw::__NR_seccomp, [SET_MODE_FILTER, 0, program, 0, 0, 0]) }.map(drop)
}

/// From here on, this process and its descendants can only connect to their own abstract sockets.
pub fn scope_abstract_sockets() -> Result<()> {
    // struct landlock_ruleset_attr: handled_access_fs, handled_access_net, scoped (include/uapi/linux/landlock.h)
    const SCOPE_ABSTRACT_UNIX_SOCKET: u64 = 1;
    let attr = [0, 0, SCOPE_ABSTRACT_UNIX_SOCKET];
    let (address, size) = (attr.as_ptr() as usize, size_of_val(&attr));
    // SAFETY: reads those three numbers.
    let ruleset = unsafe { call(raw::__NR_landlock_create_ruleset, [address, size, 0, 0, 0, 0])? };
    // SAFETY: takes two numbers. The descriptor is closed at the next exec, or with all others.
    unsafe { call(raw::__NR_landlock_restrict_self, [ruleset, 0, 0, 0, 0, 0]) }.map(drop)
}

/// Sends a signal to every process of this pid namespace except this one and the first.
///
/// # Errors
/// `ESRCH` if there is no such process.
pub fn signal_all(signal: Option<Signal>) -> Result<()> {
    let signal = signal.map_or(0, Signal::as_raw).cast_unsigned() as usize;
    // SAFETY: takes two numbers; -1 means all processes (kill(2)).
    unsafe { call(raw::__NR_kill, [usize::MAX, signal, 0, 0, 0, 0]) }.map(drop)
}

/// Sets the attributes of the mount of `mount`, and only of that one: sets these, and clears our other ones.
pub fn mount_attributes(mount: BorrowedFd<'_>, attr: Attr) -> Result<()> {
    let attr_clr = u64::from(Attr::ALL.0 & !attr.0);
    let attributes = raw::mount_attr { attr_set: u64::from(attr.0), attr_clr, propagation: 0, userns_fd: 0 };
    let fd = mount.as_raw_fd().cast_unsigned() as usize;
    let path = c"".as_ptr() as usize;
    let value = ptr::from_ref(&attributes) as usize;
    let size = size_of::<raw::mount_attr>();
    // SAFETY: reads an empty path and one mount_attr.
    unsafe { call(raw::__NR_mount_setattr, [fd, path, raw::AT_EMPTY_PATH as usize, value, size, 0]) }.map(drop)
}

/// Makes it the standard stream with that descriptor, or another one of a program that is executed next.
pub fn put_at(stream: BorrowedFd<'_>, descriptor: u8) -> Result<()> {
    let stream = stream.as_raw_fd().cast_unsigned() as usize;
    // SAFETY: takes no pointers. Nothing in here owns a standard stream, and a process that executes a program next uses
    // nothing else that it owns.
    unsafe { call(raw::__NR_dup3, [stream, descriptor.into(), 0, 0, 0, 0]) }.map(drop)
}

/// Makes it the descriptor of that number too, which ends when another program is executed.
pub fn keep_at(file: &OwnedFd, descriptor: &Stream) -> Result<()> {
    let (from, to) = (file.as_raw_fd().cast_unsigned() as usize, descriptor.0.cast_unsigned() as usize);
    // SAFETY: takes no pointers. The callers know that nothing owns a descriptor of that number.
    unsafe { call(raw::__NR_dup3, [from, to, raw::O_CLOEXEC as usize, 0, 0, 0]) }.map(drop)
}

/// Closes every descriptor from `first` on.
pub fn close_from(first: u32) {
    // SAFETY: the callers hold no `OwnedFd` that they use again; they go on to exec or to wait.
    let _ = unsafe { call(raw::__NR_close_range, [first as usize, u32::MAX as usize, 0, 0, 0, 0]) };
}

/// Marks every descriptor from `first` on as close-on-exec.
pub fn close_at_exec(first: u32) -> Result<()> {
    const CLOEXEC: usize = 4; // include/uapi/linux/close_range.h
    // SAFETY: takes numbers; nothing is closed.
    unsafe { call(raw::__NR_close_range, [first as usize, u32::MAX as usize, CLOEXEC, 0, 0, 0]) }.map(drop)
}

/// Whether the process of a pidfd has ended, or ends within so many seconds.
#[must_use]
pub fn ends_within(pidfd: BorrowedFd<'_>, seconds: u8) -> bool {
    ready_within(pidfd, PollFlags::IN, seconds)
}

/// Whether `fd` can be read or written (`how`) within so many seconds.
#[must_use]
pub fn ready_within(fd: BorrowedFd<'_>, how: PollFlags, seconds: u8) -> bool {
    let mut fds = [PollFd::new(&fd, how)];
    rustix::event::poll(&mut fds, Some(&Timespec { tv_sec: seconds.into(), tv_nsec: 0 })) == Ok(1)
}

/// Sends a packet with a descriptor. rustix's `sendmsg` takes 1 KiB of PID 1.
///
/// # Errors
/// `EAGAIN` if the socket is full.
pub fn send_with(socket: &OwnedFd, packet: &str, descriptor: BorrowedFd<'_>) -> Result<()> {
    /// `struct cmsghdr` with its data (include/linux/socket.h).
    #[repr(C)]
    struct Control {
        length: usize,
        level: i32,
        kind: i32,
        descriptor: i32,
    }
    const SOL_SOCKET: i32 = 1;
    const SCM_RIGHTS: i32 = 1;
    const MSG_DONTWAIT_AND_NOSIGNAL: usize = 0x4040;
    // without the padding behind the descriptor
    const CONTROL: usize = size_of::<usize>() + 3 * size_of::<i32>();
    let control = Control { length: CONTROL, level: SOL_SOCKET, kind: SCM_RIGHTS, descriptor: descriptor.as_raw_fd() };
    let part = [packet.as_ptr() as usize, packet.len()]; // struct iovec
    // struct user_msghdr: name, its length, the parts, their number, control, its length, flags
    let header = [0, 0, part.as_ptr() as usize, 1, ptr::from_ref(&control) as usize, CONTROL, 0];
    let socket = socket.as_raw_fd().cast_unsigned() as usize;
    // SAFETY: reads the packet, and the structures above.
    unsafe { call(raw::__NR_sendmsg, [socket, header.as_ptr() as usize, MSG_DONTWAIT_AND_NOSIGNAL, 0, 0, 0]) }.map(drop)
}

/// Whether the other side of a TCP connection has confirmed everything (tcp(7), `SIOCOUTQ`).
///
/// # Errors
/// The kernel's.
pub fn is_sent(socket: &OwnedFd) -> Result<bool> {
    const SIOCOUTQ: usize = 0x5411; // include/uapi/linux/sockios.h
    let mut bytes = 0_i32;
    let socket = socket.as_raw_fd().cast_unsigned() as usize;
    // SAFETY: writes one int.
    unsafe { call(raw::__NR_ioctl, [socket, SIOCOUTQ, ptr::from_mut(&mut bytes) as usize, 0, 0, 0]) }?;
    Ok(bytes == 0)
}

/// A span of time, as the kernel takes it.
#[must_use]
pub fn span(milliseconds: u32) -> Timespec {
    Timespec {
        tv_sec: i64::from(milliseconds.checked_div(1000).unwrap_or(0)),
        tv_nsec: i64::from(milliseconds.checked_rem(1000).unwrap_or(0)).saturating_mul(1_000_000),
    }
}

/// Waits.
pub fn pause(milliseconds: u32) {
    let _ = rustix::event::poll(&mut [], Some(&span(milliseconds)));
}

/// Hangs up this session's terminal: other processes that have it open read end of file.
pub fn hang_up() -> Result<()> {
    // SAFETY: takes no arguments.
    unsafe { call(raw::__NR_vhangup, [0; 6]) }.map(drop)
}

/// Room for `count` values until this process ends. It takes memory only where something is written: a variable of this
/// size on the stack would take all of it.
///
/// # Errors
/// `ENOMEM` if there is not enough memory.
pub fn room<T>(count: usize) -> Result<&'static mut [MaybeUninit<T>]> {
    let bytes = count.checked_mul(size_of::<T>()).ok_or(Errno::NOMEM)?;
    // SAFETY: a new private mapping touches no other memory. It is page-aligned, unshared, and never unmapped.
    unsafe {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let memory = rustix::mm::mmap_anonymous(ptr::null_mut(), bytes, access, MapFlags::PRIVATE)?;
        Ok(core::slice::from_raw_parts_mut(memory.cast(), count))
    }
}

/// Calls `work` with `count` zeroed values that exist only during the call. All zeros must
/// be a valid value of `T`.
///
/// # Errors
/// `ENOMEM` if there is not enough memory.
pub fn with_mapped<T: Copy, R>(count: usize, work: impl FnOnce(&mut [T]) -> R) -> Result<R> {
    mapped(count, MapFlags::POPULATE, work)
}

/// The same, but a page takes memory only from its first use on.
///
/// # Errors
/// `ENOMEM` if there is no room for so many addresses.
pub fn with_pages<T: Copy, R>(count: usize, work: impl FnOnce(&mut [T]) -> R) -> Result<R> {
    mapped(count, MapFlags::NORESERVE, work)
}

fn mapped<T: Copy, R>(count: usize, flags: MapFlags, work: impl FnOnce(&mut [T]) -> R) -> Result<R> {
    let bytes = count.checked_mul(size_of::<T>()).ok_or(Errno::NOMEM)?;
    // SAFETY: a new private mapping touches no other memory. It is page-aligned, zeroed and unshared until `munmap`,
    // and the result of `work` cannot borrow from it.
    unsafe {
        let flags = MapFlags::PRIVATE | flags;
        let memory = rustix::mm::mmap_anonymous(ptr::null_mut(), bytes, ProtFlags::READ | ProtFlags::WRITE, flags)?;
        let result = work(core::slice::from_raw_parts_mut(memory.cast::<T>(), count));
        rustix::mm::munmap(memory, bytes)?;
        Ok(result)
    }
}

//! System calls for attacks: any call by its number, and files that are opened and read or written
//! in one step.
#![allow(unsafe_code)]

use core::ffi::CStr;

use linux_raw_sys::general as raw;
use rustix::{
    fd::{AsRawFd, OwnedFd},
    fs::{CWD, Mode, OFlags},
    io::{Errno, Result},
    process::{Pid, WaitOptions, WaitStatus},
};
use shim::{arch::syscall::syscall6, say::Text, sys::Start};

/// An attack. It returns `Ok` if it reached its goal.
pub type Attack = fn(Start) -> Result<()>;
/// Attacks by name.
pub type Table = &'static [(&'static str, Attack)];

/// Any system call.
pub fn call(number: u32, arguments: [usize; 6]) -> Result<usize> {
    // SAFETY: a call may break this process, but the process does nothing except the attack.
    let result = unsafe { syscall6(number as usize, arguments) };
    match i32::try_from(result) {
        Ok(error @ -4095..0) => Err(Errno::from_raw_os_error(-error)),
        _ => Ok(result.cast_unsigned()),
    }
}

/// The same, with up to three arguments.
pub fn call3(number: u32, a: usize, b: usize, c: usize) -> Result<usize> {
    call(number, [a, b, c, 0, 0, 0])
}

/// `fork`, by the system call that a sandbox allows. Returns `None` in the child.
pub fn fork() -> Result<Option<Pid>> {
    let pid = call(raw::__NR_clone, [17, 0, 0, 0, 0, 0])?; // SIGCHLD
    Ok(i32::try_from(pid).ok().and_then(Pid::from_raw))
}

/// Waits for a child, and returns how it ended.
pub fn wait(child: Pid) -> Result<WaitStatus> {
    let (_, status) = rustix::process::waitpid(Some(child), WaitOptions::empty())?.ok_or(Errno::CHILD)?;
    Ok(status)
}

/// Makes an attack in a child, and returns its result.
pub fn aside(work: impl FnOnce() -> Result<()>) -> Result<()> {
    match fork()? {
        None => shim::sys::exit(work().err().map_or(0, |errno| u8::try_from(errno.raw_os_error()).unwrap_or(255))),
        Some(child) => match wait(child)?.exit_status() {
            Some(0) => Ok(()),
            Some(errno) => Err(Errno::from_raw_os_error(errno)),
            None => Err(Errno::INTR),
        },
    }
}

pub fn open(path: &CStr, flags: OFlags) -> Result<OwnedFd> {
    rustix::fs::openat(CWD, path, flags | OFlags::CLOEXEC | OFlags::NOCTTY, Mode::from_raw_mode(0o600))
}

/// Reads the beginning of a file.
pub fn read(path: &CStr, into: &mut [u8]) -> Result<usize> {
    rustix::io::read(open(path, OFlags::RDONLY)?, into)
}

pub fn write(path: &CStr, text: &str) -> Result<()> {
    rustix::io::write(open(path, OFlags::WRONLY)?, text.as_bytes()).map(drop)
}

/// Succeeds if the first 4 KiB of a file contain this text.
pub fn holds(path: &CStr, text: &str) -> Result<()> {
    let mut bytes = [0; 4096];
    let length = read(path, &mut bytes)?;
    let found = bytes.get(..length).is_some_and(|bytes| bytes.windows(text.len()).any(|part| part == text.as_bytes()));
    if found { Ok(()) } else { Err(Errno::NOMSG) }
}

/// A text that ends with NUL, as a C string.
pub fn c(text: &Text) -> &CStr {
    CStr::from_bytes_until_nul(text.as_bytes()).unwrap_or_default()
}

pub fn number(fd: &OwnedFd) -> usize {
    fd.as_raw_fd().cast_unsigned() as usize
}

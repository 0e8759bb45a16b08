//! ptrace(2), as far as it is needed here. Every guard holds while it is used, those against tracing too: they hold what
//! begins later.
#![allow(unsafe_code)]

use core::ptr;

use linux_raw_sys::general as raw;
use rustix::io::{Errno, Result};
use shim::arch::syscall::syscall6;

// include/uapi/linux/ptrace.h
const CONT: usize = 7;
const DETACH: usize = 17;
const SYSCALL: usize = 24;
const SEIZE: usize = 0x4206;
const GET_SYSCALL_INFO: usize = 0x420e;
const SYSGOOD: usize = 1;
const FORK: usize = 1 << 1;
const VFORK: usize = 1 << 2;
const CLONE: usize = 1 << 3;
const EXEC: usize = 1 << 4;
const EXIT: usize = 1 << 6;
/// What is followed: children and programs, not threads.
pub const PROGRAMS: usize = FORK | VFORK | EXEC | EXIT;
/// The same, with each system call.
pub const CALLS: usize = SYSGOOD | CLONE | PROGRAMS;

/// Any system call.
pub fn call(number: u32, arguments: [usize; 6]) -> Result<usize> {
    // SAFETY: the callers give numbers, and addresses of what outlives the call.
    let result = unsafe { syscall6(number as usize, arguments) };
    match i32::try_from(result) {
        Ok(error @ -4095..0) => Err(Errno::from_raw_os_error(error.saturating_neg())),
        _ => Ok(result.cast_unsigned()),
    }
}

fn ptrace(request: usize, pid: i32, address: usize, data: usize) -> Result<usize> {
    call(raw::__NR_ptrace, [request, pid.cast_unsigned() as usize, address, data, 0, 0])
}

/// Follows PID 1 from here on.
pub fn seize(what: usize) -> Result<()> {
    ptrace(SEIZE, 1, 0, what).map(drop)
}

/// Why a process stopped.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// It became another program.
    Exec,
    /// It ends.
    Exit,
    /// At a system call.
    Call,
    /// Something that is none of ours; a signal to deliver, or 0.
    Other(usize),
    /// It is gone.
    Gone,
}

/// The next stop of any process.
pub fn next() -> Result<(i32, Stop)> {
    let mut status = 0_u32;
    const ALL: usize = 0x4000_0000; // __WALL
    let pid = call(raw::__NR_wait4, [usize::MAX, (&raw mut status) as usize, ALL, 0, 0, 0])?;
    let pid = i32::try_from(pid).map_err(|_| Errno::SRCH)?;
    const TRAP: u32 = 5 | 0x80; // SIGTRAP of SYSGOOD
    let stop = match (status & 0xff == 0x7f, status >> 8 & 0xff, status >> 16) {
        (false, ..) => Stop::Gone,
        (_, _, 4) => Stop::Exec,
        (_, _, 6) => Stop::Exit,
        (_, TRAP, _) => Stop::Call,
        (_, signal, 0) => Stop::Other(signal as usize),
        _ => Stop::Other(0),
    };
    Ok((pid, stop))
}

/// How a stopped process goes on.
#[derive(Clone, Copy)]
pub enum How {
    /// To its next event.
    On,
    /// To its next system call.
    ToCall,
    /// Alone.
    Alone,
}

/// Lets it go on. It may have been killed meanwhile: nobody is told.
pub fn go(pid: i32, how: How, stop: Stop) {
    let signal = if let Stop::Other(signal) = stop { signal } else { 0 };
    let request = match how {
        How::On => CONT,
        How::ToCall => SYSCALL,
        How::Alone => DETACH,
    };
    let _ = ptrace(request, pid, 0, signal);
}

/// The system call that it is about to make: its number and its fifth argument; `None` at the end of one.
pub fn entering(pid: i32) -> Result<Option<(u32, u64)>> {
    const ENTRY: u8 = 1; // PTRACE_SYSCALL_INFO_ENTRY
    /// `struct ptrace_syscall_info`, as far as an entry goes.
    #[repr(C)]
    struct Info {
        op: u8,
        arch: u32,
        addresses: [u64; 2],
        number: u64,
        arguments: [u64; 6],
        more: u64,
    }
    let mut info = Info { op: 0, arch: 0, addresses: [0; 2], number: 0, arguments: [0; 6], more: 0 };
    match ptrace(GET_SYSCALL_INFO, pid, size_of::<Info>(), ptr::from_mut(&mut info) as usize) {
        Ok(_) if info.op == ENTRY => {
            let [_, _, _, _, fifth, _] = info.arguments;
            Ok(Some((u32::try_from(info.number).unwrap_or(u32::MAX), fifth)))
        }
        // at its end, or killed meanwhile
        Ok(_) | Err(Errno::SRCH) => Ok(None),
        Err(errno) => Err(errno),
    }
}

//! What one process learns of others: ptrace(2), clocks, what of a file is in memory. For the meter, which reads what a machine
//! costs; nothing of the shim's uses it, and nothing of it is in the shim's programs.
//!
//! Every guard holds while a process is followed, those against tracing too: they hold what begins later.
#![allow(unsafe_code)]

use core::ptr;

use linux_raw_sys::general as raw;
use rustix::{
    fd::AsFd,
    io::{Errno, Result},
    mm::{MapFlags, ProtFlags},
};

use super::call;

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

/// # Safety
/// `data` must be a number, or the address of what the request writes, `address` bytes of it.
unsafe fn ptrace(request: usize, pid: i32, address: usize, data: usize) -> Result<usize> {
    let pid = pid.cast_unsigned() as usize;
    // SAFETY: the caller vouches for the address.
    unsafe { call(raw::__NR_ptrace, [request, pid, address, data, 0, 0]) }
}

/// Follows PID 1 from here on.
pub fn seize(what: usize) -> Result<()> {
    // SAFETY: numbers.
    unsafe { ptrace(SEIZE, 1, 0, what) }.map(drop)
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
    // SAFETY: the kernel writes one number.
    let pid = unsafe { call(raw::__NR_wait4, [usize::MAX, (&raw mut status) as usize, ALL, 0, 0, 0])? };
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
    // SAFETY: numbers.
    let _ = unsafe { ptrace(request, pid, 0, signal) };
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
    // SAFETY: the kernel writes no more than an `Info`, all of whose fields are numbers.
    match unsafe { ptrace(GET_SYSCALL_INFO, pid, size_of::<Info>(), ptr::from_mut(&mut info) as usize) } {
        Ok(_) if info.op == ENTRY => {
            let [_, _, _, _, fifth, _] = info.arguments;
            Ok(Some((u32::try_from(info.number).unwrap_or(u32::MAX), fifth)))
        }
        // at its end, or killed meanwhile
        Ok(_) | Err(Errno::SRCH) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// The clock that starts with the machine.
pub const MONOTONIC: i32 = 1; // include/uapi/linux/time.h

/// The clock of the processor's time that a process and its threads have used.
#[must_use]
pub const fn clock_of(pid: i32) -> i32 {
    // include/linux/posix-timers_types.h: CPUCLOCK_SCHED of a process
    (!pid << 3) | 2
}

/// A clock's time in nanoseconds. rustix asks the vDSO, whose address it keeps in a variable: these programs have none.
///
/// # Errors
/// The kernel's: `EINVAL` when the process is gone.
pub fn clock(clock: i32) -> Result<u64> {
    let mut time = [0_u64; 2];
    let arguments = [clock.cast_unsigned() as usize, time.as_mut_ptr() as usize, 0, 0, 0, 0];
    // SAFETY: the kernel writes seconds and nanoseconds.
    unsafe { call(raw::__NR_clock_gettime, arguments)? };
    let [seconds, nanoseconds] = time;
    Ok(seconds.wrapping_mul(1_000_000_000).wrapping_add(nanoseconds))
}

/// Bytes of a page.
pub const PAGE: usize = 4096;

/// How many pages of a file are in memory: of a mapping that nobody has touched those are what is in the page cache
/// (mincore(2)).
pub fn cached(file: impl AsFd, length: usize) -> Result<usize> {
    const AT_ONCE: usize = 2048;
    let mut found = 0_usize;
    for from in (0..length).step_by(AT_ONCE * PAGE) {
        let part = length.saturating_sub(from).min(AT_ONCE * PAGE);
        let mut pages = [0_u8; AT_ONCE];
        let offset = u64::try_from(from).unwrap_or(0);
        // SAFETY: a new mapping that nothing refers to and that is gone below; the kernel writes a byte a page.
        unsafe {
            let at = rustix::mm::mmap(ptr::null_mut(), part, ProtFlags::READ, MapFlags::SHARED, &file, offset)?;
            let asked = call(raw::__NR_mincore, [at as usize, part, pages.as_mut_ptr() as usize, 0, 0, 0]);
            rustix::mm::munmap(at, part)?;
            asked?;
        }
        found = found.saturating_add(pages.iter().filter(|page| **page & 1 == 1).count());
    }
    Ok(found)
}

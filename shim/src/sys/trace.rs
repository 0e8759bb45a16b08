//! What one process can find out about others: ptrace(2), clocks, which pages of a file are in memory. It is for the
//! meter, which measures what a machine costs. The programs of the shim neither use nor contain it.
//!
//! Guards stay active while a process is traced, including those against tracing: those only apply to later attempts.
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
/// What is traced: child processes and programs, but not threads.
pub const PROGRAMS: usize = FORK | VFORK | EXEC | EXIT;
/// The same, with each system call.
pub const CALLS: usize = SYSGOOD | CLONE | PROGRAMS;

/// # Safety
/// `data` must be a number, or the address to which the request writes `address` bytes.
unsafe fn ptrace(request: usize, pid: i32, address: usize, data: usize) -> Result<usize> {
    let pid = pid.cast_unsigned() as usize;
    // SAFETY: the caller guarantees this for the address.
    unsafe { call(raw::__NR_ptrace, [request, pid, address, data, 0, 0]) }
}

/// Traces PID 1 from here on.
pub fn seize(what: usize) -> Result<()> {
    // SAFETY: takes numbers.
    unsafe { ptrace(SEIZE, 1, 0, what) }.map(drop)
}

/// Why a process stopped.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// It executed another program.
    Exec,
    /// It is exiting.
    Exit,
    /// At a system call.
    Call,
    /// Anything else: a signal to deliver, or 0.
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

/// How a stopped process continues.
#[derive(Clone, Copy)]
pub enum How {
    /// To its next event.
    On,
    /// To its next system call.
    ToCall,
    /// Without being traced.
    Alone,
}

/// Lets it continue. Errors are ignored, because it may have been killed meanwhile.
pub fn go(pid: i32, how: How, stop: Stop) {
    let signal = if let Stop::Other(signal) = stop { signal } else { 0 };
    let request = match how {
        How::On => CONT,
        How::ToCall => SYSCALL,
        How::Alone => DETACH,
    };
    // SAFETY: takes numbers.
    let _ = unsafe { ptrace(request, pid, 0, signal) };
}

/// The system call that it is about to make: the number and the fifth argument; `None` at the end of a call.
pub fn entering(pid: i32) -> Result<Option<(u32, u64)>> {
    const ENTRY: u8 = 1; // PTRACE_SYSCALL_INFO_ENTRY
    /// `struct ptrace_syscall_info`, up to the fields of an entry.
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
    // SAFETY: the kernel writes at most an `Info`, and all its fields are numbers.
    match unsafe { ptrace(GET_SYSCALL_INFO, pid, size_of::<Info>(), ptr::from_mut(&mut info) as usize) } {
        Ok(_) if info.op == ENTRY => {
            let [_, _, _, _, fifth, _] = info.arguments;
            Ok(Some((u32::try_from(info.number).unwrap_or(u32::MAX), fifth)))
        }
        // at the end of a call, or killed meanwhile
        Ok(_) | Err(Errno::SRCH) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// The clock that starts when the machine boots.
pub const MONOTONIC: i32 = 1; // include/uapi/linux/time.h

/// The clock of the CPU time that a process and its threads have used.
#[must_use]
pub const fn clock_of(pid: i32) -> i32 {
    // include/linux/posix-timers_types.h: CPUCLOCK_SCHED of a process
    (!pid << 3) | 2
}

/// The time of a clock in nanoseconds. rustix is not used, because it keeps the address of the vDSO in a static
/// variable, and these programs have none.
///
/// # Errors
/// The kernel's error: `EINVAL` if the process is gone.
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

/// How many pages of a file are in memory. For a mapping that was never accessed, these are the pages in the page cache
/// (mincore(2)).
pub fn cached(file: impl AsFd, length: usize) -> Result<usize> {
    const AT_ONCE: usize = 2048;
    let mut found = 0_usize;
    for from in (0..length).step_by(AT_ONCE * PAGE) {
        let part = length.saturating_sub(from).min(AT_ONCE * PAGE);
        let mut pages = [0_u8; AT_ONCE];
        let offset = u64::try_from(from).unwrap_or(0);
        // SAFETY: a new mapping to which nothing refers, and which is unmapped below. The kernel writes one byte per
        // page.
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

//! Counts the system calls between a fork of PID 1's and what comes of it. In the initramfs's place of `/init`
//! (`rdinit=/trace`): leaves a process behind that traces PID 1 from before its first step, and becomes the shim. So every
//! guard holds and counts, those against tracing too: they hold what begins later.
#![allow(unsafe_code)]

use core::ptr;

use linux_raw_sys::general as raw;
use rustix::{
    io::{Errno, Result},
    pipe::{PipeFlags, pipe_with},
};
use shim::{
    say,
    say::Text,
    sys::{self, Start, Stream},
};

use crate::call::{call, fork};

// include/uapi/linux/ptrace.h
const CONT: usize = 7;
const DETACH: usize = 17;
const SYSCALL: usize = 24;
const SEIZE: usize = 0x4206;
const GET_SYSCALL_INFO: usize = 0x420e;
const OPTIONS: usize = 1 | 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4; // TRACESYSGOOD, FORK, VFORK, CLONE, EXEC
const ENTRY: u8 = 1; // PTRACE_SYSCALL_INFO_ENTRY

/// Becomes the shim, once it is traced.
pub fn begin(start: Start) -> ! {
    if let Ok((read, write)) = pipe_with(PipeFlags::CLOEXEC) {
        if let Ok(None) = fork() {
            drop(read);
            let errno = follow(|| drop(write)).err().unwrap_or(Errno::INVAL);
            let mut line = Text::new();
            say!(&mut line, "no trace: ", errno, "\n");
            Stream(1).put(&line);
            sys::exit(1);
        }
        drop(write);
        let _ = rustix::io::read(&read, &mut [0]);
    }
    let _ = sys::exec_with(c"/init", start);
    sys::exit(1)
}

/// A process between its fork and what it is to be; 0 for a place that is free.
#[derive(Clone, Copy)]
struct Traced {
    pid: i32,
    calls: usize,
    numbers: [u16; 512],
}

fn ptrace(request: usize, pid: i32, address: usize, data: usize) -> Result<usize> {
    call(raw::__NR_ptrace, [request, pid.cast_unsigned() as usize, address, data, 0, 0])
}

fn follow(ready: impl FnOnce()) -> Result<()> {
    ptrace(SEIZE, 1, 0, OPTIONS)?;
    ready();
    Stream(1).put("tracing\n");
    let mut all = [Traced { pid: 0, calls: 0, numbers: [0; 512] }; 16];
    loop {
        let mut status = 0_u32;
        const ALL: usize = 0x4000_0000; // __WALL
        let pid = call(raw::__NR_wait4, [usize::MAX, (&raw mut status) as usize, ALL, 0, 0, 0])?;
        let pid = i32::try_from(pid).map_err(|_| Errno::SRCH)?;
        let (stopped, signal, event) = (status & 0xff == 0x7f, status >> 8 & 0xff, status >> 16);
        if !stopped {
            all.iter_mut().filter(|traced| traced.pid == pid).for_each(|traced| traced.pid = 0);
            continue;
        }
        const CALL: u32 = 5 | 0x80; // SIGTRAP of TRACESYSGOOD
        let deliver = if signal == CALL || event != 0 { 0 } else { signal as usize };
        let how = match (pid, signal) {
            (1, _) => CONT,
            (_, CALL) if entered(&mut all, pid)? => DETACH,
            _ => SYSCALL,
        };
        // it may have been killed meanwhile
        let _ = ptrace(how, pid, 0, deliver);
    }
}

/// Notes the call that the process enters; whether it is the last that counts.
fn entered(all: &mut [Traced], pid: i32) -> Result<bool> {
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
        Ok(_) if info.op == ENTRY => {}
        // at its exit, or killed meanwhile
        Ok(_) | Err(Errno::SRCH) => return Ok(false),
        Err(errno) => return Err(errno),
    }
    let at = all.iter().position(|traced| traced.pid == pid).or_else(|| all.iter().position(|traced| traced.pid == 0));
    let traced = at.and_then(|at| all.get_mut(at)).ok_or(Errno::NOMEM)?;
    if traced.pid != pid {
        *traced = Traced { pid, calls: 0, ..*traced };
    }
    let number = u32::try_from(info.number).unwrap_or(u32::MAX);
    if let Some(place) = traced.numbers.get_mut(traced.calls) {
        *place = u16::try_from(number).unwrap_or(u16::MAX);
    }
    traced.calls += 1;
    let path = info.arguments[4] & u64::from(raw::AT_EMPTY_PATH) == 0;
    let what = match number {
        // by its path: our own programs go by descriptor
        raw::__NR_execveat if path => "a program",
        raw::__NR_rt_sigtimedwait => "a sandbox",
        _ => return Ok(false),
    };
    let mut line = Text::new();
    say!(&mut line, "the start of ", what, " took ", traced.calls, " calls:");
    Stream(1).put(&line);
    for number in traced.numbers.get(..traced.calls).unwrap_or_default() {
        let mut one = Text::new();
        say!(&mut one, " ", *number);
        Stream(1).put(&one);
    }
    Stream(1).put("\n");
    traced.pid = 0;
    Ok(true)
}

//! Attacks on another user's processes, memory and sockets.

use linux_raw_sys::general as raw;
use rustix::{
    fs::OFlags,
    io::{Errno, Result},
};
use shim::{say, say::Text, sys::Start};

use crate::{
    call::{Table, c, call, call3, holds, number, open},
    victim::{PORT, SHARED_MEMORY, abstract_address, loopback_address},
};

pub const ATTACKS: Table = &[
    ("see_processes", |_| victim().map(drop)),
    ("kill", |_| call3(raw::__NR_kill, victim()? as usize, 0, 0).map(drop)),
    ("proc_environ", |_| holds(c(&of("/environ")?), "USER=bo")),
    ("proc_root", |_| holds(c(&of("/root/secret")?), "bo's")),
    ("proc_cwd", |_| holds(c(&of("/cwd/secret")?), "bo's")),
    ("proc_fd", |_| holds(c(&of("/fd/3")?), "bo's")),
    ("proc_mem", proc_mem),
    ("setns", setns),
    ("ptrace", |_| call3(raw::__NR_ptrace, 0x4206, victim()? as usize, 0).map(drop)), // PTRACE_SEIZE
    ("abstract_socket", |_| connect(1, &abstract_address())),
    ("network", |_| connect(2, &loopback_address(PORT))),
    ("log_of_another", log_of_another),
    ("shared_memory", shared_memory),
    ("posix_shared_memory", |_| holds(c"/dev/shm/bo", "bo's")),
];

/// The process ID of the victim, if it is visible.
pub fn victim() -> Result<u32> {
    (2..512).find(|pid| holds(c(&path(*pid, "/comm")), "the-victim").is_ok()).ok_or(Errno::SRCH)
}

fn path(pid: u32, what: &str) -> Text {
    let mut path = Text::new();
    say!(&mut path, "/proc/", pid, what, "\0");
    path
}

fn of(what: &str) -> Result<Text> {
    Ok(path(victim()?, what))
}

/// Reads the victim's memory where this program, which the victim runs too, is loaded.
fn proc_mem(_: Start) -> Result<()> {
    let mut bytes = [0; 4];
    rustix::io::pread(open(c(&of("/mem")?), OFlags::RDONLY)?, &mut bytes, 0x20_0000)?;
    if bytes == *b"\x7fELF" { Ok(()) } else { Err(Errno::NODATA) }
}

fn setns(_: Start) -> Result<()> {
    let namespace = open(c(&of("/ns/mnt")?), OFlags::RDONLY)?;
    call3(raw::__NR_setns, number(&namespace), raw::CLONE_NEWNS as usize, 0)?;
    holds(c"/secret", "bo's")
}

fn connect(family: usize, address: &[u8]) -> Result<()> {
    connected(family, address).map(drop)
}

fn connected(family: usize, address: &[u8]) -> Result<usize> {
    let socket = call3(raw::__NR_socket, family, 1, 0)?;
    call3(raw::__NR_connect, socket, address.as_ptr() as usize, address.len())?;
    Ok(socket)
}

/// Asks the door for what the victim has printed.
fn log_of_another(_: Start) -> Result<()> {
    const REQUEST: &[u8] = b"GET /log?user=bo HTTP/1.1\r\n\r\n";
    let socket = connected(1, b"\x01\0/run/machine.sock")?; // struct sockaddr_un
    call3(raw::__NR_write, socket, REQUEST.as_ptr() as usize, REQUEST.len())?;
    let mut answer = [0; 4096];
    let mut length = 0;
    while let Some(rest @ [_, ..]) = answer.get_mut(length..) {
        match call3(raw::__NR_read, socket, rest.as_mut_ptr() as usize, rest.len())? {
            0 => break,
            more => length += more,
        }
    }
    let said = answer.get(..length).unwrap_or_default();
    let victims = |part: &[u8]| part.starts_with(b"the victim is ready");
    if (0..said.len()).any(|at| victims(&said[at..])) { Ok(()) } else { Err(Errno::PERM) }
}

fn shared_memory(_: Start) -> Result<()> {
    let segment = call3(raw::__NR_shmget, SHARED_MEMORY, 0, 0)?;
    call(raw::__NR_shmat, [segment, 0, 0o10000, 0, 0, 0]).map(drop) // SHM_RDONLY
}

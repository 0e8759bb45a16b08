//! Attacks on the kernel's interfaces and on settings that all users share.

use linux_raw_sys::general as raw;
use rustix::{
    fd::OwnedFd,
    fs::OFlags,
    io::{Errno, Result},
    process::{Resource, Rlimit},
};
use shim::sys::Start;

use crate::call::{Table, aside, call, call3, holds, number, open, read, write};

pub const ATTACKS: Table = &[
    ("io_uring", |_| call3(raw::__NR_io_uring_setup, 1, [0_u64; 15].as_mut_ptr() as usize, 0).map(drop)),
    ("personality", |_| call3(raw::__NR_personality, 0x0004_0000, 0, 0).map(drop)), // ADDR_NO_RANDOMIZE
    ("bpf", bpf),
    ("ptrace_own", |_| aside(|| call3(raw::__NR_ptrace, 0, 0, 0).map(drop))), // PTRACE_TRACEME
    ("sethostname", |_| call3(raw::__NR_sethostname, c"nodeos".as_ptr() as usize, 6, 0).map(drop)),
    ("clock_settime", clock_settime),
    ("reboot", reboot),
    ("syslog", |_| call3(raw::__NR_syslog, 3, [0_u8; 512].as_mut_ptr() as usize, 512).map(drop)), // READ_ALL
    ("raw_socket", |_| call3(raw::__NR_socket, 2, 3, 1).map(drop)), // AF_INET, SOCK_RAW, ICMP
    ("interface", |_| shim::sys::loopback_up()),
    ("realtime", |_| call3(raw::__NR_sched_setscheduler, 0, 1, (&1_i32 as *const i32) as usize).map(drop)), // FIFO
    ("rlimit", rlimit),
    ("oom_score", |_| write(c"/proc/self/oom_score_adj", "-999")),
    ("proc_interrupts", |_| read(c"/proc/interrupts", &mut [0; 64]).and_then(some)),
    ("proc_sys_read", |_| holds(c"/proc/sys/kernel/ostype", "Linux")),
    ("proc_sys_write", |_| write(c"/proc/sys/kernel/panic", "10")),
    ("proc_net_unix", |_| read(c"/proc/net/unix", &mut [0; 64]).and_then(some)),
    ("tiocsti", tiocsti),
    ("clone_parent", clone_parent),
    ("environment", environment),
    ("uevent", uevent),
];

fn some(length: usize) -> Result<()> {
    if length > 0 { Ok(()) } else { Err(Errno::NODATA) }
}

/// Creates a map with one entry: a process that may do that may try to load programs.
fn bpf(_: Start) -> Result<()> {
    let attr: [u32; 32] = core::array::from_fn(|at| match at {
        0 => 2,     // BPF_MAP_TYPE_ARRAY
        1 | 2 => 4, // sizes of key and value
        3 => 1,     // entries
        _ => 0,
    });
    call3(raw::__NR_bpf, 0, attr.as_ptr() as usize, size_of_val(&attr)).map(drop)
}

fn clock_settime(_: Start) -> Result<()> {
    let mut time = [0_i64; 2];
    call3(raw::__NR_clock_gettime, 0, time.as_mut_ptr() as usize, 0)?;
    call3(raw::__NR_clock_settime, 0, time.as_ptr() as usize, 0).map(drop)
}

/// Sets the behaviour of ctrl-alt-del to what it is already. That needs the privilege to restart
/// the machine.
fn reboot(_: Start) -> Result<()> {
    call(raw::__NR_reboot, [0xfee1_dead, 0x2812_1969, 0, 0, 0, 0]).map(drop)
}

fn rlimit(_: Start) -> Result<()> {
    let more = Some(1 << 20);
    rustix::process::setrlimit(Resource::Nofile, Rlimit { current: more, maximum: more })
}

/// Inserts input into a terminal as if its user had typed it.
fn tiocsti(_: Start) -> Result<()> {
    const TIOCSPTLCK: usize = 0x4004_5431;
    const TIOCGPTPEER: usize = 0x5441;
    const TIOCSTI: usize = 0x5412;
    let ours: OwnedFd = open(c"/dev/ptmx", OFlags::RDWR)?;
    call3(raw::__NR_ioctl, number(&ours), TIOCSPTLCK, (&0_i32 as *const i32) as usize)?;
    let theirs = call3(raw::__NR_ioctl, number(&ours), TIOCGPTPEER, 2)?; // O_RDWR
    call3(raw::__NR_ioctl, theirs, TIOCSTI, c"x".as_ptr() as usize).map(drop)
}

/// Makes a sibling instead of a child. In a session's program its parent would be PID 1.
fn clone_parent(_: Start) -> Result<()> {
    match call(raw::__NR_clone, [raw::CLONE_PARENT as usize | 17, 0, 0, 0, 0, 0])? {
        0 => shim::sys::exit(0),
        _ => Ok(()),
    }
}

/// Sends a forged device event to the multicast group on which the broker listens for devices.
fn uevent(_: Start) -> Result<()> {
    const KOBJECT_UEVENT: usize = 15;
    const NEWS: &[u8] = b"add@/devices/virtual/misc/mem\0ACTION=add\0";
    let socket = call3(raw::__NR_socket, 16, 2, KOBJECT_UEVENT)?; // AF_NETLINK, SOCK_DGRAM
    let to = [16_u32, 0, 1]; // struct sockaddr_nl: nobody's port, group 1
    call(raw::__NR_sendto, [socket, NEWS.as_ptr() as usize, NEWS.len(), 0, to.as_ptr() as usize, 12]).map(drop)
}

/// Succeeds if a variable of the kernel's command line, which is meant for PID 1, reached this
/// process.
fn environment(start: Start) -> Result<()> {
    let leaked = start.environment().any(|variable| variable.to_bytes() == b"NODE_OPTIONS=--inspect");
    if leaked { Ok(()) } else { Err(Errno::NODATA) }
}

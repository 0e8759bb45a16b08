//! The victim `bo`, whom the others attack.

use linux_raw_sys::general as raw;
use rustix::{fs::OFlags, io::Result, thread::NanosleepRelativeResult};
use shim::sys::{Start, Stream};

use crate::{
    call::{Table, call3, open},
    shared,
};

/// The key of the victim's shared memory.
pub const SHARED_MEMORY: usize = 0x5eed;
/// The port on which the victim listens.
pub const PORT: u16 = 7777;

pub const ATTACKS: Table = &[
    ("be_the_victim", be),
    // waits until the victim is ready
    ("wait", |_| {
        let _ = rustix::thread::nanosleep(&rustix::thread::Timespec { tv_sec: 6, tv_nsec: 0 });
        Ok(())
    }),
    // inits that must not run at all
    ("foreign_init", |_| Ok(())),
    ("linked_init", |_| Ok(())),
];

/// `struct sockaddr_un` of an abstract name.
pub fn abstract_address() -> [u8; 6] {
    [1, 0, 0, b'b', b'o', b'!']
}

/// `struct sockaddr_in` of 127.0.0.1.
pub fn loopback_address(port: u16) -> [u8; 16] {
    let [high, low] = port.to_be_bytes();
    [2, 0, high, low, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]
}

/// Holds the secret open as descriptor 3, sets its process name, makes shared memory and listens on
/// sockets. Then it stays, and checks each second whether something is mounted in its home.
fn be(_: Start) -> Result<()> {
    let secret = open(c"/secret", OFlags::RDONLY)?;
    core::mem::forget(secret);
    call3(raw::__NR_prctl, 15, c"the-victim".as_ptr() as usize, 0)?; // PR_SET_NAME
    call3(raw::__NR_shmget, SHARED_MEMORY, 4096, 0o1666)?; // IPC_CREAT
    let shared = open(c"/dev/shm/bo", OFlags::WRONLY | OFlags::CREATE)?;
    rustix::io::write(shared, b"bo's")?;
    rustix::fs::chmod(c"/dev/shm/bo", rustix::fs::Mode::from_raw_mode(0o644))?;
    shared::lock()?;
    listen(1, &abstract_address())?;
    listen(2, &loopback_address(PORT))?;
    Stream(1).put("the victim is ready\n");
    loop {
        if let NanosleepRelativeResult::Err(errno) =
            rustix::thread::nanosleep(&rustix::thread::Timespec { tv_sec: 1, tv_nsec: 0 })
        {
            return Err(errno);
        }
        shared::touch();
        if open(c"/bait/hook", OFlags::PATH).is_ok() {
            drop(open(c"/bitten", OFlags::WRONLY | OFlags::CREATE)?);
        }
    }
}

fn listen(family: usize, address: &[u8]) -> Result<()> {
    let socket = call3(raw::__NR_socket, family, 1, 0)?;
    call3(raw::__NR_bind, socket, address.as_ptr() as usize, address.len())?;
    call3(raw::__NR_listen, socket, 8, 0).map(drop)
}

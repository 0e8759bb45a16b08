//! Lists which process has which capabilities, and what it sees.

use rustix::{
    fd::OwnedFd,
    fs::{Mode, OFlags},
    io::Result,
};
use shim::{layout, say, say::Text};

use crate::process::{Line, c, each_of, names, proc, processes, program};

/// kthreadd, the parent of the kernel's own threads.
const KERNEL: u64 = 2;

pub fn follow(ready: &mut dyn FnMut()) -> Result<()> {
    let proc = proc()?;
    ready();
    let own = u64::from(rustix::process::getpid().as_raw_nonzero().get().cast_unsigned());
    loop {
        let second = rustix::thread::Timespec { tv_sec: 1, tv_nsec: 0 };
        let _ = rustix::thread::nanosleep(&second);
        processes(&proc, |pid| {
            let mut line = Line::new("holds", program(&proc, pid));
            let pid = u64::from(pid.cast_unsigned());
            let mut kernels = pid == KERNEL || pid == own;
            // capabilities(7), "Thread capability sets"
            each_of(&proc, pid, |key, value| match key {
                "PPid" => kernels |= value == KERNEL,
                "Pid" | "Uid" | "Gid" | "NoNewPrivs" | "CapInh" | "CapPrm" | "CapEff" | "CapBnd" | "CapAmb" => {
                    line.value(key, value);
                }
                _ => {}
            });
            if !kernels {
                if let Ok(folder) = seen(&proc, pid, layout::USERS, OFlags::DIRECTORY) {
                    let mut homes = 0_u64;
                    let _ = names(&folder, |_| homes = homes.saturating_add(1));
                    let disk = seen(&proc, pid, "/dev/vda", OFlags::NONBLOCK);
                    line.value("Homes", homes).value("Disk", u64::from(disk.is_ok()));
                }
                line.print();
            }
        })?;
        Line::new("holds", "all").print();
    }
}

/// Opens a path as a process sees it: below its root, through its mounts (proc_pid_root(5)).
fn seen(proc: &OwnedFd, pid: u64, path: &str, flags: OFlags) -> Result<OwnedFd> {
    let mut text = Text::new();
    say!(&mut text, pid, "/root", path, "\0");
    rustix::fs::openat(proc, c(&text), OFlags::RDONLY | OFlags::CLOEXEC | flags, Mode::empty())
}

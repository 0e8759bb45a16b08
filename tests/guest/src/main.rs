//! Attacks from inside a sandbox. A home's `/init` begins with `#!/bin/attack`. Each further line
//! names an attack, which runs in its own process and prints `attack NAME: worked` or `attack NAME:
//! failed (ERRNO)`.
//!
//! An attack is a function that returns `Ok` if it reached its goal. The goal is in the home of
//! `bo`, who is the `victim`, in the kernel, or in other users' share of the machine.
#![cfg_attr(target_env = "musl", no_std, no_main)]

#[cfg(target_env = "musl")]
mod bombs;
#[cfg(target_env = "musl")]
mod call;
#[cfg(target_env = "musl")]
mod doors;
#[cfg(target_env = "musl")]
mod held;
#[cfg(target_env = "musl")]
mod kernel;
#[cfg(target_env = "musl")]
mod mounts;
#[cfg(target_env = "musl")]
mod others;
#[cfg(target_env = "musl")]
mod passes;
#[cfg(target_env = "musl")]
mod shared;
#[cfg(target_env = "musl")]
mod speculation;
#[cfg(target_env = "musl")]
mod terminals;
#[cfg(target_env = "musl")]
mod victim;

#[cfg(target_env = "musl")]
mod program {
    use rustix::io::{Errno, Result};
    use shim::{
        say,
        say::Text,
        sys::{self, Start, Stream},
    };

    use crate::{bombs, call, doors, held, kernel, mounts, others, passes, shared, speculation, terminals, victim};

    const TABLES: [call::Table; 10] = [
        kernel::ATTACKS,
        doors::ATTACKS,
        mounts::ATTACKS,
        others::ATTACKS,
        passes::ATTACKS,
        shared::ATTACKS,
        bombs::ATTACKS,
        held::ATTACKS,
        terminals::ATTACKS,
        victim::ATTACKS,
    ];

    shim::program!(main);

    fn main(start: Start) -> ! {
        let name = start.arguments().next().unwrap_or_default();
        if rustix::process::getpid() == rustix::process::Pid::INIT {
            match name.to_bytes() {
                b"/terminate" => terminate(start),
                // a PID 1 that ends is a panic (kernel/exit.c, `do_exit`)
                b"/panic" => sys::exit(3),
                b"/speculation" => speculation::tell(),
                b"e2fsck" => e2fsck(start),
                _ => {}
            }
        }
        let script = start.arguments().nth(1).unwrap_or_default();
        // questions to a copy of this program that has the set-user-ID bit or file capabilities
        match script.to_bytes() {
            b"who" => sys::exit(u8::from(!rustix::process::geteuid().is_root())),
            b"may" => {
                let sets = rustix::thread::capabilities(None);
                sys::exit(u8::from(sets.is_ok_and(|sets| sets.effective.is_empty())))
            }
            _ => {}
        }
        let mut bytes = [0; 2048];
        let length = call::read(script, &mut bytes).unwrap_or(0);
        let text = bytes.get(..length).and_then(|text| core::str::from_utf8(text).ok()).unwrap_or_default();
        for name in text.lines().skip(1) {
            one(name, start);
        }
        Stream(1).put("attacks are over\n");
        // the end of a session hangs up its terminal, and output that is not sent yet would be lost
        let _ = rustix::termios::tcdrain(Stream(1));
        sys::exit(0)
    }

    /// Runs instead of `/init` (`rdinit=/terminate`). It leaves a process behind that sends SIGTERM
    /// to PID 1, which nothing else in our machines can do. Then it executes the shim.
    fn terminate(start: Start) -> ! {
        if let Ok(None) = call::fork() {
            let _ = rustix::thread::nanosleep(&rustix::thread::Timespec { tv_sec: 12, tv_nsec: 0 });
            let _ = rustix::process::kill_process(rustix::process::Pid::INIT, rustix::process::Signal::TERM);
            sys::exit(0);
        }
        let _ = sys::exec_with(c"/init", start);
        sys::exit(1)
    }

    /// Runs instead of e2fsck. Without `-fy` it fails before it begins. With `-fy` (a full repair)
    /// it begins, and fails after eight seconds. On SIGTERM it ends as e2fsck does.
    fn e2fsck(start: Start) -> ! {
        if start.arguments().nth(1).is_some_and(|word| word == c"-fy") {
            Stream(1).put("Pass 1: Checking inodes, blocks, and sizes\n");
            let (set, eight) = (1_u64 << 14, [8_u64, 0]); // SIGTERM; struct timespec
            let (set, eight) = (core::ptr::from_ref(&set) as usize, eight.as_ptr() as usize);
            let _ = call::call(linux_raw_sys::general::__NR_rt_sigprocmask, [0, set, 0, 8, 0, 0]);
            if call::call(linux_raw_sys::general::__NR_rt_sigtimedwait, [set, 0, eight, 8, 0, 0]).is_ok() {
                sys::exit(36) // canceled, and damage left (e2fsck(8))
            }
        }
        sys::exit(8)
    }

    fn one(name: &str, start: Start) {
        let attack = TABLES.iter().flat_map(|table| table.iter()).find(|(other, _)| *other == name);
        let Some((_, attack)) = attack else { return said(name, Err(Errno::NOSYS)) };
        match call::fork() {
            Ok(None) => {
                said(name, attack(start));
                sys::exit(0)
            }
            Ok(Some(child)) => {
                if let Some(signal) = call::wait(child).ok().and_then(|status| status.terminating_signal()) {
                    let mut line = Text::new();
                    say!(&mut line, "attack ", name, ": killed by signal ", signal.unsigned_abs(), "\n");
                    Stream(1).put(&line);
                }
            }
            Err(errno) => said(name, Err(errno)),
        }
    }

    fn said(name: &str, result: Result<()>) {
        let mut line = Text::new();
        match result {
            Ok(()) => say!(&mut line, "attack ", name, ": worked\n"),
            Err(errno) => say!(&mut line, "attack ", name, ": failed (", errno, ")\n"),
        }
        Stream(1).put(&line);
    }
}

#[cfg(not(target_env = "musl"))]
fn main() {
    eprintln!("this attacks a NodeOS machine from inside, in tests; build it for a musl target");
    std::process::exit(1);
}

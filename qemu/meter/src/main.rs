//! Runs in an initramfs in place of `/init`: leaves a process that measures the machine, and becomes the shim.
#![cfg_attr(target_env = "musl", no_std, no_main)]

#[cfg(target_env = "musl")]
mod calls;
#[cfg(target_env = "musl")]
mod cost;
#[cfg(target_env = "musl")]
mod holders;
#[cfg(target_env = "musl")]
mod memory;
#[cfg(target_env = "musl")]
mod paid;
#[cfg(target_env = "musl")]
mod process;

#[cfg(target_env = "musl")]
mod program {
    use rustix::{
        io::Errno,
        pipe::{PipeFlags, pipe_with},
    };
    use shim::{
        say,
        say::Text,
        sys::{self, Start, Stream},
    };

    use crate::{calls, cost, holders, memory, paid};

    shim::program!(main);

    fn main(start: Start) -> ! {
        let name = start.arguments().next().unwrap_or_default().to_str().unwrap_or_default();
        let follow = match name.trim_start_matches('/') {
            meter::MEMORY => memory::follow,
            meter::COST => cost::follow,
            meter::HOLDERS => holders::follow,
            meter::PAID => paid::follow,
            _ => calls::follow,
        };
        if let Ok((read, write)) = pipe_with(PipeFlags::CLOEXEC) {
            if let Ok(None) = sys::fork() {
                drop(read);
                let mut write = Some(write);
                let errno = follow(&mut || drop(write.take())).err().unwrap_or(Errno::INVAL);
                let mut line = Text::new();
                say!(&mut line, meter::FAILED, errno, "\n");
                Stream(1).put(&line);
                sys::exit(1);
            }
            drop(write);
            // wait until it is ready
            let _ = rustix::io::read(&read, &mut [0]);
        }
        let _ = sys::exec_with(c"/init", start);
        sys::exit(1)
    }
}

#[cfg(not(target_env = "musl"))]
fn main() {
    eprintln!("meter: this is a program of the guest; `nodeos measure` starts it there");
    std::process::exit(1);
}

//! Lists which process has which capabilities.

use rustix::io::Result;

use crate::process::{Line, each_of, proc, processes, program};

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
                "Pid" | "CapInh" | "CapPrm" | "CapEff" | "CapBnd" | "CapAmb" => drop(line.value(key, value)),
                _ => {}
            });
            if !kernels {
                line.print();
            }
        })?;
        Line::new("holds", "all").print();
    }
}

//! Measures the processor time of each program.

use rustix::io::{Errno, Result};
use shim::{
    say::Text,
    sys::trace::{self, How, Stop},
};

use crate::process::{Line, proc, program, used, used_by_kernel};

/// The maximum number of processes at the same time; a machine with more is not measured.
const LIVING: usize = 256;

pub fn follow(ready: &mut dyn FnMut()) -> Result<()> {
    let proc = proc()?;
    trace::seize(trace::PROGRAMS)?;
    ready();
    // 0 marks a free place
    let mut living = [0_i32; LIVING];
    loop {
        let (pid, stop) = trace::next()?;
        match stop {
            Stop::Gone => {
                forget(&mut living, pid);
                continue;
            }
            Stop::Exec => {
                note(&mut living, pid)?;
                let name = program(&proc, pid);
                if name.as_bytes() == b"node" {
                    for other in living.into_iter().filter(|other| *other != 0 && *other != pid) {
                        print("alive", &program(&proc, other), other, used(other).unwrap_or(0));
                    }
                    Line::new("kernel", "threads").value("Own", used_by_kernel(&proc)?).print();
                }
                print("exec", &name, pid, used(pid)?);
            }
            Stop::Exit => {
                print("exit", &program(&proc, pid), pid, used(pid)?);
                // a zombie is not reported again
                forget(&mut living, pid);
            }
            Stop::Call | Stop::Other(_) => note(&mut living, pid)?,
        }
        trace::go(pid, How::On, stop);
    }
}

fn print(kind: &str, name: &Text, pid: i32, own: u64) {
    Line::new(kind, name).value("Pid", u64::from(pid.cast_unsigned())).value("Own", own).print();
}

fn forget(living: &mut [i32], pid: i32) {
    living.iter_mut().filter(|one| **one == pid).for_each(|one| *one = 0);
}

fn note(living: &mut [i32], pid: i32) -> Result<()> {
    let at = living.iter().position(|one| *one == pid).or_else(|| living.iter().position(|one| *one == 0));
    let one = at.and_then(|at| living.get_mut(at)).ok_or(Errno::OVERFLOW)?;
    *one = pid;
    Ok(())
}

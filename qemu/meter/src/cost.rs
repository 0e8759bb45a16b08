//! What each program executes, in the processor's time.

use rustix::io::Result;

use crate::{
    process::{Line, proc, program, used},
    ptrace::{self, How, Stop},
};

pub fn follow(ready: &mut dyn FnMut()) -> Result<()> {
    let proc = proc()?;
    ptrace::seize(ptrace::PROGRAMS)?;
    ready();
    loop {
        let (pid, stop) = ptrace::next()?;
        match stop {
            Stop::Gone => continue,
            Stop::Exec => Line::new("exec", &program(&proc, pid)).value("Init", used(1)?).print(),
            Stop::Exit => {
                let own = used(pid)?;
                Line::new("exit", &program(&proc, pid)).value("Own", own).value("Init", used(1)?).print();
            }
            Stop::Call | Stop::Other(_) => {}
        }
        ptrace::go(pid, How::On, stop);
    }
}

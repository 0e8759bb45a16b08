//! PID 1 of NodeOS: boots, then supervises until the machine stops. It never returns and never exits.

mod boot;
mod broker;
mod hear;
mod inits;
mod output;
mod run;
mod sandboxes;
mod services;
mod stop;
mod watchdog;

use crate::{
    guest::log::Log,
    sys::{self, Signals, Start},
};

/// The program.
pub fn main(start: Start) -> ! {
    if rustix::process::getpid() != rustix::process::Pid::INIT {
        sys::Stream(2).put("this is PID 1 of a NodeOS machine; nodeos run boots one\n");
        sys::exit(1);
    }
    Signals::ALL.block();
    let log = Log::PID1;
    if let Ok(machine) = boot::boot(start, &log) {
        let broker = broker::Broker::start(&machine, &log);
        if let Err(errno) = run::run(machine, broker, &log) {
            error!(log, "cannot supervise: ", errno);
        }
    }
    stop::give_up(&log)
}

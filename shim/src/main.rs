//! PID 1 of NodeOS: boots, then supervises until the machine stops. It never comes back and never dies.
#![cfg_attr(target_env = "musl", no_std, no_main)]
#![cfg_attr(
    target_env = "musl",
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

#[cfg(target_env = "musl")]
mod guest;

#[cfg(target_env = "musl")]
mod pid1 {
    use core::panic::PanicInfo;

    use shim::{
        sys::{self, Signals, Start},
        users::Homes,
    };

    use crate::guest::{boot, log::Log, run, stop};

    shim::entry!(main);

    fn main(start: Start) -> ! {
        if rustix::process::getpid() != rustix::process::Pid::INIT {
            sys::Stream(2).put("this is PID 1 of a NodeOS machine; nodeos run boots one\n");
            sys::exit(1);
        }
        Signals::ALL.block();
        let log = Log::PID1;
        let mut homes = Homes::new();
        if let Ok(machine) = boot::boot(start, &mut homes, &log) {
            let _ = run::run(&machine, &log);
        }
        stop::give_up(&log)
    }

    /// Not reached: nothing here panics. Formats nothing, and restarts.
    #[panic_handler]
    fn panic(_: &PanicInfo<'_>) -> ! {
        sys::Stream(2).put("nodeos: PID 1 met a bug; restarting\n");
        let _ = rustix::system::reboot(rustix::system::RebootCommand::Restart);
        sys::exit(1)
    }
}

#[cfg(not(target_env = "musl"))]
fn main() {
    eprintln!("this is PID 1 of a NodeOS machine; build it for a musl target, and see `nodeos run`");
    std::process::exit(1);
}

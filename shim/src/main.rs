//! PID 1 of NodeOS. What it does is in `guest::pid1`.
#![cfg_attr(target_env = "musl", no_std, no_main)]

#[cfg(target_env = "musl")]
mod program {
    use core::panic::PanicInfo;

    use shim::sys;

    shim::entry!(shim::guest::pid1::main);

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

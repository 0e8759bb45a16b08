//! PID 1 of NodeOS. What it does is in `guest::pid1`.
#![cfg_attr(target_env = "musl", no_std, no_main)]

shim::entry!(shim::guest::pid1::main);

/// Not reached, because nothing in PID 1 panics. It formats no message, and restarts the machine.
#[cfg(target_env = "musl")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    shim::sys::Stream(2).put("nodeos: PID 1 met a bug; restarting\n");
    let _ = rustix::system::reboot(rustix::system::RebootCommand::Restart);
    shim::sys::exit(1)
}

//! `/setup` of a NodeOS machine. What it does is in `guest::setup`.
#![cfg_attr(target_env = "musl", no_std, no_main)]

#[cfg(target_env = "musl")]
mod program {
    use core::panic::PanicInfo;

    shim::entry!(shim::guest::setup::main);

    /// Not reached: nothing here panics.
    #[panic_handler]
    fn panic(_: &PanicInfo<'_>) -> ! {
        shim::sys::exit(134)
    }
}

#[cfg(not(target_env = "musl"))]
fn main() {
    eprintln!("this is /setup of a NodeOS machine; build it for a musl target");
    std::process::exit(1);
}

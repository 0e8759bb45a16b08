use shim::arches::Arch;
use tests::{Result, Setup, on_both};

on_both!(a_guest_logs_on_and_a_restart_is_clean);

fn a_guest_logs_on_and_a_restart_is_clean(arch: &'static Arch) -> Result {
    let mut machine = Setup::demo(arch).boot()?;
    machine.log_on("guest", None)?;
    machine.vm.expect("/ # ")?;
    machine.restart()?;
    Ok(())
}

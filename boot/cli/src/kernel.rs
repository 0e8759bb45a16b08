//! `nodeos kernel`: builds only the kernel.

use boot::parts::kernel::{Spec, kernel};
use boot::tools::For;
use shim::arches::Arch;

use crate::common::{Act, Common, Failed, print_line};
use crate::source::archs;

/// Print the path of a kernel; build it if it is not in the cache
#[derive(clap::Args)]
#[command(
    after_help = "The first build takes some minutes. Only the path goes to stdout, everything else to stderr:\n  \
                        cp \"$(nodeos kernel --arch aarch64)\" /srv/tftp/"
)]
pub struct Args {
    /// The machine
    #[arg(long, value_name = "ARCH", value_parser = archs(), default_value = Arch::host().name)]
    arch: &'static Arch,
    /// The set of drivers
    #[arg(long, default_value = "virt")]
    profile: String,
}

impl Act for Args {
    fn purposes(&self) -> Vec<For> {
        vec![For::Kernel(self.arch)]
    }

    fn run(self, common: Common) -> Result<u8, Failed> {
        let spec = Spec { arch: self.arch, profile: self.profile, options: Vec::new() };
        let path = kernel(&common.host()?, &spec)?;
        print_line(&path.display().to_string())
    }
}

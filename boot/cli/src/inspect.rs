//! `nodeos inspect`: shows the content of an image.

use std::path::PathBuf;

use boot::inspect::inspect;

use crate::common::{Act, Common, Failed, print_json, print_line};

/// Show what is in an image or a medium: initramfs, carbon image, image of apps, users image, kernel, card, ISO, folder of a build
#[derive(clap::Args)]
#[command(
    after_help = "The kind of the file is read from its bytes. Files in it are listed with mode, uid, gid, size and path;\n\
                        programs with the libraries that they load; users with the warnings that the machine will print.\n\
                        For a card, each partition is shown; for an ISO and a folder, each file.\n\n\
                        It is safe to inspect images of strangers: nothing in them is unpacked or run, and control\n\
                        characters in names are escaped."
)]
pub struct Args {
    /// An initramfs, a carbon image, an image of apps, a users image, a kernel, a card, an ISO, or a folder of `nodeos build`
    file: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Act for Args {
    fn run(self, _: Common) -> Result<u8, Failed> {
        let contents = inspect(&self.file)?;
        if self.json { print_json(&contents) } else { print_line(contents.to_string().trim_end()) }
    }
}

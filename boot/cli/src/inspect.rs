//! `nodeos inspect`: what is in an image.

use std::path::PathBuf;

use boot::inspect::inspect;

use crate::common::{Act, Common, Failed, print_json, print_line};

/// Show what is in an image or a medium: initramfs, carbon image, users image, kernel, card, ISO, folder of a build
#[derive(clap::Args)]
#[command(
    after_help = "The file's own bytes say what it is. Members are listed with mode, uid, gid, bytes and path;\n\
                        programs with the libraries that they load; users with what the machine will say of them.\n\
                        A card is shown by its partitions, an ISO and a folder by their files.\n\n\
                        An image of others is safe to inspect: nothing in it is unpacked or run, and what a terminal\n\
                        would act on is escaped in names."
)]
pub struct Args {
    /// An initramfs, a carbon image, a users image, a kernel, a card, an ISO, or a folder of `nodeos build`
    file: PathBuf,
    /// For a program to read
    #[arg(long)]
    json: bool,
}

impl Act for Args {
    fn run(self, _: Common) -> Result<u8, Failed> {
        let contents = inspect(&self.file)?;
        if self.json { print_json(&contents) } else { print_line(contents.to_string().trim_end()) }
    }
}

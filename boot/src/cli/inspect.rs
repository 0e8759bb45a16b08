//! `nodeos inspect`: what is in an image.

use std::path::PathBuf;

use boot::inspect::inspect;

use super::{Failed, print_json, print_line};

/// Show what is in an initramfs, a carbon image or a users image
#[derive(clap::Args)]
#[command(
    after_help = "The file's own bytes say what it is. Members are listed with mode, uid, gid, bytes and path;\n\
                        programs with the libraries that they load; users with what the machine will say of them."
)]
pub struct Args {
    /// An initramfs, a carbon image, a users image or a kernel
    file: PathBuf,
    /// For a program to read
    #[arg(long)]
    json: bool,
}

impl Args {
    pub fn run(self) -> Result<u8, Failed> {
        let contents = inspect(&self.file)?;
        if self.json { print_json(&contents) } else { print_line(contents.to_string().trim_end()) }
    }
}

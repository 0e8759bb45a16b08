//! `nodeos build`: the parts of a machine as files.

use std::fs;
use std::path::{Path, PathBuf};

use boot::assembly::{self, Users};
use boot::cache::{Cache, remove, write_whole};
use boot::error::Tried;
use boot::image::Image;
use boot::interrupt::{self, Making};
use boot::run::Run;
use boot::tools::For;
use boot::users::ext4::not_in_use;
use serde::Serialize;

use super::source::Source;
use super::{Common, Failed, print_json, print_line};

/// Write kernel, initramfs, carbon image, users image and command line into a folder
#[derive(clap::Args)]
#[command(
    after_help = "Built twice, the files are equal byte for byte. FOLDER is written whole or not at all; one that is\n\
                        there is replaced if nothing else lies in it.\n\n\
                        Examples:\n  \
                        nodeos build app.js --out image\n  \
                        nodeos build --arch aarch64 --carbon plain --users none --out image"
)]
pub struct Args {
    #[command(flatten)]
    source: Source,
    /// The folder
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// For a program to read
    #[arg(long)]
    json: bool,
}

/// The names of what is written, beside those of `Image::export`.
const USERS: &str = "users.ext4";
const NAMES: [&str; 5] = ["kernel", "initramfs", "carbon.erofs", "cmdline", USERS];

#[derive(Serialize)]
struct Built {
    arch: &'static str,
    cmdline: String,
    files: Vec<File>,
}

#[derive(Serialize)]
struct File {
    path: PathBuf,
    bytes: u64,
    sha256: String,
}

impl Args {
    pub fn purposes(&self) -> Vec<For> {
        self.source.purposes()
    }

    pub fn run(self, common: Common) -> Result<u8, Failed> {
        let wanted = self.source.wanted()?;
        let users = self.source.users(&wanted.manifest)?;
        free(&self.out)?;
        let cache = Cache::open()?;
        let homes = users.image(&cache, wanted.arch, common.progress)?;
        let image = assembly::image(&cache, &wanted, common.progress)?;
        let cmdline = assembly::cmdline(&image, users != Users::None);
        write(&self.out, &image, homes.as_deref(), &cmdline)?;

        let mut files = Vec::new();
        for path in NAMES.map(|name| self.out.join(name)).into_iter().filter(|path| path.exists()) {
            let bytes = fs::metadata(&path).tried("look at", &path)?.len();
            files.push(File { sha256: boot::digest::file(&cache, &path)?, bytes, path });
        }
        if self.json {
            return print_json(&Built { arch: image.arch.name, cmdline, files });
        }
        files
            .iter()
            .try_for_each(|file| print_line(&format!("{:>11} {}", file.bytes, file.path.display())).map(drop))?;
        print_line(&format!("command line: {cmdline}"))
    }
}

/// Refuses a place where something else lies.
fn free(out: &Path) -> Result<(), Failed> {
    if !out.exists() {
        return Ok(());
    }
    if !out.is_dir() {
        return Err(Failed::usage(format!("--out {}: it is a file\n  next: name a new folder", out.display())));
    }
    for entry in fs::read_dir(out).tried("list the folder", out)? {
        let name = entry.tried("list the folder", out)?.file_name();
        if !NAMES.iter().any(|known| name == *known) {
            let text = format!("--out {}: {} lies there, which no build wrote", out.display(), name.to_string_lossy());
            return Err(Failed::usage(text + "\n  next: name a new folder"));
        }
    }
    Ok(())
}

/// Writes beside the folder, then renames: nothing half-written stays.
fn write(out: &Path, image: &Image, homes: Option<&Path>, cmdline: &str) -> Result<(), Failed> {
    let out = std::path::absolute(out).tried("find", out)?;
    let above = out.parent().ok_or_else(|| Failed::usage("--out: it has no folder above it"))?;
    fs::create_dir_all(above).tried("make the folder", above)?;
    let _making = Making::start();
    let new = tempfile::Builder::new().prefix(".nodeos-build-").tempdir_in(above).tried("make a folder in", above)?;
    // a folder of tempfile's is its owner's alone
    let made = new.path().join("out");
    image.export(&made)?;
    if let Some(homes) = homes {
        // what a machine writes meanwhile would be half in the copy
        not_in_use(format!("copy {}", homes.display()), homes)?;
        let to = made.join(USERS);
        Run::new("cp").args(["--reflink=auto", "--sparse=always", "--"]).arg(homes).arg(&to).ok()?;
        // everybody's files and password hashes are in it
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(&to, mode).tried("set the mode of", &to)?;
    }
    write_whole(&made.join("cmdline"), format!("{cmdline}\n").as_bytes())?;
    interrupt::check(|| format!("make {}", out.display()))?;
    remove(&out)?;
    Ok(fs::rename(&made, &out).tried("rename to", &out)?)
}

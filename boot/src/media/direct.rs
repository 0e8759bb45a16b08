//! A folder for whatever loads a kernel by itself: QEMU, kexec, another boot loader.

use std::path::Path;

use super::{Medium, Member, Parts, Shape};
use crate::assembly;
use crate::host::cache::write_whole;
use crate::host::error::Result;
use crate::host::run::Run;
use crate::users::ext4::not_in_use;

pub const MEDIUM: Medium = Medium {
    name: "direct",
    shape: Shape::Folder,
    archs: &["x86_64", "aarch64"],
    placement: None,
    profile: "virt",
    cmdline,
    adds: "",
    homes: "users.ext4",
    entries: &[],
    versions: |_| Ok(Vec::new()),
    make,
};

fn cmdline(parts: &Parts<'_>) -> Result<String> {
    Ok(assembly::cmdline(parts.image, parts.users.is_some()))
}

fn make(parts: &Parts<'_>, out: &Path) -> Result<Vec<Member>> {
    parts.image.export(out)?;
    if let Some(homes) = parts.users {
        // what a machine writes meanwhile would be half in the copy
        not_in_use(format!("copy {}", homes.display()), homes)?;
        let to = out.join(MEDIUM.homes);
        Run::new("cp").args(["--reflink=auto", "--sparse=always", "--"]).arg(homes).arg(&to).ok()?;
    }
    write_whole(&out.join("cmdline"), format!("{}\n", cmdline(parts)?).as_bytes())?;
    Ok(Vec::new())
}

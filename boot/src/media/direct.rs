//! A folder for a program that loads a kernel itself: QEMU, kexec, another boot loader.

use std::path::Path;

use super::{
    Asked, Code, Drive, Hardware, Layers, Loaded, Medium, Member, Parts, Refused, Shape, Slot, Start, Starts, Stock,
    UNATTENDED, open, read,
};
use crate::assembly;
use crate::host::cache::write_whole;
use crate::host::error::{Result, Tried};
use crate::host::run::Run;
use crate::host::window::Window;
use crate::image::erofs::Packing;
use crate::image::{APPS_FILE, CARBON_FILE, words};
use crate::parts::kernel;
use crate::users::ext4::not_in_use;

pub const MEDIUM: Medium = Medium {
    name: "direct",
    about: "a folder: kernel, initramfs, carbon copy, homes and command line",
    shape: Shape::Folder,
    archs: &["x86_64", "aarch64"],
    placement: None,
    packing: Packing::Stored,
    profile: "virt",
    menu: false,
    machines: false,
    padded: false,
    starts: Starts::Loaded,
    slots: &[],
    tools: Vec::new,
    recognise: |_| None,
    list: |_| Ok(None),
    boot,
    code: Code::Apart(layers),
    cmdline,
    adds: "",
    homes: "users.ext4",
    entries: &[],
    versions: |_| Ok(Vec::new()),
    make,
};

fn cmdline(parts: &Parts<'_>) -> Result<String> {
    let line = assembly::cmdline(parts.image, parts.users.is_some())?;
    Ok(if parts.image.apps.is_some() { format!("{line} {UNATTENDED}") } else { line })
}

fn make(parts: &Parts<'_>, out: &Path) -> Result<Vec<Member>> {
    parts.image.export(out)?;
    if let Some(homes) = parts.users {
        // if a machine wrote to it meanwhile, the copy would be inconsistent
        not_in_use(format!("copy {}", homes.display()), homes)?;
        let to = out.join(MEDIUM.homes);
        Run::new("cp").args(["--reflink=auto", "--sparse=always", "--"]).arg(homes).arg(&to).ok()?;
    }
    write_whole(&out.join("cmdline"), format!("{}\n", cmdline(parts)?).as_bytes())?;
    Ok(Vec::new())
}

fn layers(folder: &Path) -> Result<Layers> {
    let file = |name: &str| {
        let at = folder.join(name);
        let opened = at.is_file().then(|| open(folder, Path::new(name)).and_then(|file| Window::of(file, &at)));
        opened.transpose()
    };
    let at = folder.join("cmdline");
    let cmdline = String::from_utf8_lossy(&read(&at)?).trim().to_owned();
    let cmdline_in = at.display().to_string();
    Ok(Layers { cmdline, cmdline_in, carbon: file(CARBON_FILE)?, apps: file(APPS_FILE)? })
}

/// A virtual machine, with the carbon copy and the homes as disks.
fn boot(stock: &Stock<'_>, asked: &Asked) -> std::result::Result<Hardware, Refused> {
    let file = |name: &str| stock.path.join(name);
    let (kernel, initramfs) = (file("kernel"), file("initramfs"));
    kernel::check(&kernel, stock.arch)?;
    initramfs.metadata().tried("read", &initramfs)?;
    let cmdline = String::from_utf8_lossy(&read(&file("cmdline"))?).trim().to_owned();
    // the user may have changed it
    words::check(&cmdline, "")?;
    let disks = [(CARBON_FILE, true), (APPS_FILE, true), (MEDIUM.homes, false)];
    let disks = disks.map(|(name, read_only)| Drive { path: file(name), slot: Slot::Disk, read_only });
    let drives: Vec<Drive> = disks.into_iter().filter(|drive| drive.path.is_file()).collect();
    let carbon = file(CARBON_FILE).is_file();
    Ok(Hardware {
        start: Start::Loaded(Loaded { kernel, initramfs, cmdline }),
        drives,
        memory_mib: asked.memory_mib.unwrap_or(if carbon { 256 } else { 512 }),
    })
}

//! Small cards with the layout of `nodeos build --target sd`.

use crate::users::{homes, small};
use boot::host::run::Run;
use boot::image::erofs::{CARBON, Packing, mkfs};
use boot::users::image::create;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

pub const MIB: u64 = 1 << 20;
const CARBON_AT: u64 = 68 * MIB;
/// Where the apps are, or the homes of a card without apps.
pub const APPS_AT: u64 = 72 * MIB;
/// The size of the partition with the apps.
pub const APPS: u64 = 4 * MIB;

/// A carbon copy with a file that has a node's version.
pub fn carbon(folder: &Path) -> PathBuf {
    let (from, image) = (folder.join("from"), folder.join("carbon.erofs"));
    fs::create_dir_all(from.join("bin")).unwrap();
    fs::write(from.join("node"), "no node").unwrap();
    fs::write(from.join("bin/node"), "https://nodejs.org/download/release/v24.21.0/node-v24.21.0.tar.gz").unwrap();
    mkfs(&CARBON, Packing::Compressed).arg(&image).arg(&from).ok().unwrap();
    image
}

pub fn initramfs(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    let member = cpio::newc::Builder::new(name).mode(0o100_644).write(Vec::new(), 0).finish().unwrap();
    fs::write(&path, zstd::encode_all(cpio::newc::trailer(member).unwrap().as_slice(), 1).unwrap()).unwrap();
    path
}

fn put(from: &Path, to: &fs::File, at: u64) {
    to.write_all_at(&fs::read(from).unwrap(), at).unwrap();
}

/// A card with homes, and with this image of apps.
pub fn card(folder: &Path, apps: Option<&Path>) -> PathBuf {
    let (card, fat, users) = (folder.join("card.img"), folder.join("fat"), folder.join("users.ext4"));
    let file = fs::File::create(&card).unwrap();
    file.set_len(128 * MIB).unwrap();
    let mut table = "label: dos\nlabel-id: 0x1b2c3d4e\nunit: sectors\nstart=8192, size=131072, type=c\n\
                     start=139264, size=8192, type=83\n"
        .to_owned();
    let (mut users_at, mut words) = (APPS_AT, "quiet grow".to_owned());
    if let Some(apps) = apps {
        table += &format!("start={}, size={}, type=83\n", APPS_AT / 512, APPS / 512);
        users_at += APPS;
        words += " carbon=PARTUUID=1b2c3d4e-02 apps=PARTUUID=1b2c3d4e-03 users=PARTUUID=1b2c3d4e-04";
        put(apps, &file, APPS_AT);
    }
    table += &format!("start={}, size=32768, type=83\n", users_at / 512);
    fs::write(folder.join("table"), table).unwrap();
    let table = fs::File::open(folder.join("table")).unwrap();
    Run::new("sfdisk").args(["--quiet", "--no-reread", "--wipe", "never"]).arg(&card).input(table).ok().unwrap();
    fs::File::create(&fat).unwrap().set_len(64 * MIB).unwrap();
    let shape =
        ["-F", "-c", "1", "-h", "64", "-s", "32", "-T", "131072", "-H", "8192", "-N", "0", "-v", "NODEOS-BOOT", "::"];
    Run::new("mformat").arg("-i").arg(&fat).args(shape).ok().unwrap();
    fs::write(folder.join("kernel8.img"), [0x1f, 0x8b, 8, 0]).unwrap();
    fs::write(folder.join("cmdline.txt"), format!("{words}\n")).unwrap();
    let files = [initramfs(folder, "initramfs"), folder.join("kernel8.img"), folder.join("cmdline.txt")];
    Run::new("mcopy").arg("-i").arg(&fat).args(&files).arg("::").ok().unwrap();
    create(&users, small(), &homes()).unwrap();
    put(&fat, &file, 4 * MIB);
    put(&carbon(folder), &file, CARBON_AT);
    put(&users, &file, users_at);
    card
}

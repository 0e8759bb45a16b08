//! The images that the tests boot: as `nodeos run` makes them, with changes that only a test needs.

use std::{
    path::{Path, PathBuf},
    sync::Mutex,
};

use boot::{
    assembly::{self, Wanted},
    image::{
        Image,
        carbon::Placement,
        erofs::Packing,
        manifest::{KernelOption, Manifest},
    },
    parts::shim as shim_of,
};
use lab::measure::{meter, with_program};
use shim::{arches::Arch, layout::E2FSCK_ON_CARBON};

use crate::host;

/// Kernel options that our kernels leave out, because they open ways for attacks.
const DOORS: [&str; 16] = [
    "CONFIG_COREDUMP=y",
    "CONFIG_CROSS_MEMORY_ATTACH=y",
    "CONFIG_DEVMEM=y",
    "CONFIG_EXT4_FS_SECURITY=y",
    "CONFIG_FHANDLE=y",
    "CONFIG_IO_URING=y",
    "CONFIG_KALLSYMS=y",
    "CONFIG_KEXEC=y",
    "CONFIG_KEYS=y",
    "CONFIG_MAGIC_SYSRQ=y",
    "CONFIG_MODULES=y",
    "CONFIG_PERF_EVENTS=y",
    "CONFIG_PROC_KCORE=y",
    "CONFIG_SUSPEND=y", // arm64 has kexec only with it
    "CONFIG_USERFAULTFD=y",
    "CONFIG_USER_NS=y",
];

/// Makes the image of an architecture, with the kernel of a profile. With `weak` the shim can leave guards out. With `doors` the
/// kernel has the options of `DOORS`.
pub fn image(arch: &'static Arch, placement: Placement, profile: &'static str, weak: bool, doors: bool) -> Image {
    // only one thread builds: the tests share two cores, and all builds share cargo's target folder
    static MAKING: Mutex<()> = Mutex::new(());
    let _one = MAKING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut manifest = Manifest::default();
    if doors {
        let only = if arch.name == "x86_64" { &["CONFIG_X86_IOPL_IOPERM=y"][..] } else { &[] };
        manifest.kernel.options = DOORS.iter().chain(only).map(|option| KernelOption((*option).to_owned())).collect();
    }
    let wanted = Wanted { arch, placement, packing: Packing::Stored, profile, manifest };
    let made = match weak {
        true => assembly::image_with(&host(), &wanted, || shim_of::weak(arch)),
        false => assembly::image(&host(), &wanted),
    };
    made.unwrap_or_else(|error| panic!("{error}"))
}

/// The program of `tests/guest`, for an attacker's home.
///
/// # Panics
/// When it cannot be built.
#[must_use]
pub fn attacker(arch: &Arch) -> Vec<u8> {
    std::fs::read(attack(arch)).unwrap()
}

/// Writes to `out` the initramfs with one more program, named like the file `out`. It is the meter
/// if the name is one of the meter's, otherwise the attacker's program.
pub fn put_first<'a>(arch: &Arch, initramfs: &Path, out: &'a Path) -> &'a str {
    let name = out.file_name().and_then(|name| name.to_str()).unwrap();
    let program = match name {
        ::meter::MEMORY | ::meter::CALLS | ::meter::COST | ::meter::HOLDERS | ::meter::PAID => {
            meter(arch).unwrap_or_else(|error| panic!("{error}"))
        }
        _ => attack(arch),
    };
    with_program(initramfs, name, &program, out).unwrap_or_else(|error| panic!("{error}"));
    name
}

/// Writes to `out` the initramfs with the attacker's program in place of the carbon copy's e2fsck.
pub fn put_e2fsck(arch: &Arch, initramfs: &Path, out: &Path) {
    let name = E2FSCK_ON_CARBON.trim_start_matches('/');
    with_program(initramfs, name, &attack(arch), out).unwrap_or_else(|error| panic!("{error}"));
}

fn attack(arch: &Arch) -> PathBuf {
    shim_of::only_program(arch, "attacker", "attack").unwrap_or_else(|error| panic!("{error}"))
}

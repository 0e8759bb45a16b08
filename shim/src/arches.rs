//! The architectures as a table, for the host tools: one row each.

use core::fmt;

/// The facts of one architecture; the fields are the constants of `arch-*`, documented there.
#[allow(missing_docs)]
#[derive(PartialEq, Eq)]
pub struct Arch {
    pub name: &'static str,
    pub triple: &'static str,
    pub elf_machine: u16,
    pub audit_arch: u32,
    pub legacy_calls: &'static [(&'static str, u32)],
    pub loader: &'static str,
    pub node_package: &'static str,
    pub debian: &'static str,
    pub multiarch: &'static str,
    pub kernel_arch: &'static str,
    pub kernel_target: &'static str,
    pub kernel_image: &'static str,
    pub kernel_head: &'static [(usize, u8, u8)],
    pub kernel_steps: u64,
    pub cross_compiler: &'static str,
    pub cross_package: &'static str,
    pub kernel_base: &'static str,
    pub kernel_profiles: &'static [(&'static str, &'static str)],
    pub bios: bool,
    pub efi_file: &'static str,
    pub grub_format: &'static str,
    pub grub_package: &'static str,
    pub console: &'static str,
    pub qemu: &'static str,
    pub qemu_package: &'static str,
    pub qemu_machine: &'static str,
    pub qemu_without_keyboard: &'static str,
    pub qemu_cpu: &'static str,
    pub qemu_screen: &'static str,
    pub qemu_cd: (&'static str, Option<&'static str>),
    pub qemu_accel: &'static str,
    pub qemu_counted: &'static str,
    pub uefi_code: &'static str,
    pub uefi_variables: &'static str,
    pub uefi_package: &'static str,
}

/// Turns the constants of one crate into one row. If a crate lacks a constant, this does not compile.
macro_rules! row {
    ($arch:ident) => {
        Arch {
            name: $arch::NAME,
            triple: $arch::TRIPLE,
            elf_machine: $arch::ELF_MACHINE,
            audit_arch: $arch::AUDIT_ARCH,
            legacy_calls: $arch::calls::LEGACY_CALLS,
            loader: $arch::LOADER,
            node_package: $arch::NODE_PACKAGE,
            debian: $arch::DEBIAN,
            multiarch: $arch::MULTIARCH,
            kernel_arch: $arch::KERNEL_ARCH,
            kernel_target: $arch::KERNEL_TARGET,
            kernel_image: $arch::KERNEL_IMAGE,
            kernel_head: $arch::KERNEL_HEAD,
            kernel_steps: $arch::KERNEL_STEPS,
            cross_compiler: $arch::CROSS_COMPILER,
            cross_package: $arch::CROSS_PACKAGE,
            kernel_base: $arch::KERNEL_BASE,
            kernel_profiles: $arch::KERNEL_PROFILES,
            bios: $arch::BIOS,
            efi_file: $arch::EFI_FILE,
            grub_format: $arch::GRUB_FORMAT,
            grub_package: $arch::GRUB_PACKAGE,
            console: $arch::CONSOLE,
            qemu: $arch::QEMU,
            qemu_package: $arch::QEMU_PACKAGE,
            qemu_machine: $arch::QEMU_MACHINE,
            qemu_without_keyboard: $arch::QEMU_WITHOUT_KEYBOARD,
            qemu_cpu: $arch::QEMU_CPU,
            qemu_screen: $arch::QEMU_SCREEN,
            qemu_cd: $arch::QEMU_CD,
            qemu_accel: $arch::QEMU_ACCEL,
            qemu_counted: $arch::QEMU_COUNTED,
            uefi_code: $arch::UEFI_CODE,
            uefi_variables: $arch::UEFI_VARIABLES,
            uefi_package: $arch::UEFI_PACKAGE,
        }
    };
}

/// Every architecture.
pub static ALL: &[Arch] = &[row!(arch_x86_64), row!(arch_aarch64)];

impl Arch {
    /// The architecture of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|arch| arch.name == name)
    }

    /// The architecture whose ELF files have that `e_machine`.
    #[must_use]
    pub fn of_elf(machine: u16) -> Option<&'static Self> {
        ALL.iter().find(|arch| arch.elf_machine == machine)
    }

    /// The architecture that this program was compiled for.
    #[must_use]
    pub fn host() -> &'static Self {
        use crate::arch as host;
        static HOST: Arch = row!(host);
        Self::named(HOST.name).unwrap_or(&HOST)
    }

    /// The C compiler for it on this machine.
    #[must_use]
    pub fn compiler(&self) -> &'static str {
        if self.is_host() { "gcc" } else { self.cross_compiler }
    }

    /// Whether this is the architecture that this program was compiled for.
    #[must_use]
    pub fn is_host(&self) -> bool {
        self.name == crate::arch::NAME
    }
}

impl fmt::Debug for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

#[cfg(test)]
mod tests {
    use core::sync::atomic::{AtomicU64, Ordering};

    use super::{ALL, Arch};
    use crate::arch::atomic::exchange;

    #[test]
    fn every_row_is_found_by_its_name_and_its_elf_machine() {
        for arch in ALL {
            assert_eq!(Arch::named(arch.name), Some(arch));
            assert_eq!(Arch::of_elf(arch.elf_machine), Some(arch));
        }
        assert_eq!(Arch::named("m68k"), None);
        assert!(Arch::host().is_host());
    }

    #[test]
    fn exchange_replaces_only_the_expected_value() {
        let place = AtomicU64::new(7);
        assert!(!exchange(&place, 8, 9) && exchange(&place, 7, 9));
        assert_eq!(place.load(Ordering::SeqCst), 9);
    }
}

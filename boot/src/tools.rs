//! What the host needs, as one table: `doctor` prints it, the launcher installs from it.

use shim::arches::{ALL, Arch};

use crate::host::run::find;
use crate::media;

/// What a command of ours needs the tool for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum For {
    /// Making images: carbon copy, initramfs, what the homes have installed.
    Images,
    /// Making and editing users partitions.
    Users,
    /// Compiling a kernel for that architecture.
    Kernel(&'static Arch),
    /// Making that medium: a name in `media::ALL`.
    Medium(&'static str),
    /// Running a machine of that architecture.
    Machine(&'static Arch),
    /// The same, by its firmware.
    Firmware(&'static Arch),
    /// What `nodeos bench` holds this system against.
    Bench,
    /// `./nodeos test` and nothing else.
    Tests,
}

/// How a tool is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// A program of that name.
    Program(&'static str),
    /// A file at that place.
    File(&'static str),
}

/// A program or file of the host, and the Debian package that brings it.
#[derive(Clone, Copy, Debug)]
pub struct Tool {
    /// How it is found.
    pub sign: Sign,
    /// The Debian package.
    pub package: &'static str,
    /// Why we need it.
    pub why: &'static str,
    /// Which of our commands need it.
    pub needed: For,
}

impl Tool {
    /// Its name or its place.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.sign {
            Sign::Program(name) | Sign::File(name) => name,
        }
    }

    /// Where it is, if it is there.
    #[must_use]
    pub fn found(&self) -> Option<std::path::PathBuf> {
        find(self.name())
    }
}

/// Every tool for every architecture.
#[must_use]
pub fn all() -> Vec<Tool> {
    use Sign::{File, Program};
    let tool = |needed, sign, package, why| Tool { sign, package, why, needed };
    let mut tools = vec![
        tool(For::Images, Program("npm"), "npm", "fetches node and the demo's packages"),
        tool(For::Images, Program("apt-get"), "apt", "fetches node's libraries"),
        tool(For::Images, Program("dpkg"), "dpkg", "unpacks them"),
        tool(For::Images, Program("mkfs.erofs"), "erofs-utils", "compresses the carbon copy"),
        tool(For::Users, Program("mke2fs"), "e2fsprogs", "makes users partitions"),
        tool(For::Users, Program("debugfs"), "e2fsprogs", "gives each file in them its owner"),
        tool(For::Users, Program("e2fsck"), "e2fsprogs", "checks them"),
        tool(For::Bench, Program("mmdebstrap"), "mmdebstrap", "makes a Debian to compare with"),
        tool(For::Bench, Program("newuidmap"), "uidmap", "lets it do so without root"),
        tool(For::Bench, Program("fakechroot"), "fakechroot", "does where a user has no subordinate ids"),
        tool(For::Bench, Program("fakeroot"), "fakeroot", "keeps its owners without root"),
        tool(For::Tests, Program("passt"), "passt", "keeps a guest from this machine's loopback; run works without"),
        tool(For::Tests, Program("cpio"), "cpio", "reads what our own writes, in a test"),
        tool(For::Tests, Program("sfdisk"), "fdisk", "makes partition tables for tests"),
        tool(For::Tests, Program("dnsmasq"), "dnsmasq-base", "serves machines that boot from a network"),
        tool(For::Tests, Program("ip"), "iproute2", "makes that network, in a namespace of its own"),
        tool(For::Tests, Program("fsck.fat"), "dosfstools", "checks a card's first partition, in a test"),
        tool(For::Tests, Program("isoinfo"), "genisoimage", "reads an ISO, in a test"),
        tool(For::Tests, Program("chromium"), "chromium", "opens a report, in a test"),
        tool(For::Tests, Program("python3"), "python3", "holds a lock in a test"),
    ];
    let (iso, pxe, sd) = (For::Medium("iso"), For::Medium("pxe"), For::Medium("sd"));
    tools.extend([
        tool(iso, Program("xorriso"), "xorriso", "writes the filesystem of an ISO"),
        tool(iso, Program("grub-mkimage"), "grub-common", "makes a boot loader"),
        tool(iso, File(media::iso::HYBRID), "grub-pc-bin", "the boot loader for a BIOS"),
        tool(iso, File("/usr/lib/grub/x86_64-efi/normal.mod"), "grub-efi-amd64-bin", "the boot loader for UEFI"),
        tool(iso, Program("mformat"), "mtools", "makes the partition that UEFI reads"),
        tool(sd, Program("mformat"), "mtools", "makes the partition that a Raspberry Pi starts from"),
        tool(sd, Program("sfdisk"), "fdisk", "makes a card's partition table"),
    ]);
    tools.extend(media::LOADERS.map(|(_, file, package)| tool(pxe, File(file), package, "boots from a network")));
    for arch in ALL {
        let (compiler, package) = compiler(arch);
        let kernel = For::Kernel(arch);
        tools.extend([
            tool(kernel, File("/usr/src/linux-source-6.12.tar.xz"), "linux-source-6.12", "the kernel's source"),
            tool(kernel, Program("xz"), "xz-utils", "unpacks it"),
            tool(kernel, Program("patch"), "patch", "applies our changes to it"),
            tool(kernel, Program("make"), "make", "builds it"),
            tool(kernel, Program("gcc"), "gcc", "compiles the programs that the build runs"),
            tool(kernel, File("/usr/include/stdio.h"), "libc6-dev", "what they are compiled with"),
            tool(kernel, Program("ccache"), "ccache", "makes a second build short"),
            tool(kernel, Program("flex"), "flex", "the kernel's configuration language"),
            tool(kernel, Program("bison"), "bison", "the same"),
            tool(kernel, Program("bc"), "bc", "the kernel's time constants"),
            tool(kernel, File("/usr/include/libelf.h"), "libelf-dev", "the kernel's objtool"),
            tool(kernel, File("/usr/include/openssl/ssl.h"), "libssl-dev", "the kernel's certificate tools"),
            tool(kernel, Program(compiler), package, "compiles the kernel"),
            tool(For::Machine(arch), Program(arch.qemu), arch.qemu_package, "runs the machine"),
            tool(For::Firmware(arch), File(arch.uefi_code), arch.uefi_package, "the machine's firmware for media"),
        ]);
    }
    // what QEMU's packages only recommend: the PC's firmware starts the kernel
    for arch in ALL.iter().filter(|arch| arch.bios) {
        let firmware = File("/usr/share/seabios/bios-256k.bin");
        tools.push(tool(For::Machine(arch), firmware, "seabios", "the machine's firmware"));
        let rom = File("/usr/lib/ipxe/qemu/pxe-virtio.rom");
        tools.push(tool(For::Firmware(arch), rom, "ipxe-qemu", "what boots the machine from a network"));
    }
    tools
}

/// The tools that are not there and that serve one of those purposes.
pub fn missing(purposes: &[For]) -> Vec<Tool> {
    all().into_iter().filter(|tool| purposes.contains(&tool.needed) && tool.found().is_none()).collect()
}

/// Their packages, each once, in the order of the table.
#[must_use]
pub fn packages(tools: &[Tool]) -> Vec<&'static str> {
    let mut packages: Vec<&str> = Vec::new();
    for tool in tools {
        if !packages.contains(&tool.package) {
            packages.push(tool.package);
        }
    }
    packages
}

/// Every purpose there is.
#[must_use]
pub fn everything() -> Vec<For> {
    let of = |arch| [For::Kernel(arch), For::Machine(arch), For::Firmware(arch)];
    let media = media::ALL.iter().map(|medium| For::Medium(medium.name));
    [For::Images, For::Users, For::Bench, For::Tests].into_iter().chain(media).chain(ALL.iter().flat_map(of)).collect()
}

/// The command that installs packages.
#[must_use]
pub fn install(packages: &[&str]) -> String {
    format!("sudo apt-get install --no-install-recommends {}", packages.join(" "))
}

fn compiler(arch: &'static Arch) -> (&'static str, &'static str) {
    match (arch.is_host(), arch.name) {
        (true, _) => ("gcc", "gcc"),
        (_, "aarch64") => ("aarch64-linux-gnu-gcc", arch.cross_package),
        _ => ("x86_64-linux-gnu-gcc", arch.cross_package),
    }
}

#[cfg(test)]
mod tests {
    use super::{For, all, compiler, everything, install, packages};
    use shim::arches::ALL;

    #[test]
    fn a_cross_compiler_is_named_by_its_prefix() {
        for arch in ALL.iter().filter(|arch| !arch.is_host()) {
            assert_eq!(compiler(arch).0, format!("{}gcc", arch.cross_prefix));
        }
    }

    #[test]
    fn a_package_is_named_once() {
        let packages = packages(&all());
        let mut sorted = packages.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), packages.len());
        assert!(install(&packages).contains(" erofs-utils e2fsprogs "));
    }

    #[test]
    fn a_users_partition_needs_e2fsprogs_alone() {
        let tools: Vec<_> = all().into_iter().filter(|tool| tool.needed == For::Users).collect();
        assert_eq!(packages(&tools), ["e2fsprogs"]);
    }

    #[test]
    fn every_tool_serves_a_purpose_that_can_be_asked_for() {
        assert!(all().iter().all(|tool| everything().contains(&tool.needed)));
        assert!(all().iter().any(|tool| tool.needed == For::Machine(&ALL[1])));
    }
}

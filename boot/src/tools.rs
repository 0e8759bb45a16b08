//! The tools that the host needs, as one table: `doctor` prints it, and the launcher installs from it.

use shim::arches::ALL;

pub use crate::host::tool::{For, Sign, Tool};
use crate::media;

/// Every tool for every architecture.
#[must_use]
pub fn all() -> Vec<Tool> {
    use Sign::{File, Program};
    let tool = |needed, sign, why| Tool { sign, why, needed };
    let mut tools = vec![
        tool(For::Images, Program("npm"), "fetches node and the demo's packages"),
        tool(For::Images, Program("apt-get"), "fetches node's libraries"),
        tool(For::Images, Program("dpkg"), "unpacks them"),
        tool(For::Images, Program("mkfs.erofs"), "compresses the carbon copy"),
        tool(For::Users, Program("mke2fs"), "makes users partitions"),
        tool(For::Users, Program("debugfs"), "gives each file in them its owner"),
        tool(For::Users, Program("e2fsck"), "checks them"),
        tool(For::Remote, Program("ssh"), "asks a machine elsewhere for its logs"),
        tool(For::Bench, Program("mmdebstrap"), "makes a Debian to compare with"),
        tool(For::Bench, Program("newuidmap"), "lets it do so without root"),
        tool(For::Bench, Program("fakechroot"), "does where a user has no subordinate ids"),
        tool(For::Bench, Program("fakeroot"), "keeps its owners without root"),
        tool(For::Tests, Program("passt"), "keeps a guest from this machine's loopback; run works without"),
        tool(For::Tests, Program("cpio"), "reads what our own writes, in a test"),
        tool(For::Tests, Program("sfdisk"), "makes partition tables for tests"),
        tool(For::Tests, Program("dnsmasq"), "serves machines that boot from a network"),
        tool(For::Tests, Program("ip"), "makes that network, in a namespace of its own"),
        tool(For::Tests, Program("fsck.fat"), "checks a card's first partition, in a test"),
        tool(For::Tests, Program("isoinfo"), "reads an ISO, in a test"),
        tool(For::Tests, Program("chromium"), "opens a report, in a test"),
        tool(For::Tests, Program("python3"), "holds a lock in a test"),
        tool(For::Tests, Program("openssl"), "serves an app by TLS, in a test"),
        tool(For::Tests, Program("g++"), "compiles an addon, in a test"),
        tool(For::Tests, Program("man"), "shows our manual pages, in a test"),
        tool(For::Tests, Program("zsh"), "reads its completions, in a test"),
        tool(For::Tests, Program("fish"), "does the same"),
    ];
    for medium in media::ALL {
        tools.extend((medium.tools)().into_iter().map(|(sign, why)| tool(For::Medium(medium.name), sign, why)));
    }
    for arch in ALL {
        let kernel = For::Kernel(arch);
        tools.extend([
            tool(kernel, File("/usr/src/linux-source-6.12.tar.xz", "linux-source-6.12"), "the kernel's source"),
            tool(kernel, Program("xz"), "unpacks it"),
            tool(kernel, Program("patch"), "applies our changes to it"),
            tool(kernel, Program("make"), "builds it"),
            tool(kernel, Program("gcc"), "compiles the programs that the build runs"),
            tool(kernel, File("/usr/include/stdio.h", "libc6-dev"), "what they are compiled with"),
            tool(kernel, Program("ccache"), "makes a second build short"),
            tool(kernel, Program("flex"), "the kernel's configuration language"),
            tool(kernel, Program("bison"), "the same"),
            tool(kernel, Program("bc"), "the kernel's time constants"),
            tool(kernel, File("/usr/include/libelf.h", "libelf-dev"), "the kernel's objtool"),
            tool(kernel, File("/usr/include/openssl/ssl.h", "libssl-dev"), "the kernel's certificate tools"),
            tool(kernel, Program(arch.compiler()), "compiles the kernel"),
            tool(For::Machine(arch), Program(arch.qemu), "runs the machine"),
            tool(For::Firmware(arch), File(arch.uefi_code, arch.uefi_package), "the machine's firmware for media"),
        ]);
    }
    // files that QEMU's packages only recommend: the PC's firmware starts the kernel
    for arch in ALL.iter().filter(|arch| arch.bios) {
        let firmware = File("/usr/share/seabios/bios-256k.bin", "seabios");
        tools.push(tool(For::Machine(arch), firmware, "the machine's firmware"));
        let rom = File("/usr/lib/ipxe/qemu/pxe-virtio.rom", "ipxe-qemu");
        tools.push(tool(For::Firmware(arch), rom, "what boots the machine from a network"));
    }
    tools
}

/// The missing tools for these purposes.
pub fn missing(purposes: &[For]) -> Vec<Tool> {
    all().into_iter().filter(|tool| purposes.contains(&tool.needed) && tool.found().is_none()).collect()
}

/// The packages of these tools without duplicates, in the order of the table.
#[must_use]
pub fn packages(tools: &[Tool]) -> Vec<&'static str> {
    let mut packages: Vec<&str> = Vec::new();
    for tool in tools {
        if !packages.contains(&tool.package()) {
            packages.push(tool.package());
        }
    }
    packages
}

/// All purposes.
#[must_use]
pub fn everything() -> Vec<For> {
    let of = |arch| [For::Kernel(arch), For::Machine(arch), For::Firmware(arch)];
    let media = media::ALL.iter().map(|medium| For::Medium(medium.name));
    [For::Images, For::Users, For::Remote, For::Bench, For::Tests]
        .into_iter()
        .chain(media)
        .chain(ALL.iter().flat_map(of))
        .collect()
}

/// The command that installs packages.
#[must_use]
pub fn install(packages: &[&str]) -> String {
    format!("sudo apt-get install --no-install-recommends {}", packages.join(" "))
}

#[cfg(test)]
mod tests {
    use super::{For, Sign, all, everything, install, packages};
    use crate::host::run::package_of;
    use shim::arches::ALL;

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
    fn every_program_has_a_package() {
        for tool in all() {
            assert!(!matches!(tool.sign, Sign::Program(name) if package_of(name).is_none()), "{}", tool.name());
        }
    }

    #[test]
    fn a_users_partition_needs_only_e2fsprogs() {
        let tools: Vec<_> = all().into_iter().filter(|tool| tool.needed == For::Users).collect();
        assert_eq!(packages(&tools), ["e2fsprogs"]);
    }

    #[test]
    fn every_tool_serves_a_known_purpose() {
        assert!(all().iter().all(|tool| everything().contains(&tool.needed)));
        assert!(all().iter().any(|tool| tool.needed == For::Machine(&ALL[1])));
    }
}

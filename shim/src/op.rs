//! The operations of the plans. Each prints itself as a shell-like line: the same text serves the error
//! message, the golden files and `nodeos explain`.
//!
//! `Op` is what both plans are made of; `Boot` is PID 1's own, `Root` is a sandbox's.

use crate::{
    device::Device,
    displayed, layout, say,
    say::{Octal, Say},
};

/// Attributes of a mount, in the kernel's bits: they hold for that mount alone and never pass through an overlay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attr(pub u32);

impl Attr {
    /// No writing: `MOUNT_ATTR_RDONLY` (include/uapi/linux/mount.h).
    pub const RO: Self = Self(1);
    /// Set-user-ID and file capabilities do not count: `MOUNT_ATTR_NOSUID`.
    pub const NOSUID: Self = Self(2);
    /// Device nodes do not open: `MOUNT_ATTR_NODEV`.
    pub const NODEV: Self = Self(4);
    /// Nothing starts from here: `MOUNT_ATTR_NOEXEC`.
    pub const NOEXEC: Self = Self(8);

    /// All of these.
    pub const ALL: Self = Self::RO.and(Self::NOSUID).and(Self::NODEV).and(Self::NOEXEC);

    /// For files that users run.
    pub const FILES: Self = Self::NODEV.and(Self::NOSUID);
    /// For files that nobody writes.
    pub const READ_ONLY: Self = Self::FILES.and(Self::RO);
    /// For what the kernel shows: nothing to run.
    pub const KERNEL: Self = Self::FILES.and(Self::NOEXEC);
    /// The same, not writable either.
    pub const KERNEL_READ_ONLY: Self = Self::KERNEL.and(Self::RO);
    /// For device nodes.
    pub const DEVICES: Self = Self::NOSUID.and(Self::NOEXEC);

    /// These and those.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of those are set.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// What overlays a home with the carbon copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upper {
    /// The home is the upper layer: what its owner writes stays.
    Home,
    /// The home's filesystem is read-only: it is a lower layer, and RAM above it takes the writes.
    Ram,
}

impl Upper {
    /// Where `/setup` could not get as far.
    pub const FAILED: u8 = 2;

    /// As `/setup` ends with it.
    #[must_use]
    pub const fn status(self) -> u8 {
        self as u8
    }

    /// What it ended with.
    #[must_use]
    pub fn of_status(status: u8) -> Option<Self> {
        [Self::Home, Self::Ram].into_iter().find(|upper| upper.status() == status)
    }
}

/// A small file of the layers between home and carbon copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum File<'a> {
    /// `passwd(5)` for root and this user.
    Passwd(&'a User<'a>),
    /// `group(5)` for root and this user.
    Group(&'a User<'a>),
    /// `hosts(5)` for this host.
    Hosts(&'a str),
    /// The host's name.
    Hostname(&'a str),
}

impl Say for File<'_> {
    fn say(&self, text: &mut say::Text) {
        const ROOT: &str = "root:x:0:0:root:/:/bin/node\n";
        match self {
            Self::Passwd(User { uid: 0, .. }) => say!(text, ROOT),
            Self::Passwd(user) => {
                say!(text, ROOT, user.name, ":x:", user.uid, ":", user.gid, ":", user.name, ":/:/bin/node\n")
            }
            Self::Group(User { gid: 0, .. }) => say!(text, "root:x:0:\n"),
            Self::Group(user) => say!(text, "root:x:0:\n", user.name, ":x:", user.gid, ":\n"),
            Self::Hosts(host) => say!(text, "127.0.0.1 localhost ", host, "\n::1 localhost ", host, "\n"),
            Self::Hostname(host) => say!(text, host, "\n"),
        }
    }
}

/// A user, as far as a plan needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User<'a> {
    /// The home's name.
    pub name: &'a str,
    /// The home's owner.
    pub uid: u32,
    /// The home's group.
    pub gid: u32,
}

/// What both plans are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op<'a> {
    /// Makes a folder of root's; one that is there is fine if root owns it.
    Mkdir(&'a str, u32),
    /// Writes a new file, or an existing one of the kernel's: path, content.
    Write(&'a str, &'a str),
    /// Mounts a filesystem: type, source, where, how, its own options.
    Mount(&'a str, &'a str, &'a str, Attr, &'a str),
    /// Mounts what is seen at one place at another: from, to, how.
    Bind(&'a str, &'a str, Attr),
    /// Makes a symbolic link: where it lies, what it says.
    Symlink(&'a str, &'a str),
    /// Makes a character device: path, mode, major, minor.
    Node(&'a str, u32, u32, u32),
    /// Sets the attributes of a mount that is there.
    Attributes(&'a str, Attr),
    /// Unmounts, with what is below.
    Unmount(&'a str),
}

/// What PID 1 does before there is a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boot<'a> {
    /// As a sandbox does.
    Op(Op<'a>),
    /// Mounts a block device, awaited: type, device, where, how, its own options.
    Device(&'a str, Device<'a>, &'a str, Attr, &'a str),
    /// Waits for a block device.
    Await(Device<'a>),
    /// Gives a partition, the last of its disk, what is behind it.
    GrowPartition(Device<'a>),
    /// Gives the filesystem that is mounted there its whole partition.
    GrowFilesystem(&'a str),
    /// Unlinks a file; one that is not there is fine.
    Remove(&'a str),
    /// Moves a file to another filesystem, giving back the old pages on the way.
    Move(&'a str, &'a str),
    /// Compares the initramfs with what it should hold.
    CheckTold,
    /// Looks for the mark behind a carbon copy.
    Whole(&'a str),
    /// Writes a setting of the kernel's; one that this kernel lacks is at its strictest: path, value.
    Setting(&'a str, &'a str),
    /// Takes what a folder of the kernel's holds from all but root, but for these: they stay open.
    Close(&'a str, &'a [&'a str]),
    /// Keeps memory and processes back from all users together.
    Reserve,
    /// Loads the keyboard layout of that name.
    Keymap(&'a str),
    /// Brings up the loopback interface.
    LoopbackUp,
    /// Writes a small file of the host's layer.
    File(&'a str, File<'a>),
    /// Copies a short text of the kernel's into a new file: from, to.
    Copy(&'a str, &'a str),
}

/// What makes a user's root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Root<'a> {
    /// As PID 1 does.
    Op(Op<'a>),
    /// Writes a small file of the runtime layer.
    File(&'a str, File<'a>),
    /// Gives what lies there to a user.
    Own(&'a str, &'a User<'a>),
    /// A user's root: the home over the runtime layer, the host's and the carbon copy. How, and whether overlayfs
    /// follows a folder of the home to the place in the layers below that its attributes name (`redirect_dir`).
    Overlay(&'a str, Upper, Attr, &'static str),
    /// The sandbox's own processes, and to whose group they are visible.
    Processes(&'a User<'a>, &'a str, Attr),
    /// A tmpfs for everybody in the sandbox: where, how, bytes, files.
    Scratch(&'a str, Attr, u64, u64),
    /// A limit of the sandbox's own cgroup: whose, which, how much.
    Limit(&'a User<'a>, &'static str, u64),
    /// From here on nobody else opens the devices that this user has open, nor the other way round.
    Claims(&'a User<'a>),
    /// The /dev of a user with granted devices: whose, where, how.
    Devices(&'a User<'a>, &'a str, Attr),
    /// Covers what a folder of the kernel's holds, but for processes and these.
    Mask(&'a str, &'a [&'a str]),
    /// A network of the sandbox's own, with `lo` alone.
    PrivateNetwork,
    /// Mount events leave this namespace and enter it.
    #[cfg(feature = "weak")]
    Shared,
    /// Makes a mount the root, and what was the root so far lies at that name in it.
    Enter(&'a str, &'static str),
    /// Calls a mount the root.
    #[cfg(feature = "weak")]
    Chroot(&'a str),
    /// Names the host.
    Hostname(&'a str),
}

impl<'a> From<Op<'a>> for Boot<'a> {
    fn from(op: Op<'a>) -> Self {
        Self::Op(op)
    }
}

impl<'a> From<Op<'a>> for Root<'a> {
    fn from(op: Op<'a>) -> Self {
        Self::Op(op)
    }
}

impl Say for Attr {
    fn say(&self, text: &mut say::Text) {
        say!(text, if self.has(Self::RO) { "ro" } else { "rw" });
        for (bit, name) in [(Self::NODEV, ",nodev"), (Self::NOSUID, ",nosuid"), (Self::NOEXEC, ",noexec")] {
            if self.has(bit) {
                say!(text, name);
            }
        }
    }
}

#[inline(never)]
fn mount(text: &mut say::Text, kind: &str, source: &dyn Say, target: &str, attr: Attr, options: &str) {
    say!(text, "mount -t ", kind, " -o ", attr);
    if !options.is_empty() {
        say!(text, ",", options);
    }
    say!(text, " ");
    source.say(text);
    say!(text, " ", target);
}

fn but(text: &mut say::Text, keep: &[&str]) {
    if !keep.is_empty() {
        say!(text, " but");
        keep.iter().for_each(|name| say!(text, " ", name));
    }
}

impl Say for Op<'_> {
    fn say(&self, text: &mut say::Text) {
        match *self {
            Self::Mkdir(path, mode) => say!(text, "mkdir -m ", Octal(mode), " ", path),
            Self::Write(path, content) if content.is_empty() || content.bytes().any(|byte| byte == b'\n') => {
                say!(text, "write ", path)
            }
            Self::Write(path, content) => say!(text, "echo ", content, " > ", path),
            Self::Mount(kind, source, target, attr, options) => mount(text, kind, &source, target, attr, options),
            Self::Bind(from, to, attr) => say!(text, "mount --bind -o ", attr, " ", from, " ", to),
            Self::Symlink(path, says) => say!(text, "ln -s ", says, " ", path),
            Self::Node(path, mode, major, minor) => {
                say!(text, "mknod -m ", Octal(mode), " ", path, " c ", major, " ", minor)
            }
            Self::Attributes(path, attr) => say!(text, "mount -o remount,bind,", attr, " ", path),
            Self::Unmount(path) => say!(text, "umount -l ", path),
        }
    }
}

impl Say for Boot<'_> {
    fn say(&self, text: &mut say::Text) {
        match *self {
            Self::Op(op) => op.say(text),
            Self::Device(kind, device, target, attr, options) => mount(text, kind, &device, target, attr, options),
            Self::Await(device) => say!(text, "wait for ", device),
            Self::GrowPartition(device) => say!(text, "growpart ", device),
            Self::GrowFilesystem(path) => say!(text, "resize2fs ", path),
            Self::Remove(path) => say!(text, "rm ", path),
            Self::Move(from, to) => say!(text, "mv ", from, " ", to),
            Self::CheckTold => say!(text, "check the initramfs"),
            Self::Whole(path) => say!(text, "check ", path),
            Self::Setting(path, value) => Op::Write(path, value).say(text),
            Self::Close(folder, keep) => {
                say!(text, "chmod go= ", folder, "/*");
                but(text, keep);
            }
            Self::Reserve => say!(text, "echo RAM less a reserve > ", layout::CGROUPS, "/memory.max"),
            Self::Keymap(name) => say!(text, "loadkeys ", name),
            Self::LoopbackUp => say!(text, "ip link set lo up"),
            Self::File(path, _) => say!(text, "write ", path),
            Self::Copy(from, to) => say!(text, "cp ", from, " ", to),
        }
    }
}

impl Say for Root<'_> {
    fn say(&self, text: &mut say::Text) {
        match *self {
            Self::Op(op) => op.say(text),
            Self::File(path, _) => say!(text, "write ", path),
            Self::Own(path, user) => say!(text, "chown ", user.uid, ":", user.gid, " ", path),
            Self::Overlay(home, upper, attr, redirect) => {
                say!(text, "mount -t overlay -o ", attr, ",redirect_dir=", redirect, ",");
                match upper {
                    Upper::Home => {
                        say!(text, "upperdir=/tmp/", home, ",workdir=/tmp/.overlay/", home, ",lowerdir=")
                    }
                    Upper::Ram => say!(text, "upperdir=/ram/upper,workdir=/ram/work,lowerdir=/tmp/", home, ":"),
                }
                say!(text, layout::RUNTIME, ":", layout::HOST, ":", layout::CARBON, " none ", layout::ROOT);
            }
            Self::Processes(user, target, attr) => {
                say!(text, "mount -t proc -o ", attr, ",hidepid=invisible,gid=", user.gid, " none ", target)
            }
            Self::Scratch(target, attr, size, files) => {
                say!(text, "mount -t tmpfs -o ", attr, ",mode=1777,size=", size, ",nr_inodes=", files, " none ", target)
            }
            Self::Limit(user, file, value) => {
                say!(text, "echo ", value, " > ", layout::CGROUPS, "/", user.uid, "/", file)
            }
            Self::Claims(user) => {
                say!(text, "bpftool cgroup attach ", layout::CGROUPS, "/", user.uid, " cgroup_device pinned ");
                say!(text, layout::CLAIMS, "/", user.uid);
            }
            Self::Devices(user, to, attr) => {
                say!(text, "mount --bind -o ", attr, " ", layout::GRANTED, "/", user.uid, " ", to)
            }
            Self::Mask(folder, keep) => {
                say!(text, "mask ", folder, "/*");
                but(text, keep);
            }
            Self::PrivateNetwork => say!(text, "unshare --net && ip link set lo up"),
            #[cfg(feature = "weak")]
            Self::Shared => say!(text, "mount --make-rshared /"),
            Self::Enter(path, old) => say!(text, "cd ", path, " && pivot_root . ", old),
            #[cfg(feature = "weak")]
            Self::Chroot(path) => say!(text, "chroot ", path),
            Self::Hostname(name) => say!(text, "hostname ", name),
        }
    }
}

displayed!(File<'_>, Attr, Op<'_>, Boot<'_>, Root<'_>);

#[cfg(test)]
mod tests {
    use super::Upper;

    #[test]
    fn the_status_of_setup_encodes_where_writes_go_or_a_failure() {
        for upper in [Upper::Home, Upper::Ram] {
            assert_eq!(Upper::of_status(upper.status()), Some(upper));
        }
        for status in [Upper::FAILED, 127, 134] {
            assert_eq!(Upper::of_status(status), None);
        }
    }
}

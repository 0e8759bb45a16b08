//! One operation of a plan. It prints itself as a shell-like line: the same text serves the error
//! message, the golden files and `nodeos explain`.

use crate::{
    cmdline::Device,
    displayed, say,
    say::{Octal, Say},
};

/// Where a mount takes its filesystem from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source<'a> {
    /// None: the kernel makes it.
    Kernel,
    /// A block device, awaited.
    Device(Device<'a>),
    /// A file of this namespace.
    File(&'a str),
}

/// Attributes of a mount: they hold for that mount alone and never pass through an overlay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attr {
    /// No writing.
    pub ro: bool,
    /// Device nodes do not open.
    pub nodev: bool,
    /// Set-user-ID and file capabilities do not count.
    pub nosuid: bool,
    /// Nothing starts from here.
    pub noexec: bool,
}

impl Attr {
    /// For files that users run.
    pub const FILES: Self = Self { ro: false, nodev: true, nosuid: true, noexec: false };
    /// For files that nobody writes.
    pub const READ_ONLY: Self = Self { ro: true, ..Self::FILES };
    /// For what the kernel shows: nothing to run.
    pub const KERNEL: Self = Self { noexec: true, ..Self::FILES };
    /// The same, not writable either.
    pub const KERNEL_READ_ONLY: Self = Self { ro: true, ..Self::KERNEL };
    /// For device nodes.
    pub const DEVICES: Self = Self { nodev: false, ..Self::KERNEL };
}

/// What overlays a home with the carbon copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upper {
    /// The home is the upper layer: what its owner writes stays.
    Home,
    /// The home's filesystem is read-only: it is a lower layer, and RAM above it takes the writes.
    Ram,
}

/// A small file of the runtime layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text<'a> {
    /// These bytes.
    Plain(&'a str),
    /// `passwd(5)` for root and this user.
    Passwd(&'a User<'a>),
    /// `group(5)` for root and this user.
    Group(&'a User<'a>),
    /// `hosts(5)` for this host.
    Hosts(&'a str),
    /// The host's name.
    Hostname(&'a str),
}

impl Say for Text<'_> {
    fn say(&self, text: &mut say::Text) {
        const ROOT: &str = "root:x:0:0:root:/:/bin/node\n";
        match self {
            Self::Plain(plain) => say!(text, plain),
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

/// One operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op<'a> {
    /// Unlinks a file; one that is not there is fine.
    Remove(&'a str),
    /// Makes a folder of root's; one that is there is fine if root owns it.
    Mkdir(&'a str, u32),
    /// Writes a new file, or an existing one of the kernel's.
    Write(&'a str, Text<'a>),
    /// Copies a short text of the kernel's into a new file: from, to.
    Copy(&'a str, &'a str),
    /// Gives what lies there to a user.
    Own(&'a str, &'a User<'a>),
    /// Makes a symbolic link: where it lies, what it says.
    Symlink(&'a str, &'a str),
    /// Makes a character device: path, mode, major, minor.
    Node(&'a str, u32, u32, u32),
    /// Moves a file to another filesystem, giving back the old pages on the way.
    Move(&'a str, &'a str),
    /// Compares the initramfs with what it should hold.
    CheckTold,
    /// Mounts a filesystem: type, source, where, how, its own options.
    Mount(&'a str, Source<'a>, &'a str, Attr, &'a str),
    /// Mounts what is seen at one place at another: from, to, how.
    Bind(&'a str, &'a str, Attr),
    /// Sets the attributes of a mount that is there.
    Attributes(&'a str, Attr),
    /// A user's root: the home over the runtime layer over the carbon copy.
    Overlay(&'a str, Upper),
    /// No mount event leaves or enters this namespace.
    Private,
    /// Unmounts, with what is below.
    Unmount(&'a str),
    /// Moves a mount over `/` and enters it.
    MoveRoot(&'a str),
    /// Names the host.
    Hostname(&'a str),
    /// Brings up the loopback interface.
    LoopbackUp,
}

impl Say for Source<'_> {
    fn say(&self, text: &mut say::Text) {
        match self {
            Self::Kernel => say!(text, "none"),
            Self::Device(device) => device.say(text),
            Self::File(path) => say!(text, path),
        }
    }
}

impl Say for Attr {
    fn say(&self, text: &mut say::Text) {
        say!(text, if self.ro { "ro" } else { "rw" });
        for (set, name) in [(self.nodev, ",nodev"), (self.nosuid, ",nosuid"), (self.noexec, ",noexec")] {
            if set {
                say!(text, name);
            }
        }
    }
}

impl Say for Op<'_> {
    fn say(&self, text: &mut say::Text) {
        match *self {
            Self::Remove(path) => say!(text, "rm ", path),
            Self::Mkdir(path, mode) => say!(text, "mkdir -m ", Octal(mode), " ", path),
            Self::Write(path, _) => say!(text, "write ", path),
            Self::Copy(from, to) => say!(text, "cp ", from, " ", to),
            Self::Own(path, user) => say!(text, "chown ", user.uid, ":", user.gid, " ", path),
            Self::Symlink(path, says) => say!(text, "ln -s ", says, " ", path),
            Self::Node(path, mode, major, minor) => {
                say!(text, "mknod -m ", Octal(mode), " ", path, " c ", major, " ", minor)
            }
            Self::Move(from, to) => say!(text, "mv ", from, " ", to),
            Self::CheckTold => say!(text, "check the initramfs"),
            Self::Mount(kind, source, target, attr, options) => {
                say!(text, "mount -t ", kind, " -o ", attr);
                if !options.is_empty() {
                    say!(text, ",", options);
                }
                say!(text, " ", source, " ", target)
            }
            Self::Bind(from, to, attr) => say!(text, "mount --bind -o ", attr, " ", from, " ", to),
            Self::Attributes(path, attr) => say!(text, "mount -o remount,bind,", attr, " ", path),
            Self::Overlay(home, Upper::Home) => say!(
                text,
                "mount -t overlay -o rw,nodev,nosuid,upperdir=/tmp/",
                home,
                ",workdir=/tmp/.overlay/",
                home,
                ",lowerdir=/runtime:/carbon none /root"
            ),
            Self::Overlay(home, Upper::Ram) => say!(
                text,
                "mount -t overlay -o rw,nodev,nosuid,upperdir=/ram/upper,workdir=/ram/work,lowerdir=/tmp/",
                home,
                ":/runtime:/carbon none /root"
            ),
            Self::Private => say!(text, "mount --make-rprivate /"),
            Self::Unmount(path) => say!(text, "umount -l ", path),
            Self::MoveRoot(path) => say!(text, "mount --move ", path, " / && chroot ."),
            Self::Hostname(name) => say!(text, "hostname ", name),
            Self::LoopbackUp => say!(text, "ip link set lo up"),
        }
    }
}

displayed!(Text<'_>, Source<'_>, Attr, Op<'_>);

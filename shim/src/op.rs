//! One operation of a plan. It prints itself as a shell-like line: the same text serves the error
//! message, the golden files and `nodeos explain`.

use core::fmt;

use crate::cmdline::Device;

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

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const ROOT: &str = "root:x:0:0:root:/:/bin/node\n";
        match self {
            Self::Plain(text) => f.write_str(text),
            Self::Passwd(User { uid: 0, .. }) => f.write_str(ROOT),
            Self::Passwd(user) => writeln!(f, "{ROOT}{0}:x:{1}:{2}:{0}:/:/bin/node", user.name, user.uid, user.gid),
            Self::Group(User { gid: 0, .. }) => f.write_str("root:x:0:\n"),
            Self::Group(user) => writeln!(f, "root:x:0:\n{}:x:{}:", user.name, user.gid),
            Self::Hosts(host) => write!(f, "127.0.0.1 localhost {host}\n::1 localhost {host}\n"),
            Self::Hostname(host) => writeln!(f, "{host}"),
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

impl fmt::Display for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kernel => f.write_str("none"),
            Self::Device(device) => device.fmt(f),
            Self::File(path) => f.write_str(path),
        }
    }
}

impl fmt::Display for Attr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.ro { "ro" } else { "rw" })?;
        for (set, name) in [(self.nodev, ",nodev"), (self.nosuid, ",nosuid"), (self.noexec, ",noexec")] {
            if set {
                f.write_str(name)?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Op<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Remove(path) => write!(f, "rm {path}"),
            Self::Mkdir(path, mode) => write!(f, "mkdir -m {mode:o} {path}"),
            Self::Write(path, _) => write!(f, "write {path}"),
            Self::Copy(from, to) => write!(f, "cp {from} {to}"),
            Self::Own(path, user) => write!(f, "chown {}:{} {path}", user.uid, user.gid),
            Self::Symlink(path, text) => write!(f, "ln -s {text} {path}"),
            Self::Node(path, mode, major, minor) => write!(f, "mknod -m {mode:o} {path} c {major} {minor}"),
            Self::Move(from, to) => write!(f, "mv {from} {to}"),
            Self::CheckTold => f.write_str("check the initramfs"),
            Self::Mount(kind, source, target, attr, options) => {
                write!(f, "mount -t {kind} -o {attr}")?;
                if !options.is_empty() {
                    write!(f, ",{options}")?;
                }
                write!(f, " {source} {target}")
            }
            Self::Bind(from, to, attr) => write!(f, "mount --bind -o {attr} {from} {to}"),
            Self::Attributes(path, attr) => write!(f, "mount -o remount,bind,{attr} {path}"),
            Self::Overlay(home, Upper::Home) => write!(
                f,
                "mount -t overlay -o rw,nodev,nosuid,upperdir=/tmp/{home},workdir=/tmp/.overlay/{home},lowerdir=/runtime:/carbon none /root"
            ),
            Self::Overlay(home, Upper::Ram) => write!(
                f,
                "mount -t overlay -o rw,nodev,nosuid,upperdir=/ram/upper,workdir=/ram/work,lowerdir=/tmp/{home}:/runtime:/carbon none /root"
            ),
            Self::Private => f.write_str("mount --make-rprivate /"),
            Self::Unmount(path) => write!(f, "umount -l {path}"),
            Self::MoveRoot(path) => write!(f, "mount --move {path} / && chroot ."),
            Self::Hostname(name) => write!(f, "hostname {name}"),
            Self::LoopbackUp => f.write_str("ip link set lo up"),
        }
    }
}

//! The operations of the plans. Each prints itself as a shell-like line, for errors, golden files and `nodeos explain`.
//!
//! `Op` has what both plans use; `Boot` has what only the boot does, `Root` what only a sandbox does.

mod text;

use crate::{device::Device, machine_file::MachineFile};

/// Attributes of a mount, in the kernel's bits. They apply only to that mount, and never through an overlay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attr(pub u32);

impl Attr {
    /// No writing: `MOUNT_ATTR_RDONLY` (include/uapi/linux/mount.h).
    pub const RO: Self = Self(1);
    /// Set-user-ID bits and file capabilities are ignored: `MOUNT_ATTR_NOSUID`.
    pub const NOSUID: Self = Self(2);
    /// Device nodes cannot be opened: `MOUNT_ATTR_NODEV`.
    pub const NODEV: Self = Self(4);
    /// No program can be executed: `MOUNT_ATTR_NOEXEC`.
    pub const NOEXEC: Self = Self(8);

    /// All of these.
    pub const ALL: Self = Self::RO.and(Self::NOSUID).and(Self::NODEV).and(Self::NOEXEC);

    /// For files that users run.
    pub const FILES: Self = Self::NODEV.and(Self::NOSUID);
    /// For files that nobody may write.
    pub const READ_ONLY: Self = Self::FILES.and(Self::RO);
    /// For the kernel's own filesystems, which have nothing to execute.
    pub const KERNEL: Self = Self::FILES.and(Self::NOEXEC);
    /// The same, read-only.
    pub const KERNEL_READ_ONLY: Self = Self::KERNEL.and(Self::RO);
    /// For device nodes.
    pub const DEVICES: Self = Self::NOSUID.and(Self::NOEXEC);

    /// Both sets together.
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

/// The code that the medium has for a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// None: the user is no app.
    None,
    /// The app cannot write in its folder.
    ReadOnly,
    /// The app can make files in its folder. They are in its home.
    Writable,
}

/// The role of the home in the overlay of a user's root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upper {
    /// The home is the upper layer: its owner's changes are kept.
    Home,
    /// The home's filesystem is read-only: the home is a lower layer, and the changes go to a layer in RAM.
    Ram,
}

impl Upper {
    /// The exit status of `/setup` when it failed.
    pub const FAILED: u8 = 2;

    /// The exit status of `/setup` for this result.
    #[must_use]
    pub const fn status(self) -> u8 {
        self as u8
    }

    /// The result for an exit status of `/setup`.
    #[must_use]
    pub fn of_status(status: u8) -> Option<Self> {
        [Self::Home, Self::Ram].into_iter().find(|upper| upper.status() == status)
    }
}

/// A small file of the layers between the home and the carbon copy.
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
    /// What the machine's own settings say to services.
    Words(&'a MachineFile<'a>),
    /// The name of the machine's time zone.
    Timezone(&'a str),
}

/// The data of a user that a plan needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User<'a> {
    /// The home's name.
    pub name: &'a str,
    /// The home's owner.
    pub uid: u32,
    /// The home's group.
    pub gid: u32,
}

/// The operations that both plans use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op<'a> {
    /// Makes a folder that root owns. An existing folder is accepted if root owns it.
    Mkdir(&'a str, u32),
    /// Writes a new file, or an existing file of the kernel: path, content.
    Write(&'a str, &'a str),
    /// Mounts a filesystem: type, source, mount point, attributes, options of the filesystem.
    Mount(&'a str, &'a str, &'a str, Attr, &'a str),
    /// Mounts the files at one place also at another: from, to, attributes.
    Bind(&'a str, &'a str, Attr),
    /// Makes a symbolic link: path, target.
    Symlink(&'a str, &'a str),
    /// Makes a character device: path, mode, major, minor.
    Node(&'a str, u32, u32, u32),
    /// Sets the attributes of an existing mount.
    Attributes(&'a str, Attr),
    /// Unmounts a mount and all mounts below it.
    Unmount(&'a str),
}

/// The operations before any user runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boot<'a> {
    /// An operation of both plans.
    Op(Op<'a>),
    /// Waits for a block device and mounts it: type, device, mount point, attributes, options of the filesystem.
    Device(&'a str, Device<'a>, &'a str, Attr, &'a str),
    /// Waits for a block device.
    Await(Device<'a>),
    /// Grows a partition, the last of its disk, to the end of the disk.
    GrowPartition(Device<'a>),
    /// Grows the filesystem that is mounted there to the size of its partition.
    GrowFilesystem(&'a str),
    /// Removes a file; it is fine if it does not exist.
    Remove(&'a str),
    /// Checks that the initramfs is complete.
    CheckTold,
    /// Checks that the mark after a carbon copy is there.
    Whole(&'a str),
    /// Makes a home for each app that has none: where the apps are, where the homes.
    Homes(&'a str, &'a str),
    /// Writes a setting of the kernel: path, value. A kernel that lacks the setting behaves as with the strictest
    /// value.
    Setting(&'a str, &'a str),
    /// Makes the entries of a folder of the kernel readable by root only, except these.
    Close(&'a str, &'a [&'a str]),
    /// Reserves memory and processes of the machine, so that all users together cannot use them.
    Reserve,
    /// Loads the keyboard layout of that name.
    Keymap(&'a str),
    /// Brings up the loopback interface.
    LoopbackUp,
    /// Writes a small file of the host layer.
    File(&'a str, File<'a>),
    /// Sets the host name.
    Hostname(&'a str),
}

/// The operations that make a user's root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Root<'a> {
    /// An operation of both plans.
    Op(Op<'a>),
    /// Writes a small file of the runtime layer.
    File(&'a str, File<'a>),
    /// Copies the variables that root gives a user, if there are some: whose, to where.
    Variables(&'a User<'a>, &'a str),
    /// Makes a user the owner of that place.
    Own(&'a str, &'a User<'a>),
    /// Mounts a user's root, if the home is that user's: the home over the runtime layer, the host layer, the user's app
    /// if there is one (the third field), and the carbon copy. The last two fields are the attributes, and whether
    /// overlayfs follows a folder of the home to the place in the lower layers that its extended attributes name
    /// (`redirect_dir`).
    Overlay(&'a User<'a>, Upper, bool, Attr, &'static str),
    /// Mounts a folder of a user's app: whose, which, mount point, attributes.
    App(&'a str, &'static str, &'a str, Attr),
    /// Mounts the /proc of the sandbox: the user whose group sees all its processes, mount point, attributes.
    Processes(&'a User<'a>, &'a str, Attr),
    /// Mounts a tmpfs for all processes of the sandbox: mount point, attributes, bytes, files.
    Scratch(&'a str, Attr, u64, u64),
    /// Sets a limit of the sandbox's own cgroup: user, name, value.
    Limit(&'a User<'a>, &'static str, u64),
    /// From here on, no other user can open the devices that this user has open, nor the other way round.
    Claims(&'a User<'a>),
    /// Mounts the /dev of a user with granted devices: user, mount point, attributes.
    Devices(&'a User<'a>, &'a str, Attr),
    /// Covers the entries of a folder of the kernel, except processes and these.
    Mask(&'a str, &'a [&'a str]),
    /// Creates a network namespace that has only `lo`.
    PrivateNetwork,
    /// Lets mount events leave and enter this namespace.
    #[cfg(feature = "weak")]
    Shared,
    /// Makes a mount the root. The old root is then at that name below it.
    Enter(&'a str, &'static str),
    /// Makes a mount the root by `chroot`.
    #[cfg(feature = "weak")]
    Chroot(&'a str),
    /// Sets the host name.
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

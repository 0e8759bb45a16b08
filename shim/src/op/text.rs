//! How the operations, and the small files that they write, print themselves.

use super::{Attr, Boot, File, Op, Root, Upper, User};
use crate::{
    displayed, layout,
    machine_file::Words,
    say,
    say::{Octal, Say},
};

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
            Self::Hostname(name) | Self::Timezone(name) => say!(text, name, "\n"),
            Self::Words(file) => Words(file).say(text),
        }
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
            Self::CheckTold => say!(text, "check the initramfs"),
            Self::Whole(path) => say!(text, "check ", path),
            Self::Homes(from, to) => say!(text, "mkdir ", to, "/* for each of ", from, "/*"),
            Self::Setting(path, value) => Op::Write(path, value).say(text),
            Self::Close(folder, keep) => {
                say!(text, "chmod go= ", folder, "/*");
                but(text, keep);
            }
            Self::Reserve => say!(text, "echo RAM less a reserve > ", layout::CGROUPS, "/memory.max"),
            Self::Keymap(name) => say!(text, "loadkeys ", name),
            Self::LoopbackUp => say!(text, "ip link set lo up"),
            Self::File(path, _) => say!(text, "write ", path),
            Self::Hostname(name) => say!(text, "hostname ", name),
        }
    }
}

impl Say for Root<'_> {
    fn say(&self, text: &mut say::Text) {
        match *self {
            Self::Op(op) => op.say(text),
            Self::File(path, _) => say!(text, "write ", path),
            Self::Variables(user, to) => {
                say!(text, "cp ", layout::POLICIES, "/", user.name, layout::VARIABLES_SUFFIX, " ", to)
            }
            Self::Own(path, user) => say!(text, "chown ", user.uid, ":", user.gid, " ", path),
            Self::Overlay(&User { name: home, .. }, upper, app, attr, redirect) => {
                say!(text, "mount -t overlay -o ", attr, ",redirect_dir=", redirect, ",");
                match upper {
                    Upper::Home => {
                        say!(text, "upperdir=/tmp/", home, ",workdir=/tmp/.overlay/", home, ",lowerdir=")
                    }
                    Upper::Ram => say!(text, "upperdir=/ram/upper,workdir=/ram/work,lowerdir=/tmp/", home, ":"),
                }
                say!(text, layout::RUNTIME, ":", layout::HOST);
                if app {
                    say!(text, ":", layout::APPS, "/", home);
                }
                say!(text, ":", layout::CARBON, " none ", layout::ROOT);
            }
            Self::App(user, folder, target, attr) => {
                say!(text, "mount --bind -o ", attr, " ", layout::APPS, "/", user, "/", folder, " ", target)
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

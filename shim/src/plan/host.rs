//! The layer between every user's runtime layer and the carbon copy.

use crate::{
    layout,
    op::{Attr, Boot, File, Op},
    plan::{Plan, Steps, Why},
};

/// Made once, because the facts about the host are the same for all users.
#[must_use]
pub fn host<'a>(name: &'a str) -> Steps<Boot<'a>> {
    let why = Why::HostLayer;
    let mut plan = Plan::new();
    plan.mount(why, "tmpfs", "/host", Attr::FILES, "mode=0755,nr_inodes=8,size=16k");
    plan.mkdir(why, "/host/etc", 0o755);
    plan.must(why, Boot::File("/host/etc/hosts", File::Hosts(name)));
    plan.must(why, Boot::File("/host/etc/hostname", File::Hostname(name)));
    plan.must(Why::Resolver, Op::Symlink("/host/etc/resolv.conf", layout::RESOLVER).into());
    plan.must(why, Op::Symlink("/host/etc/mtab", "/proc/mounts").into());
    plan.must(why, Op::Attributes("/host", Attr::READ_ONLY).into());
    plan.mount(Why::Run, "tmpfs", layout::RUN, Attr::KERNEL, "mode=0755,nr_inodes=32,size=64k");
    plan.mkdir(Why::Resolver, layout::RUN_NET, 0o755);
    // a full log takes 64 KiB, and an empty one nothing: `MAX_SANDBOXES` of them fit
    plan.mount(Why::Live, "tmpfs", layout::LIVE, Attr::KERNEL, "mode=0755,nr_inodes=4096,size=20m");
    plan.mkdir(Why::Live, layout::LOGS, 0o755);
    plan.0
}

//! The layer between every user's runtime layer and the carbon copy.

use crate::{
    layout,
    machine_file::MachineFile,
    op::{Attr, Boot, File, Op},
    plan::{Plan, Steps, Why},
};

/// Made once, because the facts about the host are the same for all users. `own` are the machine's own settings, and
/// `name` is the host's name where they have none.
#[must_use]
pub fn host<'a>(name: &'a str, own: &'a MachineFile<'a>) -> Steps<Boot<'a>> {
    let why = Why::HostLayer;
    let mut plan = Plan::new();
    if let Some(name) = own.hostname {
        plan.may(Why::Own, Boot::Hostname(name));
    }
    let name = own.hostname.unwrap_or(name);
    plan.mount(why, "tmpfs", "/host", Attr::FILES, "mode=0755,nr_inodes=8,size=16k");
    plan.mkdir(why, "/host/etc", 0o755);
    plan.must(why, Boot::File("/host/etc/hosts", File::Hosts(name)));
    plan.must(why, Boot::File("/host/etc/hostname", File::Hostname(name)));
    if let Some(zone) = own.timezone {
        plan.must(Why::Own, Boot::File("/host/etc/timezone", File::Timezone(zone)));
    }
    plan.must(Why::Resolver, Op::Symlink("/host/etc/resolv.conf", layout::RESOLVER).into());
    plan.must(why, Op::Symlink("/host/etc/mtab", "/proc/mounts").into());
    plan.must(why, Op::Attributes("/host", Attr::READ_ONLY).into());
    plan.mount(Why::Run, "tmpfs", layout::RUN, Attr::KERNEL, "mode=0755,nr_inodes=32,size=64k");
    plan.mkdir(Why::Resolver, layout::RUN_NET, 0o755);
    // a full log of the default size takes 64 KiB, and an empty one nothing: `MAX_SANDBOXES` of them fit
    plan.mount(Why::Live, "tmpfs", layout::LIVE, Attr::KERNEL, "mode=0755,nr_inodes=4096,size=20m");
    plan.mkdir(Why::Live, layout::LOGS, 0o775);
    if own.speaks() {
        plan.must(Why::Own, Boot::File(layout::WORDS, File::Words(own)));
    }
    plan.0
}

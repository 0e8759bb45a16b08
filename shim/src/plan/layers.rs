//! What lies below the homes: the carbon copy, and the code of apps.

use crate::{
    cmdline::{Apps, Carbon, Options},
    layout::{self, APPS, CARBON, CARBON_IMAGE, TOLD},
    op::{Attr, Boot, Code, Op},
    plan::{Plan, Why},
};

/// The code of an app whose folder has that mode: one that all may write is for an app that makes files there.
#[must_use]
pub const fn code(mode: u32) -> Code {
    if mode & 0o002 != 0 { Code::Writable } else { Code::ReadOnly }
}

/// Mounts both from where the kernel's words say that they are.
pub fn mount<'a>(plan: &mut Plan<Boot<'a>>, options: &Options<'a>) {
    match options.carbon {
        Carbon::Plain => {
            plan.must(Why::Whole, Boot::CheckTold);
            plan.may(Why::OnlyBoot, Boot::Remove(TOLD));
            plan.must(Why::CarbonCopy, Op::Bind(CARBON, CARBON, Attr::READ_ONLY).into());
        }
        Carbon::Image => {
            plan.must(Why::Whole, Boot::CheckTold);
            plan.may(Why::OnlyBoot, Boot::Remove(TOLD));
            in_ram(plan, Why::CarbonCopy, CARBON_IMAGE, CARBON);
        }
        Carbon::Medium(device) => {
            plan.must(Why::CarbonCopy, Boot::Device("erofs", device, CARBON, Attr::READ_ONLY, ""));
        }
        Carbon::Iso(device) => {
            plan.must(Why::Medium, Boot::Device("iso9660", device, layout::MEDIUM, Attr::READ_ONLY, ""));
            on_medium(plan, Why::CarbonCopy, layout::CARBON_ON_MEDIUM, CARBON);
        }
    }
    match options.apps {
        None => {}
        Some(Apps::Image) => in_ram(plan, Why::Apps, layout::APPS_IMAGE, APPS),
        Some(Apps::Medium) => on_medium(plan, Why::Apps, layout::APPS_ON_MEDIUM, APPS),
        Some(Apps::Device(device)) => plan.must(Why::Apps, Boot::Device("erofs", device, APPS, Attr::READ_ONLY, "")),
    }
    if let Carbon::Iso(_) = options.carbon {
        plan.may(Why::OnlyBoot, Op::Unmount(layout::MEDIUM).into());
    }
}

/// An EROFS file of the initramfs. The filesystem keeps it open, and it has no name then. EROFS does not keep the
/// compressed pages, which are in RAM already.
fn in_ram(plan: &mut Plan<Boot<'_>>, why: Why, image: &'static str, target: &'static str) {
    plan.must(Why::Complete, Boot::Whole(image));
    plan.must(why, Op::Mount("erofs", image, target, Attr::READ_ONLY, "cache_strategy=disabled").into());
    plan.may(Why::RamFile, Boot::Remove(image));
}

/// An EROFS file of the medium's own filesystem.
fn on_medium<'a>(plan: &mut Plan<Boot<'a>>, why: Why, image: &'a str, target: &'a str) {
    plan.must(Why::Complete, Boot::Whole(image));
    plan.must(why, Op::Mount("erofs", image, target, Attr::READ_ONLY, "").into());
}

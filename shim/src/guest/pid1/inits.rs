//! What PID 1 tells `/log` of an init that does not simply run.

use crate::{
    cut,
    guest::place,
    init_news::InitNews,
    layout,
    op::User,
    say,
    supervise::{Ended, KILLED},
};

/// An init has ended and starts again.
pub fn again(user: &User<'_>, ended: Ended) -> InitNews {
    InitNews::Again(ended, ended.status == KILLED && lacked_memory(user).is_some())
}

/// Whether the kernel has killed a process of the user's sandbox because its memory was used up
/// (Documentation/admin-guide/cgroup-v2.rst, `memory.events`).
fn lacked_memory(user: &User<'_>) -> Option<()> {
    let mut events = place::of_user(layout::CGROUPS, user.uid);
    say!(&mut events, "/memory.events");
    let events = place::text(&events)?;
    let mut lines = Some(events.as_str());
    while let Some(line) = cut::next(&mut lines, b'\n') {
        if let Some(("oom_kill", count)) = cut::once(line, b' ') {
            return (count != "0").then_some(());
        }
    }
    None
}

//! Facts about the machine, from the kernel.

use heapless::{String, Vec};
use rustix::fs::CWD;

use crate::{
    guest::place,
    handover,
    layout::{self, MAX_CONSOLES},
    network::names,
    say::Text,
};

/// Bytes of memory that the kernel can use.
pub fn ram() -> u64 {
    let info = rustix::system::sysinfo();
    info.totalram.saturating_mul(info.mem_unit.into())
}

/// The same without the files that stay in the rootfs: that is the carbon copy, except with the placement `medium`.
pub fn usable_ram() -> u64 {
    let kept = rustix::fs::statvfs(c"/")
        .map_or(0, |root| root.f_blocks.saturating_sub(root.f_bfree).saturating_mul(root.f_frsize));
    ram().saturating_sub(kept)
}

/// Seconds since the kernel started.
#[inline(never)]
pub fn uptime() -> u64 {
    u64::try_from(rustix::system::sysinfo().uptime).unwrap_or(0)
}

/// The host name that the machine has of its own, or our default: what servers are told, and what `/setup` writes. A
/// lease may give another one later.
pub fn host() -> Text {
    own().unwrap_or_else(default)
}

/// The host name: the machine's own, the one that a DHCP server gives, or our default.
pub fn name() -> Name {
    match own() {
        Some(name) => Name { name, leased: false },
        None => leased().map_or_else(|| Name { name: default(), leased: false }, |name| Name { name, leased: true }),
    }
}

/// A host name, and whether a DHCP server gives it.
pub struct Name {
    pub name: Text,
    pub leased: bool,
}

fn default() -> Text {
    Text::try_from("nodeos").unwrap_or_default()
}

fn leased() -> Option<Text> {
    // /net's own folder: what lies there may be anything
    let file = place::regular(CWD, layout::HOSTNAME).ok()?;
    let mut bytes = [0; 256];
    let text = core::str::from_utf8(place::content(&file, &mut bytes).ok()?).ok()?;
    Text::try_from(names::given(text)?).ok()
}

/// The name of the machine's own settings, or of the kernel's word `hostname=`.
fn own() -> Option<Text> {
    let uname = rustix::system::uname();
    let given = uname.nodename().to_str().ok().filter(|name| !name.is_empty() && *name != "(none)");
    // a name of digits and dots alone would look like an address
    let letter = |name: &&str| name.bytes().any(|byte| byte.is_ascii_alphabetic());
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
    let good = given.filter(letter).filter(|name| name.bytes().all(plain));
    good.and_then(|name| Text::try_from(name).ok())
}

/// A console's name below /dev.
pub type Console = String<{ handover::CONSOLE }>;

/// The consoles. The system console is first here, and last in the kernel's list (drivers/tty/tty_io.c,
/// `show_cons_active`). `tty0` means the virtual terminal in front; the logon is on the first one, `tty1`.
pub fn consoles() -> Vec<Console, MAX_CONSOLES> {
    let active = place::text("/sys/class/tty/console/active").unwrap_or_default();
    let names = active.split_ascii_whitespace().rev();
    names
        .filter_map(|name| Console::try_from(if name == "tty0" { "tty1" } else { name }).ok())
        .take(MAX_CONSOLES)
        .collect()
}

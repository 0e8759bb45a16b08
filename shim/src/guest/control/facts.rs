//! What the status says, from the kernel and from the files of `/sandbox`.

use core::mem::MaybeUninit;

use heapless::Vec;
use rustix::{
    fd::OwnedFd,
    fs::{OFlags, RawDir},
    io::Result,
    net::{AddressFamily, SocketFlags, SocketType, netdevice::index_to_name_inlined},
};

use crate::{
    clock::{SECOND, date::Date, servers::Printed, source},
    cut,
    guest::{machine, place, rings},
    json::Quoted,
    layout,
    live::{Live, ROOM},
    network::{
        bytes::Bytes,
        netlink::{self, Listed, MOST},
    },
    say,
    say::Text,
    sys::clock,
};

/// What is known of a user who has had a sandbox.
pub fn live(uid: u32, room: &mut [u8; ROOM]) -> Option<Live<'_>> {
    let file = place::file(&place::of_user(layout::LIVE, uid), OFlags::RDONLY).ok()?;
    let length = rustix::io::read(&file, &mut room[..]).ok()?;
    Live::parse(room.get(..length)?)
}

/// Whether a user of that name has had a sandbox.
pub fn is_known(name: &str) -> bool {
    let (mut from, mut room) = (0, [0; ROOM]);
    while let Some(uid) = next(from) {
        if live(uid, &mut room).is_some_and(|live| live.name == name) {
            return true;
        }
        from = uid.saturating_add(1);
    }
    false
}

/// Begins the status: everything but the addresses and the users, which follow.
pub fn machine(text: &mut Text) {
    let uname = rustix::system::uname();
    let kernel = uname.release().to_str().unwrap_or_default();
    let time = clock::now();
    let mut date = Text::new();
    say!(&mut date, Date::of(time / SECOND));
    let (day, hours) = cut::once(&date, b' ').unwrap_or_default();
    say!(text, "{\"name\": ", Quoted(&machine::name().name), ", \"nodeos\": \"", env!("CARGO_PKG_VERSION"));
    say!(text, "\", \"kernel\": ", Quoted(kernel), ", \"uptime\": ", machine::uptime());
    say!(text, ", \"time\": \"", day, "T", hours, "Z\", \"synchronized\": ", truth(clock::is_synchronized()));
    let file = place::text(layout::TIME_SOURCE).unwrap_or_default();
    // `/clock` may have said nothing yet
    say!(text, ", \"time_source\": ", Quoted(source::read(&file).unwrap_or_default()));
    let available = available().unwrap_or(0).saturating_mul(1024);
    say!(text, ", \"memory\": {\"total\": ", machine::ram(), ", \"available\": ", available, "}, \"addresses\": [");
}

/// Adds the machine's addresses, and begins the users.
pub fn addresses(text: &mut Text) {
    let mut all = Vec::new();
    let socket = list(&mut all);
    let mut before = "";
    for Listed { index, ip, length } in &all {
        let name = socket.as_ref().ok().and_then(|socket| index_to_name_inlined(socket, *index).ok());
        // a card that is gone by now has no address
        if let Some(name) = name.as_ref().and_then(|name| core::str::from_utf8(name.as_bytes()).ok()) {
            say!(text, before, "{\"card\": ", Quoted(name), ", \"address\": \"", Printed(*ip), "/", *length, "\"}");
            before = ", ";
        }
    }
    say!(text, "], \"users\": [");
}

/// Asks the kernel for all addresses. Returns the socket.
fn list(all: &mut Vec<Listed, MOST>) -> Result<OwnedFd> {
    /// How many parts of the list are read. Each is at most a page, which has room for about fifty addresses
    /// (include/linux/netlink.h, NLMSG_GOODSIZE).
    const PARTS: usize = 4;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    // without a protocol: NETLINK_ROUTE is 0 (include/uapi/linux/netlink.h)
    let socket = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
    rustix::io::write(&socket, &netlink::addresses())?;
    // each part is there before the call returns that asks for it (net/netlink/af_netlink.c, `netlink_dump`)
    let mut room = [0; 8192];
    for _ in 0..PARTS {
        let Ok(length) = rustix::io::read(&socket, &mut room) else { break };
        if !netlink::list(Bytes(room.get(..length).unwrap_or_default()), all) {
            break;
        }
    }
    Ok(socket)
}

fn truth(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

/// KiB of memory that programs could still get (proc_meminfo(5)).
fn available() -> Option<u64> {
    let text = place::text("/proc/meminfo")?;
    let (_, rest) = text.split_once("MemAvailable:")?;
    cut::number(rest.split_ascii_whitespace().next()?, 10)
}

/// Adds the user with the least uid from `from` to `last` who has a sandbox. Returns the uid.
pub fn user(from: u32, last: u32, before: &str, text: &mut Text) -> Option<u32> {
    let mut from = from;
    while from <= last {
        let uid = next(from)?;
        if uid > last {
            return None;
        }
        if one(uid, before, text).is_some() {
            return Some(uid);
        }
        from = uid.checked_add(1)?;
    }
    None
}

/// The least uid from `from` on of whom something is known.
fn next(from: u32) -> Option<u32> {
    let folder = place::file(layout::LIVE, OFlags::RDONLY | OFlags::DIRECTORY).ok()?;
    let mut buffer = [MaybeUninit::uninit(); 1024];
    let mut entries = RawDir::new(folder, &mut buffer);
    let mut least = None;
    while let Some(Ok(entry)) = entries.next() {
        let uid = entry.file_name().to_str().ok().and_then(|name| cut::small(name, 10));
        least = [least, uid.filter(|uid| *uid >= from)].into_iter().flatten().min();
    }
    least
}

fn one(uid: u32, before: &str, text: &mut Text) -> Option<()> {
    let number = |file: &str| {
        let mut path = place::of_user(layout::CGROUPS, uid);
        say!(&mut path, "/", file);
        place::number(&path)
    };
    let memory = number("memory.current")?;
    let processes = number("pids.current").filter(|processes| *processes > 0)?;
    let mut room = [0; ROOM];
    let name = live(uid, &mut room)?.name;
    let ring = rings::open(name, OFlags::RDONLY).and_then(|ring| rings::head(&ring));
    let restarts = ring.map_or(0, |head| head.restarts);
    say!(text, before, "\n{\"name\": ", Quoted(name), ", \"uid\": ", uid);
    say!(text, ", \"memory\": ", memory, ", \"processes\": ", processes, ", \"restarts\": ", restarts, "}");
    Some(())
}

//! How PID 1 tells one of its programs about each user: through the program's standard input, a socket that keeps each
//! packet whole and works in both directions.

use crate::sys::Stream;

/// Marks the end: no user has this name.
pub const ALL: &str = ".";

/// For the program: receives all packets.
pub fn take(mut each: impl FnMut(&str)) {
    let mut packet = [0; 512];
    while let Ok(length @ 1..) = rustix::io::read(Stream(0), &mut packet) {
        match packet.get(..length).and_then(|text| core::str::from_utf8(text).ok()) {
            Some(ALL) => return,
            text => each(text.unwrap_or_default()),
        }
    }
}

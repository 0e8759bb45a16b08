//! What PID 1 tells a program of its own of each user, through the program's standard input: a socket that keeps each
//! packet whole and goes both ways.

use crate::sys::Stream;

/// Ends it: no user is called so.
pub const ALL: &str = ".";

/// In the program: takes all of it.
pub fn take(mut each: impl FnMut(&str)) {
    let mut packet = [0; 512];
    while let Ok(length @ 1..) = rustix::io::read(Stream(0), &mut packet) {
        match packet.get(..length).and_then(|text| core::str::from_utf8(text).ok()) {
            Some(ALL) => return,
            text => each(text.unwrap_or_default()),
        }
    }
}

//! The members of an initramfs; `unpack` reads it.

use std::io::BufReader;

use super::{Facts, Read};
use crate::host::error::Result;
use crate::host::shown::mode_text;
use crate::host::window::Window;
use crate::image::unpack;
use crate::users::read::Member;

pub fn read(window: &Window) -> Result<Vec<Read>> {
    let mut facts = Vec::new();
    let members = unpack::all(&mut BufReader::new(window.reader()), |member, content| {
        if let found @ (Facts::Elf(_) | Facts::Beyond) = Facts::read(member.size, content)? {
            facts.push((member.path.clone(), found));
        }
        Ok(())
    });
    let members = members.map_err(|error| error.within(format!("read {}", window.path().display())))?;
    let mut facts = facts.into_iter().peekable();
    let read = |member: unpack::Member| {
        let facts = facts.next_if(|(path, _)| *path == member.path).map_or(Facts::None, |(_, facts)| facts);
        let mode = mode_text(member.mode);
        let link = mode.starts_with('l').then_some(member.detail);
        let unpack::Member { path, uid, gid, size: bytes, .. } = member;
        Read { member: Member { path, mode, uid, gid, bytes, link }, facts }
    };
    Ok(members.into_iter().map(read).collect())
}

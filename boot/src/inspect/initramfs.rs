//! The members of an initramfs; `archive` reads it.

use std::path::Path;

use super::{Read, mode_text};
use crate::error::Result;
use crate::users::read::Member;
use crate::{archive, elf};

pub fn read(path: &Path) -> Result<Vec<Read>> {
    let mut facts = Vec::new();
    let members = archive::read(path, |member, content| {
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes)?;
        // a broken ELF file is a file
        facts.extend(elf::parse(&bytes).ok().flatten().map(|elf| (member.path.clone(), elf)));
        Ok(())
    })?;
    let mut facts = facts.into_iter().peekable();
    let read = |member: archive::Member| {
        let elf = facts.next_if(|(path, _)| *path == member.path).map(|(_, elf)| elf);
        let mode = mode_text(member.mode);
        let link = mode.starts_with('l').then_some(member.detail);
        let archive::Member { path, uid, gid, size: bytes, .. } = member;
        Read { member: Member { path, mode, uid, gid, bytes, link }, elf }
    };
    Ok(members.into_iter().map(read).collect())
}

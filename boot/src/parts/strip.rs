//! Removes the symbol table and debug sections from an ELF file. Bytes in, bytes out.
//!
//! Everything that a loader reads (segments, `SHF_ALLOC` sections) keeps its offset and its bytes: the file is cut
//! after it, and a section table of the remaining sections is appended. Other tools, such as the crate `object`,
//! rebuild `.dynsym` and `.gnu.hash`, which is a risk without a benefit. Only for 64-bit little-endian files: both our
//! architectures.

use goblin::elf::Elf;
use goblin::elf::program_header::PT_LOAD;
use goblin::elf::section_header::{SHF_ALLOC, SHF_INFO_LINK, SHT_NOBITS, SHT_STRTAB};
use std::collections::BTreeMap;

/// Size of a section header (ELF-64 Object File Format, version 1.5).
const SECTION_HEADER: usize = 64;
/// Size of the file header.
const FILE_HEADER: usize = 64;

/// The file without the parts that no loader reads; `Err` has the reason if that is not possible.
pub fn strip(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let elf = Elf::parse(bytes).map_err(|error| error.to_string())?;
    if !elf.is_64 || !elf.little_endian {
        return Err("it is not a 64-bit little-endian ELF file".to_owned());
    }
    if !elf.program_headers.iter().any(|segment| segment.p_type == PT_LOAD) {
        return Err("it has no segments: an object file needs its symbols".to_owned());
    }
    let kept: Vec<usize> = (0..elf.section_headers.len())
        .filter(|at| {
            *at == 0 || elf.section_headers.get(*at).is_some_and(|section| section.sh_flags & u64::from(SHF_ALLOC) != 0)
        })
        .collect();
    let end = usize::try_from(loaded_end(&elf)).map_err(|error| error.to_string())?;
    let mut out = bytes.get(..end).ok_or("its segments reach beyond its end")?.to_vec();
    out.reserve(1 << 14);
    let (names, offsets) = names(&elf, &kept);
    let names_at = out.len();
    out.extend_from_slice(&names);
    out.resize(out.len().next_multiple_of(8), 0);
    let table_at = out.len();
    let new_index: BTreeMap<usize, usize> = kept.iter().enumerate().map(|(new, old)| (*old, new)).collect();
    for (old, name) in kept.iter().zip(&offsets) {
        out.extend_from_slice(&header(bytes, &elf, *old, *name, &new_index)?);
    }
    let name = offsets.last().copied().unwrap_or_default();
    out.extend_from_slice(&names_header(name, names_at, names.len()));
    let count = kept.len() + 1;
    put(&mut out, 40, &(table_at as u64).to_le_bytes()); // e_shoff
    put(&mut out, 60, &u16::try_from(count).map_err(|error| error.to_string())?.to_le_bytes()); // e_shnum
    put(&mut out, 62, &u16::try_from(count - 1).map_err(|error| error.to_string())?.to_le_bytes()); // e_shstrndx
    Ok(out)
}

/// The end of the last byte that a loader reads.
fn loaded_end(elf: &Elf<'_>) -> u64 {
    let header = &elf.header;
    let table = header.e_phoff + u64::from(header.e_phnum) * u64::from(header.e_phentsize);
    let segments = elf.program_headers.iter().map(|segment| segment.p_offset.saturating_add(segment.p_filesz));
    let sections = elf.section_headers.iter();
    let sections = sections.filter(|s| s.sh_flags & u64::from(SHF_ALLOC) != 0 && s.sh_type != SHT_NOBITS);
    let sections = sections.map(|section| section.sh_offset.saturating_add(section.sh_size));
    segments.chain(sections).chain([table, FILE_HEADER as u64]).max().unwrap_or(table)
}

/// The string table with the names of the kept sections, and the offset of each name. The table's own name is the last.
fn names(elf: &Elf<'_>, kept: &[usize]) -> (Vec<u8>, Vec<u32>) {
    let (mut names, mut offsets) = (vec![0], Vec::new());
    let known = kept.iter().map(|at| elf.section_headers.get(*at).and_then(|s| elf.shdr_strtab.get_at(s.sh_name)));
    for name in known.map(Option::unwrap_or_default).chain([".shstrtab"]) {
        offsets.push(if name.is_empty() { 0 } else { u32::try_from(names.len()).unwrap_or_default() });
        if !name.is_empty() {
            names.extend_from_slice(name.as_bytes());
            names.push(0);
        }
    }
    (names, offsets)
}

/// The header of a kept section, with the new numbers of its name and links.
fn header(
    bytes: &[u8],
    elf: &Elf<'_>,
    old: usize,
    name: u32,
    new_index: &BTreeMap<usize, usize>,
) -> Result<Vec<u8>, String> {
    let at = usize::try_from(elf.header.e_shoff).map_err(|error| error.to_string())? + old * SECTION_HEADER;
    let mut header = bytes.get(at..at + SECTION_HEADER).ok_or("its section table is cut off")?.to_vec();
    let section = elf.section_headers.get(old).ok_or("its section table is cut off")?;
    let renumbered = |old: u32| new_index.get(&(old as usize)).map_or(0, |new| u32::try_from(*new).unwrap_or_default());
    put(&mut header, 0, &name.to_le_bytes());
    put(&mut header, 40, &renumbered(section.sh_link).to_le_bytes());
    if section.sh_flags & u64::from(SHF_INFO_LINK) != 0 {
        put(&mut header, 44, &renumbered(section.sh_info).to_le_bytes());
    }
    Ok(header)
}

fn names_header(name: u32, at: usize, len: usize) -> Vec<u8> {
    let mut header = vec![0; SECTION_HEADER];
    put(&mut header, 0, &name.to_le_bytes());
    put(&mut header, 4, &SHT_STRTAB.to_le_bytes());
    put(&mut header, 24, &(at as u64).to_le_bytes()); // sh_offset
    put(&mut header, 32, &(len as u64).to_le_bytes()); // sh_size
    put(&mut header, 48, &1u64.to_le_bytes()); // sh_addralign
    header
}

fn put(out: &mut [u8], at: usize, value: &[u8]) {
    if let Some(place) = out.get_mut(at..at + value.len()) {
        place.copy_from_slice(value);
    }
}

#[cfg(test)]
mod tests {
    use super::strip;
    use crate::parts::elf::parse;
    use goblin::elf::Elf;
    use std::fs;
    use std::process::Command;

    #[test]
    fn a_stripped_program_still_runs_and_its_symbols_are_gone() {
        let folder = tempfile::tempdir().unwrap();
        let (source, program) = (folder.path().join("a.c"), folder.path().join("a"));
        fs::write(&source, "#include <stdio.h>\nstatic int x[99];int main(){puts(\"alive\");return x[7];}").unwrap();
        assert!(Command::new("gcc").arg("-g").arg(&source).arg("-o").arg(&program).status().unwrap().success());
        let whole = fs::read(&program).unwrap();
        let stripped = strip(&whole).unwrap();
        assert!(stripped.len() < whole.len());
        let bytes = folder.path().join("bytes");
        fs::write(&bytes, &stripped).unwrap();
        // another process writes it: while a child of another test still has the file open for writing, an exec gets
        // ETXTBSY
        assert!(Command::new("install").args([&bytes, &program]).status().unwrap().success());
        assert_eq!(Command::new(&program).output().unwrap().stdout, b"alive\n");
        assert_eq!(parse(&stripped), parse(&whole));
        let (before, after) = (Elf::parse(&whole).unwrap(), Elf::parse(&stripped).unwrap());
        assert!(!before.syms.is_empty() && after.syms.is_empty());
        assert_eq!(after.dynsyms.to_vec(), before.dynsyms.to_vec());
        let names: Vec<_> =
            after.section_headers.iter().map(|s| after.shdr_strtab.get_at(s.sh_name).unwrap()).collect();
        assert!(names.contains(&".dynamic") && names.last() == Some(&".shstrtab"), "{names:?}");
        assert!(!names.iter().any(|name| name.starts_with(".debug") || *name == ".symtab"), "{names:?}");
    }

    #[test]
    fn stripping_twice_changes_nothing() {
        let once = strip(&fs::read("/bin/sh").unwrap()).unwrap();
        assert_eq!(strip(&once).unwrap(), once);
    }

    #[test]
    fn invalid_files_cannot_be_stripped() {
        let whole = fs::read("/bin/sh").unwrap();
        assert!(strip(b"#!/bin/sh").is_err());
        for len in (0..whole.len()).step_by(whole.len() / 50) {
            assert!(strip(&whole[..len]).is_err(), "{len}");
        }
    }
}

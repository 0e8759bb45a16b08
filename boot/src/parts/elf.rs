//! The facts of an ELF file that a loader reads. Bytes in, a value out; no I/O.
//!
//! For any content, the result is `None`, an error, or a value, but never a panic.

use goblin::elf::Elf as Headers;
use goblin::elf::dynamic::{DF_1_NODEFLIB, DT_FLAGS_1};

/// The maximum number of bytes of all names. Entries may share their text, so a file of megabytes could name gigabytes.
const MOST: usize = 1 << 16;

/// The maximum number of interfaces of one addon.
const MOST_INTERFACES: usize = 16;

/// The facts that decide which libraries a program loads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Elf {
    /// `e_machine`.
    pub machine: u16,
    /// `PT_INTERP`: the loader that it needs.
    pub interpreter: Option<String>,
    /// `DT_NEEDED`, in order.
    pub needed: Vec<String>,
    /// `DT_RPATH`, split at its colons.
    pub rpath: Vec<String>,
    /// `DT_RUNPATH`, split at its colons.
    pub runpath: Vec<String>,
    /// `DT_SONAME`.
    pub soname: Option<String>,
    /// Whether it has a dynamic section at all.
    pub dynamic: bool,
    /// `DF_1_NODEFLIB`: the loader does not search the default folders.
    pub no_default_folders: bool,
    /// The versions of node's binary interface that an addon is made for, if it depends on one: it then exports
    /// `node_register_module_vN` (node.h, `NODE_MODULE_INITIALIZER`). Addons for Node-API do not.
    pub node_modules: Vec<u32>,
}

/// The facts; `None` if this is no ELF file.
pub fn parse(bytes: &[u8]) -> Result<Option<Elf>, String> {
    if !bytes.starts_with(b"\x7fELF") {
        return Ok(None);
    }
    let headers = Headers::parse(bytes).map_err(|error| format!("damaged ELF file: {error}"))?;
    let texts = [&headers.libraries, &headers.rpaths, &headers.runpaths].into_iter().flatten().copied();
    let said: usize = texts.chain(headers.interpreter).chain(headers.soname).map(|text| text.len() + 1).sum();
    if said > MOST {
        return Err(format!("names of libraries and folders have {said} bytes, and at most {MOST} are read"));
    }
    let owned = |text: &str| text.to_owned();
    let split = |paths: &[&str]| -> Vec<String> {
        paths.iter().flat_map(|path| path.split(':')).filter(|path| !path.is_empty()).map(owned).collect()
    };
    let exported = headers.dynsyms.iter().filter(|symbol| !symbol.is_import());
    let exported = exported.filter_map(|symbol| headers.dynstrtab.get_at(symbol.st_name));
    let registers = exported.filter_map(|name| name.strip_prefix("node_register_module_v")?.parse().ok());
    let flags = headers.dynamic.iter().flat_map(|dynamic| &dynamic.dyns);
    let flags = flags.filter(|entry| entry.d_tag == DT_FLAGS_1).fold(0, |flags, entry| flags | entry.d_val);
    Ok(Some(Elf {
        machine: headers.header.e_machine,
        interpreter: headers.interpreter.map(owned),
        needed: headers.libraries.iter().copied().map(owned).collect(),
        rpath: split(&headers.rpaths),
        runpath: split(&headers.runpaths),
        soname: headers.soname.map(owned),
        dynamic: headers.dynamic.is_some(),
        no_default_folders: flags & DF_1_NODEFLIB != 0,
        node_modules: registers.take(MOST_INTERFACES).collect(),
    }))
}

#[cfg(test)]
mod tests {
    use super::parse;
    use std::fs;

    /// This test program: a real one, dynamic, 64-bit.
    fn myself() -> Vec<u8> {
        fs::read(std::env::current_exe().unwrap()).unwrap()
    }

    #[test]
    fn a_real_program_is_parsed() {
        let elf = parse(&myself()).unwrap().unwrap();
        assert_eq!(elf.machine, shim::arch::ELF_MACHINE);
        assert_eq!(elf.interpreter.as_deref(), Some(shim::arch::LOADER));
        assert!(elf.needed.contains(&"libc.so.6".to_owned()) && elf.dynamic, "{elf:?}");
    }

    #[test]
    fn a_file_that_is_not_elf_parses_as_none() {
        for text in [&b""[..], b"#!/usr/bin/env node", b"\x7fEL"] {
            assert_eq!(parse(text), Ok(None));
        }
    }

    #[test]
    fn a_truncated_or_damaged_elf_file_does_not_panic() {
        let whole = myself();
        assert!(parse(&whole[..40]).is_err());
        let mut errors = 0;
        for len in (0..4096).chain((4096..whole.len()).step_by(whole.len() / 200)) {
            errors += u32::from(parse(&whole[..len]).is_err());
        }
        assert!(errors > 100, "{errors}");
        // change each byte of the header and the program headers of a small program
        let mut damaged = fs::read("/bin/true").unwrap();
        for at in 4..64 + 56 * 13 {
            let kept = damaged[at];
            for value in [0, 1, 0x7f, 0xff] {
                damaged[at] = value;
                errors += u32::from(parse(&damaged).is_err());
            }
            damaged[at] = kept;
        }
        assert!(parse(&damaged).is_ok() && errors > 200, "{errors}");
    }
}

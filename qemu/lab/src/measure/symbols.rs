//! The parts of a program of the shim: its sections, and their functions and constants.

use std::collections::BTreeMap;
use std::path::Path;

use object::read::elf::ElfFile64;
use object::{Endianness, Object, ObjectSection, ObjectSymbol, SymbolKind};
use rustc_demangle::demangle;

use boot::host::error::{Error, Result, Tried};

/// Bytes by `SECTION NAME` of a program with symbols. `bytes` is the size of the same program without them, so that the
/// parts add up to it.
pub fn parts(program: &Path, bytes: u64) -> Result<BTreeMap<String, u64>> {
    let data = std::fs::read(program).tried("read", program)?;
    let unread = |error| Error::new(format!("read {}", program.display()), error);
    let file: ElfFile64<'_, Endianness> = ElfFile64::parse(&*data).map_err(unread)?;
    let mut parts = BTreeMap::new();
    let mut in_memory = 0;
    for section in file.sections() {
        let (name, address) = (section.name().unwrap_or_default(), section.address());
        // sections that are not loaded are not in the stripped program
        if address == 0 || section.file_range().is_none() {
            continue;
        }
        let mut rest = section.size();
        in_memory += rest;
        let mut last = None;
        let mut symbols: Vec<_> = file.symbols().filter(|s| s.section_index() == Some(section.index())).collect();
        symbols.sort_by_key(|symbol| (symbol.address(), symbol.size()));
        for symbol in symbols {
            let known = matches!(symbol.kind(), SymbolKind::Text | SymbolKind::Data) && symbol.size() > 0;
            // two names at the same address count once
            if !known || last.is_some_and(|end| symbol.address() < end) {
                continue;
            }
            last = Some(symbol.address() + symbol.size());
            rest = rest.saturating_sub(symbol.size());
            *parts.entry(format!("{name} {}", named(symbol.name().unwrap_or_default()))).or_insert(0) += symbol.size();
        }
        if rest > 0 {
            parts.insert(format!("{name} (without a name)"), rest);
        }
    }
    parts.insert("(headers and padding)".to_owned(), bytes.saturating_sub(in_memory));
    Ok(parts)
}

/// A readable name of a symbol.
fn named(symbol: &str) -> String {
    // pieces of several functions; the compiler numbers them in its own order
    if symbol.starts_with("OUTLINED_FUNCTION_") {
        return "(outlined)".to_owned();
    }
    // constants have a number and no name
    if symbol.starts_with(".Lanon.") || symbol.starts_with("anon.") {
        return "(constants)".to_owned();
    }
    format!("{:#}", demangle(symbol))
}

#[cfg(test)]
mod tests {
    use super::{named, parts};

    #[test]
    fn the_parts_of_a_program_add_up_and_have_names() {
        let test = std::env::current_exe().unwrap();
        let loaded = parts(&test, 0).unwrap();
        let sum: u64 = loaded.values().sum();
        let all = parts(&test, sum + 7).unwrap();
        assert_eq!(all.values().sum::<u64>(), sum + 7);
        assert!(all.keys().any(|name| name.starts_with(".text lab::measure::symbols::")), "{:?}", all.keys().next());
    }

    #[test]
    fn symbol_names_have_no_hashes() {
        assert_eq!(named("_ZN4init4main17h0123456789abcdefE"), "init::main");
        assert_eq!(named("OUTLINED_FUNCTION_12"), "(outlined)");
        assert_eq!(named("memcpy"), "memcpy");
    }
}

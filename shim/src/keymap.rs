//! Keyboard layouts for virtual terminals: the values of `keymap=`.
//!
//! The initramfs has all of them in one file, `layout::KEYMAPS`, which `/setup` reads if `keymap=` is set. A layout has
//! five lines: its name, then what the keys give alone, with Shift, with AltGr, and with both. A line has one character
//! for each of `KEYS`: a space for none, and ◌ with a combining character for a dead key.
//!
//! The table comes from xkb-data 2.35.1 (symbols/, MIT), as ckbcomp(1) of Debian's console-setup converts it.

use core::str::Chars;

use crate::cut;

/// The content of the file.
pub const KEYMAPS: &str = include_str!("keymaps.txt");

/// The keys that differ between layouts, by the kernel's numbers (include/uapi/linux/input-event-codes.h): the row of
/// digits, the row of Q, the row of A and then the key left of 1, the key at Enter, the row of Z, and the key beside
/// the left Shift.
const KEYS: [u8; 48] = [
    2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 30, 31, 32, 33, 34, 35, 36,
    37, 38, 39, 40, 41, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 86,
];

// include/uapi/linux/keyboard.h: K(type, value) is type << 8 | value
const HOLE: u16 = 0x200;
const DEAD: u16 = 0x700;
const META: u16 = 0x800;
const LETTER: u16 = 0xb00;
/// Values other than these types are Unicode characters, XORed with this (`U` in drivers/tty/vt/keyboard.c).
const UNICODE: u16 = 0xf000;

/// The kernel's tables, by the modifier keys that are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Table {
    Plain = 0,
    Shift = 1,
    AltGr = 2,
    ShiftAltGr = 3,
    Control = 4,
    ShiftControl = 5,
    Alt = 8,
    ControlAlt = 12,
}

/// The power button is a key of this number (include/uapi/linux/input-event-codes.h, `KEY_POWER`) of whatever device
/// has it: ACPI, a pin, a keyboard. Its value here is the kernel's `K_SPAWNCONSOLE`: "start something on the console",
/// which sends a signal to the process that asked for it. The kernel's own tables give this key F29, whose text
/// is empty, and give no key that value.
pub const POWER_BUTTON: (u8, u16) = (116, 0x212);
/// The tables that the kernel has before a layout is loaded (drivers/tty/vt/defkeymap.map). One for Shift with AltGr comes with
/// a layout; with these two held, the button does nothing.
pub const FIRST_TABLES: [Table; 7] =
    [Table::Plain, Table::Shift, Table::AltGr, Table::Control, Table::ShiftControl, Table::Alt, Table::ControlAlt];

/// One layout.
#[derive(Clone, Debug)]
pub struct Keymap<'a>([Chars<'a>; 4]);

/// The names of all layouts.
pub fn names(file: &str) -> impl Iterator<Item = &str> {
    layouts(file).map(|(name, _)| name)
}

/// The layout of that name.
#[must_use]
pub fn find<'a>(file: &'a str, name: &str) -> Option<Keymap<'a>> {
    layouts(file).find(|(other, _)| *other == name).map(|(_, keymap)| keymap)
}

fn layouts(file: &str) -> impl Iterator<Item = (&str, Keymap<'_>)> {
    let mut lines = Some(file);
    core::iter::from_fn(move || {
        let mut line = || cut::next(&mut lines, b'\n');
        let name = line().filter(|name| !name.is_empty())?;
        Some((name, Keymap([line()?.chars(), line()?.chars(), line()?.chars(), line()?.chars()])))
    })
}

impl Keymap<'_> {
    /// Whether layouts define that key.
    #[must_use]
    pub fn has(key: u8) -> bool {
        KEYS.contains(&key)
    }

    /// Calls `put` for each entry of the kernel's tables: the table, the key's number, the value.
    ///
    /// # Errors
    /// The first error of `put`.
    pub fn entries<E>(self, mut put: impl FnMut(Table, u8, u16) -> Result<(), E>) -> Result<(), E> {
        let mut rows = self.0;
        for key in KEYS {
            let [plain, shift, altgr, both] = rows.each_mut().map(key_of);
            for (table, given, other) in [(Table::Plain, plain, shift), (Table::Shift, shift, plain)] {
                if let Some(given) = given {
                    put(table, key, given.value(other))?;
                }
            }
            put(Table::AltGr, key, altgr.map_or(HOLE, |given| given.value(both)))?;
            put(Table::ShiftAltGr, key, both.map_or(HOLE, |given| given.value(altgr)))?;
            match plain {
                Some(Key::Char(letter @ 'a'..='z')) => {
                    let (letter, control) = (letter as u16, letter as u16 & 0x1f);
                    put(Table::Control, key, control)?;
                    put(Table::ShiftControl, key, control)?;
                    put(Table::Alt, key, META | letter)?;
                    put(Table::ControlAlt, key, META | control)?;
                }
                plain => {
                    // the kernel's default layout has a letter on these keys
                    if matches!(key, 16..=25 | 30..=38 | 44..=50) {
                        put(Table::Control, key, HOLE)?;
                        put(Table::ShiftControl, key, HOLE)?;
                        put(Table::ControlAlt, key, HOLE)?;
                    }
                    if let Some(Key::Char(sign @ '!'..='~')) = plain {
                        put(Table::Alt, key, META | sign as u16)?;
                    }
                }
            }
        }
        Ok(())
    }
}

#[derive(Clone, Copy, Debug)]
enum Key {
    Char(char),
    /// The kernel's number of an accent.
    Dead(u16),
}

fn key_of(row: &mut Chars<'_>) -> Option<Key> {
    match row.next()? {
        ' ' => None,
        '◌' => match row.next()? {
            '\u{300}' => Some(Key::Dead(0)),
            '\u{301}' => Some(Key::Dead(1)),
            '\u{302}' => Some(Key::Dead(2)),
            '\u{303}' => Some(Key::Dead(3)),
            '\u{308}' => Some(Key::Dead(4)),
            _ => Some(Key::Dead(5)), // the cedilla
        },
        char => Some(Key::Char(char)),
    }
}

impl Key {
    /// The kernel's value. Caps Lock applies to a letter if Shift gives its other case.
    fn value(self, shifted: Option<Self>) -> u16 {
        match (self, shifted) {
            (Self::Dead(accent), _) => DEAD | accent,
            (Self::Char(char), other) => {
                let char = u16::try_from(u32::from(char)).unwrap_or(0);
                let cased = matches!(other, Some(Self::Char(other)) if is_case(char) && u32::from(char ^ 0x20) == u32::from(other));
                match char {
                    0..=0xff if cased => LETTER | char,
                    0..=0xff => char,
                    _ => char ^ UNICODE,
                }
            }
        }
    }
}

/// Whether a character of Latin-1 is a letter: upper and lower case differ in one bit.
fn is_case(char: u16) -> bool {
    matches!(char & !0x20, 0x41..=0x5a | 0xc0..=0xd6 | 0xd8..=0xde)
}

#[cfg(test)]
mod tests {
    use super::{HOLE, KEYMAPS, KEYS, Table, find, key_of, names};

    /// The value of one key in a table; `None` if the layout leaves the key unchanged.
    fn value(layout: &str, table: Table, key: u8) -> Option<u16> {
        let mut found = None;
        let Ok(()) = find(KEYMAPS, layout).unwrap().entries(|other, code, value| {
            if (other, code) == (table, key) {
                found = Some(value);
            }
            Ok::<(), core::convert::Infallible>(())
        });
        found
    }

    #[test]
    fn a_german_layout_matches_its_labels() {
        for (table, key, wanted) in [
            (Table::Plain, 21, 0xb00 | u16::from(b'z')), // the key right of T
            (Table::Shift, 21, 0xb00 | u16::from(b'Z')),
            (Table::Control, 21, 26),
            (Table::Alt, 21, 0x800 | u16::from(b'z')),
            (Table::ControlAlt, 21, 0x800 | 26),
            (Table::Plain, 26, 0xbfc), // ü obeys Caps Lock
            (Table::Shift, 26, 0xbdc),
            (Table::Plain, 12, 0xdf), // ß and ?
            (Table::Shift, 12, u16::from(b'?')),
            (Table::AltGr, 12, u16::from(b'\\')),
            (Table::AltGr, 16, u16::from(b'@')),
            (Table::AltGr, 18, 0x20ac ^ 0xf000), // €
            (Table::AltGr, 46, 0xa2),
            (Table::AltGr, 39, HOLE),
            (Table::Plain, 41, 0x702), // a dead circumflex
            (Table::Plain, 13, 0x701),
            (Table::Plain, 86, u16::from(b'<')),
        ] {
            assert_eq!(value("de", table, key), Some(wanted), "{table:?} {key}");
        }
        assert_eq!(value("de", Table::Control, 12), None);
    }

    #[test]
    fn other_layouts_match_their_labels() {
        assert_eq!(value("fr", Table::Plain, 16), Some(0xb61)); // a
        assert_eq!(value("fr", Table::Shift, 2), Some(u16::from(b'1')));
        assert_eq!(value("fr", Table::Control, 50), Some(HOLE), "no Enter at the comma");
        assert_eq!(value("pl", Table::AltGr, 30), Some(0x105 ^ 0xf000)); // ą
        assert_eq!(value("pl", Table::ShiftAltGr, 30), Some(0x104 ^ 0xf000));
        assert_eq!(value("dvorak", Table::Plain, 31), Some(0xb00 | u16::from(b'o')));
        assert_eq!(value("uk", Table::Shift, 4), Some(0xa3)); // £
    }

    #[test]
    fn every_layout_defines_all_keys_and_can_type_a_password() {
        let all: Vec<&str> = names(KEYMAPS).collect();
        assert_eq!(all.first(), Some(&"us"));
        for wanted in ["be", "ch", "de", "dk", "dvorak", "es", "fi", "fr", "it", "no", "pl", "pt", "se", "uk"] {
            assert!(all.contains(&wanted), "{wanted}");
        }
        assert_eq!(KEYMAPS.lines().count(), 5 * all.len());
        for name in all {
            let mut rows = find(KEYMAPS, name).unwrap().0;
            for row in &mut rows[..2] {
                assert!(KEYS.iter().all(|_| key_of(row).is_some()) && row.next().is_none(), "{name}");
            }
            let mut typed = String::new();
            let Ok(()) = find(KEYMAPS, name).unwrap().entries(|table, _, value| {
                let types = [Table::Plain, Table::Shift, Table::AltGr, Table::ShiftAltGr].contains(&table);
                if types && matches!(value >> 8, 0 | 0xb) {
                    typed.push(char::from(value.to_le_bytes()[0]));
                }
                // an accent and a space give the accent itself
                typed.extend((value >> 8 == 7).then(|| ['`', '\'', '^', '~'].get(usize::from(value & 7))).flatten());
                Ok::<(), core::convert::Infallible>(())
            });
            let missing: String = (b'!'..=b'~').map(char::from).filter(|c| !typed.contains(*c)).collect();
            assert_eq!(missing, "", "{name}");
        }
        assert!(find(KEYMAPS, "xx").is_none() && find(KEYMAPS, "").is_none());
        // a row of keys must not be found as a name
        assert!(find(KEYMAPS, "1234567890-=qwertyuiop[]asdfghjkl;'`\\zxcvbnm,./<").is_none());
    }
}

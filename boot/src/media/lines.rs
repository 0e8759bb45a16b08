//! The command lines in boot menus: words for single machines, and which characters are not allowed.

use std::str::FromStr;

use super::{Medium, Parts};
use crate::host::error::Result;
use crate::image::words;

/// A machine that gets words of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// `52:54:00:12:34:56`.
    pub mac: String,
    /// More words for the kernel's command line.
    pub words: String,
}

impl FromStr for Machine {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let wrong = || "expected MAC=WORDS, as in 52:54:00:12:34:56=\"users=none TZ=UTC\"".to_owned();
        let (mac, words) = text.split_once('=').ok_or_else(wrong)?;
        let mac = mac.to_ascii_lowercase();
        let parts: Vec<&str> = mac.split(':').collect();
        let hex = |part: &&str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
        if parts.len() != 6 || !parts.iter().all(hex) {
            return Err(wrong());
        }
        plain(words)?;
        Ok(Self { mac, words: words.to_owned() })
    }
}

/// Checks words for a boot menu: characters that GRUB, iPXE or syslinux interpret are not allowed.
pub(super) fn plain(words: &str) -> std::result::Result<(), String> {
    let good = |letter: char| letter.is_ascii_alphanumeric() || "=/:.,_-+@%~ ".contains(letter);
    match words.chars().find(|letter| !good(*letter)) {
        Some(letter) => Err(format!("{letter:?} has no place in the words of a boot menu: {words}")),
        None => Ok(()),
    }
}

/// Refuses words of which a kernel would lose some, for every entry of a menu and every machine.
pub(super) fn whole(medium: &Medium, parts: &Parts<'_>) -> Result<()> {
    let line = (medium.cmdline)(parts)?;
    // the image's own words come last
    let own = line.strip_suffix(&parts.image.words).unwrap_or(&line);
    check_words(medium, own, &parts.image.words, parts.machines)
}

/// The same for the user's words, as far as it can be checked before anything is made.
pub fn check_words(medium: &Medium, own: &str, words: &str, machines: &[Machine]) -> Result<()> {
    let added = format!("{} {own}", medium.adds);
    words::check(words, &added)?;
    let entries = medium.entries.iter().try_for_each(|entry| words::check(words, &format!("{added} {entry}")));
    entries.map_err(|error| error.within(format!("make the boot menu of {medium}")))?;
    machines.iter().try_for_each(|machine| {
        let words = format!("{words} {}", machine.words);
        words::check(&words, &added).map_err(|error| error.within(format!("--machine {}", machine.mac)))
    })
}

#[cfg(test)]
mod tests {
    use super::super::{ALL, Medium};
    use super::{Machine, check_words};

    #[test]
    fn a_machine_is_parsed_as_mac_and_parameters() {
        let machine: Machine = "52:54:00:12:34:AB=users=none TZ=UTC".parse().unwrap();
        assert_eq!((machine.mac.as_str(), machine.words.as_str()), ("52:54:00:12:34:ab", "users=none TZ=UTC"));
        for text in ["", "52:54:00:12:34=x", "52:54:00:12:34:5g=x", "52-54-00-12-34-56=x", "52:54:00:12:34:56"] {
            assert!(text.parse::<Machine>().unwrap_err().starts_with("expected MAC=WORDS"), "{text}");
        }
        for words in ["a'b", "$x", "a\nb", "a\"b", "a;b", "a&b"] {
            assert!(format!("52:54:00:12:34:56={words}").parse::<Machine>().is_err(), "{words}");
        }
    }

    #[test]
    fn parameters_beyond_kernel_limits_are_refused_for_every_medium() {
        let names = |count: usize| (1..=count).map(|number| format!("A{number}=1 ")).collect::<String>();
        let machine = |words: &str| [format!("52:54:00:12:34:56={words}").parse::<Machine>().unwrap()];
        for medium in ALL {
            assert_eq!(check_words(medium, "quiet", "TZ=UTC", &[]), Ok(()), "{medium}");
            assert!(check_words(medium, "quiet", &names(40), &[]).is_err(), "{medium}");
            // the words that the loader adds count too
            let room = crate::image::words::MOST_BYTES - medium.adds.len();
            assert!(check_words(medium, "", &"x".repeat(room + 1), &[]).is_err(), "{medium}");
        }
        let pxe = Medium::named("pxe").unwrap();
        let error = check_words(pxe, "", "", &machine(&names(40))).unwrap_err().to_string();
        assert!(error.starts_with("--machine 52:54:00:12:34:56: ") && error.contains("42 names"), "{error}");
        assert!(check_words(pxe, "", &names(20), &machine(&names(28))).is_ok(), "of one name the last counts");
        // the longest entry of the menu must fit too
        let iso = Medium::named("iso").unwrap();
        let words = "w ".repeat(crate::image::words::MOST_ARGUMENTS);
        let error = check_words(iso, "", &words, &[]).unwrap_err().to_string();
        assert!(error.contains("make the boot menu of iso") && error.contains("33 words"), "{error}");
    }
}

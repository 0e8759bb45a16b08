//! Kernel configuration as values: takes fragments, and returns what the merge has not set. No I/O.
//!
//! kconfig silently drops a symbol that it does not know, or whose dependencies are off. Here that is an error.

use std::collections::BTreeMap;
use std::fmt;

/// A named piece of configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// Its name in errors: the file, or the manifest's key.
    pub name: String,
    /// `CONFIG_X=y` lines and comments.
    pub text: String,
}

/// A wanted symbol that the merge did not set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmet {
    /// `CONFIG_X`.
    pub symbol: String,
    /// What the fragment wants.
    pub wanted: String,
    /// What the configuration has; `n` if it is off.
    pub got: String,
    /// The fragment that wants it.
    pub fragment: String,
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={} of {} became {}", self.symbol, self.wanted, self.fragment, self.got)
    }
}

/// The settings of the fragments, in their order: for kconfig the last one of a symbol applies. Comments are left out,
/// so that a change to a comment does not build a new kernel.
#[must_use]
pub fn merged(fragments: &[Fragment]) -> String {
    let lines = fragments.iter().flat_map(|fragment| fragment.text.lines());
    lines.filter(|line| setting(line).is_some()).map(|line| format!("{}\n", line.trim())).collect()
}

/// Every symbol that a fragment wants and the configuration lacks, in alphabetical order.
#[must_use]
pub fn unmet(fragments: &[Fragment], config: &str) -> Vec<Unmet> {
    let mut wanted = BTreeMap::new();
    for fragment in fragments {
        for (symbol, value) in fragment.text.lines().filter_map(setting) {
            wanted.insert(symbol, (value, &fragment.name));
        }
    }
    let have: BTreeMap<_, _> = config.lines().filter_map(setting).collect();
    let missing = wanted.into_iter().filter_map(|(symbol, (value, fragment))| {
        let got = have.get(symbol).copied().unwrap_or("n");
        (got != value).then(|| Unmet {
            symbol: symbol.to_owned(),
            wanted: value.to_owned(),
            got: got.to_owned(),
            fragment: fragment.clone(),
        })
    });
    missing.collect()
}

/// Parses `CONFIG_X=value`, or kconfig's line for a symbol that is off.
#[must_use]
pub fn setting(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    if let Some(symbol) = line.strip_prefix("# ").and_then(|rest| rest.strip_suffix(" is not set")) {
        return symbol.starts_with("CONFIG_").then_some((symbol, "n"));
    }
    line.split_once('=').filter(|(symbol, _)| symbol.starts_with("CONFIG_"))
}

#[cfg(test)]
mod tests {
    use super::{Fragment, merged, unmet};

    fn fragment(name: &str, text: &str) -> Fragment {
        Fragment { name: name.to_owned(), text: text.to_owned() }
    }

    fn said(fragments: &[Fragment], config: &str) -> Vec<String> {
        unmet(fragments, config).iter().map(ToString::to_string).collect()
    }

    const CONFIG: &str = "CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_TIMEOUT=10\nCONFIG_CMDLINE=\"a=b\"\n";

    #[test]
    fn a_matching_kernel_configuration_is_accepted() {
        let ours = fragment("x", "# a comment\nCONFIG_A=y\nCONFIG_B=n\nCONFIG_TIMEOUT=10\nCONFIG_CMDLINE=\"a=b\"\n");
        assert_eq!(said(&[ours], CONFIG), [""; 0]);
    }

    #[test]
    fn a_dropped_symbol_is_named_with_its_fragment() {
        let ours = [fragment("common.config", "CONFIG_B=y\nCONFIG_A=y"), fragment("virt.config", "CONFIG_TIMEOUT=0")];
        let errors =
            ["CONFIG_B=y of common.config became n", "CONFIG_TIMEOUT=0 of virt.config became 10"].map(str::to_owned);
        assert_eq!(said(&ours, CONFIG), errors);
    }

    #[test]
    fn an_option_that_must_be_off_but_is_on_is_named() {
        for off in ["CONFIG_A=n", "# CONFIG_A is not set"] {
            assert_eq!(said(&[fragment("x", off)], CONFIG), ["CONFIG_A=n of x became y"]);
        }
        assert_eq!(said(&[fragment("x", "CONFIG_UNKNOWN=n")], CONFIG), [""; 0]);
    }

    #[test]
    fn the_last_fragment_wins() {
        let ours = [fragment("common.config", "# why\nCONFIG_B=y\n"), fragment("nodeos.toml", "# CONFIG_B is not set")];
        assert_eq!(said(&ours, CONFIG), [""; 0]);
        assert_eq!(merged(&ours), "CONFIG_B=y\n# CONFIG_B is not set\n");
    }
}

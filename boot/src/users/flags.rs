//! Node's own flags, in the words after `node` and in NODE_OPTIONS.
//!
//! Unknown flags are not refused here: node itself refuses them in the machine.

use std::iter::Peekable;

use super::shell::Word;

/// Flags of node whose value may be the next word (in node(1), those with `=`).
const WITH_VALUE: [&str; 15] = [
    "-r",
    "--require",
    "--import",
    "--loader",
    "--experimental-loader",
    "-C",
    "--conditions",
    "--env-file",
    "--env-file-if-exists",
    "--title",
    "--icu-data-dir",
    "--openssl-config",
    "--disable-warning",
    "--dns-result-order",
    "--unhandled-rejections",
];

/// Flags with which node does not run a file as its program, or runs it more than once.
const NO_PROGRAM: [&str; 17] = [
    "--eval",
    "--print",
    "--check",
    "--interactive",
    "--version",
    "--help",
    "--test",
    "--run",
    "--watch",
    "--watch-path",
    "--build-sea",
    "--build-snapshot",
    "--build-snapshot-config",
    "--prof-process",
    "--v8-options",
    "--completion-bash",
    "--input-type",
];

/// Takes the flags at the start of some words. Refuses flags with which node does not simply run a file.
pub fn at_front(words: &mut Peekable<impl Iterator<Item = Word>>) -> Result<Vec<String>, String> {
    let mut flags = Vec::new();
    let is_flag = |word: &Word| word.text().is_some_and(|text| text.starts_with('-') && text.len() > 1);
    while let Some(word) = words.next_if(is_flag) {
        let flag = word.text().unwrap_or_default();
        // node accepts _ in place of -
        let name = flag.split('=').next().unwrap_or_default().replace('_', "-");
        let with_value = WITH_VALUE.contains(&name.as_str());
        if NO_PROGRAM.contains(&name.as_str()) || !name.starts_with("--") && !with_value {
            return Err(format!("with the flag {name} node does not simply run a file"));
        }
        flags.push(flag.to_owned());
        if with_value && !flag.contains('=') {
            let value = words.next().ok_or_else(|| format!("the flag {flag} has no value"))?;
            flags.push(value.text().ok_or("a flag of node's is a variable")?.to_owned());
        }
    }
    Ok(flags)
}

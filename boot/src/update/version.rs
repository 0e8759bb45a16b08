//! The version of a node binary, which names the archive of its own source.

use std::io::{self, Read};

/// `process.release.sourceUrl` ends with it (nodejs/node, `src/node_metadata.cc`).
const BEFORE: &[u8] = b"/node-v";
const AFTER: &[u8] = b".tar.gz";
/// More letters than a version has.
const MOST: usize = 32;

/// The version in a binary; `None` if it does not say so.
pub fn of(mut node: impl Read) -> io::Result<Option<String>> {
    let (mut text, mut block) = (Vec::new(), vec![0; 1 << 16]);
    loop {
        let read = node.read(&mut block)?;
        text.extend_from_slice(block.get(..read).unwrap_or_default());
        if let Some(version) = find(&text) {
            return Ok(Some(version));
        }
        if read == 0 {
            return Ok(None);
        }
        // it may continue in the next block
        let kept = text.len().saturating_sub(BEFORE.len() + MOST + AFTER.len());
        text.drain(..kept);
    }
}

fn find(text: &[u8]) -> Option<String> {
    let starts = text.windows(BEFORE.len()).enumerate().filter(|(_, part)| *part == BEFORE);
    starts.map(|(at, _)| text.get(at + BEFORE.len()..).unwrap_or_default()).find_map(|rest| {
        let length = rest.iter().take(MOST).position(|byte| !byte.is_ascii_digit() && *byte != b'.')?;
        let (version, _) = rest.split_at(length.min(rest.len()));
        // the digits end with a dot that is part of what comes after them
        let version = std::str::from_utf8(version).ok()?.strip_suffix('.')?;
        let whole = rest.get(version.len()..)?.starts_with(AFTER);
        (whole && version.split('.').count() == 3).then(|| version.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::of;
    use std::io::Read;

    /// Gives a byte at a time, so that every word is torn.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
            let length = to.len().min(1);
            self.0.read(&mut to[..length])
        }
    }

    #[test]
    fn the_version_of_a_node_is_read_from_the_name_of_its_source() {
        let url = "x/node-v24.21.0-headers.tar.gz\0https://nodejs.org/download/release/v24.21.0/node-v24.21.0.tar.gz\0";
        for (text, version) in [
            (url, Some("24.21.0")),
            ("/node-v26.1.10.tar.gz", Some("26.1.10")),
            ("/node-v26.1.tar.gz", None),
            ("/node-v26.1.0.zip /node-v", None),
            ("", None),
        ] {
            assert_eq!(of(text.as_bytes()).unwrap().as_deref(), version, "{text}");
            assert_eq!(of(Slow(text.as_bytes())).unwrap().as_deref(), version, "{text}");
        }
        let far = [vec![b'/'; 300_000], url.as_bytes().to_vec()].concat();
        assert_eq!(of(far.as_slice()).unwrap().as_deref(), Some("24.21.0"));
    }
}

//! Turns homes into commands for debugfs: text out, no I/O.
//!
//! A word may be in double quotes, and a double quote in it is doubled (ss_parse of libss). A line break always ends a
//! command, and a line is read into a buffer of BUFSIZ bytes: names that would break this are refused. `write` takes a
//! name in the current folder, all other commands take whole paths: `<7>` would be an inode. But `mkdir /x` makes x in
//! the current folder (it cuts at the last slash and looks up nothing), so `cd /` comes first.

use super::home::{Content, Entry, Home};
use crate::host::error::{Error, Result};
use crate::host::shown::Shown;
use shim::layout::{LOGON_FILE, OVERLAY, POLICY};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// BUFSIZ of glibc, minus room for the rest of the command.
const LONGEST_LINE: usize = 8192 - 64;

/// The commands of one session, one per line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    text: Vec<u8>,
    folder: Vec<u8>,
}

impl Script {
    /// The text for `debugfs -f`.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// Makes the system's own folders at the top, which only root can access.
    pub fn own_folders(&mut self) -> Result<()> {
        self.enter(b"/")?;
        for name in [OVERLAY, POLICY] {
            let path = [b"/", name.as_bytes()].concat();
            self.line(&[b"mkdir", &path])?;
            self.owner(&path, 0o040_700, 0, 0)?;
        }
        Ok(())
    }

    /// Writes a home; `staged` returns the file of the host with the bytes.
    pub fn home(&mut self, home: &Home, mut staged: impl FnMut(&[u8]) -> Result<PathBuf>) -> Result<()> {
        let top = [b"/", home.name.as_bytes()].concat();
        self.enter(b"/")?;
        self.line(&[b"mkdir", &top])?;
        self.owner(&top, 0o040_700, home.uid, home.gid)?;
        for (inside, entry) in home.entries() {
            let path = [&top, b"/".as_slice(), inside].concat();
            match entry {
                Entry::Folder => self.line(&[b"mkdir", &path])?,
                Entry::Link(says) => self.line(&[b"symlink", &path, says])?,
                Entry::File(Content::Bytes(bytes), _) => self.file(&path, &staged(bytes)?)?,
                Entry::File(Content::File(from), _) => self.file(&path, from)?,
            }
            self.owner(&path, entry.mode(inside), home.uid, home.gid)?;
        }
        Ok(())
    }

    /// Writes `etc/logon.json` of a home; `folder` and `file` tell what already exists.
    pub fn logon(&mut self, name: &str, owner: (u32, u32), folder: bool, file: bool, from: &Path) -> Result<()> {
        let path = format!("/{name}/{LOGON_FILE}").into_bytes();
        let (above, _) = split(&path);
        if !folder {
            self.line(&[b"mkdir", above])?;
            self.owner(above, 0o040_755, owner.0, owner.1)?;
        }
        if file {
            self.line(&[b"rm", &path])?;
        }
        self.file(&path, from)?;
        self.owner(&path, 0o100_600, owner.0, owner.1)
    }

    /// Writes a policy below the folder of policies, or removes it; `folder` and `file` tell what already exists.
    pub fn policy(&mut self, name: &str, folder: bool, file: bool, from: Option<&Path>) -> Result<()> {
        let above = [b"/", POLICY.as_bytes()].concat();
        let path = [&above, b"/".as_slice(), name.as_bytes()].concat();
        if !folder {
            self.enter(b"/")?;
            self.line(&[b"mkdir", &above])?;
            self.owner(&above, 0o040_700, 0, 0)?;
        }
        self.private(&path, file, from)
    }

    /// Writes a file at the top that only root can access, or removes it; `file` tells whether it already exists.
    pub fn of_root(&mut self, name: &str, file: bool, from: Option<&Path>) -> Result<()> {
        self.private(&[b"/", name.as_bytes()].concat(), file, from)
    }

    fn private(&mut self, path: &[u8], file: bool, from: Option<&Path>) -> Result<()> {
        if file {
            self.line(&[b"rm", path])?;
        }
        let Some(from) = from else { return Ok(()) };
        self.file(path, from)?;
        self.owner(path, 0o100_600, 0, 0)
    }

    /// Removes a name. A name with a line break cannot be in a command: e2fsck removes it once its inode is free.
    pub fn unlink(&mut self, path: &[u8]) -> Result<()> {
        if breaks(path) { Ok(()) } else { self.line(&[b"unlink", path]) }
    }

    /// Frees an inode and its blocks, regardless of its names: these may be too long for a line, or several.
    pub fn free(&mut self, inode: u32) -> Result<()> {
        let inode = format!("<{inode}>");
        // an inode with links counts as used
        self.text.extend_from_slice(format!("set_inode_field {inode} links_count 0\nkill_file {inode}\n").as_bytes());
        Ok(())
    }

    fn file(&mut self, path: &[u8], from: &Path) -> Result<()> {
        let (folder, name) = split(path);
        self.enter(folder)?;
        self.line(&[b"write", from.as_os_str().as_bytes(), name])
    }

    fn enter(&mut self, folder: &[u8]) -> Result<()> {
        if self.folder != folder {
            self.line(&[b"cd", folder])?;
            self.folder = folder.to_vec();
        }
        Ok(())
    }

    fn owner(&mut self, path: &[u8], mode: u16, uid: u32, gid: u32) -> Result<()> {
        for (field, value) in [("mode", format!("0{mode:o}")), ("uid", uid.to_string()), ("gid", gid.to_string())] {
            self.line(&[b"set_inode_field", path, field.as_bytes(), value.as_bytes()])?;
        }
        Ok(())
    }

    fn line(&mut self, words: &[&[u8]]) -> Result<()> {
        let start = self.text.len();
        for (index, word) in words.iter().enumerate() {
            if breaks(word) {
                let tried = format!("write {}", Shown::of(word));
                return Err(Error::new(tried, "debugfs takes no name with a line break").next("rename it"));
            }
            if index > 0 {
                self.text.push(b' ');
            }
            if word.iter().all(|byte| byte.is_ascii_alphanumeric() || b"/._-+@=".contains(byte)) && !word.is_empty() {
                self.text.extend_from_slice(word);
            } else {
                self.text.push(b'"');
                word.iter().for_each(|byte| {
                    self.text.extend_from_slice(if *byte == b'"' { b"\"\"" } else { core::slice::from_ref(byte) })
                });
                self.text.push(b'"');
            }
        }
        self.text.push(b'\n');
        if self.text.len() - start > LONGEST_LINE {
            let path = Shown::of(words.last().copied().unwrap_or_default());
            return Err(Error::new(format!("write {path}"), format!("debugfs reads lines of {LONGEST_LINE} bytes")));
        }
        Ok(())
    }
}

/// Whether a name would end a command of debugfs.
fn breaks(word: &[u8]) -> bool {
    word.iter().any(|byte| matches!(byte, b'\n' | b'\r' | 0))
}

/// The folder and the name of an absolute path.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let at = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
    let (folder, name) = path.split_at(at);
    (if folder.is_empty() { b"/" } else { folder }, name.get(1..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::{Home, Script};
    use std::path::PathBuf;

    fn script(home: &Home) -> String {
        let mut script = Script::default();
        let mut files = 0;
        let staged = |_: &[u8]| {
            files += 1;
            Ok(PathBuf::from(format!("/staged/{files}")))
        };
        script.home(home, staged).map_or_else(|error| error.to_string(), |()| String::from_utf8(script.text).unwrap())
    }

    #[test]
    fn a_home_becomes_a_list_of_debugfs_commands() {
        let mut home = Home::new("a b", 1000);
        home.gid = 70_000;
        home.program("bin/say \"hi\"", "x");
        home.file("bin/<7>", "y");
        home.link("init", "bin/<7>");
        let text = r#"cd /
mkdir "/a b"
set_inode_field "/a b" mode 040700
set_inode_field "/a b" uid 1000
set_inode_field "/a b" gid 70000
mkdir "/a b/bin"
set_inode_field "/a b/bin" mode 040755
set_inode_field "/a b/bin" uid 1000
set_inode_field "/a b/bin" gid 70000
cd "/a b/bin"
write /staged/1 "<7>"
set_inode_field "/a b/bin/<7>" mode 0100644
set_inode_field "/a b/bin/<7>" uid 1000
set_inode_field "/a b/bin/<7>" gid 70000
write /staged/2 "say ""hi"""
set_inode_field "/a b/bin/say ""hi""" mode 0100755
set_inode_field "/a b/bin/say ""hi""" uid 1000
set_inode_field "/a b/bin/say ""hi""" gid 70000
symlink "/a b/init" "bin/<7>"
set_inode_field "/a b/init" mode 0120777
set_inode_field "/a b/init" uid 1000
set_inode_field "/a b/init" gid 70000
"#;
        assert_eq!(script(&home), text);
    }

    #[test]
    fn a_name_with_a_line_break_is_refused() {
        let mut home = Home::new("ana", 1000);
        home.file("a\nrm \"/root/init\"", "");
        assert!(script(&home).contains("debugfs takes no name with a line break"));
    }

    #[test]
    fn a_path_longer_than_a_debugfs_line_is_refused() {
        let mut home = Home::new("ana", 1000);
        home.file(&["d"; 4100].join("/"), "");
        assert!(script(&home).contains("debugfs reads lines of 8128 bytes"));
    }
}

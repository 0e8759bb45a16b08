//! What an app needs of its medium outside of its layer: node, included files, words of the command line.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use super::{Target, version};
use crate::host::error::{Error, Result, Tried};
use crate::image::manifest::{FILE, Manifest};
use crate::image::origin::files;
use crate::inspect::files::Files;
use crate::parts::node::Choice;

impl Target {
    /// Refuses an app whose `nodeos.toml` asks for what the medium does not have. Returns the node for which the layer is
    /// made, and what could not be compared.
    pub fn check(&self, manifest: &Manifest) -> Result<(Option<String>, Vec<String>)> {
        let mut unknown = Vec::new();
        let node = self.same_node(manifest, &mut unknown)?;
        if self.names.is_none() {
            unknown.push("an earlier update was interrupted: the names of its apps could not be compared".to_owned());
        }
        match &self.layers.carbon {
            _ if manifest.include.is_empty() => {}
            Some(carbon) => self.same_includes(manifest, &Files::open(carbon)?)?,
            None => unknown.push("the medium's included files could not be compared".to_owned()),
        }
        if !manifest.kernel.options.is_empty() {
            unknown.push("the medium's kernel stays as it is: its options could not be compared".to_owned());
        }
        let line: Vec<&str> = self.layers.cmdline.split_ascii_whitespace().collect();
        match manifest.cmdline.split_ascii_whitespace().find(|word| !line.contains(word)) {
            Some(word) => {
                let why = format!("{FILE}, cmdline: {word} is not on its kernel's command line");
                let next = format!("add it to {}, or {}", self.layers.cmdline_in, self.anew());
                Err(Error::new(self.tried(), why).next(next))
            }
            None => Ok((node, unknown)),
        }
    }

    fn same_node(&self, manifest: &Manifest, unknown: &mut Vec<String>) -> Result<Option<String>> {
        let has = self.node()?;
        let wants = match &manifest.node {
            None => has.clone(),
            Some(asked) => match Choice::parse(asked, self.found.arch)? {
                Choice::Release { version, .. } => Some(version),
                Choice::Binary(path) => fs::File::open(&path).and_then(version::of).tried("read", &path)?,
            },
        };
        match (&has, &wants, &manifest.node) {
            (Some(has), Some(wants), Some(asked)) if has != wants => {
                let why = format!("its node is {has}, and {FILE} asks for {asked}, which is {wants}");
                return Err(Error::new(self.tried(), why).next(self.anew()));
            }
            (Some(_), Some(_), _) => {}
            _ => unknown.push("the medium's node could not be compared".to_owned()),
        }
        Ok(manifest.node.clone().or(has))
    }

    fn same_includes(&self, manifest: &Manifest, carbon: &Files) -> Result<()> {
        for include in &manifest.include {
            for (to, from) in files(include)? {
                // a link in a folder leads to another file, which is compared if it is included
                if from != include.from && from.is_symlink() {
                    continue;
                }
                let why = match carbon.file(&to)?.map(|there| same(there, &from)).transpose()? {
                    Some(true) => continue,
                    Some(false) => format!("its {to} is not the same as {}", from.display()),
                    None => format!("it has no {to}"),
                };
                let why = format!("{FILE}, include: {why}");
                return Err(Error::new(self.tried(), why).next(self.anew()));
            }
        }
        Ok(())
    }
}

/// Whether a file on the medium has the bytes of one of the host.
fn same(mut there: impl Read, here: &Path) -> Result<bool> {
    let mut file = fs::File::open(here).tried("read", here)?;
    let equal = |there: &mut dyn Read, here: &mut dyn Read| -> io::Result<bool> {
        let (mut one, mut other) = (vec![0; 1 << 16], vec![0; 1 << 16]);
        loop {
            let read = here.read(&mut one)?;
            let (one, other) = (one.get(..read), other.get_mut(..read.max(1)).unwrap_or_default());
            if read == 0 {
                return Ok(there.read(other)? == 0);
            }
            match there.read_exact(other) {
                Ok(()) if one != Some(&*other) => return Ok(false),
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
                Err(error) => return Err(error),
            }
        }
    };
    equal(&mut there, &mut file).tried("compare with the medium's", here)
}

#[cfg(test)]
mod tests {
    use super::same;
    use std::fs;

    #[test]
    fn files_are_compared_to_their_ends() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (here, there, equal) in
            [("", "", true), ("a", "a", true), ("a", "b", false), ("a", "ab", false), ("ab", "a", false)]
        {
            fs::write(file.path(), here).unwrap();
            assert_eq!(same(there.as_bytes(), file.path()).unwrap(), equal, "{here}, {there}");
        }
    }
}

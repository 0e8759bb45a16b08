//! `nodeos init`: writes a nodeos.toml in which every key is explained.

use std::path::PathBuf;

use boot::host::cache::write_new;
use boot::image::manifest::FILE;

use crate::common::{Act, Common, Failed, exit};

/// Write a nodeos.toml with a comment for each key
#[derive(clap::Args)]
#[command(after_help = "\
Every key is commented out, so the file changes nothing until you edit it. A file that is there stays.

Examples:
  nodeos init              in the current folder
  nodeos init examples/http

Exit status: 0 the file is written, 64 there is one already, 71 it could not be written.")]
pub struct Args {
    /// The app's folder
    #[arg(default_value = ".")]
    folder: PathBuf,
}

const TEMPLATE: &str = include_str!("nodeos.toml");

impl Act for Args {
    fn run(self, common: Common) -> Result<u8, Failed> {
        let path = self.folder.join(FILE);
        if !write_new(&path, TEMPLATE.as_bytes())? {
            return Err(Failed::usage(format!("{} is there already: it stays as it is", path.display())));
        }
        common.progress.say("init", &format!("wrote {}", path.display()));
        Ok(exit::DONE)
    }
}

#[cfg(test)]
mod tests {
    use super::TEMPLATE;
    use boot::image::manifest::Manifest;

    /// The template without the `#` in front of keys and tables.
    fn keys() -> String {
        let lines = TEMPLATE.lines().map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')));
        lines.flatten().map(|line| format!("{line}\n")).collect()
    }

    #[test]
    fn every_key_is_in_the_template_and_its_example_is_valid() {
        assert_eq!(Manifest::parse("nodeos.toml", TEMPLATE).unwrap(), Manifest::default());
        Manifest::parse("nodeos.toml", &keys()).unwrap();
        let error = Manifest::parse("nodeos.toml", "no_such_key = 1").unwrap_err().to_string();
        let known = error.split("expected one of").nth(1).and_then(|text| text.split(", in `").next()).unwrap();
        for key in known.split('`').skip(1).step_by(2) {
            let written = keys()
                .lines()
                .any(|line| line.starts_with(&format!("{key} =")) || line.trim_matches(['[', ']']) == key);
            assert!(written, "{key} is not in the template");
        }
    }
}

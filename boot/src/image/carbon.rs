//! Where the carbon copy is stored when a machine boots.

use shim::layout::CARBON_LABEL;
use std::fmt;

/// Where the carbon copy is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Placement {
    /// Files in the initramfs.
    Plain,
    /// An EROFS image in the initramfs.
    Image,
    /// An EROFS filesystem on the boot medium.
    Medium,
}

impl Placement {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Plain, Self::Image, Self::Medium];

    /// The kernel parameters for it.
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Self::Plain => "carbon=plain".to_owned(),
            Self::Image => "carbon=image".to_owned(),
            Self::Medium => format!("carbon=LABEL={CARBON_LABEL}"),
        }
    }
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "plain",
            Self::Image => "image",
            Self::Medium => "medium",
        })
    }
}

impl std::str::FromStr for Placement {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|placement| placement.to_string() == text)
            .ok_or_else(|| format!("`{text}` is no place for a carbon copy, write plain, image or medium"))
    }
}

#[cfg(test)]
mod tests {
    use super::Placement;
    use shim::cmdline::{Carbon, Options};

    #[test]
    fn the_shim_parses_the_parameters_of_every_placement() {
        for placement in Placement::ALL {
            let words = placement.words();
            let options = Options::parse(&words);
            assert_eq!(options.refused, None);
            match placement {
                Placement::Plain => assert_eq!(options.carbon, Carbon::Plain),
                Placement::Image => assert_eq!(options.carbon, Carbon::Image),
                Placement::Medium => assert_eq!(options, Options::default()),
            }
            assert_eq!(placement.to_string().parse(), Ok(placement));
        }
        assert!("disk".parse::<Placement>().is_err());
    }
}

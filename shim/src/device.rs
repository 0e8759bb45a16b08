//! How the kernel's command line names a block device.

use crate::{displayed, say, say::Say};

/// A block device, named as in mount(8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device<'a> {
    /// A device node, `/dev/…`.
    Path(&'a str),
    /// The filesystem's label.
    Label(&'a str),
    /// The filesystem's UUID.
    Uuid(&'a str),
    /// The partition's UUID (GPT), or `diskid-number` (MBR).
    PartUuid(&'a str),
}

impl<'a> Device<'a> {
    /// Reads `/dev/vda`, `LABEL=x`, `UUID=x` or `PARTUUID=x`.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let named = |name: &str| text.strip_prefix(name)?.strip_prefix('=').filter(|v| !v.is_empty());
        if text.starts_with("/dev/") {
            return Some(Self::Path(text));
        }
        named("LABEL")
            .map(Self::Label)
            .or_else(|| named("UUID").map(Self::Uuid))
            .or_else(|| named("PARTUUID").map(Self::PartUuid))
    }
}

impl Say for Device<'_> {
    fn say(&self, text: &mut say::Text) {
        match self {
            Self::Path(path) => say!(text, path),
            Self::Label(label) => say!(text, "LABEL=", label),
            Self::Uuid(uuid) => say!(text, "UUID=", uuid),
            Self::PartUuid(uuid) => say!(text, "PARTUUID=", uuid),
        }
    }
}

displayed!(Device<'_>);

#[cfg(test)]
mod tests {
    use super::Device;

    #[test]
    fn device_names_round_trip() {
        for text in ["/dev/vda", "LABEL=nodeos-users", "UUID=1b-2", "PARTUUID=00000001-02"] {
            assert_eq!(Device::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "vda", "LABEL=", "LABEL", "label=x", "ID=3"] {
            assert_eq!(Device::parse(text), None, "{text}");
        }
    }
}

//! Sets of capabilities, and what root keeps. Numbers: include/uapi/linux/capability.h.

use core::fmt;

/// A set of capabilities, as bits: bit 0 is `CAP_CHOWN`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities(pub u64);

impl Capabilities {
    /// None.
    pub const NONE: Self = Self(0);
    /// `CAP_CHOWN`: give files to other users.
    pub const CHOWN: Self = Self(1 << 0);
    /// `CAP_DAC_READ_SEARCH`: read any file and folder.
    pub const DAC_READ_SEARCH: Self = Self(1 << 2);
    /// `CAP_NET_ADMIN`: set links, addresses and routes.
    pub const NET_ADMIN: Self = Self(1 << 12);
    /// `CAP_NET_RAW`: send and take packets below IP.
    pub const NET_RAW: Self = Self(1 << 13);

    /// What root keeps: root administers files and users, but not the machine.
    pub const ROOT: Self = Self(0b1111_1111);

    /// The names of the first capabilities, in the order of their numbers. No set here has a higher one.
    const NAMES: [&str; 14] = [
        "chown",
        "dac_override",
        "dac_read_search",
        "fowner",
        "fsetid",
        "kill",
        "setgid",
        "setuid",
        "setpcap",
        "linux_immutable",
        "net_bind_service",
        "net_broadcast",
        "net_admin",
        "net_raw",
    ];

    /// The union of both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has = |(bit, _): &(u32, &&str)| self.0.checked_shr(*bit).is_some_and(|rest| rest & 1 == 1);
        let mut names = (0..).zip(&Self::NAMES).filter(has).map(|(_, name)| *name);
        f.write_str(names.next().unwrap_or("none"))?;
        names.try_for_each(|name| write!(f, " {name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::Capabilities;

    #[test]
    fn a_capability_set_prints_its_names() {
        assert_eq!(
            Capabilities::ROOT.to_string(),
            "chown dac_override dac_read_search fowner fsetid kill setgid setuid"
        );
        assert_eq!(Capabilities::CHOWN.and(Capabilities::DAC_READ_SEARCH).to_string(), "chown dac_read_search");
        assert_eq!(Capabilities::NET_ADMIN.and(Capabilities::NET_RAW).to_string(), "net_admin net_raw");
        assert_eq!(Capabilities(0).to_string(), "none");
    }
}

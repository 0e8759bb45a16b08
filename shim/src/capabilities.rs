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

    /// `CAP_SYS_TIME`: set clocks.
    pub const SYS_TIME: Self = Self(1 << 25);

    /// What root keeps: root administers files and users, but not the machine.
    pub const ROOT: Self = Self(0b1111_1111);

    /// The names of the capabilities that sets here have, by their numbers.
    const NAMES: [(u32, &str); 11] = [
        (0, "chown"),
        (1, "dac_override"),
        (2, "dac_read_search"),
        (3, "fowner"),
        (4, "fsetid"),
        (5, "kill"),
        (6, "setgid"),
        (7, "setuid"),
        (12, "net_admin"),
        (13, "net_raw"),
        (25, "sys_time"),
    ];

    /// The union of both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has = |(bit, _): &&(u32, &str)| self.0.checked_shr(*bit).is_some_and(|rest| rest & 1 == 1);
        let mut names = Self::NAMES.iter().filter(has).map(|(_, name)| *name);
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
        assert_eq!(Capabilities::SYS_TIME.to_string(), "sys_time");
        assert_eq!(Capabilities(0).to_string(), "none");
    }
}

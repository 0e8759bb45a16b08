//! What the owner of the machine wants of its network: the kernel's word `net=`.

use core::net::Ipv4Addr;

use heapless::Vec;

use super::{
    Address, is_unicast,
    lease::{FOREVER, Lease, Route, SERVERS},
    parse,
};
use crate::cut;

/// What a value of `net=` looks like.
pub const HINT: &str = "net= is off, dhcp, or ADDRESS/PREFIX[,gateway=ADDRESS][,dns=ADDRESS]…";

/// How cards get their addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum How {
    /// Nothing is configured, and no card is set up.
    Off,
    /// By DHCP.
    #[default]
    Dhcp,
    /// The first card has a fixed address, others ask for one.
    Fixed(Fixed),
}

/// A fixed address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixed {
    /// The address.
    pub address: Address,
    /// The gateway of all other addresses.
    pub gateway: Option<Ipv4Addr>,
    /// Name servers.
    pub servers: Vec<Ipv4Addr, SERVERS>,
}

impl How {
    /// Parses the value of `net=`; it is empty if there is no such word.
    #[must_use]
    #[inline(never)]
    pub fn parse(value: &str) -> Option<Self> {
        Some(match value {
            "" | "dhcp" => Self::Dhcp,
            "off" => Self::Off,
            _ => Self::Fixed(Fixed::parse(value)?),
        })
    }
}

impl Fixed {
    fn parse(value: &str) -> Option<Self> {
        let mut parts = Some(value);
        let address = Address::parse(cut::next(&mut parts, b',')?)?;
        let mut fixed = Self { address, gateway: None, servers: Vec::new() };
        while let Some(part) = cut::next(&mut parts, b',') {
            let (key, ip) = cut::once(part, b'=')?;
            let ip = parse(ip).filter(|ip| is_unicast(*ip));
            match key {
                "gateway" => fixed.gateway = Some(ip.filter(|ip| address.reaches(*ip) && *ip != address.ip)?),
                // a name server may run in the machine itself
                "dns" => {
                    fixed.servers.push(ip.or(Some(Ipv4Addr::LOCALHOST).filter(|_| part == "dns=127.0.0.1"))?).ok()?
                }
                _ => return None,
            }
        }
        Some(fixed)
    }

    /// The same as a lease that does not end.
    #[must_use]
    pub fn lease(&self) -> Lease {
        let mut lease = Lease::found(self.address, FOREVER);
        if let Some(gateway) = self.gateway {
            let _ = lease.routes.push(Route { to: Ipv4Addr::UNSPECIFIED, length: 0, gateway: Some(gateway) });
        }
        lease.servers.clone_from(&self.servers);
        lease
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_says_how_the_first_card_gets_its_address() {
        let how = How::parse;
        assert_eq!((how(""), how("dhcp"), how("off")), (Some(How::Dhcp), Some(How::Dhcp), Some(How::Off)));
        let Some(How::Fixed(fixed)) = how("10.0.2.15/24,gateway=10.0.2.2,dns=10.0.2.3,dns=127.0.0.1") else { panic!() };
        let lease = fixed.lease();
        assert_eq!((lease.address.to_string().as_str(), lease.seconds), ("10.0.2.15/24", FOREVER));
        assert_eq!(lease.gateway(), Some(Ipv4Addr::new(10, 0, 2, 2)));
        assert_eq!(lease.servers, [Ipv4Addr::new(10, 0, 2, 3), Ipv4Addr::LOCALHOST]);
    }

    #[test]
    fn a_word_that_makes_no_sense_is_refused() {
        for value in [
            "on",
            "10.0.2.15",
            "10.0.2.15/24,",
            "10.0.2.15/24,gateway",
            "10.0.2.15/24,gateway=10.0.3.1",
            "10.0.2.15/24,gateway=10.0.2.15",
            "10.0.2.15/24,dns=x",
            "10.0.2.15/24,dns=127.0.0.2",
            "10.0.2.15/24,dns=1.1.1.1,dns=1.1.1.1,dns=1.1.1.1,dns=1.1.1.1",
            "10.0.2.15/24,ntp=1.1.1.1",
        ] {
            assert_eq!(How::parse(value), None, "{value}");
        }
    }
}

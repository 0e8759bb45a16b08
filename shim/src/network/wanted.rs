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

/// The value by which all cards ask by DHCP.
pub const DHCP: &str = "dhcp";
/// The value by which no card is configured.
pub const OFF: &str = "off";

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
        if value.is_empty() {
            return Some(Self::Dhcp);
        }
        let mut parts = Some(value);
        let mut how = match cut::next(&mut parts, b',')? {
            DHCP => Self::Dhcp,
            OFF => Self::Off,
            address => {
                let address = Address::parse(address)?;
                Self::Fixed(Fixed { address, gateway: None, servers: Vec::new() })
            }
        };
        if let Self::Fixed(fixed) = &mut how {
            while let Some(part) = cut::next(&mut parts, b',') {
                match cut::once(part, b'=')? {
                    ("gateway", ip) => fixed.gateway = Some(gateway(ip, fixed.address)?),
                    ("dns", ip) => fixed.servers.push(server(ip)?).ok()?,
                    _ => return None,
                }
            }
        }
        parts.is_none().then_some(how)
    }
}

/// A gateway: another machine in the network of the address.
#[must_use]
pub fn gateway(text: &str, address: Address) -> Option<Ipv4Addr> {
    parse(text).filter(|ip| is_unicast(*ip) && address.reaches(*ip) && *ip != address.ip)
}

/// A name server, which may run in the machine itself.
#[must_use]
pub fn server(text: &str) -> Option<Ipv4Addr> {
    parse(text).filter(|ip| is_unicast(*ip) || *ip == Ipv4Addr::LOCALHOST)
}

impl Fixed {
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
            "dhcp,dns=1.1.1.1",
            "off,",
        ] {
            assert_eq!(How::parse(value), None, "{value}");
        }
    }
}

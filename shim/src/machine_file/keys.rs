//! The keys of `.machine.json`, one row each. The table in docs/machine.md is checked, and the options of
//! `nodeos machine` are described, from here.
//!
//! To add a key: a row, its field with `parse` and `Say` in `machine_file`, and its option in boot/cli/src/machine.rs.

use crate::keys::keys;

keys! {
    HOSTNAME {
        name: "hostname",
        text: "The machine's name",
        value: "at most 64 letters, digits, hyphens and dots, at least one letter",
        wrong: "hostname is at most 64 letters, digits, hyphens and dots, with a letter",
        without: "the kernel's word hostname=, the name that a DHCP server gives, or nodeos"
    }
    ADDRESS {
        name: "address",
        text: "The address of the first network card: a fixed one, one by DHCP, or (off) no network at all. With a fixed \
               one, other cards ask by DHCP",
        value: "ADDRESS/PREFIX, dhcp or off",
        wrong: "address is an IPv4 address and its prefix, such as 10.0.0.5/24, or dhcp, or off",
        without: "the kernel's word net=, or dhcp"
    }
    ROUTER {
        name: "router",
        text: "The gateway to other networks, with a fixed address",
        value: "another address in the same network",
        wrong: "router is another IPv4 address in the network of a fixed address",
        without: "none"
    }
    DNS {
        name: "dns",
        text: "Name servers, with a fixed address",
        value: "a list of at most 3 IPv4 addresses",
        wrong: "dns is a list of at most 3 IPv4 addresses, with a fixed address",
        without: "none"
    }
    NTP {
        name: "ntp",
        text: "Time servers, for a network that names none. An empty list asks no server at all",
        value: "a list of at most 8 names or addresses, each with a :PORT or none",
        wrong: "ntp is a list of at most 8 names or addresses",
        without: "the kernel's word ntp=, or four servers of the Internet"
    }
    SYSLOG {
        name: "syslog",
        text: "The server that gets the logs",
        value: "udp:ADDRESS or tcp:ADDRESS, with a :PORT or none (514)",
        wrong: "syslog is udp:ADDRESS or tcp:ADDRESS, no name and not this machine",
        without: "the kernel's word syslog=, or none"
    }
    TIMEZONE {
        name: "timezone",
        text: "The time zone of users' programs: their variable TZ, unless a user has another one",
        value: "a name such as Europe/Madrid",
        wrong: "timezone is a name such as Europe/Madrid",
        without: "the kernel's word TZ=, or UTC"
    }
}

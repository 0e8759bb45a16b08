use std::vec::Vec;

use super::*;
use crate::network::bytes::mutations;

fn all(bytes: &[u8]) -> Vec<Message<'_>> {
    let mut bytes = Bytes(bytes);
    core::iter::from_fn(|| next(&mut bytes)).collect()
}

fn message(kind: u16, body: &[u8]) -> Vec<u8> {
    Request::new(kind, 0, &[body]).done().to_vec()
}

fn a_link(flags: u32) -> Vec<u8> {
    let request = Request::new(NEWLINK, 0, &[&[0, 0, 1, 0], &7_u32.to_ne_bytes(), &flags.to_ne_bytes(), &[0; 4]]);
    request.put(3, b"eth0\0").put(1, &[2, 0, 0, 0, 0, 1]).number(4, 1500).put(99, &[1]).done().to_vec()
}

#[test]
fn a_card_and_its_cable_are_seen() {
    let card = |carrier| Link {
        index: 7,
        name: String::try_from("eth0").unwrap(),
        mac: Some([2, 0, 0, 0, 0, 1]),
        up: true,
        carrier,
        mtu: 1500,
    };
    assert_eq!(all(&a_link(UP)), [Message::Link(card(false))]);
    assert_eq!(all(&a_link(UP | LOWER_UP)), [Message::Link(card(true))]);
    let lo = a_link(UP | LOOPBACK);
    assert!(matches!(&all(&lo)[..], [Message::Link(Link { mac: None, .. })]), "the loopback is no card");
    let other = Request::new(NEWLINK, 0, &[&[0, 0, 0, 3], &[0; 12]]).put(1, &[0; 6]).done();
    assert!(matches!(&all(&other)[..], [Message::Link(Link { mac: None, .. })]), "nor is a tunnel");
    let gone = message(DELLINK, &[0, 0, 1, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(all(&gone), [Message::Gone(7)]);
}

#[test]
fn only_addresses_that_net_set_are_its_own() {
    let address = Address::parse("10.0.2.15/24").unwrap();
    // the kernel says it as it was told
    let mut set = set_address(7, address, 60, 107).to_vec();
    assert_eq!(all(&set), [Message::Ours(7, address, 60)]);
    let at = set.len() - 4;
    assert_eq!(set[at - 4..], [5, 0, 11, 0, DHCP, 0, 0, 0], "the mark is the last attribute");
    set[at] = 0;
    assert_eq!(all(&set), []);
}

#[test]
fn an_ipv6_address_counts_once_it_is_checked_and_global() {
    for (flags, scope, counts) in [(0x80, 0, true), (0xc0, 0, false), (0x88, 0, false), (0x80, 253, false)] {
        let expected: Vec<_> = counts.then_some(Message::Global(7)).into_iter().collect();
        assert_eq!(all(&message(NEWADDR, &[INET6, 64, flags, scope, 7, 0, 0, 0])), expected);
    }
}

#[test]
fn options_come_from_routers_alone() {
    let body = |kind| [&[INET6, 0, 8, 0, 7, 0, 0, 0, kind, 0, 0, 0, 0, 0, 0, 0][..], b"options!", b"source"].concat();
    assert_eq!(all(&message(NEWNDUSEROPT, &body(134))), [Message::Router(7, &b"options!"[..])]);
    assert_eq!(all(&message(NEWNDUSEROPT, &body(136))), []);
    let mut long = body(134);
    long[2] = 200;
    assert_eq!(all(&message(NEWNDUSEROPT, &long)), [], "longer than the message");
}

#[test]
fn several_messages_and_unknown_ones_are_read_in_order() {
    let packet =
        [message(99, &[1, 2, 3, 4]), message(ERROR, &(-17_i32).to_ne_bytes()), message(DONE, &[0; 4])].concat();
    assert_eq!(all(&packet), [Message::Answer(17), Message::Done]);
}

/// As a person reads them: words of two and four bytes are in this machine's order.
#[test]
fn requests_have_the_form_of_the_kernel() {
    let route = Route { to: Ipv4Addr::new(10, 9, 0, 0), length: 16, gateway: Some(Ipv4Addr::new(10, 0, 2, 2)) };
    let bytes = set_route(7, &route, Ipv4Addr::new(10, 0, 2, 15), 107);
    let expected: [&[u8]; 9] = [
        &[68, 0, 0, 0, 24, 0, 0x05, 0x05, 0, 0, 0, 0, 0, 0, 0, 0],
        &[2, 16, 0, 0, 254, 16, 0, 1, 0, 0, 0, 0],
        &[8, 0, 4, 0, 7, 0, 0, 0],
        &[8, 0, 6, 0, 107, 0, 0, 0],
        &[8, 0, 1, 0, 10, 9, 0, 0],
        &[8, 0, 5, 0, 10, 0, 2, 2],
        &[8, 0, 7, 0, 10, 0, 2, 15],
        &[],
        &[],
    ];
    assert_eq!(bytes[..], expected.concat());
    let nested = without_dead_routes(7);
    assert_eq!(nested[32..], [20, 0, 26, 0, 16, 0, 2, 0, 12, 0, 1, 0, 8, 0, 29, 0, 1, 0, 0, 0]);
    let on_cable = Route { gateway: None, length: 32, ..route };
    assert_eq!(remove_route(7, &on_cable, 107)[16..24], [2, 32, 0, 0, 254, 16, 253, 1]);
}

#[test]
fn no_message_leads_out_of_its_bounds() {
    let address = set_address(7, Address::parse("10.0.2.15/24").unwrap(), 60, 107);
    let packet = [&a_link(UP)[..], &address, &message(NEWNDUSEROPT, &[0; 40])].concat();
    mutations(&packet, 4000, |packet| assert!(all(packet).len() <= packet.len() / 16));
}

use std::{string::String, vec::Vec};

use super::*;
use crate::network::{
    bytes::mutations,
    message::tests::{MAC, reply},
};

type Options<'a> = &'a [(u8, &'a [u8])];

fn bytes(yours: [u8; 4], options: Options<'_>) -> Vec<u8> {
    let common: Options<'_> = &[(53, &[5]), (54, &[10, 0, 2, 2]), (51, &[0, 0, 14, 16])];
    reply(yours.into(), &[common, options].concat())
}

fn lease(yours: [u8; 4], options: Options<'_>) -> Option<Lease> {
    let bytes = bytes(yours, options);
    Lease::read(&Reply::read(&bytes, MAC, 7).unwrap())
}

const IP: [u8; 4] = [10, 0, 2, 15];
const C: (u8, &[u8]) = (1, &[255, 255, 255, 0]);

fn routes(options: Options<'_>) -> Vec<String> {
    let text = |route: &Route| {
        let via = route.gateway.map_or("cable".to_owned(), |gateway| gateway.to_string());
        format!("{}/{} {via}", route.to, route.length)
    };
    lease(IP, options).unwrap().routes.iter().map(text).collect()
}

#[test]
fn everything_in_a_lease_is_read() {
    let options: Options<'_> = &[
        C,
        (3, &[10, 0, 2, 2, 10, 0, 2, 3]),
        (6, &[10, 0, 2, 3, 8, 8, 8, 8]),
        (12, b"board"),
        (15, b"example.org"),
        (26, &[5, 0xdc]),
        (42, &[10, 0, 2, 4]),
        (58, &[0, 0, 0, 100]),
        (59, &[0, 0, 0, 200]),
    ];
    let lease = lease(IP, options).unwrap();
    assert_eq!(lease.address.to_string(), "10.0.2.15/24");
    assert_eq!((lease.seconds, lease.renew, lease.rebind), (3600, 100, 200));
    assert_eq!(lease.gateway(), Some(Ipv4Addr::new(10, 0, 2, 2)));
    assert_eq!(lease.servers, [Ipv4Addr::new(10, 0, 2, 3), Ipv4Addr::new(8, 8, 8, 8)]);
    assert_eq!((lease.search.as_str(), lease.host.as_str(), lease.mtu), ("example.org", "board", Some(1500)));
    assert_eq!(lease.time, [Ipv4Addr::new(10, 0, 2, 4)]);
}

#[test]
fn addresses_that_no_machine_can_have_are_refused() {
    for yours in
        [[0; 4], [127, 0, 0, 1], [255; 4], [224, 0, 0, 1], [240, 0, 0, 1], [0, 0, 0, 1], [10, 0, 2, 0], [10, 0, 2, 255]]
    {
        assert!(lease(yours, &[C]).is_none(), "{yours:?}");
    }
    for mask in [&[255, 0, 255, 0][..], &[254, 0, 0, 0], &[0; 4], &[255, 255, 255], &[255, 255, 255, 0, 0]] {
        assert!(lease(IP, &[(1, mask)]).is_none(), "{mask:?}");
    }
    let bytes = reply(IP.into(), &[(53, &[5]), (54, &[10, 0, 2, 2]), C]);
    assert!(Lease::read(&Reply::read(&bytes, MAC, 7).unwrap()).is_none(), "no lifetime");
}

#[test]
fn without_a_mask_the_class_decides() {
    for (ip, length) in [([10, 1, 1, 1], 8), ([172, 16, 1, 1], 16), ([192, 168, 1, 1], 24)] {
        assert_eq!(lease(ip, &[]).unwrap().address.length, length);
    }
}

#[test]
fn times_are_in_order_and_never_short() {
    for (given, becomes) in [
        ((3600, None, None), (1800, 3150)),
        ((3600, Some(100), Some(200)), (100, 200)),
        ((3600, Some(300), Some(200)), (200, 200)),
        ((3600, Some(4000), None), (1800, 3150)),
        ((3600, Some(0), Some(0)), (30, 3150)),
        ((60, None, None), (30, 52)),
        ((60, Some(1), Some(2)), (30, 52)),
        ((FOREVER, Some(1), Some(2)), (FOREVER, FOREVER)),
        ((FOREVER - 1, None, None), (FOREVER / 2, 3_758_096_382)),
    ] {
        assert_eq!(times(given.0, given.1, given.2), becomes, "{given:?}");
    }
    for seconds in [0, 1, 59] {
        let bytes = reply(IP.into(), &[(53, &[5]), (54, &[10, 0, 2, 2]), C, (51, &[0, 0, 0, seconds])]);
        assert_eq!(Lease::read(&Reply::read(&bytes, MAC, 7).unwrap()).unwrap().seconds, 60);
    }
}

#[test]
fn a_gateway_is_on_the_cable() {
    assert_eq!(routes(&[C, (3, &[10, 0, 2, 2])]), ["0.0.0.0/0 10.0.2.2"]);
    for gateway in [[10, 0, 3, 1], IP, [10, 0, 2, 255], [0; 4], [127, 0, 0, 1]] {
        assert_eq!(routes(&[C, (3, &gateway)]), [""; 0], "{gateway:?}");
    }
    let alone: (u8, &[u8]) = (1, &[255; 4]);
    assert_eq!(routes(&[alone, (3, &[10, 0, 0, 1])]), ["10.0.0.1/32 cable", "0.0.0.0/0 10.0.0.1"]);
}

#[test]
fn classless_routes_replace_the_gateway() {
    let list: &[u8] = &[0, 10, 0, 2, 1, 24, 192, 168, 5, 10, 0, 2, 9, 17, 10, 9, 255, 10, 0, 2, 8, 8, 11, 0, 0, 0, 0];
    assert_eq!(
        routes(&[C, (3, &[10, 0, 2, 2]), (121, list)]),
        ["0.0.0.0/0 10.0.2.1", "192.168.5.0/24 10.0.2.9", "10.9.128.0/17 10.0.2.8", "11.0.0.0/8 cable"]
    );
    // a cloud's: the gateway first, then the way through it
    let list: &[u8] = &[32, 10, 128, 0, 1, 0, 0, 0, 0, 0, 10, 128, 0, 1];
    assert_eq!(routes(&[(1, &[255; 4]), (121, list)]), ["10.128.0.1/32 cable", "0.0.0.0/0 10.128.0.1"]);
    assert_eq!(routes(&[C, (121, &[0, 10, 0, 2, 1, 33, 1, 2, 3, 4, 10, 0, 2, 1])]), ["0.0.0.0/0 10.0.2.1"]);
    assert_eq!(routes(&[C, (3, &[10, 0, 2, 2]), (121, &[0, 10, 9, 9, 9])]), [""; 0]);
    let many: Vec<u8> = (0..36).flat_map(|net| [16, 172, net, 10, 0, 2, 1]).collect();
    assert_eq!(routes(&[C, (121, &many)]).len(), ROUTES);
}

#[test]
fn text_and_sizes_of_a_server_are_checked() {
    let options: Options<'_> = &[
        C,
        (6, &[127, 0, 0, 1, 0, 0, 0, 0, 9, 9, 9, 9, 9, 9, 9, 9, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4]),
        (12, b"a\nnameserver 6.6.6.6"),
        (15, b"x\nnameserver 6.6.6.6"),
        (26, &[0, 68]),
        (119, b"\x05a\nb c\x00"),
    ];
    let lease = lease(IP, options).unwrap();
    assert_eq!(lease.servers.len(), 3);
    assert_eq!(lease.servers[0], Ipv4Addr::new(9, 9, 9, 9));
    assert_eq!((lease.host.as_str(), lease.search.as_str(), lease.mtu), ("", "", None));
}

#[test]
fn changed_leases_stay_sane() {
    let bytes =
        bytes(IP, &[C, (3, &[10, 0, 2, 2]), (121, &[24, 1, 2, 3, 10, 0, 2, 3]), (119, b"\x01a\x00"), (58, &[0; 4])]);
    mutations(&bytes, 4000, |message| {
        if let Some(lease) = Reply::read(message, MAC, 7).as_ref().and_then(Lease::read) {
            assert!(lease.address.is_usable() && lease.address.length >= SHORTEST);
            assert!(lease.seconds >= LEAST && lease.renew >= LEAST_RENEWAL);
            assert!(lease.renew <= lease.rebind && lease.rebind <= lease.seconds);
        }
    });
}

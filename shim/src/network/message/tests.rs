use super::*;
use crate::network::bytes::mutations;

pub const MAC: Mac = [0x52, 0x54, 0, 0x12, 0x34, 0x56];

/// A message of a server with these options.
pub fn reply(yours: Ipv4Addr, options: &[(u8, &[u8])]) -> Vec<u8> {
    let mut bytes = header(yours);
    for (code, value) in options {
        bytes.extend([*code, u8::try_from(value.len()).unwrap()]);
        bytes.extend(*value);
    }
    bytes.push(option::END);
    bytes
}

fn header(yours: Ipv4Addr) -> Vec<u8> {
    let mut bytes = vec![2, 1, 6, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0];
    bytes.extend(yours.octets());
    bytes.extend([0; 8]);
    bytes.extend(MAC);
    bytes.resize(236, 0);
    bytes.extend(COOKIE);
    bytes
}

const IP: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);
const ACK: (u8, &[u8]) = (option::KIND, &[5]);
const SERVER: (u8, &[u8]) = (option::SERVER, &[10, 0, 2, 2]);

fn value(message: &[u8], code: u8) -> Option<Vec<u8>> {
    Reply::read(message, MAC, 7).unwrap().option(code, &mut [0; VALUE]).map(<[u8]>::to_vec)
}

#[test]
fn a_question_has_the_form_of_rfc_2131() {
    let ask = Ask {
        kind: Kind::Request,
        xid: 0x0102_0304,
        seconds: 5,
        current: Ipv4Addr::UNSPECIFIED,
        requested: Some(IP),
        server: Some(Ipv4Addr::new(10, 0, 2, 2)),
        to: None,
    };
    let bytes = ask.bytes(MAC, "nodeos").unwrap();
    assert_eq!(bytes[..12], [1, 1, 6, 0, 1, 2, 3, 4, 0, 5, 0, 0]);
    assert_eq!(bytes[28..34], MAC);
    let options = &bytes[236..];
    assert!(options.starts_with(&[99, 130, 83, 99, 53, 1, 3, 50, 4, 10, 0, 2, 15, 54, 4, 10, 0, 2, 2, 57, 2, 5, 0xc0]));
    assert!(options.windows(8).any(|part| part == b"\x0c\x06nodeos"));
    assert_eq!(bytes.len(), 300);
    let decline = Ask { kind: Kind::Decline, ..ask }.bytes(MAC, "nodeos").unwrap();
    assert!(!decline.windows(6).any(|part| part == b"nodeos"));
    assert!(ask.bytes(MAC, &"n".repeat(64)).is_some_and(|bytes| bytes.len() > 300));
}

#[test]
fn an_answer_is_for_one_client_and_one_exchange() {
    let bytes = reply(IP, &[ACK, SERVER, (51, &[0, 0, 0, 60])]);
    let read = Reply::read(&bytes, MAC, 7).unwrap();
    assert_eq!((read.kind, read.yours, read.server), (Kind::Ack, IP, Ipv4Addr::new(10, 0, 2, 2)));
    assert_eq!((read.number(51), read.number(58), read.ip(1)), (Some(60), None, None));
    assert!(Reply::read(&bytes, MAC, 8).is_none());
    assert!(Reply::read(&bytes, [2, 0, 0, 0, 0, 0], 7).is_none());
    for at in [0, 1, 2, 236] {
        let mut other = bytes.clone();
        other[at] ^= 1;
        assert!(Reply::read(&other, MAC, 7).is_none(), "byte {at}");
    }
}

#[test]
fn an_answer_says_what_it_is_and_from_whom() {
    let refused: [&[(u8, &[u8])]; 8] = [
        &[SERVER],
        &[ACK],
        &[ACK, ACK, SERVER],
        &[(option::KIND, &[1]), SERVER],
        &[(option::KIND, &[]), SERVER],
        &[ACK, (option::SERVER, &[10, 0, 2])],
        &[ACK, (option::SERVER, &[0; 4])],
        &[ACK, SERVER, (option::OVERLOAD, &[4])],
    ];
    for options in refused {
        assert!(Reply::read(&reply(IP, options), MAC, 7).is_none(), "{options:?}");
    }
}

#[test]
fn parts_of_an_option_are_put_together() {
    let bytes = reply(IP, &[ACK, (119, b"one "), SERVER, (119, b"two")]);
    assert_eq!(value(&bytes, 119).as_deref(), Some(&b"one two"[..]));
    let long = [1; 255];
    let bytes = reply(IP, &[ACK, SERVER, (6, &long), (6, &long), (6, &[1, 2])]);
    assert_eq!(value(&bytes, 6).map(|value| value.len()), Some(512));
    let bytes = reply(IP, &[ACK, SERVER, (6, &long), (6, &long), (6, &[1, 2, 3])]);
    assert_eq!(value(&bytes, 6), None);
}

#[test]
fn options_may_be_where_names_are() {
    let mut bytes = reply(IP, &[SERVER, (option::OVERLOAD, &[3])]);
    bytes[44..48].copy_from_slice(&[15, 1, b'n', 255]);
    bytes[108..112].copy_from_slice(&[53, 1, 5, 255]);
    assert_eq!(value(&bytes, 15).as_deref(), Some(&b"n"[..]));
    let mut without = bytes.clone();
    without[240 + 6 + 2] = 1;
    assert_eq!(value(&without, 15), None);
}

#[test]
fn padding_is_skipped_and_options_end_in_their_area() {
    let mut bytes = header(IP);
    bytes.extend([0, 0, 53, 1, 5, 0, 54, 4, 10, 0, 2, 2]);
    assert!(Reply::read(&bytes, MAC, 7).is_some(), "the end may be missing");
    for tail in [&[6, 4, 1, 2, 3][..], &[6], &[6, 255]] {
        assert!(Reply::read(&[&bytes[..], tail].concat(), MAC, 7).is_none(), "{tail:?} is longer than the message");
    }
    bytes.extend([255, 6, 255]);
    assert!(Reply::read(&bytes, MAC, 7).is_some(), "nothing counts behind the end");
}

#[test]
fn changed_messages_are_read_within_their_bounds_and_never_for_another_exchange() {
    let bytes = reply(IP, &[ACK, SERVER, (1, &[255, 255, 255, 0]), (6, &[1, 1, 1, 1]), (option::OVERLOAD, &[3])]);
    let mut read = 0;
    mutations(&bytes, 4000, |message| {
        if let Some(reply) = Reply::read(message, MAC, 7) {
            read += 1;
            assert_eq!(
                (&message[..3], &message[4..8], &message[28..34]),
                (&[2, 1, 6][..], &[0, 0, 0, 7][..], &MAC[..])
            );
            assert!(
                [1, 6, 53, 54, 119]
                    .iter()
                    .all(|code| reply.option(*code, &mut [0; VALUE]).is_none_or(|value| value.len() <= VALUE))
            );
        }
    });
    assert!(read > 100, "{read}");
}

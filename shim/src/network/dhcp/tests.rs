use std::{string::String, vec::Vec};

use super::*;
use crate::network::message::tests::{MAC, reply};

/// A client with its clock. Each action becomes a line that begins with the time in milliseconds.
struct Bench {
    client: Client,
    now: u64,
    lines: String,
}

const STATION: Mac = [2, 0, 0, 0, 0, 9];
const A: [u8; 4] = [10, 0, 2, 15];
const B: [u8; 4] = [10, 0, 2, 16];
const ONE: u8 = 2;
const TWO: u8 = 3;

impl Bench {
    fn new(client: Client) -> Self {
        Self { client, now: 0, lines: String::new() }
    }

    /// A client that has `A` from server `ONE` for an hour, since 0.5 s.
    fn bound() -> Self {
        let mut bench = Self::new(Client::default());
        bench.step(Event::Carrier(true));
        bench.offer(ONE, A);
        bench.ack(ONE, A, 3600);
        bench.until(1000);
        bench.lines.clear();
        bench
    }

    fn step(&mut self, event: Event<'_>) {
        // without jitter, the least time
        for action in self.client.step(event, self.now, 0) {
            let text = match action {
                Action::Send(ask) => {
                    let mut text = format!("{:?}", ask.kind);
                    if !ask.current.is_unspecified() {
                        text += &format!(" has {}", ask.current);
                    }
                    if let Some(ip) = ask.requested {
                        text += &format!(" wants {ip}");
                    }
                    if let Some(ip) = ask.server {
                        text += &format!(" of {ip}");
                    }
                    if let Some((ip, station)) = ask.to {
                        assert_eq!(station, STATION);
                        text += &format!(" to {ip}");
                    }
                    text
                }
                Action::Probe(ip) => format!("probe {ip}"),
                Action::Apply => {
                    format!("apply {} for {} s", self.client.lease().unwrap().address, self.client.left(self.now))
                }
                Action::Announce(ip) => format!("announce {ip}"),
                Action::Remove(address) => format!("remove {address}"),
                Action::Tell(news) => format!("tell {news:?}").split(['(', ' ']).take(2).collect::<Vec<_>>().join(" "),
            };
            self.lines += &format!("{} {text}\n", self.now);
        }
    }

    fn until(&mut self, time: u64) {
        while self.client.due() <= time {
            self.now = self.now.max(self.client.due());
            self.step(Event::Time);
        }
        self.now = time;
    }

    fn receive(&mut self, yours: [u8; 4], options: &[(u8, &[u8])]) {
        let bytes = reply(yours.into(), options);
        // an exchange that the client does not wait for does not reach it; the test's messages have 7
        self.client.xid = 7;
        self.step(Event::Reply(&Reply::read(&bytes, MAC, 7).unwrap(), STATION));
    }

    fn offer(&mut self, server: u8, yours: [u8; 4]) {
        self.receive(yours, &[(53, &[2]), (54, &[10, 0, 2, server]), (51, &[0, 0, 14, 16]), (1, &[255, 255, 255, 0])]);
    }

    fn ack(&mut self, server: u8, yours: [u8; 4], seconds: u32) {
        let lease = &seconds.to_be_bytes();
        self.receive(yours, &[(53, &[5]), (54, &[10, 0, 2, server]), (51, lease), (1, &[255, 255, 255, 0])]);
    }

    fn nak(&mut self, server: u8) {
        self.receive([0; 4], &[(53, &[6]), (54, &[10, 0, 2, server])]);
    }

    /// Compares what was done since the last time.
    #[track_caller]
    fn is(&mut self, expected: &str) {
        let expected: String = expected
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .fold(String::new(), |text, line| text + line + "\n");
        assert_eq!(self.lines, expected);
        self.lines.clear();
    }
}

#[test]
fn an_address_comes_half_a_second_after_its_server_gave_it() {
    let mut bench = Bench::new(Client::default());
    assert_eq!(bench.client.due(), NEVER, "nothing happens without a cable");
    bench.step(Event::Carrier(true));
    bench.now = 10;
    bench.offer(ONE, A);
    bench.now = 20;
    bench.ack(ONE, A, 3600);
    bench.until(1000);
    bench.is("0 Discover
        10 Request wants 10.0.2.15 of 10.0.2.2
        20 probe 10.0.2.15
        270 probe 10.0.2.15
        520 apply 10.0.2.15/24 for 3600 s
        520 announce 10.0.2.15
        520 tell Got");
    assert_eq!(bench.client.listens(), None, "a bound client hears nothing");
    assert_eq!(bench.client.due(), 10 + 1_800_000, "and sleeps until the renewal");
}

#[test]
fn tries_come_at_ever_longer_times_and_one_line_says_so() {
    let mut bench = Bench::new(Client::default());
    bench.step(Event::Carrier(true));
    bench.until(200_000);
    bench.is("0 Discover
        750 Discover
        2250 Discover
        5250 Discover
        10000 tell Silence
        12250 Discover
        27250 Discover
        58250 Discover
        121250 Discover
        184250 Discover");
    for cable in [false, true] {
        bench.step(Event::Carrier(cable));
    }
    bench.until(240_000);
    assert!(!bench.lines.contains("tell"), "once is enough: {}", bench.lines);
}

#[test]
fn the_wait_is_random() {
    for (tries, least, most) in [(0, 750, 1250), (1, 1500, 2500), (2, 3000, 5000), (3, 7000, 9000), (6, 63_000, 65_000)]
    {
        let waits: Vec<u64> = (0..5000).map(|random| step::wait(tries, random)).collect();
        assert_eq!((waits.iter().min(), waits.iter().max()), (Some(&least), Some(&(most - 1))));
    }
    assert_eq!(step::wait(1000, 0), 63_000);
}

#[test]
fn a_lease_is_renewed_by_its_server_three_times() {
    let mut bench = Bench::bound();
    for round in 1..=3_u64 {
        let due = bench.client.due();
        bench.until(due);
        bench.ack(ONE, A, 60);
        bench.is(&format!("{due} Request has 10.0.2.15 to 10.0.2.2\n{due} apply 10.0.2.15/24 for 60 s"));
        assert_eq!(bench.client.due(), 1_800_000 + round * 30_000);
    }
}

#[test]
fn a_server_that_is_gone_costs_the_address_at_its_end() {
    let mut bench = Bench::bound();
    bench.until(3_700_000);
    bench.is("1800000 Request has 10.0.2.15 to 10.0.2.2
        2475000 Request has 10.0.2.15 to 10.0.2.2
        2812500 Request has 10.0.2.15 to 10.0.2.2
        2981250 Request has 10.0.2.15 to 10.0.2.2
        3065625 Request has 10.0.2.15 to 10.0.2.2
        3125625 Request has 10.0.2.15 to 10.0.2.2
        3150000 Request has 10.0.2.15
        3375000 Request has 10.0.2.15
        3487500 Request has 10.0.2.15
        3547500 Request has 10.0.2.15
        3600000 remove 10.0.2.15/24
        3600000 tell Lost
        3600000 Discover
        3600750 Discover
        3602250 Discover
        3605250 Discover
        3612250 Discover
        3627250 Discover
        3658250 Discover");
    bench.offer(TWO, B);
    bench.ack(TWO, B, 3600);
    bench.until(3_701_000);
    bench.is("3700000 Request wants 10.0.2.16 of 10.0.2.3
        3700000 probe 10.0.2.16
        3700250 probe 10.0.2.16
        3700500 apply 10.0.2.16/24 for 3600 s
        3700500 announce 10.0.2.16
        3700500 tell Got");
}

#[test]
fn another_server_may_renew_late() {
    let mut bench = Bench::bound();
    bench.until(1_800_000);
    bench.lines.clear();
    bench.ack(TWO, A, 3600);
    bench.nak(TWO);
    bench.is("");
    bench.until(3_150_000);
    bench.lines.clear();
    bench.ack(TWO, A, 3600);
    bench.is("3150000 apply 10.0.2.15/24 for 3600 s");
}

#[test]
fn a_refusal_leads_to_another_address() {
    let mut bench = Bench::bound();
    bench.until(1_800_000);
    bench.nak(ONE);
    bench.offer(ONE, B);
    bench.ack(ONE, B, 3600);
    bench.until(1_801_000);
    bench.is("1800000 Request has 10.0.2.15 to 10.0.2.2
        1800000 remove 10.0.2.15/24
        1800000 tell Refused
        1800000 Discover
        1800000 Request wants 10.0.2.16 of 10.0.2.2
        1800000 probe 10.0.2.16
        1800250 probe 10.0.2.16
        1800500 apply 10.0.2.16/24 for 3600 s
        1800500 announce 10.0.2.16
        1800500 tell Got");
}

#[test]
fn a_server_that_refuses_all_the_time_is_asked_ever_more_rarely() {
    let mut bench = Bench::new(Client::default());
    bench.step(Event::Carrier(true));
    let mut discovers = vec![];
    while bench.now < 600_000 {
        let due = bench.client.due();
        bench.until(due);
        if bench.client.phase == Phase::Selecting && bench.client.tries == 1 {
            discovers.push(bench.now);
            bench.offer(ONE, A);
            bench.nak(ONE);
        }
    }
    let sent = bench.lines.matches("Request").count();
    assert!(sent <= 15, "{sent} in ten minutes: {}", bench.lines);
    assert_eq!(bench.lines.matches("tell").count(), 1, "{}", bench.lines);
}

#[test]
fn an_address_that_a_neighbour_has_is_declined() {
    let mut bench = Bench::new(Client::default());
    bench.step(Event::Carrier(true));
    bench.offer(ONE, A);
    bench.ack(ONE, A, 3600);
    assert_eq!(bench.client.probed(), Some(A.into()));
    bench.now = 100;
    bench.step(Event::Conflict);
    bench.until(11_000);
    bench.is("0 Discover
        0 Request wants 10.0.2.15 of 10.0.2.2
        0 probe 10.0.2.15
        100 Decline wants 10.0.2.15 of 10.0.2.2
        100 tell Taken
        10000 tell Silence
        10100 Discover
        10850 Discover");
    bench.step(Event::Conflict);
    bench.is("");
}

#[test]
fn of_two_servers_the_first_offer_is_taken_and_no_other_answer_counts() {
    let mut bench = Bench::new(Client::default());
    bench.step(Event::Carrier(true));
    bench.ack(TWO, B, 3600);
    bench.nak(TWO);
    bench.offer(ONE, A);
    bench.offer(TWO, B);
    bench.nak(TWO);
    bench.ack(TWO, A, 3600);
    bench.ack(ONE, B, 3600);
    bench.is("0 Discover\n0 Request wants 10.0.2.15 of 10.0.2.2");
    bench.until(8000);
    bench.is("750 Request wants 10.0.2.15 of 10.0.2.2
        2250 Request wants 10.0.2.15 of 10.0.2.2
        5250 Discover
        6000 Discover
        7500 Discover");
}

#[test]
fn a_cable_that_comes_back_keeps_the_address() {
    let mut bench = Bench::bound();
    bench.step(Event::Carrier(false));
    assert_eq!(bench.client.listens(), None);
    bench.until(60_000);
    bench.is("");
    assert!(bench.client.lease().is_some());
    bench.step(Event::Carrier(true));
    bench.ack(TWO, A, 3600);
    bench.is("60000 Request wants 10.0.2.15\n60000 apply 10.0.2.15/24 for 3600 s");
}

#[test]
fn a_cable_in_another_network_leads_to_its_address() {
    for refused in [true, false] {
        let mut bench = Bench::bound();
        bench.step(Event::Carrier(false));
        bench.step(Event::Carrier(true));
        if refused {
            bench.nak(TWO);
        } else {
            bench.until(6500);
            bench.is("1000 Request wants 10.0.2.15
                1750 Request wants 10.0.2.15
                3250 Request wants 10.0.2.15
                6250 Discover");
        }
        bench.lines.clear();
        bench.offer(TWO, B);
        bench.ack(TWO, B, 3600);
        bench.until(8000);
        let at = if refused { 1000 } else { 6500 };
        let gone = if refused { String::new() } else { format!("{} remove 10.0.2.15/24\n", at + 500) };
        bench.is(&format!(
            "{at} Request wants 10.0.2.16 of 10.0.2.3
            {at} probe 10.0.2.16
            {} probe 10.0.2.16
            {gone}{} apply 10.0.2.16/24 for 3600 s
            {} announce 10.0.2.16
            {} tell Got",
            at + 250,
            at + 500,
            at + 500,
            at + 500
        ));
    }
}

#[test]
fn a_lease_ends_while_the_cable_is_out() {
    let mut bench = Bench::bound();
    bench.step(Event::Carrier(false));
    bench.until(4_000_000);
    bench.is("3600000 remove 10.0.2.15/24\n3600000 tell Lost");
    assert_eq!(bench.client.due(), NEVER);
}

#[test]
fn a_client_that_starts_again_takes_over_what_the_card_has() {
    let mut bench = Bench::new(Client::resume(Address { ip: A.into(), length: 24 }, 100, 0));
    bench.step(Event::Carrier(true));
    bench.ack(ONE, A, 3600);
    bench.is("0 Request wants 10.0.2.15\n0 apply 10.0.2.15/24 for 3600 s");
    let mut bench = Bench::new(Client::resume(Address { ip: A.into(), length: 24 }, 100, 0));
    bench.step(Event::Carrier(true));
    bench.until(100_000);
    assert!(bench.lines.ends_with("100000 remove 10.0.2.15/24\n100000 tell Lost\n"), "{}", bench.lines);
    assert!(!bench.lines.contains("Silence"), "{}", bench.lines);
}

#[test]
fn a_lease_without_an_end_is_never_renewed() {
    let mut bench = Bench::new(Client::default());
    bench.step(Event::Carrier(true));
    bench.offer(ONE, A);
    bench.ack(ONE, A, FOREVER);
    bench.until(1000);
    assert_eq!((bench.client.due(), bench.client.left(bench.now)), (NEVER, FOREVER));
}

#[test]
fn answers_that_no_machine_can_use_are_as_if_they_had_not_come() {
    let mut bench = Bench::new(Client::default());
    bench.step(Event::Carrier(true));
    for ip in [[0; 4], [127, 0, 0, 1], [255; 4], [10, 0, 2, 255]] {
        bench.offer(ONE, ip);
    }
    bench.is("0 Discover");
    bench.offer(ONE, A);
    bench.receive(A, &[(53, &[5]), (54, &[10, 0, 2, ONE]), (1, &[255, 255, 255, 0])]);
    bench.is("0 Request wants 10.0.2.15 of 10.0.2.2");
    bench.until(8000);
    assert!(bench.lines.contains("Discover"), "{}", bench.lines);
}

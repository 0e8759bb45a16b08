//! The machine's time. The time servers are threads of the test: QEMU's network leads from 10.0.2.2
//! to the host's loopback.

use std::{
    net::UdpSocket,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use qemu::vm::Vm;
use shim::{
    arches::Arch,
    clock::{
        FLOOR,
        source::{BUILD, RTC, SAVED},
    },
    last_word::LastWord,
    layout,
};
use tests::{Boot, Disk, runs};

pub const LONG_AGO: &str = "1970-01-01T00:00:00";
pub const FAR: &str = "2040-01-01T00:00:00";
/// 2040, and 2001, in milliseconds.
const YEAR_2040: i64 = 2_208_988_800_000;
const YEAR_2001: i64 = 1_000_000_000_000;
/// Milliseconds from 1900 to 1970.
const TO_1970: i64 = 2_208_988_800_000;
const DAY: i64 = 86_400_000;

/// Milliseconds since 1970, as the host has it.
fn host() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis().try_into().unwrap()
}

/// What a server does.
#[derive(Clone, Copy)]
pub enum Says {
    /// The host's time, and so many milliseconds.
    Host(i64),
    /// The right time, as an answer to another request.
    ToAnother,
    /// A kiss-o'-death.
    Kiss(&'static [u8; 4]),
}

/// A time server (RFC 5905, section 7.3).
pub struct Server {
    pub port: u16,
    asked: Arc<AtomicUsize>,
}

impl Server {
    pub fn start(says: Says) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (port, asked) = (socket.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
        let count = asked.clone();
        // it ends with the test
        thread::spawn(move || {
            let mut request = [0; 100];
            while let Ok((48, client)) = socket.recv_from(&mut request) {
                count.fetch_add(1, Ordering::Relaxed);
                assert_eq!(request[..40], [&[0x23][..], &[0; 39]].concat(), "nothing about the machine");
                let ahead = if let Says::Host(ahead) = says { ahead } else { 0 };
                let stamp = |time: i64| {
                    let (seconds, rest) = ((time + TO_1970) / 1000, (time + TO_1970) % 1000);
                    let seconds = u32::try_from(seconds & 0xffff_ffff).unwrap();
                    [seconds.to_be_bytes(), u32::try_from((rest << 32) / 1000).unwrap().to_be_bytes()].concat()
                };
                let mut answer = [0; 48];
                answer[..2].copy_from_slice(&[0x24, 1]);
                answer[16..24].copy_from_slice(&stamp(host() + ahead - 1000));
                answer[24..32].copy_from_slice(&request[40..48]);
                answer[32..40].copy_from_slice(&stamp(host() + ahead));
                answer[40..].copy_from_slice(&stamp(host() + ahead));
                match says {
                    Says::Host(_) => {}
                    Says::ToAnother => answer[24] ^= 1,
                    Says::Kiss(code) => {
                        answer[1] = 0;
                        answer[12..16].copy_from_slice(code);
                    }
                }
                let _ = socket.send_to(&answer, client);
            }
        });
        Self { port, asked }
    }

    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

/// The kernel's word for these servers.
pub fn word(servers: &[Server]) -> String {
    let all: Vec<_> = servers.iter().map(|server| format!("10.0.2.2:{}", server.port)).collect();
    format!("ntp={}", all.join(","))
}

/// What the machine prints after that word, in milliseconds.
fn number(vm: &mut Vm, word: &str) -> i64 {
    vm.expect(word).unwrap();
    let line = vm.rest_of_line().unwrap();
    line.trim().parse().unwrap_or_else(|_| panic!("{line:?} after {word:?}"))
}

/// Prints where the time came from, as the door has it.
const SOURCE: &str = "require('http').get({ socketPath: '/run/machine.sock', path: '/status' }, async (answer) => {
    let text = ''; for await (const piece of answer) text += piece; console.log('source:', JSON.parse(text).time_source) });";

/// Prints the time at its start and 3 seconds later, and where it came from, then ends.
fn twice() -> String {
    format!("console.log('first', Date.now()); setTimeout(() => {{ console.log('last', Date.now()); {SOURCE} }}, 3000)")
}

/// Boots without a server. Returns the first and the last time that a user's program has seen.
fn boot_alone(arch: &'static Arch, disk: &Disk, rtc: &'static str, source: &str) -> [i64; 2] {
    let mut vm = Boot::on(arch).homes(disk).rtc(rtc).words("ntp=none").start();
    let times = [number(&mut vm, "first "), number(&mut vm, "last ")];
    vm.expect(&format!("source: {source}")).unwrap();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(0)), "{}", vm.transcript());
    println!("{rtc}: {times:?}");
    times
}

pub fn without_a_server_the_clock_goes_on_from_the_saved_time(arch: &'static Arch) {
    let floor = FLOOR * 1000;
    let near = |time: i64, since: i64| (since..since + DAY).contains(&time);
    let disk = Disk::with(&[runs("ana", 1000, &twice())]);
    let [first, last] = boot_alone(arch, &disk, LONG_AGO, BUILD);
    assert!(near(first, floor), "{first}");
    // seconds are saved
    let [second, end] = boot_alone(arch, &disk, LONG_AGO, SAVED);
    assert!(near(second, last / 1000 * 1000), "{last} {second}");
    disk.assert_clean();
    // the other side: without the file, or with a damaged one, it starts at the floor again
    disk.debugfs(&format!("set_inode_field {} size 23\n", layout::TIME));
    let [third, _] = boot_alone(arch, &disk, LONG_AGO, BUILD);
    assert!(near(third, floor) && third < end, "{third} {end}");
    // a real-time clock is believed if it may be right, and what it said is not forgotten
    let [fourth, last] = boot_alone(arch, &disk, FAR, RTC);
    assert!(near(fourth, YEAR_2040), "{fourth}");
    let [fifth, _] = boot_alone(arch, &disk, LONG_AGO, SAVED);
    assert!(near(fifth, last / 1000 * 1000), "{fifth}");
}

/// Asks the server at that port, once the clock was set, how far the clock is off. Prints the offset
/// with the smallest delay of twenty, in microseconds, and half of that delay: the error of this
/// measurement.
fn measures(port: u16) -> String {
    format!(
        "const {{ createSocket }} = require('dgram')
        const now = () => performance.timeOrigin + performance.now()
        const stamp = (packet, at) => (packet.readUInt32BE(at) + packet.readUInt32BE(at + 4) / 2 ** 32) * 1000 - {TO_1970}
        const ask = () => new Promise((resolve, reject) => {{
            const socket = createSocket('udp4'), packet = Buffer.alloc(48)
            packet[0] = 0x23
            setTimeout(() => reject(new Error('no answer')), 5000).unref()
            socket.once('message', answer => {{
                const end = Date.now(), took = performance.now() - began
                const held = stamp(answer, 40) - stamp(answer, 32)
                socket.close()
                resolve({{ offset: (stamp(answer, 32) - end + took + stamp(answer, 40) - end) / 2, delay: took - held }})
            }})
            const began = performance.now()
            socket.send(packet, {port}, '10.0.2.2')
        }})
        const wait = ms => new Promise(resolve => setTimeout(resolve, ms))
        ;(async () => {{
            console.log('first', Date.now())
            while (Math.abs((await ask()).offset) > 1000) await wait(500)
            let best
            for (let i = 0; i < 20; i++) {{ const one = await ask(); if (!best || one.delay < best.delay) best = one }}
            console.log('off by', Math.round(best.offset * 1000))
            console.log('plus or minus', Math.round(best.delay * 500))
            {SOURCE}
        }})()"
    )
}

/// Within 50 ms. The machine's own measurement, by another program and with an error of its own, must
/// agree.
pub fn a_time_server_sets_the_clock_whatever_it_said_before(arch: &'static Arch) {
    let server = Server::start(Says::Host(0));
    let servers = std::slice::from_ref(&server);
    for (rtc, first, line) in [(LONG_AGO, FLOOR * 1000, " behind; it is 20"), (FAR, YEAR_2040, " ahead; it is 20")] {
        let disk = Disk::with(&[runs("ana", 1000, &measures(server.port))]);
        let mut vm = Boot::on(arch).homes(&disk).rtc(rtc).words(&word(servers)).start();
        let before = vm.expect("nodeos: the clock was ").unwrap();
        if let Some((_, seen)) = before.split_once("first ") {
            let seen: i64 = seen.lines().next().unwrap().trim().parse().unwrap();
            assert!((first..first + DAY).contains(&seen), "{seen}");
        }
        let said = vm.rest_of_line().unwrap();
        assert!(said.contains(line) && said.trim_end().ends_with(" UTC now, from 10.0.2.2"), "{said}");
        let (off, error) = (number(&mut vm, "off by "), number(&mut vm, "plus or minus "));
        vm.expect("source: 10.0.2.2").unwrap();
        println!("{arch}, {rtc}: {said}; off by {off} us, measured with an error of {error} us");
        assert!(off.abs() <= 50_000 + error && error < 200_000, "{off} {error}");
        assert_eq!(vm.transcript().matches("nodeos: the clock was ").count(), 1, "{}", vm.transcript());
    }
}

/// Prints the time each second.
const TICKS: &str = "setInterval(() => console.log('tick', Date.now()), 1000)";

pub fn servers_that_lie_or_refuse_change_nothing(arch: &'static Arch) {
    let boot = |says: &[Says], rounds: usize| {
        let servers: Vec<_> = says.iter().map(|says| Server::start(*says)).collect();
        let disk = Disk::with(&[runs("ana", 1000, TICKS)]);
        let mut vm = Boot::on(arch).homes(&disk).rtc(LONG_AGO).words(&word(&servers)).start();
        let mut time = number(&mut vm, "tick ");
        while servers.iter().map(Server::asked).sum::<usize>() < rounds * servers.len()
            && !vm.transcript().contains("the clock was")
        {
            time = number(&mut vm, "tick ");
        }
        time = time.max(number(&mut vm, "tick ")).max(number(&mut vm, "tick "));
        println!("{:?}: {time}", servers.iter().map(Server::asked).collect::<Vec<_>>());
        (servers, time, vm.transcript())
    };
    let unchanged = |time, transcript: &str| {
        (FLOOR * 1000..FLOOR * 1000 + DAY).contains(&time) && !transcript.contains("the clock was")
    };
    // 2001, an answer that anybody could have sent, and no
    let past = YEAR_2001 - host();
    let (servers, time, transcript) = boot(&[Says::Host(past), Says::ToAnother, Says::Kiss(b"DENY")], 3);
    assert!(unchanged(time, &transcript), "{transcript}");
    assert_eq!(servers[2].asked(), 1, "who says no is not asked again");
    // two of three lie
    let (_, time, transcript) = boot(&[Says::Host(0), Says::Host(5 * DAY), Says::Host(90 * DAY)], 2);
    assert!(unchanged(time, &transcript), "{transcript}");
    // the other side: one of three lies
    let (_, time, transcript) = boot(&[Says::Host(0), Says::Host(5 * DAY), Says::Host(0)], 2);
    assert!((time - host()).abs() < 60_000 && transcript.contains("the clock was"), "{transcript}");
}

pub fn a_power_cut_after_an_answer_keeps_the_time(arch: &'static Arch) {
    let server = Server::start(Says::Host(0));
    let disk = Disk::with(&[runs("ana", 1000, TICKS)]);
    let mut vm = Boot::on(arch).homes(&disk).rtc(LONG_AGO).words(&word(&[server])).start();
    vm.expect("nodeos: the clock was ").unwrap();
    let set = host();
    number(&mut vm, "tick ");
    thread::sleep(Duration::from_secs(1));
    drop(vm);
    let mut vm = Boot::on(arch).homes(&disk).rtc(LONG_AGO).words("ntp=none").start();
    let first = number(&mut vm, "tick ");
    // seconds are saved; the test saw the line a moment after the machine has saved the time
    assert!((set - 10_000..set + 60_000).contains(&first), "{set} {first}");
}

/// What the real-time clock says, in milliseconds since 1970.
fn rtc(vm: &mut Vm, arch: &Arch) -> i64 {
    let answer;
    let seconds = if arch.name == "aarch64" {
        // RTCDR of the PL031 (QEMU, hw/arm/virt.c, `VIRT_RTC`)
        answer = vm.monitor("xp /1wx 0x09010000").unwrap();
        i64::from_str_radix(answer.trim().rsplit("0x").next().unwrap(), 16).unwrap()
    } else {
        // fields as in `struct tm`
        answer = vm.monitor("qom-get /machine rtc-time").unwrap();
        let field = |name: &str| -> i64 {
            let (_, rest) = answer.split_once(&format!("\"{name}\": ")).unwrap_or_else(|| panic!("{answer}"));
            rest.split([',', '\n', '}']).next().unwrap().trim().parse().unwrap()
        };
        let days = (1970..1900 + field("tm_year")).map(|year| if year % 4 == 0 { 366 } else { 365 }).sum::<i64>();
        let leap = i64::from(field("tm_year") % 4 == 0);
        let months = [31, 28 + leap, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let days =
            days + months[..usize::try_from(field("tm_mon")).unwrap()].iter().sum::<i64>() + field("tm_mday") - 1;
        ((days * 24 + field("tm_hour")) * 60 + field("tm_min")) * 60 + field("tm_sec")
    };
    println!("{answer}");
    seconds * 1000
}

/// The kernel does it (`RTC_SYSTOHC`), once `/clock` has told it that the time is right: at a moment
/// that suits the device.
pub fn the_real_time_clock_is_set_after_an_answer(arch: &'static Arch) {
    let server = Server::start(Says::Host(0));
    let disk = Disk::with(&[runs("ana", 1000, TICKS)]);
    let mut vm = Boot::on(arch).homes(&disk).rtc(LONG_AGO).words(&word(&[server])).start();
    vm.expect("nodeos: the clock was ").unwrap();
    let right = (0..60).find(|_| {
        number(&mut vm, "tick ");
        (rtc(&mut vm, arch) - host()).abs() < 5000
    });
    assert!(right.is_some(), "{}", vm.transcript());
}

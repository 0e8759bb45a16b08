//! The packets of NTP (RFC 5905, section 7.3; RFC 4330, section 4).
//!
//! A request has a version, a mode, and a random number in place of our time (as draft-ietf-ntp-data-minimization and
//! RFC 8915, section 5.7 advise): who sees it learns nothing, and who does not see it cannot forge an answer.

use super::{END, FLOOR, MILLISECOND, Nanoseconds, SECOND};

/// Bytes of a packet without extensions.
pub const LENGTH: usize = 48;
/// The port of servers.
pub const PORT: u16 = 123;

/// No leap second, version 4, mode 3: a client.
const REQUEST: u8 = 4 << 3 | 3;
/// Seconds from 1900 to 1970 (RFC 5905, figure 4).
const TO_1970: i64 = 2_208_988_800;
/// Seconds after which the 32 bits of a timestamp begin again (RFC 5905, section 6).
const ERA: i64 = 1 << 32;
/// Servers further away from a good clock are not used (RFC 5905, `MAXDIST` of 1 s plus what ntpd allows, 0.5 s).
const FARTHEST: Nanoseconds = 1500 * MILLISECOND;
/// An answer that took longer says too little.
const SLOWEST: Nanoseconds = SECOND;

/// What an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// How far our clock is behind the server's.
    pub offset: Nanoseconds,
    /// How long the packets were on their way. The offset is wrong by at most half of it.
    pub delay: Nanoseconds,
}

/// Why an answer is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is no answer to our request. The real one may still come.
    Foreign,
    /// The server does not serve us (kiss-o'-death `DENY` or `RSTR`).
    Denied,
    /// We ask too often (`RATE`).
    TooOften,
    /// The server says that it does not know the time, or says what cannot be.
    Useless,
}

/// When we asked, and when the answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// Our clock when the request went out.
    pub sent: Nanoseconds,
    /// How long it took until the answer came, by a clock that nobody sets.
    pub took: Nanoseconds,
}

/// A request with that random number.
#[must_use]
pub fn request(random: [u8; 8]) -> [u8; LENGTH] {
    let mut packet = [0; LENGTH];
    if let Some(first) = packet.first_mut() {
        *first = REQUEST;
    }
    if let Some(transmit) = packet.last_chunk_mut() {
        *transmit = random;
    }
    packet
}

/// Reads the answer to the request with that random number. What follows after the header is ignored.
///
/// # Errors
/// Why the answer is not used.
pub fn read(packet: &[u8], random: [u8; 8], Times { sent, took }: Times) -> Result<Sample, Refusal> {
    let packet = Packet(packet.first_chunk().ok_or(Refusal::Foreign)?);
    let [leap_version_mode, stratum] = packet.at::<0, 2>();
    let (leap, version, mode) = (leap_version_mode >> 6, leap_version_mode >> 3 & 7, leap_version_mode & 7);
    // a server answers in the version of the request, an older one in its own
    if mode != 4 || !matches!(version, 3 | 4) || packet.at::<24, 8>() != random {
        return Err(Refusal::Foreign);
    }
    if stratum == 0 {
        return Err(match &packet.at::<12, 4>() {
            b"DENY" | b"RSTR" => Refusal::Denied,
            b"RATE" => Refusal::TooOften,
            _ => Refusal::Useless,
        });
    }
    let [reference, received, transmitted] = [packet.at::<16, 8>(), packet.at::<32, 8>(), packet.at::<40, 8>()];
    // root delay and dispersion: 16 bits of seconds and 16 of a fraction
    let short = |bytes| i64::from(u32::from_be_bytes(bytes)).saturating_mul(SECOND) >> 16;
    let far = (short(packet.at::<4, 4>()) / 2).saturating_add(short(packet.at::<8, 4>())) > FARTHEST;
    // 3: its clock is not set
    if leap == 3 || stratum > 15 || far || received == [0; 8] || transmitted == [0; 8] {
        return Err(Refusal::Useless);
    }
    let [reference, received, transmitted] = [reference, received, transmitted].map(time);
    let held = transmitted.saturating_sub(received);
    let delay = took.saturating_sub(held);
    // the clocks may differ by a little in how long a second is
    let plausible = (0..SLOWEST).contains(&held) && (-MILLISECOND..=SLOWEST).contains(&delay);
    let known = FLOOR.saturating_mul(SECOND)..END.saturating_mul(SECOND);
    if !plausible || reference > transmitted || !known.contains(&received) {
        return Err(Refusal::Useless);
    }
    // the mean of what the request and the answer say: ((received - sent) + (transmitted - (sent + took))) / 2
    let forth = received.saturating_sub(sent);
    let back = transmitted.saturating_sub(sent.saturating_add(took));
    Ok(Sample { offset: (forth / 2).saturating_add(back / 2), delay: delay.max(0) })
}

/// The bytes of a packet.
struct Packet<'a>(&'a [u8; LENGTH]);

impl Packet<'_> {
    /// `N` bytes at `AT`: the compiler checks that they are inside.
    fn at<const AT: usize, const N: usize>(&self) -> [u8; N] {
        const { assert!(AT.saturating_add(N) <= LENGTH) };
        let bytes = self.0.get(AT..).and_then(|rest| rest.first_chunk());
        bytes.copied().unwrap_or([0; N])
    }
}

/// A timestamp: 32 bits of seconds since 1900 and 32 of a fraction. Of the times that it may be, this is the one that is
/// nearest to `FLOOR`, so 2036 is no special year. Until 2094, years before `FLOOR` are not taken for later ones.
fn time(timestamp: [u8; 8]) -> Nanoseconds {
    let timestamp = u64::from_be_bytes(timestamp);
    let (seconds, fraction) = (timestamp >> 32, timestamp & 0xffff_ffff);
    let nanoseconds = fraction.wrapping_mul(SECOND.unsigned_abs()) >> 32;
    let seconds = i64::try_from(seconds).unwrap_or(0).wrapping_sub(TO_1970);
    // half an era before the floor to half an era after it
    let first = const { FLOOR - ERA / 2 };
    let seconds = first.wrapping_add(seconds.wrapping_sub(first).rem_euclid(ERA));
    seconds.saturating_mul(SECOND).saturating_add(i64::try_from(nanoseconds).unwrap_or(0))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{clock::YEAR, network::bytes::mutations};

    const RANDOM: [u8; 8] = *b"randomly";
    const NOW: Nanoseconds = (FLOOR + 1000) * SECOND;
    const TIMES: Times = Times { sent: NOW, took: 40 * MILLISECOND };

    /// The timestamp of that time.
    fn timestamp(time: Nanoseconds) -> [u8; 8] {
        let seconds = u64::try_from(time / SECOND + TO_1970).unwrap();
        let fraction = (u64::try_from(time % SECOND).unwrap() << 32).div_ceil(SECOND.unsigned_abs());
        (seconds << 32 | fraction).to_be_bytes()
    }

    /// An answer of a server whose clock says `time` when the request comes and a millisecond later when the answer
    /// leaves.
    pub fn answer(random: [u8; 8], time: Nanoseconds) -> [u8; LENGTH] {
        let mut packet = [0; LENGTH];
        packet[..4].copy_from_slice(&[4 << 3 | 4, 2, 6, 0xe9]);
        packet[12..16].copy_from_slice(&[127, 0, 0, 1]);
        packet[16..24].copy_from_slice(&timestamp(time - 60 * SECOND));
        packet[24..32].copy_from_slice(&random);
        packet[32..40].copy_from_slice(&timestamp(time));
        packet[40..].copy_from_slice(&timestamp(time + MILLISECOND));
        packet
    }

    fn with(change: impl FnOnce(&mut [u8; LENGTH])) -> Result<Sample, Refusal> {
        let mut packet = answer(RANDOM, NOW);
        change(&mut packet);
        read(&packet, RANDOM, TIMES)
    }

    #[test]
    fn a_request_says_nothing_about_the_machine() {
        let packet = request(RANDOM);
        assert_eq!((packet[0], &packet[40..]), (0x23, &RANDOM[..]));
        assert_eq!(packet[1..40], [0; 39]);
    }

    #[test]
    fn an_answer_gives_offset_and_delay() {
        // 39 ms on the way, half of it forth
        for ahead in [0, 1, -MILLISECOND, 500 * MILLISECOND, 100 * SECOND, 60 * YEAR * SECOND] {
            let packet = answer(RANDOM, NOW + 19_500_000 + ahead);
            let sample = read(&packet, RANDOM, TIMES).unwrap();
            assert!((sample.offset - ahead).abs() < 10 && sample.delay == 39 * MILLISECOND, "{ahead} {sample:?}");
        }
        // a machine in 1970
        let times = Times { sent: 0, ..TIMES };
        let sample = read(&answer(RANDOM, NOW + 19_500_000), RANDOM, times).unwrap();
        assert!((sample.offset - NOW).abs() < 10);
        // extensions are ignored, an older version is fine
        let long = [&answer(RANDOM, NOW)[..], &[7; 100]].concat();
        assert!(read(&long, RANDOM, TIMES).is_ok() && with(|packet| packet[0] = 3 << 3 | 4).is_ok());
    }

    #[test]
    fn what_is_no_answer_to_our_request_is_foreign() {
        for byte in 24..32 {
            assert_eq!(with(|packet| packet[byte] ^= 1), Err(Refusal::Foreign), "origin {byte}");
        }
        // an attacker that saw nothing guesses
        assert_eq!(with(|packet| packet[24..32].fill(0)), Err(Refusal::Foreign));
        for (version, mode) in [(4, 0), (4, 1), (4, 2), (4, 3), (4, 5), (4, 6), (4, 7), (0, 4), (2, 4), (5, 4), (7, 4)]
        {
            assert_eq!(with(|packet| packet[0] = version << 3 | mode), Err(Refusal::Foreign), "{version} {mode}");
        }
        for length in 0..LENGTH {
            assert_eq!(read(&answer(RANDOM, NOW)[..length], RANDOM, TIMES), Err(Refusal::Foreign));
        }
        // our own request, sent back
        assert_eq!(read(&request(RANDOM), RANDOM, TIMES), Err(Refusal::Foreign));
    }

    #[test]
    fn a_kiss_of_death_is_understood() {
        let kiss = |code: &[u8; 4]| {
            with(|packet| {
                packet[..2].copy_from_slice(&[3 << 6 | 4 << 3 | 4, 0]);
                packet[12..16].copy_from_slice(code);
            })
        };
        assert_eq!(kiss(b"DENY"), Err(Refusal::Denied));
        assert_eq!(kiss(b"RSTR"), Err(Refusal::Denied));
        assert_eq!(kiss(b"RATE"), Err(Refusal::TooOften));
        assert_eq!(kiss(b"INIT"), Err(Refusal::Useless));
        // from somebody who does not know our number
        let forged = with(|packet| {
            packet[1] = 0;
            packet[12..16].copy_from_slice(b"DENY");
            packet[24] ^= 1;
        });
        assert_eq!(forged, Err(Refusal::Foreign));
    }

    #[test]
    fn a_server_that_does_not_know_the_time_is_useless() {
        assert_eq!(with(|packet| packet[0] |= 3 << 6), Err(Refusal::Useless), "not synchronized");
        assert_eq!(with(|packet| packet[1] = 16), Err(Refusal::Useless), "stratum");
        assert_eq!(with(|packet| packet[32..40].fill(0)), Err(Refusal::Useless), "never received");
        assert_eq!(with(|packet| packet[40..].fill(0)), Err(Refusal::Useless), "never transmitted");
        // seconds of root delay and dispersion, which count once and half
        for (delay, dispersion, good) in [(1, 0, true), (3, 0, false), (0, 1, true), (0, 2, false), (2, 1, false)] {
            let sample = with(|packet| {
                packet[4..8].copy_from_slice(&[0, delay, 0, 1]);
                packet[8..12].copy_from_slice(&[0, dispersion, 0, 0]);
            });
            assert_eq!(sample.is_ok(), good, "{delay} {dispersion}");
        }
        assert_eq!(with(|packet| packet[4..8].fill(0xff)), Err(Refusal::Useless));
        let backwards = with(|packet| packet[40..].copy_from_slice(&timestamp(NOW - MILLISECOND)));
        assert_eq!(backwards, Err(Refusal::Useless), "sent before it was received");
        let held = with(|packet| packet[40..].copy_from_slice(&timestamp(NOW + 2 * SECOND)));
        assert_eq!(held, Err(Refusal::Useless), "held for longer than the request took");
        let future = with(|packet| packet[16..24].copy_from_slice(&timestamp(NOW + SECOND)));
        assert_eq!(future, Err(Refusal::Useless), "set in the future");
    }

    #[test]
    fn a_slow_answer_is_useless() {
        let read = |took| read(&answer(RANDOM, NOW), RANDOM, Times { took, ..TIMES });
        assert_eq!(read(SECOND + MILLISECOND).unwrap().delay, SECOND);
        assert_eq!(read(SECOND + MILLISECOND + 1), Err(Refusal::Useless));
        // the server's clock runs a little faster than ours
        assert_eq!(read(MILLISECOND / 2).unwrap().delay, 0);
    }

    #[test]
    fn times_before_the_floor_are_refused_and_2036_is_not_special() {
        // a timestamp of zero means none, so there is no such thing as exactly 2036-02-07 06:28:16
        let says = |seconds: i64| read(&answer(RANDOM, seconds * SECOND + MILLISECOND), RANDOM, TIMES);
        assert_eq!(says(FLOOR - 1), Err(Refusal::Useless));
        assert_eq!(says(1_000_000_000), Err(Refusal::Useless), "2001");
        assert_eq!(says(61), Err(Refusal::Useless), "1970");
        assert!(says(FLOOR).is_ok());
        // the timestamps begin again at 2036-02-07 06:28:16
        for seconds in [2_085_978_495, 2_085_978_496, 2_085_978_497, 2_208_988_800, FLOOR + 60 * YEAR] {
            let offset = says(seconds).unwrap().offset;
            assert!((offset / SECOND - (seconds - FLOOR - 1000)).abs() <= 1, "{seconds}");
        }
        // received before the rollover, transmitted after it
        let rollover = 2_085_978_496 * SECOND;
        assert!(read(&answer(RANDOM, rollover - MILLISECOND / 2), RANDOM, TIMES).is_ok());
        assert_eq!(says(FLOOR + 69 * YEAR), Err(Refusal::Useless), "that is a time before the floor");
    }

    #[test]
    fn no_packet_gives_a_time_out_of_range() {
        let mut good = 0;
        mutations(&answer(RANDOM, NOW), 100_000, |packet| {
            if let Ok(Sample { offset, delay }) = read(packet, RANDOM, TIMES) {
                good += 1;
                assert!((0..=SECOND).contains(&delay), "{packet:?}");
                let time = NOW.checked_add(offset).unwrap();
                assert!(time > (FLOOR - 1) * SECOND && time < END * SECOND, "{packet:?}");
            }
        });
        assert!(good > 100, "{good} of them were answers");
        let extreme = Times { sent: i64::MAX, took: i64::MAX };
        mutations(&answer(RANDOM, NOW), 1000, |packet| assert!(read(packet, RANDOM, extreme).is_err()));
    }
}

//! `/clock`: keeps the machine's time.
//!
//! ```text
//! /run/net/ntp, .machine.json, ntp=, defaults -> Sources -> exchange -> discipline (decides) -> the clock -> Keep
//! ```
//!
//! PID 1 starts it with a socket as its standard input, where it writes a byte once the time is right. Before it leaves
//! the homes behind, it opens two files: the saved time, and where the time came from, for the door. It keeps one
//! capability, to set the clock; the kernel sets the real-time clock by it. Once PID 1 closes the socket, or sends
//! SIGTERM, it saves the time and ends.

mod events;
mod exchange;
mod keep;
mod published;
mod sources;

use rustix::{fd::BorrowedFd, io::Result};

use self::{events::Events, keep::Keep, published::Published, sources::Sources};
use crate::{
    clock::{
        MILLISECOND, SECOND, at_boot,
        date::{Date, Span},
        discipline::{Action, Change, How, News, State},
        sntp::{Refusal, Sample},
        source,
    },
    guest::{log::Log, service, words::Word},
    programs,
    report::Says,
    sys::{self, Start, clock},
};

/// The program.
pub fn main(start: Start) -> ! {
    let log = Log::held();
    let word = Word::of("ntp", start);
    let mut sources = Sources::of(word.value().unwrap_or_default());
    let result = Events::new().and_then(|mut events| keep_time(start, &mut sources, &mut events, &log));
    if let Err(errno) = result {
        error!(log, "/clock cannot keep the time: ", errno);
    }
    sys::exit(u8::from(result.is_err()))
}

/// Returns once the program must end.
fn keep_time(start: Start, sources: &mut Sources<'_>, events: &mut Events, log: &Log) -> Result<()> {
    let mut keep = Keep::new();
    let published = Published::open();
    service::apart(&programs::CLOCK, start, log)?;
    // a real-time clock that the kernel found late may have set the clock since `/setup` did
    if let Some(seconds) = at_boot(clock::now() / SECOND, keep.saved()) {
        clock::set(seconds.saturating_mul(SECOND))?;
    }
    published.begin(source::at_start(clock::now(), clock::since_start(), keep.saved()));
    let mut state = State::new();
    while !events.end {
        events.watch();
        let now = seconds();
        // with the same servers, there may be a way to them now
        if core::mem::take(&mut events.changed) && (sources.load() || !state.is_right()) {
            state.servers(sources.count(), now);
        }
        if keep.due <= now {
            keep.save(&state, now, log);
        }
        match state.next(now) {
            Action::Ask(server) => match ask(server, sources, events) {
                Ok(sample) => state.answered(sample, seconds()),
                Err(refusal) => {
                    sources.failed(server);
                    state.failed(refusal, seconds());
                }
            },
            Action::Set(change) => {
                set(change, sources, log)?;
                published.set(&sources.named(change.server).short());
                if matches!(change.news, News::First | News::Agreed) {
                    keep.save(&state, now, log);
                }
            }
            Action::Lost => error!(log, "no time server has answered for an hour; the clock goes on by itself"),
            Action::Wait(until) => {
                let until = until.map_or(keep.due, |until| until.min(keep.due));
                events.wait(None, until.saturating_mul(1000));
            }
        }
    }
    keep.save(&state, seconds(), log);
    Ok(())
}

/// Seconds since the kernel started.
fn seconds() -> u64 {
    sys::milliseconds() / 1000
}

fn ask(server: usize, sources: &mut Sources<'_>, events: &mut Events) -> core::result::Result<Sample, Option<Refusal>> {
    let mut wait = |socket: BorrowedFd<'_>, milliseconds: u32| {
        let until = sys::milliseconds().saturating_add(milliseconds.into());
        events.wait(Some(socket), until)
    };
    let address = sources.address(server, &mut wait).ok_or(None)?;
    exchange::time(address, &mut wait)
}

/// Sets the clock.
fn set(change: Change, sources: &Sources<'_>, log: &Log) -> Result<()> {
    let Change { how, offset, server, poll, news } = change;
    let from = sources.named(server);
    match how {
        How::Step => {
            clock::set(clock::now().saturating_add(offset))?;
            // the kernel knows now that the clock is right
            clock::slew(0, poll)?;
            let span = Span((offset / MILLISECOND).unsigned_abs());
            let how = if offset > 0 { " behind; it is " } else { " ahead; it is " };
            error!(log, "the clock was ", span, how, Date::of(clock::now() / SECOND), " UTC now, from ", from);
        }
        How::Slew => clock::slew(offset, poll)?,
    }
    match news {
        News::First => {
            service::tell(Says::Ready);
            info!(log, "the clock is right, from ", from);
        }
        News::Found => info!(log, "the clock is right again, from ", from),
        News::Agreed | News::None => {}
    }
    Ok(())
}

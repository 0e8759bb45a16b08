//! `/users`: notices homes that root makes, changes or removes while the machine runs, and tells PID 1.
//!
//! ```text
//! the folder of the homes ── inotify ─> gone: at once;  anything: the whole table, a moment later ─> PID 1
//! ```
//!
//! It reads the same table as `/setup` does at boot, whole each time: what it missed, it sees then. It holds the folder,
//! and may look into homes to see whether there is an `/init`. It ends when PID 1 closes the socket that is its standard
//! input.

use core::mem::MaybeUninit;

use rustix::{
    event::PollFlags,
    fd::{AsFd, OwnedFd},
    fs::{
        AtFlags, SeekFrom,
        inotify::{self, CreateFlags, ReadFlags, WatchFlags},
        unlinkat,
    },
    io::{Errno, Result},
    process::Signal,
};

use crate::{
    cmdline::Options,
    guards::Guards,
    guest::{
        homes::{Plain, folder, scan},
        log::Log,
        place::{self, Name},
        service,
        waits::Waits,
    },
    handover::{REFUSED, Record},
    layout, programs,
    report::Says,
    sys::{self, Signals, Start, Stream},
    users::{self, Homes, Refusal, is_ours},
};

/// Milliseconds from the first change to the look: a home is made in several steps. A user who keeps changing the mode
/// of a home costs one look in this time.
const SETTLES: u64 = 1000;

/// After a change it tells PID 1 again, this many milliseconds later, then four times as many, up to the last: a user
/// begins only when what runs of the one before has ended, of the same name or uid. The longest grace is a minute.
const FIRST: u64 = 4000;
const LAST: u64 = 64_000;
/// Milliseconds after each reading.
const REST: u32 = 20;
/// The most events that are read at once.
const EVENTS: u32 = 64;

/// What it needs to look.
struct Watch<'a> {
    users: OwnedFd,
    changes: OwnedFd,
    logs: OwnedFd,
    apps: bool,
    guards: Guards<'a>,
    log: Log,
}

/// What there is to do.
#[derive(Clone, Copy)]
enum News {
    Init,
    Change,
}

/// The program.
pub fn main(start: Start) -> ! {
    // a machine that stops sends SIGTERM to all; this works until PID 1 closes the socket
    Signals::of(&[Signal::PIPE, Signal::TERM]).block();
    let options = Options::of(start.environment());
    let result = open(options.apps.is_some(), options.guards)
        .and_then(|watch| service::apart(&programs::USERS, start, &watch.log).map(|()| watch))
        .and_then(|watch| watch.serve());
    if let Err(errno) = result {
        error!(Log::held(), "/users cannot watch the homes; new ones count once it runs again: ", errno);
    }
    sys::exit(u8::from(result.is_err()))
}

fn open<'a>(apps: bool, guards: Guards<'a>) -> Result<Watch<'a>> {
    let changes = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
    let what = WatchFlags::CREATE
        | WatchFlags::DELETE
        | WatchFlags::MOVED_FROM
        | WatchFlags::MOVED_TO
        | WatchFlags::ATTRIB
        | WatchFlags::ONLYDIR;
    inotify::add_watch(&changes, layout::USERS, what)?;
    let logs = place::open(layout::LOGS)?;
    Ok(Watch { users: folder()?, changes, logs, apps, guards, log: Log::held() })
}

impl Watch<'_> {
    /// Returns once PID 1 has closed its socket.
    fn serve(&self) -> Result<()> {
        // something may have happened since `/setup` looked
        let mut due = Some(0);
        let homes = sys::room(1)?.first_mut().ok_or(Errno::NOMEM)?.write(Homes::new());
        let mut told = None;
        let mut again = None::<(u64, u64)>;
        loop {
            let now = sys::milliseconds();
            let repeats = again.filter(|(at, _)| *at <= now).map(|(_, pause)| pause);
            if repeats.is_some() || due.is_some_and(|due| due <= now) {
                due = None;
                let seen = self.look(homes, told, repeats.is_some())?;
                let changed = told != Some(seen);
                if changed || repeats.is_some() {
                    again = again_in(changed, repeats).map(|pause| (now.saturating_add(pause), pause));
                }
                told = Some(seen);
            }
            let (init, mut waits) = (Stream(0), Waits::<_, 2>::new());
            waits.ask(News::Init, init.as_fd(), PollFlags::IN);
            waits.ask(News::Change, self.changes.as_fd(), PollFlags::IN);
            let next = [due, again.map(|(at, _)| at)].into_iter().flatten().min();
            let left = next.map(|next| next.saturating_sub(now).saturating_add(1));
            for news in waits.wait(left.map(|left| u32::try_from(left).unwrap_or(u32::MAX)))? {
                match news {
                    News::Init => return Ok(()),
                    News::Change => {
                        if self.read()? {
                            // a home of that name may be there again, and look the same
                            told = told.map(|told| Seen { users: Mark::new(), ..told });
                        }
                        due.get_or_insert(sys::milliseconds().saturating_add(SETTLES));
                        // a user who keeps changing the mode of a home takes little of the processor here
                        sys::pause(REST);
                    }
                }
            }
        }
    }

    /// Reads what has changed. That a home is gone, PID 1 learns in order: a new one of that name is another. Returns
    /// whether it has told that.
    fn read(&self) -> Result<bool> {
        let mut buffer = [MaybeUninit::uninit(); 1024];
        let mut events = inotify::Reader::new(&self.changes, &mut buffer);
        let mut gone = false;
        for _ in 0..EVENTS {
            match events.next() {
                Ok(event) if event.events().intersects(ReadFlags::DELETE | ReadFlags::MOVED_FROM) => {
                    let name = event.file_name().map_or(&b""[..], |name| name.to_bytes());
                    if let Some(name) = users::text(name).filter(|name| !is_ours(name.as_bytes())) {
                        gone = true;
                        tell(Says::Gone, Record { numbers: [0; 3], name })?;
                        // another user of that name does not read what this one's init has printed
                        let _ = Name::new(name).and_then(|name| unlinkat(&self.logs, name.c(), AtFlags::empty()));
                    }
                }
                Ok(_) => {}
                Err(Errno::AGAIN | Errno::INTR) => break,
                Err(errno) => return Err(errno),
            }
        }
        Ok(gone)
    }

    /// Looks at all homes, and tells PID 1 of them if anything has changed, or if it `repeats` that. Returns what it has
    /// told.
    fn look(&self, homes: &mut Homes, told: Option<Seen>, repeats: bool) -> Result<Seen> {
        let mut seen = Seen { users: Mark::new(), refused: Mark::new() };
        self.scan(homes, &mut |name, _| seen.refused.add(name))?;
        each(homes, &mut |record| {
            seen.users.add(&record.bytes());
            Ok(())
        })?;
        if told == Some(seen) && !repeats {
            return Ok(seen);
        }
        let mut sent = Ok(());
        self.scan(homes, &mut |name, why| {
            // at the first look, `/setup` has said so; later, users can change what is not refused at any time
            if told.is_some_and(|told| told.refused != seen.refused) {
                let name = Plain(name);
                error!(self.log, "home ", name, " refused: ", why);
            }
            let name = core::str::from_utf8(name).unwrap_or_default();
            let record = Record { numbers: [0, 0, REFUSED], name };
            sent = sent.and_then(|()| tell(Says::Home, record));
        })?;
        sent?;
        // PID 1 may have heard a part of it from a `/users` that ended: only the second time it knows what is gone
        for _ in 0..if told.is_none() { 2 } else { 1 } {
            each(homes, &mut |record| tell(Says::Home, record))?;
            tell(Says::Homes, Record { numbers: [0; 3], name: "" })?;
        }
        Ok(seen)
    }

    fn scan(&self, homes: &mut Homes, refused: &mut dyn FnMut(&[u8], Refusal)) -> Result<()> {
        homes.clear();
        rustix::fs::seek(&self.users, SeekFrom::Start(0))?;
        scan(&self.users, homes, self.apps, self.guards, refused)
    }
}

/// In how many milliseconds PID 1 is told again, after a look: `pause` is the time before it, if it was such a telling.
fn again_in(changed: bool, pause: Option<u64>) -> Option<u64> {
    if changed { Some(FIRST) } else { pause.map(|pause| pause.saturating_mul(4)).filter(|pause| *pause <= LAST) }
}

/// The records of all users.
fn each(homes: &Homes, each: &mut dyn FnMut(Record<'_>) -> Result<()>) -> Result<()> {
    homes.indexes().filter_map(|index| Record::of(homes, index)).try_for_each(each)
}

/// What a look has found.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Seen {
    users: Mark,
    refused: Mark,
}

/// A mark of what was seen (FNV-1a): another one means that something has changed.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Mark(u64);

impl Mark {
    const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
}

/// Tells PID 1, and waits until it has room for it.
fn tell(says: Says, record: Record<'_>) -> Result<()> {
    loop {
        match service::tell_of(says, record) {
            Err(Errno::AGAIN) => {
                let (init, mut waits) = (Stream(0), Waits::<_, 1>::new());
                waits.ask((), init.as_fd(), PollFlags::OUT);
                waits.wait(None)?;
            }
            Err(Errno::INTR) => {}
            result => return result,
        }
    }
}

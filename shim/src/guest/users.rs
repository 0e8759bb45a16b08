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
    users::{Homes, Refusal, is_ours},
};

/// Milliseconds from the first change to the look: a home is made in several steps. A user who keeps changing the mode
/// of a home costs one look in this time.
const SETTLES: u64 = 1000;

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
        loop {
            let now = sys::milliseconds();
            if due.is_some_and(|due| due <= now) {
                due = None;
                told = Some(self.look(homes, told)?);
            }
            let (init, mut waits) = (Stream(0), Waits::<_, 2>::new());
            waits.ask(News::Init, init.as_fd(), PollFlags::IN);
            waits.ask(News::Change, self.changes.as_fd(), PollFlags::IN);
            let left = due.map(|due| due.saturating_sub(now).saturating_add(1));
            for news in waits.wait(left.map(|left| u32::try_from(left).unwrap_or(u32::MAX)))? {
                match news {
                    News::Init => return Ok(()),
                    News::Change => {
                        self.read()?;
                        due.get_or_insert(sys::milliseconds().saturating_add(SETTLES));
                    }
                }
            }
        }
    }

    /// Reads what has changed. That a home is gone, PID 1 learns in order: a new one of that name is another.
    fn read(&self) -> Result<()> {
        let mut buffer = [MaybeUninit::uninit(); 1024];
        let mut events = inotify::Reader::new(&self.changes, &mut buffer);
        loop {
            match events.next() {
                Ok(event) if event.events().intersects(ReadFlags::DELETE | ReadFlags::MOVED_FROM) => {
                    let name = event.file_name().and_then(|name| name.to_str().ok()).unwrap_or_default();
                    if !is_ours(name.as_bytes()) {
                        tell(Says::Gone, Record { numbers: [0; 3], name })?;
                        // another user of that name does not read what this one's init has printed
                        let _ = Name::new(name).and_then(|name| unlinkat(&self.logs, name.c(), AtFlags::empty()));
                    }
                }
                Ok(_) => {}
                Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
                Err(errno) => return Err(errno),
            }
        }
    }

    /// Looks at all homes, and tells PID 1 of them if anything has changed. Returns the mark of what it has told.
    fn look(&self, homes: &mut Homes, told: Option<u64>) -> Result<u64> {
        let mut mark = Mark::new();
        self.scan(homes, &mut |name, _| mark.add(name))?;
        each(homes, &mut |record| {
            mark.add(&record.bytes());
            Ok(())
        })?;
        if told == Some(mark.0) {
            return Ok(mark.0);
        }
        let mut sent = Ok(());
        self.scan(homes, &mut |name, why| {
            // at the first look, `/setup` has said so
            if told.is_some() {
                let name = Plain(name);
                error!(self.log, "home ", name, " refused: ", why);
            }
            let name = core::str::from_utf8(name).unwrap_or_default();
            let record = Record { numbers: [0, 0, REFUSED], name };
            sent = sent.and_then(|()| tell(Says::Home, record));
        })?;
        sent?;
        each(homes, &mut |record| tell(Says::Home, record))?;
        tell(Says::Homes, Record { numbers: [0; 3], name: "" })?;
        Ok(mark.0)
    }

    fn scan(&self, homes: &mut Homes, refused: &mut dyn FnMut(&[u8], Refusal)) -> Result<()> {
        homes.clear();
        rustix::fs::seek(&self.users, SeekFrom::Start(0))?;
        scan(&self.users, homes, self.apps, self.guards, refused)
    }
}

/// The records of all users.
fn each(homes: &Homes, each: &mut dyn FnMut(Record<'_>) -> Result<()>) -> Result<()> {
    homes.indexes().filter_map(|index| Record::of(homes, index)).try_for_each(each)
}

/// A mark of what was seen (FNV-1a): another one means that something has changed.
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

//! From the first instruction to the state that `run` supervises.

use heapless::{String, Vec};
use rustix::{
    event::PollFlags,
    fd::AsFd,
    fs::Mode,
    io::Errno,
    pipe::{PipeFlags, pipe_with},
    process::WaitOptions,
};

use crate::{
    cmdline::Options,
    guards::Guards,
    guest::{
        execute::{Stopped, attach, create, steps},
        log::Log,
        pid1::{device, homes},
        place,
        program::Program,
    },
    layout,
    op::{Attr, Upper, User},
    plan, say,
    say::Text,
    supervise::{MAX_CONSOLES, MAX_SANDBOXES, State},
    sys::{self, Start},
    users::Homes,
};

/// Seconds that a program which looks at what is in the homes may take.
const CHECK: u8 = 60;

/// A console's name below /dev.
pub type Name = String<16>;

/// What boot found. The table of homes is filled where it lies: a move of it would double PID 1's memory.
pub struct Machine<'a> {
    pub words: Start,
    pub single: bool,
    pub guards: Guards<'a>,
    pub homes: &'a Homes,
    pub upper: Upper,
    pub host: Text,
    pub consoles: Vec<Name, MAX_CONSOLES>,
}

/// Boots as far as the users; `Stopped` when there is no carbon copy.
pub fn boot<'a>(start: Start, homes: &'a mut Homes, log: &Log) -> Result<Machine<'a>, Stopped> {
    // modes are meant as the plan says them; a user's programs get the usual mask
    rustix::process::umask(Mode::empty());
    let options = Options::of(start.arguments().skip(1).chain(start.environment()));
    steps(&options.guards.guarded(plan::boot(&options)), log)?;
    if let Some(word) = options.refused {
        error!(log, word, ": not understood; a device is /dev/…, LABEL=, UUID= or PARTUUID=");
    }
    let upper = users(&options, log)?;
    if let Err(errno) = homes::scan(homes, options.guards, log) {
        error!(log, "cannot read the users partition: ", errno);
    }
    info!(log, homes.count(), " users");
    let consoles = consoles();
    devices(&consoles, log)?;
    let machine =
        Machine { words: start, single: options.single, guards: options.guards, homes, upper, host: host(), consoles };
    machine.broker(log);
    Ok(machine)
}

/// What every user's /dev is made of, with a place for each console.
fn devices(consoles: &[Name], log: &Log) -> Result<(), Stopped> {
    let place = |console: &Name| {
        let mut place = Text::new();
        say!(&mut place, layout::DEVICES, "/", console);
        place
    };
    let places: Vec<Text, MAX_CONSOLES> = consoles.iter().map(place).collect();
    let places: Vec<&str, MAX_CONSOLES> = places.iter().map(|place| place.as_str()).collect();
    steps(&plan::devices(&places), log)
}

/// Mounts the users partition: written to if it can be, else read, else a session in RAM.
fn users(options: &Options<'_>, log: &Log) -> Result<Upper, Stopped> {
    if let Some(device) = options.users {
        if steps(&options.guards.guarded(plan::users(options)), log).is_ok() {
            return Ok(Upper::Home);
        }
        if let Some(path) = device::look(device) {
            match users_read_only(&path) {
                Ok(()) => {
                    error!(log, "the users partition is read-only: what you write is gone at power off");
                    return Ok(Upper::Ram);
                }
                Err(errno) => error!(log, "it cannot be read either: ", errno),
            }
        }
    }
    error!(log, "RAM session: no users partition, what you write is gone at power off; log on as guest");
    steps(&plan::ram(), log)?;
    let (uid, gid) = (rustix::fs::Uid::from_raw(1000), rustix::fs::Gid::from_raw(1000));
    if let Err(errno) = rustix::fs::chown(c"/tmp/guest", Some(uid), Some(gid)) {
        error!(log, "no guest: ", errno);
    }
    Ok(Upper::Home)
}

/// Mounts the users partition read-only after it refused to be written.
fn users_read_only(device: &str) -> Result<(), Errno> {
    let mounted = create("ext4", device, Attr::READ_ONLY, "ro")?;
    attach(&mounted, &place::open(layout::USERS)?)
}

/// The host's name: what DHCP gave the kernel, or ours.
fn host() -> Text {
    let uname = rustix::system::uname();
    let given = uname.nodename().to_str().ok().filter(|name| !name.is_empty() && *name != "(none)");
    // a lease without a name leaves the address there (net/ipv4/ipconfig.c)
    let letter = |name: &&str| name.bytes().any(|byte| byte.is_ascii_alphabetic());
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
    let good = given.filter(letter).filter(|name| name.bytes().all(plain));
    good.and_then(|name| Text::try_from(name).ok()).unwrap_or_else(|| Text::try_from("nodeos").unwrap_or_default())
}

/// The consoles, the system's own first: the kernel lists it last (drivers/tty/tty_io.c, `show_cons_active`).
/// `tty0` is whichever virtual terminal is in front; the first is the one to log on at.
fn consoles() -> Vec<Name, MAX_CONSOLES> {
    let active = place::text("/sys/class/tty/console/active").unwrap_or_default();
    let names = active.split_ascii_whitespace().rev();
    names
        .filter_map(|name| Name::try_from(if name == "tty0" { "tty1" } else { name }).ok())
        .take(MAX_CONSOLES)
        .collect()
}

impl Machine<'_> {
    /// The supervisor's first state: who has an `/init`, root before all others, and whether anybody may log on.
    pub fn state(&self, log: &Log) -> State {
        let root = self.homes.root();
        let mut state = State::new(self.consoles.len(), root, self.interactive(log));
        if self.single {
            error!(log, "single: nobody's init runs, and only root may log on");
            self.idle(&state, log);
            return state;
        }
        let others = self.homes.ids().filter(|home| Some(*home) != root);
        let known = |home: &u16| self.homes.get(*home).is_some() && self.homes.has_init(*home);
        for home in root.into_iter().chain(others).filter(known) {
            if !state.want_init(home) {
                let name = self.homes.get(home).map_or("?", |user| user.name);
                error!(log, "home ", name, ": its init does not run, for ", MAX_SANDBOXES, " others do");
            }
        }
        self.idle(&state, log);
        state
    }

    /// A machine with nothing to run says so before it powers off.
    fn idle(&self, state: &State, log: &Log) {
        if state.idle() {
            let next = if self.single { "nodeos users passwd FILE root" } else { "nodeos users passwd FILE USER" };
            error!(log, "nobody may log on and no init runs: powering off; give somebody a password: ", next);
        }
    }

    /// Whether anybody may log on: `/logon` reads the logon files, and has a line for each that is no good.
    fn interactive(&self, log: &Log) -> bool {
        self.check(log).unwrap_or_else(|errno| {
            error!(log, "cannot look at the logon files: ", errno);
            false
        })
    }

    fn check(&self, log: &Log) -> Result<bool, Errno> {
        let mut arguments = Text::new();
        say!(&mut arguments, "logon\0check\0");
        let ended = self.told_of_users(layout::LOGON, &arguments, |user, text| say!(text, user.name))?;
        if ended.is_none() {
            error!(log, "the logon files are still being read after ", CHECK, " s; going on without");
        }
        Ok(ended.is_none_or(|status| status == 0))
    }

    /// Starts the device broker, which stays if any policy grants a device; users have none until it is ready.
    fn broker(&self, log: &Log) {
        let mut arguments = Text::new();
        say!(&mut arguments, "broker\0");
        let ended = self.told_of_users(layout::BROKER, &arguments, |user, text| {
            say!(text, user.uid, " ", user.gid, " ", user.name);
        });
        match ended {
            Ok(Some(_)) => {}
            Ok(None) => error!(log, "the device broker is not ready after ", CHECK, " s; going on without"),
            Err(errno) => error!(log, "no device broker: ", errno),
        }
    }

    /// Runs a program that reads a packet for each user; its status, or `None` if it takes too long: a disk that hangs
    /// must not keep the others from booting.
    fn told_of_users(
        &self,
        program: &str,
        arguments: &Text,
        packet: fn(&User<'_>, &mut Text),
    ) -> Result<Option<i32>, Errno> {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::DIRECT)?;
        let Some((pid, child)) = sys::fork()? else {
            let _ = rustix::stdio::dup2_stdin(&read);
            let _ = Program::open(program).map(|program| program.exec(arguments, self.words));
            sys::exit(1)
        };
        drop(read);
        for user in self.homes.ids().filter_map(|home| self.homes.get(home)) {
            let mut text = Text::new();
            packet(&user, &mut text);
            if !sys::ready_within(write.as_fd(), PollFlags::OUT, CHECK) {
                break; // it hangs: the others would wait as long
            }
            rustix::io::write(&write, text.as_bytes())?;
        }
        drop(write);
        let pid = rustix::process::Pid::from_raw(pid).ok_or(Errno::SRCH)?;
        if !sys::ends_within(child.as_fd(), CHECK) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            return Ok(None);
        }
        let ended = rustix::process::waitpid(Some(pid), WaitOptions::NOHANG)?;
        Ok(ended.and_then(|(_, status)| status.exit_status()).or(Some(1)))
    }
}

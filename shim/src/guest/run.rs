//! Supervises: waits for events, tells them to the state, and executes what the state says is due.

use crate::{
    cut,
    last_word::LastWord,
    plan,
    supervise::{Action, ConsoleId, MAX_CONSOLES, MAX_SANDBOXES, Pid, State},
    sys::{self, Signals},
    users::HomeId,
};
use heapless::Vec;
use rustix::{
    event::{PollFd, PollFlags, Timespec},
    fd::{AsFd, BorrowedFd, OwnedFd},
    io::{Errno, Result},
    process::{Signal, WaitOptions, WaitStatus},
};

use crate::guest::{
    boot::Machine,
    device::{self, now},
    log::Log,
    logon,
    place::Name,
    report::{Report, Reports, send},
    sandbox::{self, Program, Streams},
    stop,
};

/// What the executor holds beside the state: handles on the sandboxes' processes.
struct Executor<'a> {
    machine: &'a Machine<'a>,
    log: &'a Log,
    reports: Reports,
    own: OwnedFd,
    sandboxes: Vec<(HomeId, Pid, OwnedFd), MAX_SANDBOXES>,
}

/// Runs until the machine stops; comes back only if it cannot even begin.
pub fn run(machine: &Machine<'_>, log: &Log) -> Result<()> {
    let wanted = Signals::of(&[Signal::CHILD, Signal::INT, Signal::TERM]);
    let signals = wanted.descriptor()?;
    let mut state = machine.state(log);
    let mut executor = Executor { machine, log, reports: Reports::new()?, own: sandbox::own()?, sandboxes: Vec::new() };
    // ctrl-alt-del: the kernel sends SIGINT instead of restarting by itself
    let _ = rustix::system::reboot(rustix::system::RebootCommand::CadOff);
    let mut up = false;
    loop {
        while let Some(action) = state.next(now()) {
            let made = executor.execute(action);
            state.done(action, made, now());
        }
        if !up {
            up = true;
            info!(log, "up; PID 1 holds ", own_memory().unwrap_or(0), " KiB of its own");
        }
        wait(&signals, executor.reports.descriptor(), state.wake_at());
        // messages before deaths: a logon says who logged on and ends
        while executor.reports.next(|report| executor.reported(&mut state, report)).is_some() {}
        read_signals(&signals, &mut state);
        while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
            let pid = pid.as_raw_nonzero().get();
            executor.sandboxes.retain(|(_, reaper, _)| *reaper != pid);
            state.exited(pid, shell_status(status), now());
        }
    }
}

/// KiB of anonymous memory: what is resident and not a file's (proc_pid_statm(5), in pages of 4 KiB).
fn own_memory() -> Option<u32> {
    let statm = device::read_text("/proc/self/statm")?;
    let (_size, rest) = cut::once(&statm, b' ')?;
    let (resident, rest) = cut::once(rest, b' ')?;
    let (files, _) = cut::once(rest, b' ')?;
    let (resident, files) = (cut::small(resident, 10)?, cut::small(files, 10)?);
    resident.checked_sub(files)?.checked_mul(4)
}

fn wait(signals: &OwnedFd, reports: &OwnedFd, wake_at: Option<u64>) {
    let mut fds = [PollFd::new(signals, PollFlags::IN), PollFd::new(reports, PollFlags::IN)];
    // the clock has whole seconds: one more, so that a wait never ends just before its time
    let seconds = wake_at.map(|at| at.saturating_sub(now()).saturating_add(1));
    let timeout = seconds.map(|s| Timespec { tv_sec: i64::try_from(s).unwrap_or(i64::MAX), tv_nsec: 0 });
    let _ = rustix::event::poll(&mut fds, timeout.as_ref());
}

fn read_signals(signals: &OwnedFd, state: &mut State) {
    let mut info = [0; sys::SIGNAL_INFO];
    while rustix::io::read(signals, &mut info).is_ok_and(|length| length == info.len()) {
        let [a, b, c, d, ..] = info;
        let number = i32::from_ne_bytes([a, b, c, d]);
        if number == Signal::INT.as_raw() {
            state.stop(LastWord::Reboot);
        } else if number == Signal::TERM.as_raw() {
            state.stop(LastWord::PowerOff(0));
        }
    }
}

/// The status as a shell says it: of a signal, 128 and its number.
fn shell_status(status: WaitStatus) -> u8 {
    let signal = status.terminating_signal().map(|signal| signal.saturating_add(128));
    status.exit_status().or(signal).and_then(|status| u8::try_from(status).ok()).unwrap_or(u8::MAX)
}

impl Executor<'_> {
    /// Executes one action: the process it made, if it makes one and could.
    fn execute(&mut self, action: Action) -> Option<Pid> {
        match action {
            Action::Prompt(console) => self.prompt(console),
            Action::Build(home) => self.build(home),
            Action::Init(home, console) => self.init(home, console),
            Action::Shell(home, console) => self.shell(home, console),
            Action::Show(home) => self.with_root(|root| sandbox::show(self.sandbox(home)?, root, self.name(home)).ok()),
            Action::Hide(home) => self.with_root(|root| sandbox::hide(root, self.name(home)).ok()),
            Action::Poke(reaper) => {
                if let Some(pid) = rustix::process::Pid::from_raw(reaper) {
                    let _ = rustix::process::kill_process(pid, Signal::USR1);
                }
                None
            }
            Action::Terminate => {
                let _ = sys::signal_all(Some(Signal::TERM));
                None
            }
            Action::Stop(word) => stop::stop(word, self.log),
        }
    }

    fn name(&self, home: HomeId) -> &str {
        self.machine.homes.get(home).map_or("?", |user| user.name)
    }

    fn sandbox(&self, home: HomeId) -> Option<BorrowedFd<'_>> {
        self.sandboxes.iter().find(|(of, ..)| *of == home).map(|(.., pidfd)| pidfd.as_fd())
    }

    fn with_root(&self, work: impl FnOnce(BorrowedFd<'_>) -> Option<Pid>) -> Option<Pid> {
        work(self.sandbox(self.machine.homes.root()?)?)
    }

    fn reported(&self, state: &mut State, report: Report<'_>) {
        match report {
            Report::Ready(home) => {
                info!(self.log, "sandbox of ", self.name(home), " ready");
                state.ready(home);
            }
            Report::LoggedOn(console, name) => {
                let mut consoles = self.machine.consoles.iter().zip(0..);
                match (consoles.find(|(other, _)| *other == console), self.machine.homes.named(name)) {
                    (Some((_, console)), Some(home)) => state.logged_on(console, home),
                    _ => error!(self.log, "no logon of ", name, ": that home was refused at boot"),
                }
            }
        }
    }

    fn prompt(&self, console: ConsoleId) -> Option<Pid> {
        let terminal = self.machine.consoles.get(usize::from(console))?;
        if let Some((pid, _)) = sys::fork(0).ok()? {
            info!(self.log, "logon on ", terminal);
            return Some(pid);
        }
        let errno = self.become_logon(terminal).err().unwrap_or(Errno::INVAL);
        error!(self.log, "no logon on ", terminal, ": ", errno);
        sys::exit(1)
    }

    fn become_logon(&self, terminal: &str) -> Result<()> {
        rustix::stdio::dup2_stdout(self.reports.sender())?;
        let terminal = Name::new(terminal)?;
        Err(logon::Program::open()?.exec(&[c"logon", c"ask", terminal.c()], self.machine.words))
    }

    fn build(&mut self, home: HomeId) -> Option<Pid> {
        let machine = self.machine;
        let user = machine.homes.get(home)?;
        let places = places(machine);
        let places: Vec<&str, MAX_CONSOLES> = places.iter().map(|place| place.as_str()).collect();
        let wanted = plan::Sandbox { user: &user, upper: machine.upper, host: &machine.host, consoles: &places };
        let (reaper, pidfd) = sandbox::build(&wanted, || send(self.reports.sender(), Report::Ready(home))).ok()?;
        self.sandboxes.push((home, reaper, pidfd)).ok()?;
        Some(reaper)
    }

    fn init(&self, home: HomeId, console: Option<ConsoleId>) -> Option<Pid> {
        let user = self.machine.homes.get(home)?;
        let terminal = console.and_then(|id| self.machine.consoles.get(usize::from(id)));
        let streams = terminal.map_or(Streams::Log, |name| Streams::Terminal(name));
        info!(self.log, "init of ", user.name);
        self.enter(home, &Program { user: &user, path: Some(c"/init"), streams, words: self.machine.words })
    }

    fn shell(&self, home: HomeId, console: ConsoleId) -> Option<Pid> {
        let user = self.machine.homes.get(home)?;
        let terminal = self.machine.consoles.get(usize::from(console))?;
        info!(self.log, "session of ", user.name, " on ", terminal);
        let streams = Streams::Terminal(terminal);
        self.enter(home, &Program { user: &user, path: None, streams, words: self.machine.words })
    }

    fn enter(&self, home: HomeId, program: &Program<'_>) -> Option<Pid> {
        sandbox::enter(self.sandbox(home)?, self.own.as_fd(), program).ok()
    }
}

/// Where a sandbox's `/dev` keeps a place for each console.
fn places(machine: &Machine<'_>) -> Vec<heapless::String<32>, MAX_CONSOLES> {
    let mut places = Vec::new();
    for console in &machine.consoles {
        let mut place = heapless::String::new();
        if place.push_str("/root/dev/").is_ok() && place.push_str(console).is_ok() {
            let _ = places.push(place);
        }
    }
    places
}

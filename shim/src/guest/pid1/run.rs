//! Supervises: waits for events, passes them to the state, and executes the actions that the state returns.

use heapless::Vec;
use rustix::{
    event::{PollFd, PollFlags, Timespec},
    fd::{AsFd, BorrowedFd, OwnedFd},
    io::{Errno, Result},
    process::{Signal, WaitOptions, WaitStatus},
};

use crate::{
    cut,
    entrance::Entrance,
    guards::Guard,
    guest::{
        log::Log,
        machine::uptime,
        pid1::{
            boot::Machine,
            broker::Broker,
            hear::hear,
            inits,
            output::LogProgram,
            sandboxes,
            services::{self, Others, Service},
            stop,
            watchdog::Watchdog,
        },
        place,
        program::become_it,
        report::Reports,
        terminal::Terminal,
    },
    handover::HomeId,
    init_news::InitNews,
    layout,
    op::User,
    programs::{self, SERVICES},
    report::Report,
    say,
    say::Text,
    stopping::SAVED,
    supervise::{Action, ConsoleId, KILLED, MAX_SANDBOXES, Outcome, Pid, State},
    sys::{self, Signals},
};

/// What the executor needs besides the state: handles on the processes of the sandboxes.
struct Executor<'a> {
    machine: Machine<'a>,
    log: &'a Log,
    reports: Reports,
    broker: Option<Broker>,
    logger: LogProgram,
    services: Others,
    own: OwnedFd,
    sandboxes: Vec<(HomeId, Pid, OwnedFd), MAX_SANDBOXES>,
}

/// Runs until the machine stops. Returns only if it cannot even begin.
pub fn run(machine: Machine<'_>, broker: Option<Broker>, log: &Log) -> Result<()> {
    let wanted = Signals::of(&[Signal::CHILD, Signal::INT, Signal::TERM]);
    let signals = wanted.descriptor()?;
    let mut state = machine.state(log);
    let (reports, own) = (Reports::new()?, sandboxes::own()?);
    let (logger, services) = (LogProgram::new(), services::others());
    let (words, guards) = (machine.words, machine.guards);
    let mut executor = Executor { machine, log, reports, broker, logger, services, own, sandboxes: Vec::new() };
    let mut up = false;
    stop::take_power_button();
    let mut watchdog = Watchdog::start(words, guards, log);
    loop {
        watchdog.serve();
        executor.give_terminals();
        executor.start_services();
        while let Some(action) = state.next(uptime()) {
            let outcome = executor.execute(action);
            state.done(action, outcome, uptime());
        }
        if !up {
            up = true;
            info!(log, "up; PID 1 holds ", own_memory().unwrap_or(0), " KiB of its own");
        }
        let services = executor.services.iter().filter_map(|service| service.due);
        let due = [state.wake_at(), executor.logger.service.due, watchdog.due()];
        executor.wait(&signals, due.into_iter().flatten().chain(services).min());
        executor.take_reports(&mut state);
        executor.services.iter_mut().for_each(|service| hear(service, &mut executor.machine, &mut state));
        executor.broker.take_if(|broker| !broker.serve());
        read_signals(&signals, &mut state);
        while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
            // messages before deaths: a logon reports who logged on, and then exits
            executor.take_reports(&mut state);
            let pid = pid.as_raw_nonzero().get();
            executor.buried(pid);
            let status = shell_status(status);
            // a killed program may have been killed with its sandbox, whose reaper waits until PID 1 has reaped the
            // program
            if status == KILLED
                && let Some(home) = state.home_of(pid)
                && executor.ends(home)
            {
                state.ending(home);
            }
            state.exited(pid, status, uptime());
        }
    }
}

/// KiB of anonymous memory: resident pages that do not belong to a file (proc_pid_statm(5), in pages of 4 KiB).
fn own_memory() -> Option<u32> {
    let statm = place::text("/proc/self/statm")?;
    let (_size, rest) = cut::once(&statm, b' ')?;
    let (resident, rest) = cut::once(rest, b' ')?;
    let (files, _) = cut::once(rest, b' ')?;
    let (resident, files) = (cut::small(resident, 10)?, cut::small(files, 10)?);
    resident.checked_sub(files)?.checked_mul(4)
}

fn read_signals(signals: &OwnedFd, state: &mut State) {
    let mut info = [0; sys::SIGNAL_INFO];
    while rustix::io::read(signals, &mut info).is_ok_and(|length| length == info.len()) {
        let [a, b, c, d, ..] = info;
        if let Some(word) = stop::ordered(i32::from_ne_bytes([a, b, c, d])) {
            state.stop(word);
        }
    }
}

/// The status as a shell reports it: 128 plus the number of the signal, if a signal ended the process.
fn shell_status(status: WaitStatus) -> u8 {
    let signal = status.terminating_signal().map(|signal| signal.saturating_add(128));
    status.exit_status().or(signal).and_then(|status| u8::try_from(status).ok()).unwrap_or(u8::MAX)
}

fn tell_reaper(reaper: Pid, what: Signal) -> Outcome {
    if let Some(pid) = rustix::process::Pid::from_raw(reaper) {
        let _ = rustix::process::kill_process(pid, what);
    }
    Outcome::Done
}

impl Executor<'_> {
    /// Waits until something has happened, or until that time.
    fn wait(&self, signals: &OwnedFd, wake_at: Option<u64>) {
        let services = self.services.iter().filter_map(Service::news);
        let broker = self.broker.as_ref().map(Broker::descriptor);
        let all = [signals, self.reports.descriptor()].into_iter().chain(broker).chain(services);
        let mut fds: Vec<PollFd<'_>, { 3 + SERVICES.len() }> =
            all.map(|news| PollFd::new(news, PollFlags::IN)).collect();
        // the clock counts whole seconds: wait one more, so that a wait never ends just before its time
        let seconds = wake_at.map(|at| at.saturating_sub(uptime()).saturating_add(1));
        let timeout = seconds.map(|s| Timespec { tv_sec: i64::try_from(s).unwrap_or(i64::MAX), tv_nsec: 0 });
        let _ = rustix::event::poll(&mut fds, timeout.as_ref());
    }

    /// Executes one action.
    fn execute(&mut self, action: Action) -> Outcome {
        match action {
            Action::Prompt(console) => self.outcome("a logon", self.prompt(console)),
            Action::Build(home) => {
                if !self.machine.homes.may_run(home) {
                    return Outcome::Gone;
                }
                let built = self.build(home);
                self.outcome("a sandbox", built)
            }
            Action::Init(home, console) => {
                self.open_terminal(home);
                self.entered(home, self.init(home, console))
            }
            Action::StopWaiting(home, missing) => self.tell(home, |_| InitNews::StopsWaiting(missing)),
            Action::Again(home, ended) => self.tell(home, |user| inits::again(user, ended)),
            Action::Shell(home, console) => self.entered(home, self.shell(home, console)),
            Action::TurnAway(home, _) => {
                error!(self.log, self.name(home), " cannot log on: there are ", MAX_SANDBOXES, " sandboxes already");
                Outcome::Done
            }
            Action::Show(home) => self.outcome("root's view", self.show(home)),
            Action::Hide(home) => self.outcome("root's view", self.hide(home)),
            Action::Poke(reaper) => tell_reaper(reaper, Signal::USR1),
            Action::Ask(reaper) => tell_reaper(reaper, Signal::USR2),
            Action::Kill(reaper) => tell_reaper(reaper, Signal::KILL),
            Action::Terminate => {
                let _ = sys::signal_all(Some(Signal::TERM));
                Outcome::Done
            }
            Action::Stop(word) => {
                self.logger.finish();
                self.services.iter().for_each(Service::finish);
                // they have that time together, also if one of them hangs
                let _ = self.services.iter().all(|service| service.ends_within(SAVED));
                stop::stop(word, self.log)
            }
        }
    }

    fn outcome(&self, what: &str, made: Result<Pid>) -> Outcome {
        made.map_or_else(
            |errno| {
                error!(self.log, "cannot start ", what, ": ", errno);
                Outcome::Failed
            },
            Outcome::Made,
        )
    }

    /// The outcome of starting a program in a sandbox: a sandbox that has ended differs from one that is full.
    fn entered(&self, home: HomeId, made: Result<Pid>) -> Outcome {
        if made.is_err() && self.ends(home) {
            return Outcome::Gone;
        }
        self.outcome(self.name(home), made)
    }

    /// Whether the sandbox's reaper is ending or has ended: then it has no namespaces any more, long before it can be
    /// reaped.
    fn ends(&self, home: HomeId) -> bool {
        self.sandbox(home)
            .is_some_and(|reaper| sandboxes::inside(reaper, self.own.as_fd(), || Ok(())) == Err(Errno::SRCH))
    }

    /// A process has ended. If it was the first process of a sandbox, the sandbox has ended.
    fn buried(&mut self, pid: Pid) {
        self.logger.buried(pid);
        let _ = self.services.iter_mut().any(|service| service.buried(pid));
        if let Some(at) = self.sandboxes.iter().position(|(_, reaper, _)| *reaper == pid)
            && let (home, ..) = self.sandboxes.swap_remove(at)
            && let Some(user) = self.machine.homes.get(home)
        {
            sandboxes::remove(&user);
            self.logger.forget(home);
        }
    }

    fn name(&self, home: HomeId) -> &str {
        self.machine.homes.get(home).map_or("?", |user| user.name)
    }

    fn sandbox(&self, home: HomeId) -> Option<BorrowedFd<'_>> {
        self.sandboxes.iter().find(|(of, ..)| *of == home).map(|(.., pidfd)| pidfd.as_fd())
    }

    fn roots(&self) -> Result<BorrowedFd<'_>> {
        self.machine.homes.root().and_then(|root| self.sandbox(root)).ok_or(Errno::SRCH)
    }

    fn show(&self, home: HomeId) -> Result<Pid> {
        sandboxes::view(Some(self.sandbox(home).ok_or(Errno::SRCH)?), self.roots()?, self.name(home))
    }

    fn hide(&self, home: HomeId) -> Result<Pid> {
        sandboxes::view(None, self.roots()?, self.name(home))
    }

    fn user(&self, home: HomeId) -> Result<User<'_>> {
        self.machine.homes.get(home).ok_or(Errno::NOENT)
    }

    fn terminal(&self, console: ConsoleId) -> Result<&Terminal<'_>> {
        self.machine.consoles.get(usize::from(console)).ok_or(Errno::NODEV)
    }

    fn take_reports(&self, state: &mut State) {
        while self.reports.next(|report| self.reported(state, report)).is_some() {}
    }

    fn reported(&self, state: &mut State, report: Report<'_>) {
        match report {
            Report::Ready(name, upkeep) => {
                if let Some(home) = self.machine.homes.named(name) {
                    info!(self.log, "sandbox of ", name, " ready");
                    state.ready(home, upkeep, uptime());
                }
            }
            Report::LoggedOn(console, name) => {
                if let (Some(console), Some(home)) = (self.console(console), self.home_or_say_why(name)) {
                    state.logged_on(console, home);
                }
            }
            Report::Refused(console, name) => {
                if let Some(console) = self.console(console) {
                    state.refused(console, self.machine.homes.named(name), uptime());
                }
            }
        }
    }

    fn console(&self, name: &str) -> Option<ConsoleId> {
        self.machine.consoles.iter().zip(0..).find(|(console, _)| console.name == name).map(|(_, id)| id)
    }

    /// The home of a user who gave the right password. If PID 1 does not know it, `/logon` logs why.
    fn home_or_say_why(&self, name: &str) -> Option<HomeId> {
        let home = self.machine.homes.named(name);
        if home.is_none()
            && let Ok(None) = sys::fork()
        {
            // a SIGTERM ends it
            Signals::NONE.block();
            let mut arguments = Text::new();
            say!(&mut arguments, "logon\0why\0", name, "\0");
            become_it(programs::LOGON.path, &arguments, self.machine.words)
        }
        home
    }

    fn prompt(&self, console: ConsoleId) -> Result<Pid> {
        let terminal = self.terminal(console)?;
        if let Some((pid, _)) = sys::fork()? {
            info!(self.log, "logon on ", terminal.name);
            return Ok(pid);
        }
        let mut arguments = Text::new();
        say!(&mut arguments, "logon\0ask\0", terminal.name, "\0", terminal.line, "\0");
        let _ = rustix::stdio::dup2_stdout(self.reports.sender());
        become_it(programs::LOGON.path, &arguments, self.machine.words)
    }

    fn build(&mut self, home: HomeId) -> Result<Pid> {
        let user = self.user(home)?;
        let (reaper, pidfd) = sandboxes::build(&user, &self.machine, self.reports.sender())?;
        self.sandboxes.push((home, reaper, pidfd)).map_err(|_| Errno::NFILE)?;
        Ok(reaper)
    }

    /// The init of that home prints on a terminal of its own, so that a slow console does not hold it up.
    fn open_terminal(&mut self, home: HomeId) {
        if !self.machine.guards.hold(Guard::Console) {
            return;
        }
        match self.logger.open(home, self.machine.consoles.first()) {
            Ok(()) => self.give_terminals(),
            Err(errno) => error!(self.log, "nothing that ", self.name(home), " prints is shown: ", errno),
        }
    }

    fn give_terminals(&mut self) {
        if self.logger.service.is_due() {
            let homes = &self.machine.homes;
            let name = |home| homes.get(home).map_or("?", |user| user.name);
            if let Err(errno) = self.logger.give(self.machine.words, name) {
                error!(self.log, "cannot start /log, and what inits print waits: ", errno);
            }
        }
    }

    fn tell(&self, home: HomeId, news: impl FnOnce(&User<'_>) -> InitNews) -> Outcome {
        if let Ok(user) = self.user(home) {
            self.logger.tell(news(&user), user.name);
        }
        Outcome::Done
    }

    fn start_services(&mut self) {
        for service in self.services.iter_mut().filter(|service| service.is_due()) {
            if let Err(errno) = service.start(self.machine.words) {
                error!(self.log, "cannot start ", service.row.program.path, ": ", errno);
            }
        }
    }

    fn init(&self, home: HomeId, console: Option<ConsoleId>) -> Result<Pid> {
        info!(self.log, "init of ", self.name(home));
        let app = self.machine.apps && place::app(self.name(home)).is_ok();
        let terminal = console.map(|console| self.terminal(console)).transpose()?;
        if let Some(terminal) = terminal {
            terminal.own();
        }
        self.enter(home, if app { layout::APP_INIT } else { "/init" }, terminal)
    }

    fn shell(&self, home: HomeId, console: ConsoleId) -> Result<Pid> {
        let terminal = self.terminal(console)?;
        info!(self.log, "session of ", self.name(home), " on ", terminal.name);
        self.enter(home, "", Some(terminal))
    }

    fn enter(&self, home: HomeId, path: &str, terminal: Option<&Terminal<'_>>) -> Result<Pid> {
        let user = self.user(home)?;
        let reaper = self.sandbox(home).ok_or(Errno::SRCH)?;
        let output = self.logger.terminal(home).filter(|_| !path.is_empty());
        let terminal = terminal.map(|Terminal { name, line }| (*name, line));
        let entrance = Entrance { user, path, terminal, prints: output.is_some() };
        sandboxes::enter(reaper, self.own.as_fd(), &entrance, output, self.machine.words)
    }
}

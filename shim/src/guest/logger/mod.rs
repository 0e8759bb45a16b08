//! `/log`: takes what users' inits print, gives it to the console, and keeps the last of it for the door.
//!
//! ```text
//! init -> its terminal -> Output (decides) -> console
//!                      -> the user's ring  -> /control, a syslog server
//! the kernel's messages -> the kernel's ring -> the same
//! ```
//!
//! A slow console holds nobody up for more than a moment: an init prints on a pseudo terminal, which this program goes
//! on reading. PID 1 sends it, through its standard input, the name of each user whose init starts and the master
//! of the init's terminal. Once PID 1 closes that socket, the program prints what it still has and ends. The rings are
//! files in RAM: the next `/log` goes on with them.

mod kernel;
mod syslog;

use core::mem::MaybeUninit;

use heapless::Vec;
use rustix::{
    event::PollFlags,
    fd::{AsFd, OwnedFd},
    fs::OFlags,
    io::{Errno, IoSliceMut, Result},
    net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg},
    process::Signal,
    termios::{Action, InputModes, OptionalActions, tcflow, tcgetattr, tcsetattr},
};

use crate::{
    guest::{
        log::Log,
        logger::{kernel::Kernel, syslog::Sender},
        place, privilege,
        rings::Writer,
        service,
        waits::Waits,
        words::Word,
    },
    init_news::{FIXED, InitNews},
    layout,
    output::{Output, PIECE, USER},
    programs, say,
    say::Text,
    supervise::MAX_SANDBOXES,
    sys::{self, Signals, Start, Stream},
    syslog::{self as protocol, Target},
};

/// Milliseconds between two looks while a console is slow: a program that floods its terminal takes little CPU time
/// here.
const REST: u32 = 2;
/// How many bytes the console is given in one call.
const AT_ONCE: usize = 256;
/// Milliseconds after which nothing more is expected, once PID 1 has closed the socket.
const QUIET: u32 = 100;

/// The kernel's messages are read from this many milliseconds after its start, so that they do not slow the boot.
const KERNEL: u64 = 5000;

/// How many of a user's last lines are printed again in a crash loop.
const AGAIN: usize = 20;

/// How many terminals of a user are read: of the init that runs, and of those before it that have left programs behind.
const TERMINALS: usize = 4;

/// One init.
struct Init {
    /// It counts up with each new one.
    number: u32,
    /// `None` once no process has it open any more.
    terminal: Option<OwnedFd>,
    /// `None` if there is no memory for it.
    ring: Option<Writer>,
}

/// Their outputs lie at the same places of another table, whose pages take memory only once they are used.
type Inits = [Option<Init>; MAX_SANDBOXES];

/// What there is to do.
#[derive(Clone, Copy)]
enum News {
    /// PID 1 has sent something, or has closed the socket.
    Socket,
    /// The console takes more.
    Console,
    /// The init at that place has printed something, or its terminal is closed.
    Terminal(usize),
    /// The kernel has said something.
    Kernel,
}

/// The socket, the console, the kernel, and the terminals.
const ALL: usize = MAX_SANDBOXES + 3;
type AllNews = Vec<News, ALL>;

/// What is there besides inits.
struct Besides {
    kernel: Option<Kernel>,
    sender: Option<Sender>,
}

/// The program.
pub fn main(start: Start) -> ! {
    let log = Log::held();
    // a console that is gone gives an error; a machine that stops sends SIGTERM to all, and this prints until the end
    Signals::of(&[Signal::PIPE, Signal::TERM, Signal::TTOU]).block();
    let mut besides = Besides { kernel: Kernel::open().ok(), sender: target(start, &log).map(Sender::to) };
    let result = prepare()
        .and_then(|()| service::apart(&programs::LOG, start, &log))
        .and_then(|()| sys::with_pages(MAX_SANDBOXES, |outputs| serve(outputs, &mut besides, &log)))
        .and_then(|result| result);
    if let Err(errno) = result {
        error!(log, "/log cannot pass on what inits print: ", errno);
    }
    sys::exit(u8::from(result.is_err()))
}

/// Opens what only root can: the console becomes the standard output, and the folder of the rings this program's own.
fn prepare() -> Result<()> {
    let console = place::file("/dev/console", OFlags::WRONLY | OFlags::NOCTTY | OFlags::NONBLOCK);
    let _ = console.and_then(|console| rustix::stdio::dup2_stdout(&console));
    let (uid, _) = privilege::ids_of(&programs::LOG);
    // `/users` removes the logs of those who are gone
    let (_, gid) = privilege::ids_of(&programs::USERS);
    rustix::fs::chown(layout::LOGS, Some(uid), Some(gid))
}

/// The syslog server of the machine's own settings, else of the kernel's word.
fn target(start: Start, log: &Log) -> Option<Target> {
    let word = Word::of("syslog", start);
    let value = word.value()?;
    let target = Target::parse(value);
    if target.is_none() {
        error!(log, "syslog=", value, " is ignored: ", protocol::HINT);
    }
    target
}

/// Returns once PID 1 has closed the socket and everything is printed.
fn serve(outputs: &mut [Output], besides: &mut Besides, log: &Log) -> Result<()> {
    let mut inits: Inits = [const { None }; MAX_SANDBOXES];
    let (mut open, mut turn) = (true, 0);
    loop {
        turn = next_turn(&mut inits, outputs, turn);
        let all = wait(&mut inits, outputs, besides, open, turn)?;
        let is_sent = besides.sender.as_ref().is_none_or(Sender::is_done);
        if all.is_empty() && !open && is_sent && each(&mut inits, outputs).all(|(.., output)| output.is_taken()) {
            return Ok(());
        }
        let any = !all.is_empty();
        for news in all {
            match news {
                News::Kernel => {
                    if besides.kernel.as_ref().is_some_and(|kernel| kernel.read().is_err()) {
                        // no memory for it: without this, the loop would never sleep
                        besides.kernel = None;
                    }
                }
                News::Socket => {
                    open = take(&mut inits, outputs, log);
                    if !open {
                        start_line();
                    }
                }
                News::Console => outputs.get_mut(turn).map_or((), print),
                News::Terminal(at) => {
                    if let (Some(Some(init)), Some(output)) = (inits.get_mut(at), outputs.get_mut(at)) {
                        read(init, output);
                    }
                }
            }
        }
        if let Some(sender) = &mut besides.sender {
            if any {
                sender.news();
            }
            sender.step(log);
        }
        for (init, output) in inits.iter_mut().zip(&*outputs) {
            let _ = init.take_if(|init| init.terminal.is_none() && output.is_taken());
        }
    }
}

/// Each init with its place and its output.
fn each<'a>(
    inits: &'a mut Inits,
    outputs: &'a mut [Output],
) -> impl Iterator<Item = (usize, &'a mut Init, &'a mut Output)> {
    let all = inits.iter_mut().zip(outputs).enumerate();
    all.filter_map(|(at, (init, output))| init.as_mut().map(|init| (at, init, output)))
}

/// Whose output the console takes now: a piece that was begun is finished first, then the others come in turn.
fn next_turn(inits: &mut Inits, outputs: &mut [Output], last: usize) -> usize {
    let (mut first, mut next) = (None, None);
    for (at, _, output) in each(inits, outputs) {
        if output.is_halfway() {
            return at;
        }
        if !output.is_taken() {
            first = first.or(Some(at));
            next = next.or((at > last).then_some(at));
        }
    }
    next.or(first).unwrap_or(last)
}

/// Waits for news, or until something is due. While a program waits for the console, its terminal is not read.
fn wait(inits: &mut Inits, outputs: &mut [Output], besides: &Besides, open: bool, turn: usize) -> Result<AllNews> {
    let now = sys::milliseconds();
    let (socket, console) = (Stream(0), Stream(1));
    let (mut slow, mut until) = (false, besides.sender.as_ref().and_then(|sender| sender.due));
    let mut waits = Waits::<_, ALL>::new();
    if open {
        waits.ask(News::Socket, socket.as_fd(), PollFlags::IN);
        match &besides.kernel {
            Some(kernel) if now >= KERNEL => waits.ask(News::Kernel, kernel.descriptor().as_fd(), PollFlags::IN),
            Some(_) => until = Some(until.unwrap_or(KERNEL).min(KERNEL)),
            None => {}
        }
    }
    for (at, init, output) in each(inits, outputs) {
        if at == turn && !output.is_taken() {
            waits.ask(News::Console, console.as_fd(), PollFlags::OUT);
        }
        if output.room(now) > 0
            && let Some(terminal) = &init.terminal
        {
            waits.ask(News::Terminal(at), terminal.as_fd(), PollFlags::IN);
        }
        slow |= output.is_slow();
        until = [until, output.waits_until()].into_iter().flatten().min();
    }
    if slow {
        sys::pause(REST);
    }
    let wait = until.map(|until| u32::try_from(until.saturating_sub(now)).unwrap_or(0).saturating_add(1));
    let wait = if open { wait } else { Some(QUIET.min(wait.unwrap_or(QUIET))) };
    waits.wait(wait)
}

/// Takes what an init has printed.
fn read(init: &mut Init, output: &mut Output) {
    let Some(terminal) = &init.terminal else { return };
    let mut bytes = [0; PIECE];
    let room = output.room(sys::milliseconds()).min(bytes.len());
    match bytes.get_mut(..room).map(|bytes| rustix::io::read(terminal, bytes)) {
        Some(Ok(length @ 1..)) => {
            let bytes = bytes.get(..length).unwrap_or_default();
            output.print(bytes);
            if let Some(ring) = &mut init.ring {
                ring.print(bytes);
            }
        }
        Some(Err(Errno::AGAIN | Errno::INTR)) | None => {}
        // EIO: no process has the other end open (drivers/tty/n_tty.c, `n_tty_read`)
        Some(_) => {
            init.terminal = None;
            if let Some(ring) = &mut init.ring {
                ring.end();
            }
        }
    }
}

/// Gives the console a little: a logon drops what a line has not sent yet (`tty_ldisc_hangup`), and a line that has
/// fewer than 256 bytes takes more (drivers/tty/n_tty.c, `WAKEUP_CHARS`).
fn print(output: &mut Output) {
    let piece = output.piece();
    match rustix::io::write(Stream(1), piece.get(..AT_ONCE).unwrap_or(piece)) {
        Ok(length) => output.take(length),
        Err(Errno::AGAIN | Errno::INTR) => {}
        // the console is hung up, or gone
        Err(_) => output.refuse(),
    }
}

/// Lets the console send again if somebody stopped it with Ctrl-S (drivers/tty/n_tty.c, `n_tty_set_termios`) or
/// tcflow(3): the machine is stopping, and nobody else will. An app may be the foreground: without SIGTTOU blocked,
/// this program would be stopped.
fn start_line() {
    let console = Stream(1);
    if let Ok(mut settings) = tcgetattr(&console) {
        settings.input_modes.remove(InputModes::IXON);
        let _ = tcsetattr(&console, OptionalActions::Now, &settings);
    }
    let _ = tcflow(&console, Action::OOn);
}

/// Takes one packet of PID 1: the name of a user and a descriptor, or news of an init. Returns false once the socket is
/// closed.
fn take(inits: &mut Inits, outputs: &mut [Output], log: &Log) -> bool {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut rights = RecvAncillaryBuffer::new(&mut space);
    let mut name = [0; FIXED + USER];
    let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
    let length = match recvmsg(Stream(0), &mut [IoSliceMut::new(&mut name)], &mut rights, flags) {
        Ok(received) if received.bytes > 0 => received.bytes,
        Err(Errno::AGAIN | Errno::INTR) => return true,
        _ => return false,
    };
    let mut sent = rights.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(fds) => Some(fds),
        _ => None,
    });
    let mut fds = sent.next().into_iter().flatten();
    let packet = name.get(..length).unwrap_or_default();
    let Some(terminal) = fds.next() else {
        if let Some((news, user)) = InitNews::parse(packet) {
            error!(log, "init of ", user, " ", news);
            let mut line = Text::new();
            say!(&mut line, "init ", news);
            let _ = Writer::open(user).map(|mut ring| {
                if matches!(news, InitNews::Again(..)) {
                    ring.count_restart();
                }
                ring.say(&line);
            });
            if news.is_crash_loop() {
                show_again(inits, outputs, user);
            }
        }
        return true;
    };
    let number = each(inits, outputs).map(|(_, init, _)| init.number).max().map_or(0, |last| last.saturating_add(1));
    forget_oldest(inits, outputs, packet);
    if inits.iter().all(Option::is_some) {
        // what is left of an init that has ended is of less use than a new one
        inits.iter_mut().for_each(|init| drop(init.take_if(|init| init.terminal.is_none())));
    }
    let place = inits.iter_mut().zip(outputs).find(|(init, _)| init.is_none());
    if let Some((init, output)) = place {
        output.begin(packet);
        let ring = core::str::from_utf8(packet).ok().and_then(|user| Writer::open(user).ok());
        *init = Some(Init { number, terminal: Some(terminal), ring });
    }
    true
}

/// A user whose inits leave programs behind that hold their terminals cannot use up the table: the oldest is read no
/// more.
fn forget_oldest(inits: &mut Inits, outputs: &mut [Output], user: &[u8]) {
    let open = |init: &Init, output: &Output| init.terminal.is_some() && output.user() == user;
    if each(inits, outputs).filter(|(_, init, output)| open(init, output)).count() >= TERMINALS {
        let oldest =
            each(inits, outputs).filter(|(_, init, output)| open(init, output)).min_by_key(|(_, init, _)| init.number);
        if let Some((_, init, _)) = oldest {
            init.terminal = None;
        }
    }
}

/// Prints a user's last lines once more, as if they were an init's.
fn show_again(inits: &mut Inits, outputs: &mut [Output], user: &str) {
    let Some(last) = outputs.iter().copied().find(|output| output.is_of(user)) else { return };
    let free = inits.iter_mut().zip(outputs).find(|(init, output)| init.is_none() && !output.is_of(user));
    if let Some((init, output)) = free {
        // of nobody: what is printed here is not the user's next last lines
        output.begin(b"");
        last.last_lines(AGAIN).for_each(|byte| output.print(&[byte]));
        *init = Some(Init { number: 0, terminal: None, ring: None });
    }
}

//! The logon on one console: asks until somebody is known, says who, and ends.
//!
//! The prompts go to the terminal; the standard output is PID 1's pipe and takes the answer alone.

use linux_raw_sys::general::{
    CBAUD, CLOCAL, CREAD, CS8, ECHO, ECHOCTL, ECHOE, ECHOK, ECHOKE, HUPCL, ICANON, ICRNL, IEXTEN, ISIG, IXON, ONLCR,
    OPOST,
};
use rustix::{
    event::Timespec,
    fd::OwnedFd,
    fs::{Gid, Mode, OFlags, Uid},
    io::Result,
    process::Signal,
    termios::Winsize,
};

use crate::{
    cmdline::Options,
    guards::{Guard, Guards},
    guest::{
        log::Log,
        logon::{file, password},
        place::{self, Name},
        privilege,
        report::{Report, send},
    },
    layout,
    logon_file::MAX_LINE,
    say,
    say::Text,
    sys::{self, Signals, Stream},
};

/// What keys do, from interrupt to the second end of line (include/asm-generic/termios.h, `INIT_C_CC`).
const KEYS: [u8; 19] = [3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0, 0, 0];
/// The longest wait after a wrong password, in seconds.
const MAX_DELAY: i64 = 32;
/// What a serial line is taken for, which cannot say how large its terminal is: a VT100.
const SERIAL: Winsize = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };

/// Asks on the terminal `/dev/CONSOLE` until somebody is known. Status 1 if the terminal is gone.
pub fn ask(console: &str, options: &Options<'_>) -> u8 {
    match until_known(console, options) {
        Ok(name) => {
            send(Stream(1), Report::LoggedOn(console, &name));
            0
        }
        Err(errno) => {
            info!(Log::PID1, "no logon on ", console, ": ", errno);
            1
        }
    }
}

fn until_known(console: &str, options: &Options<'_>) -> Result<Text> {
    let mut path = Text::new();
    say!(&mut path, "/dev/", console);
    let terminal = take(&path, options.guards)?;
    privilege::become_logon()?;
    let mut delay = 1;
    loop {
        if let Some(name) = once(&terminal, options.single)? {
            echo(&terminal, true, true)?;
            return Ok(name);
        }
        sleep(delay);
        delay = delay.saturating_mul(2).min(MAX_DELAY);
        put(&terminal, "\nThat is not a user and password of this machine.\n");
    }
}

/// Makes the terminal this process's own, and nobody else's: whoever has it open from an earlier session is hung up.
fn take(path: &str, guards: Guards<'_>) -> Result<OwnedFd> {
    rustix::process::setsid()?;
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK;
    let open = || place::file(path, flags);
    if guards.hold(Guard::Terminal) {
        // first the node: whoever is hung up may try to open it again at once
        let node = Name::new(path)?;
        rustix::fs::chown(node.c(), Some(Uid::ROOT), Some(Gid::ROOT))?;
        rustix::fs::chmod(node.c(), Mode::RUSR | Mode::WUSR)?;
        let terminal = open()?;
        sys::take_terminal(&terminal)?;
        sys::hang_up()?;
    }
    let terminal = open()?;
    sys::take_terminal(&terminal)?;
    // a stop of the machine ends this at once; the hang-up of a moment ago does not
    Signals::of(&[Signal::HUP]).block();
    rustix::fs::fcntl_setfl(&terminal, OFlags::empty())?;
    if rustix::termios::tcgetwinsize(&terminal)?.ws_row == 0 {
        rustix::termios::tcsetwinsize(&terminal, SERIAL)?;
    }
    Ok(terminal)
}

fn put(terminal: &OwnedFd, text: &str) {
    let _ = rustix::io::write(terminal, text.as_bytes());
}

/// One try: a name, and a password unless the user is a guest.
fn once(terminal: &OwnedFd, single: bool) -> Result<Option<Text>> {
    let mut name = Text::new();
    while name.is_empty() {
        echo(terminal, true, false)?;
        put(terminal, "Welcome to NodeOS!: username:  ");
        read_line(terminal, &mut name)?;
    }
    let root = name == layout::ROOT_USER;
    // one name is one folder: nothing that is typed here is a path
    let known = !name.bytes().any(|byte| byte == b'/') && (root || !single);
    let hash = file::of(&name).ok().filter(|_| known).and_then(|file| file.password);
    if hash.as_deref() == Some("") && !root {
        return Ok(Some(name));
    }
    let mut given = Text::new();
    echo(terminal, false, false)?;
    put(terminal, "Welcome to NodeOS!: password:  ");
    read_line(terminal, &mut given)?;
    put(terminal, "\n");
    let right = password::check(given.as_bytes(), hash.as_deref());
    Ok(right.then_some(name))
}

/// A terminal in its usual state, with or without echo and signals from keys.
fn echo(terminal: &OwnedFd, on: bool, signals: bool) -> Result<()> {
    let mut state = sys::terminal(terminal)?;
    // whatever an earlier session made of it, but for the speed of the line
    state.c_iflag = ICRNL | IXON;
    state.c_oflag = OPOST | ONLCR;
    state.c_cflag = state.c_cflag & CBAUD | CS8 | CREAD | HUPCL | CLOCAL;
    state.c_lflag = ICANON | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN | ECHO | ISIG;
    state.c_cc = KEYS;
    if !on {
        state.c_lflag &= !ECHO;
    }
    if !signals {
        state.c_lflag &= !ISIG;
    }
    sys::set_terminal(terminal, &state)
}

/// One line without its end. What is longer or no UTF-8 is nobody's name and nobody's password: it reads as one that
/// cannot be given.
fn read_line(terminal: &OwnedFd, line: &mut Text) -> Result<()> {
    line.clear();
    let mut whole = true;
    loop {
        let mut bytes = [0; MAX_LINE];
        let length = rustix::io::read(terminal, &mut bytes)?;
        if length == 0 {
            // ^D, or a terminal that is gone: not at full speed
            sleep(1);
        }
        let text = bytes.get(..length).and_then(|bytes| core::str::from_utf8(bytes).ok()).unwrap_or("\0\n");
        let (text, ended) = (text.trim_end_matches(['\n', '\r']), length < MAX_LINE || text.ends_with('\n'));
        whole &= ended && line.push_str(text).is_ok();
        if ended {
            if !whole {
                line.clear();
                let _ = line.push('\0');
            }
            return Ok(());
        }
    }
}

fn sleep(seconds: i64) {
    let _ = rustix::event::poll(&mut [], Some(&Timespec { tv_sec: seconds, tv_nsec: 0 }));
}

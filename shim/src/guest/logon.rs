//! The logon on one console: asks until somebody is known, tells PID 1 who, and ends.
//!
//! It runs as uid 0 with one capability, that of reading every home's logon file.

use linux_raw_sys::general::{ECHO, ECHOE, ECHOK, ICANON, ICRNL, IEXTEN, ISIG, IXON, ONLCR, OPOST};
use rustix::{
    event::Timespec,
    fd::OwnedFd,
    fs::{Gid, Mode, OFlags, Uid},
    io::Result,
};
use shim::{
    layout, say,
    say::Text,
    sys::{self, Stream},
    users::{HomeId, Homes},
};

use crate::guest::{homes, password, place, privilege};

/// The longest name or password that is read.
const MAX_LINE: usize = 256;
/// The longest wait after a wrong password, in seconds.
const MAX_DELAY: i64 = 32;

/// Asks on the terminal `/dev/NAME` until somebody is known.
///
/// # Errors
/// What the terminal says when it is gone.
pub fn ask(terminal: &str, homes: &Homes, single: bool) -> Result<HomeId> {
    let mut path = Text::new();
    say!(&mut path, "/dev/", terminal);
    let terminal = take(&path)?;
    rustix::stdio::dup2_stdin(&terminal)?;
    rustix::stdio::dup2_stdout(&terminal)?;
    privilege::become_logon()?;
    let mut delay = 1;
    loop {
        if let Some(home) = once(&terminal, homes, single)? {
            echo(&terminal, true, true)?;
            return Ok(home);
        }
        sleep(delay);
        delay = delay.saturating_mul(2).min(MAX_DELAY);
        Stream(1).put("\nThat is not a user and password of this machine.\n");
    }
}

/// Makes the terminal this process's own, and nobody else's: whoever has it open from an earlier session is hung up.
fn take(path: &str) -> Result<OwnedFd> {
    rustix::process::setsid()?;
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK;
    let open = || place::file(path, flags);
    let terminal = open()?;
    rustix::process::ioctl_tiocsctty(&terminal)?;
    sys::hang_up()?;
    drop(terminal);
    let terminal = open()?;
    rustix::process::ioctl_tiocsctty(&terminal)?;
    rustix::fs::fchown(&terminal, Some(Uid::ROOT), Some(Gid::ROOT))?;
    rustix::fs::fchmod(&terminal, Mode::RUSR | Mode::WUSR)?;
    rustix::fs::fcntl_setfl(&terminal, OFlags::empty())?;
    Ok(terminal)
}

/// One try: a name, and a password unless the user is a guest.
fn once(terminal: &OwnedFd, homes: &Homes, single: bool) -> Result<Option<HomeId>> {
    let mut name = Text::new();
    while name.is_empty() {
        echo(terminal, true, false)?;
        Stream(1).put("Welcome to NodeOS!: username:  ");
        read_line(terminal, &mut name)?;
    }
    let home = homes.named(&name).filter(|_| !single || name == layout::ROOT_USER);
    let file = home.and_then(|_| homes::logon_file(&name).ok());
    let hash = file.and_then(|file| file.password);
    if hash.as_deref() == Some("") && name != layout::ROOT_USER {
        return Ok(home);
    }
    let mut given = Text::new();
    echo(terminal, false, false)?;
    Stream(1).put("Welcome to NodeOS!: password:  ");
    read_line(terminal, &mut given)?;
    Stream(1).put("\n");
    let right = password::check(given.as_bytes(), hash.as_deref());
    Ok(home.filter(|_| right))
}

/// A terminal in its usual state, with or without echo and signals from keys.
fn echo(terminal: &OwnedFd, on: bool, signals: bool) -> Result<()> {
    let mut state = sys::terminal(terminal)?;
    state.c_iflag |= ICRNL | IXON;
    state.c_oflag |= OPOST | ONLCR;
    state.c_lflag |= ICANON | ECHOE | ECHOK | IEXTEN | ECHO | ISIG;
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
    let mut bytes = [0; MAX_LINE];
    let length = rustix::io::read(terminal, &mut bytes)?;
    if length == 0 {
        // ^D, or a terminal that is gone: not at full speed
        sleep(1);
    }
    let text = bytes.get(..length).and_then(|bytes| core::str::from_utf8(bytes).ok()).unwrap_or("\0");
    line.clear();
    let _ = line.push_str(text.trim_end_matches(['\n', '\r']));
    Ok(())
}

fn sleep(seconds: i64) {
    let _ = rustix::event::poll(&mut [], Some(&Timespec { tv_sec: seconds, tv_nsec: 0 }));
}

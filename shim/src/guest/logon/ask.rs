//! The logon on one console: asks for name and password once, reports the result, and exits.
//!
//! The prompts go to the terminal. The standard output is PID 1's pipe, only for the result.

use rustix::{
    event::Timespec,
    fd::OwnedFd,
    fs::{CWD, FileType, Gid, Mode, OFlags, Uid},
    io::Result,
    process::Signal,
    termios::QueueSelector,
};

use crate::{
    cmdline::Options,
    guards::{Guard, Guards},
    guest::{
        log::Log,
        logon::{file, password, watch::Watch},
        place::{self, Name},
        privilege,
        report::send,
        terminal::{Line, State},
    },
    layout,
    logon_file::MAX_LINE,
    report::Report,
    say,
    say::Text,
    sys::{
        self, Signals, Stream,
        terminal::{self, Screen, take_terminal},
    },
};

const PROMPT: &str = "Welcome to NodeOS!: username:  ";

/// A person at a terminal.
struct Person<'a> {
    console: &'a str,
    terminal: OwnedFd,
    line: Line,
}

/// Asks once on the terminal `/dev/CONSOLE`. The status is 1 for a wrong answer, or if the terminal is gone: PID 1
/// counts these, and starts the next logon after a delay.
pub fn ask(console: &str, line: Line, options: &Options<'_>) -> u8 {
    match answer(console, line, options) {
        Ok((name, true)) => {
            send(Stream(1), Report::LoggedOn(console, &name));
            0
        }
        Ok((name, false)) => {
            send(Stream(1), Report::Refused(console, &name));
            1
        }
        Err(errno) => {
            info!(Log::PID1, "cannot start a logon on ", console, ": ", errno);
            1
        }
    }
}

/// The name, and whether that user exists and the password is right.
fn answer(console: &str, line: Line, options: &Options<'_>) -> Result<(Text, bool)> {
    let mut path = Text::new();
    say!(&mut path, "/dev/", console);
    let person = Person { console, terminal: take(&path, options.guards)?, line };
    privilege::become_logon()?;
    person.reset();
    let name = person.name()?;
    let known = person.is(&name, options)?;
    if !known {
        person.put("\nWrong user name or password.\n");
        // when this process ends, the terminal is hung up
        let _ = rustix::termios::tcdrain(&person.terminal);
    }
    Ok((name, known))
}

/// Makes the terminal this process's controlling terminal. Processes of an earlier session that have it open are hung
/// up.
fn take(path: &str, guards: Guards<'_>) -> Result<OwnedFd> {
    rustix::process::setsid()?;
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK;
    let open = || place::file(path, flags);
    if guards.hold(Guard::Terminal) {
        // first the node: a process that was hung up may try to open it again at once
        let node = Name::new(path)?;
        rustix::fs::chown(node.c(), Some(Uid::ROOT), Some(Gid::ROOT))?;
        rustix::fs::chmod(node.c(), Mode::RUSR | Mode::WUSR)?;
        // then replace it by a new node, because a watch or a lock on the old node stays there. The new node first gets
        // another name: if there is no memory to make it, the console still has the old one
        let number = rustix::fs::lstat(node.c())?.st_rdev;
        let mut new = Text::new();
        say!(&mut new, path, ".new");
        let new = Name::new(&new)?;
        // a logon that ended before the rename may have left one
        let _ = rustix::fs::unlink(new.c());
        rustix::fs::mknodat(CWD, new.c(), FileType::CharacterDevice, Mode::RUSR | Mode::WUSR, number)?;
        rustix::fs::rename(new.c(), node.c())?;
        let terminal = open()?;
        take_terminal(&terminal)?;
        sys::hang_up()?;
    }
    let terminal = open()?;
    take_terminal(&terminal)?;
    // a stop of the machine ends this process at once; the hang-up just above does not
    Signals::of(&[Signal::HUP]).block();
    rustix::fs::fcntl_setfl(&terminal, OFlags::empty())?;
    Ok(terminal)
}

impl Person<'_> {
    fn put(&self, text: &str) {
        let _ = rustix::io::write(&self.terminal, text.as_bytes());
    }

    /// Undoes what a session may have done to the line or the screen.
    fn reset(&self) {
        const FLAGS: usize = 4;
        const DIVISOR: usize = 6;
        /// `UPF_SPD_MASK` and `UPF_LOW_LATENCY` (include/linux/serial_core.h): users can set these without a
        /// capability.
        const USERS: u32 = 0x3030;
        if let Ok(mut serial) = terminal::serial(&self.terminal) {
            if let Some(flags) = serial.get_mut(FLAGS) {
                *flags &= !USERS;
            }
            if let Some(divisor) = serial.get_mut(DIVISOR) {
                *divisor = 0;
            }
            let _ = terminal::set_serial(&self.terminal, &serial);
        }
        terminal::send_out(&self.terminal);
        // drop input that is only an echo of the line's own output: nobody typed it
        let _ = rustix::termios::tcflush(&self.terminal, QueueSelector::IFlush);
        if terminal::is_screen(&self.terminal) {
            self.reset_screen();
        }
    }

    fn reset_screen(&self) {
        let terminal = &self.terminal;
        terminal::switch_freely(terminal);
        for (what, number) in [
            (Screen::Keyboard, 3), // K_UNICODE
            (Screen::Meta, 4),     // K_ESCPREFIX
            (Screen::Lights, 255), // show the state of the keyboard again
            (Screen::Sound, 0),
            (Screen::Mode, 0), // KD_TEXT
        ] {
            terminal::tell_screen(terminal, what, number);
        }
        // palette, reverse video, default attributes and colors, UTF-8, no blanking; then all other modes and the
        // scroll region, which move the cursor (console_codes(4); drivers/tty/vt/vt.c, `reset_terminal`)
        self.put("\x1b]R\x1b[?5l\x1b[0;10;37;40m\x1b[8]\x1b%G\x1b[9]\x1b>");
        self.put("\x1b7\x1b[3;4;20l\x1b[?1;6;9;1000l\x1b[?7;8;25h\x1b[r\x1b8");
    }

    /// Asks for a name until there is one.
    fn name(&self) -> Result<Text> {
        let watch = Watch::of(self.console, &self.terminal, PROMPT);
        let mut name = Text::new();
        while name.is_empty() {
            self.line.restore(&self.terminal, State::Name)?;
            self.put(PROMPT);
            if watch.typed(&self.terminal) {
                read_line(&self.terminal, &mut name)?;
            }
        }
        Ok(name)
    }

    /// Whether the user is a guest, or the password is right.
    fn is(&self, name: &str, options: &Options<'_>) -> Result<bool> {
        let root = name == layout::ROOT_USER;
        // one name is one folder: input with a slash is never used as a path
        let known = !name.bytes().any(|byte| byte == b'/') && (root || !options.single);
        let hash = || file::of(name).ok().filter(|_| known).and_then(|file| file.password);
        if hash().as_deref() == Some("") && !root {
            return Ok(true);
        }
        let mut given = Text::new();
        self.line.restore(&self.terminal, State::Password)?;
        self.put("Welcome to NodeOS!: password:  ");
        read_line(&self.terminal, &mut given)?;
        self.put("\n");
        // the prompt may have waited for hours: what counts is the file as it is now, and still is after the check
        let now = hash();
        Ok(password::check(given.as_bytes(), now.as_deref(), options.guards) && hash() == now)
    }
}

/// Reads one line without its end. A line that is too long or not UTF-8 is replaced by a text that is no valid name and
/// no valid password.
fn read_line(terminal: &OwnedFd, line: &mut Text) -> Result<()> {
    line.clear();
    let mut whole = true;
    loop {
        let mut bytes = [0; MAX_LINE];
        let length = rustix::io::read(terminal, &mut bytes)?;
        if length == 0 {
            // ^D, or a terminal that is gone: do not loop at full speed
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

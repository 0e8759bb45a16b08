//! The terminal of a console, and its default state: sessions begin with it, and a logon restores it.

use linux_raw_sys::general::{
    CLOCAL, CREAD, ECHO, ECHOCTL, ECHOE, ECHOK, ECHOKE, HUPCL, ICANON, ICRNL, IEXTEN, ISIG, IUTF8, IXON, ONLCR, OPOST,
};
use rustix::{fd::OwnedFd, fs::OFlags, io::Result, termios::Winsize};

use crate::{
    cmdline::Size,
    cut,
    guest::place,
    say,
    say::{Say, Text},
    sys::terminal::{self, Settings},
};

/// The control characters, from interrupt to the second end of line (include/asm-generic/termios.h, `INIT_C_CC`).
const KEYS: [u8; 19] = [3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0, 0, 0];

/// A console that PID 1 knows.
pub struct Terminal<'a> {
    /// Its name below /dev.
    pub name: &'a str,
    pub line: Line,
}

impl Terminal<'_> {
    /// Makes it PID 1's controlling terminal. If the init led a session of its own, the kernel would hang the terminal up
    /// at the init's end, and drop what the line has not sent (drivers/tty/tty_jobctrl.c, `disassociate_ctty`).
    /// Errors are ignored: the init then has no signals from keys.
    pub fn own(&self) {
        // fails from the second time on: PID 1 leads its session already
        let _ = rustix::process::setsid();
        if let Ok(terminal) = open(self.name) {
            // after a hangup the kernel's defaults hold, and PID 1 is in front (see `Line::of`)
            let _ = self.line.restore(&terminal, State::Name);
            let _ = terminal::take_terminal(&terminal);
        }
    }
}

#[inline(never)]
fn open(name: &str) -> Result<OwnedFd> {
    let mut path = Text::new();
    say!(&mut path, "/dev/", name);
    place::file(&path, OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK)
}

/// The settings of a terminal before any session. A serial line's speed, for example, cannot be found out later.
#[derive(Clone, Copy)]
pub struct Line {
    /// `c_cflag`: bits of a character, parity, flow control.
    control: u32,
    /// Bits a second.
    speed: u32,
    size: Size,
}

/// Which state a terminal is put into.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// A session begins: echo, and signals from keys.
    Session,
    /// An init prints on it, and `/log` gives that to the console, which ends the lines.
    Init,
    /// Somebody types a name, or nobody uses it yet: echo alone.
    Name,
    /// Somebody types a password.
    Password,
}

impl Line {
    /// The console as it is now. It is then put into the state for a name. One without a size of its own, a serial line,
    /// has `size`.
    pub fn of(name: &str, size: Size) -> Self {
        // the kernel's defaults for a line (drivers/tty/tty_io.c, `tty_std_termios`)
        let mut line = Line { control: 0o2277, speed: 38400, size };
        if let Ok(terminal) = open(name) {
            if let Ok(settings) = terminal::settings(&terminal) {
                (line.control, line.speed) = (settings.c_cflag, settings.c_ospeed);
            }
            if let Ok(Winsize { ws_row: rows @ 1.., ws_col: columns @ 1.., .. }) =
                rustix::termios::tcgetwinsize(&terminal)
            {
                line.size = Size { columns, rows };
            }
            // no signals from keys: until an init is the foreground of a console that PID 1 owns, PID 1 is, and Ctrl-C
            // orders it to restart the machine
            let _ = line.restore(&terminal, State::Name);
        }
        line
    }

    /// The same as three numbers, for PID 1.
    pub const fn numbers(self) -> [u32; 3] {
        let Self { control, speed, size: Size { columns, rows } } = self;
        [control, speed, (rows as u32) << 16 | columns as u32]
    }

    /// Reads such numbers.
    pub fn of_numbers([control, speed, size]: [u32; 3]) -> Self {
        let [columns, rows] = [size & 0xffff, size >> 16].map(|number| u16::try_from(number).unwrap_or(0));
        Self { control, speed, size: Size { columns, rows } }
    }

    /// Parses the output of `say`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut numbers = Some(text);
        let mut number = || cut::small(cut::next(&mut numbers, b',')?, 10);
        let (control, speed) = (number()?, number()?);
        let size = Size { columns: number()?.try_into().ok()?, rows: number()?.try_into().ok()? };
        Some(Self { control, speed, size })
    }

    /// Puts a terminal into that state, regardless of what a session did to it.
    pub fn restore(&self, terminal: &OwnedFd, state: State) -> Result<()> {
        let c_lflag = ICANON | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN;
        let c_lflag = match state {
            State::Session | State::Init => c_lflag | ECHO | ISIG,
            State::Name => c_lflag | ECHO,
            State::Password => c_lflag,
        };
        let settings = Settings {
            c_iflag: ICRNL | IXON | IUTF8,
            c_oflag: if state == State::Init { 0 } else { OPOST | ONLCR },
            c_cflag: self.control | CREAD | HUPCL | CLOCAL,
            c_lflag,
            c_line: 0,
            c_cc: KEYS,
            c_ispeed: self.speed,
            c_ospeed: self.speed,
        };
        terminal::set_settings(terminal, &settings)?;
        if matches!(state, State::Name | State::Init) {
            // it has none yet, or the session before may have changed it
            self.set_size(terminal);
        }
        Ok(())
    }

    /// Errors are ignored: the screen may have changed meanwhile, and may refuse that size.
    fn set_size(&self, terminal: &OwnedFd) {
        let Size { columns, rows } = self.size;
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let _ = rustix::termios::tcsetwinsize(terminal, size);
    }
}

impl Say for Line {
    fn say(&self, text: &mut Text) {
        let Self { control, speed, size: Size { columns, rows } } = *self;
        say!(text, control, ",", speed, ",", columns, ",", rows);
    }
}

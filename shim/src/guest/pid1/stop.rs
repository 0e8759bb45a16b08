//! Stops the machine: kills what is left, unmounts the users partition, prints the last word, and powers off or
//! reboots.

use rustix::{
    fs::OFlags,
    io::Errno,
    mount::{MountFlags, UnmountFlags},
    process::{Signal, WaitOptions},
    system::RebootCommand,
};

use crate::{
    guest::{
        log::Log,
        pid1::watchdog,
        place::{self, Name},
    },
    keymap,
    last_word::LastWord,
    layout, say,
    say::Text,
    stopping::{CHECKED, KILLED, SAID, WRITTEN},
    sys::{
        self, Stream,
        terminal::{self, Screen},
    },
};

/// What a signal of that number requests.
pub fn ordered(signal: i32) -> Option<LastWord> {
    match Signal::from_named_raw(signal) {
        Some(Signal::INT) => Some(LastWord::Reboot),
        Some(Signal::TERM) => Some(LastWord::PowerOff(0)),
        _ => None,
    }
}

/// From here on, the power button sends SIGTERM to PID 1, with every combination of modifiers that the kernel has a
/// table for.
pub fn take_power_button() {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK;
    let (key, value) = keymap::POWER_BUTTON;
    if let (Ok(screen), Ok(signal)) = (place::file("/dev/tty0", flags), Signal::TERM.as_raw().try_into()) {
        for table in keymap::FIRST_TABLES {
            let _ = terminal::set_key_entry(&screen, table as u8, key, value);
        }
        terminal::tell_screen(&screen, Screen::PowerButton, signal);
    }
}

/// Stops a machine that is still booting. The processes that `/setup` runs get SIGTERM, so that e2fsck can end cleanly.
pub fn stop_booting(word: LastWord, log: &Log) -> ! {
    error!(log, "stopping before the boot is complete");
    end(Signal::TERM, CHECKED);
    stop(word, log)
}

/// Stops the machine.
pub fn stop(word: LastWord, log: &Log) -> ! {
    end(Signal::KILL, KILLED);
    // a disk or a terminal that hangs must not keep the machine running
    if !aside(WRITTEN, || {
        unmount(log);
        rustix::fs::sync();
    }) {
        error!(log, "the disk does not answer: unwritten data is lost");
    }
    aside(SAID, || {
        say(word);
        wait_for_reader();
    });
    let command = match word {
        LastWord::PowerOff(_) => {
            watchdog::stop();
            RebootCommand::PowerOff
        }
        // a restart that hangs is a reset
        LastWord::Reboot => RebootCommand::Restart,
    };
    let _ = rustix::system::reboot(command);
    // a machine that cannot power off can still halt
    let _ = rustix::system::reboot(RebootCommand::Halt);
    loop {
        sys::pause(1000);
    }
}

/// Used when the boot cannot go on: leaves time to read the reason, then restarts, as after a kernel panic.
pub fn give_up(log: &Log) -> ! {
    error!(log, "this machine restarts in 10 seconds");
    watchdog::feed();
    sys::pause(10_000);
    stop(LastWord::Reboot, log)
}

/// Signals and reaps all processes for at most that many seconds. A process that hangs in the kernel is left.
fn end(signal: Signal, seconds: u8) {
    for _ in 0..u16::from(seconds).saturating_mul(10) {
        watchdog::feed();
        let _ = sys::signal_all(Some(signal));
        loop {
            match rustix::process::wait(WaitOptions::NOHANG) {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(_) => return,
            }
        }
        sys::pause(100);
    }
}

/// The mounts of a sandbox are released a moment after its last process.
fn unmount(log: &Log) {
    let Ok(users) = Name::new(layout::USERS) else { return };
    for _ in 0..20 {
        match rustix::mount::unmount(users.c(), UnmountFlags::empty()) {
            Ok(()) => return info!(log, "users partition unmounted"),
            Err(Errno::BUSY) => sys::pause(100),
            Err(_) => return,
        }
    }
    let read_only = MountFlags::RDONLY | MountFlags::NODEV | MountFlags::NOSUID;
    match rustix::mount::mount_remount(users.c(), read_only, c"") {
        Ok(()) => info!(log, "users partition busy; remounted read-only"),
        Err(_) => error!(log, "users partition busy; it will be checked at the next boot"),
    }
}

/// Prints the last word after everything that users wrote.
fn say(word: LastWord) {
    let flags = OFlags::WRONLY | OFlags::NOCTTY;
    if let Ok(console) = place::file("/dev/console", flags)
        && rustix::stdio::dup2_stdout(&console).is_ok()
    {
        // an earlier user of the line may have stopped its output
        terminal::send_out(&console);
        let mut last = Text::new();
        say!(&mut last, "\r\n", word, "\n");
        Stream(1).put(&last);
        let _ = rustix::termios::tcdrain(&console);
    }
}

/// Waits until everything that an app wrote into pipes is read: the kernel has no call that waits for it.
fn wait_for_reader() {
    if let Ok(port) = place::file(layout::PIPES_READ, OFlags::RDONLY) {
        let _ = rustix::io::read(&port, &mut [0]);
    }
}

/// Calls `work` in a child. Returns whether it finished within that many seconds.
fn aside(seconds: u8, work: impl FnOnce()) -> bool {
    match sys::fork() {
        Ok(Some((_, child))) => watchdog::ends_within(&child, seconds),
        Ok(None) => {
            work();
            sys::exit(0)
        }
        // no memory for a child: do it in this process
        Err(_) => {
            work();
            true
        }
    }
}

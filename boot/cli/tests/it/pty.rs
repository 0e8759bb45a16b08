//! A terminal for the real command. The system tests use this file too.

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Termios, Winsize, tcgetattr, tcsetwinsize};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// The longest wait for a text, or for the end of the command.
const DEADLINE: Duration = Duration::from_secs(300);

/// A pseudo-terminal: `user` is the program's side, the controller is the person's side.
pub struct Pty {
    controller: File,
    pub user: File,
    before: Termios,
}

impl Pty {
    pub fn new(columns: u16, rows: u16) -> Self {
        let controller: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&controller).unwrap();
        unlockpt(&controller).unwrap();
        let name = ptsname(&controller, Vec::new()).unwrap().into_string().unwrap();
        let user = File::options().read(true).write(true).open(name).unwrap();
        tcsetwinsize(&user, Winsize { ws_col: columns, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let before = tcgetattr(&user).unwrap();
        Self { controller: controller.into(), user, before }
    }

    /// Makes it non-blocking, as QEMU does with a terminal that it shares.
    pub fn non_blocking(self) -> Self {
        fcntl_setfl(&self.user, fcntl_getfl(&self.user).unwrap() | OFlags::NONBLOCK).unwrap();
        self
    }

    /// Types these keys.
    pub fn types(&self, keys: &str) {
        (&self.controller).write_all(keys.as_bytes()).unwrap();
    }

    /// Receives everything that is shown from now on, piece by piece.
    pub fn shown(&self) -> Receiver<Vec<u8>> {
        self.shown_with_a_pause(0, Duration::ZERO)
    }

    /// The same, but reading pauses once after so many pieces.
    pub fn shown_with_a_pause(&self, pieces: usize, pause: Duration) -> Receiver<Vec<u8>> {
        let (mut controller, (sender, shown)) = (self.controller.try_clone().unwrap(), channel());
        thread::spawn(move || {
            let (mut bytes, mut read) = ([0; 4096], 0);
            while let Ok(length @ 1..) = controller.read(&mut bytes) {
                read += 1;
                if read == pieces {
                    thread::sleep(pause);
                }
                if sender.send(bytes[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        shown
    }

    /// Checks that the terminal has the modes that it had at the start.
    pub fn assert_restored(&self) {
        let now = tcgetattr(&self.user).unwrap();
        assert_eq!(
            (now.input_modes, now.output_modes, now.local_modes),
            (self.before.input_modes, self.before.output_modes, self.before.local_modes)
        );
    }
}

/// Starts a command on this terminal.
pub fn on(pty: &Pty, command: &mut Command) -> Child {
    let end = || pty.user.try_clone().unwrap();
    command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap()
}

/// Waits until this text is shown, and returns everything that was shown. Fails after the deadline.
pub fn until(shown: &Receiver<Vec<u8>>, text: &str) -> String {
    let (start, mut all) = (Instant::now(), Vec::new());
    while !String::from_utf8_lossy(&all).contains(text) {
        let piece = shown.recv_timeout(Duration::from_millis(100));
        all.extend(piece.unwrap_or_default());
        let said = String::from_utf8_lossy(&all);
        assert!(start.elapsed() < DEADLINE, "waited for {text:?}: {said:?}");
    }
    String::from_utf8(all).unwrap()
}

/// Waits for the end of the command. Returns its status, and what else is shown.
pub fn end(child: &mut Child, shown: &Receiver<Vec<u8>>) -> (Option<i32>, String) {
    let start = Instant::now();
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None if start.elapsed() > DEADLINE => {
                child.kill().unwrap();
                panic!("it goes on")
            }
            None => thread::sleep(Duration::from_millis(20)),
        }
    };
    let mut all = Vec::new();
    while let Ok(piece) = shown.recv_timeout(Duration::from_millis(300)) {
        all.extend(piece);
    }
    (status.code(), String::from_utf8(all).unwrap())
}

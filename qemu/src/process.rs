//! Starts QEMU so that it never outlives whoever started it.

use std::io::{self, Read};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::thread::{self, JoinHandle};

use crate::failure::Failure;
use crate::machine::Machine;

/// Starts QEMU with its console on a pipe; where its input comes from is the caller's.
///
/// `setpriv` (util-linux, essential in Debian) asks the kernel for a SIGTERM at the end of the
/// thread that called this: QEMU then also puts the terminal back in order.
pub fn spawn(machine: &Machine, stdin: Stdio) -> Result<Child, Failure> {
    Command::new("setpriv")
        .args(["--pdeathsig", "TERM", "--", machine.arch.qemu])
        .args(machine.args())
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| Failure::new(format!("start QEMU through setpriv: {error}"), machine))
}

/// Reads all that QEMU complains about, beside its console.
pub fn complaints(stderr: Option<ChildStderr>) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut text = Vec::new();
        let read = stderr.map_or(Ok(0), |mut stderr| stderr.read_to_end(&mut text));
        let note = read.err().map_or_else(String::new, |error| format!("\n(reading it failed: {error})"));
        String::from_utf8_lossy(&text).into_owned() + &note
    })
}

/// Reads a console to its end; `take` gets every piece as it comes.
pub fn pump(mut console: impl Read, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut buffer = [0; 8192];
    loop {
        match console.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => take(&buffer[..length])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

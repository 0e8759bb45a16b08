//! Standard streams of this process that are no terminals: an app gets them as pipes.
//!
//! ```text
//! stdin  -> port 1 -> the app
//! stdout <- Output <- port 2 <- the app
//! stderr <- Output <- port 3 <- the app
//!                     port 4: closed once the other two are read; only then does the machine power off
//! ```

use std::io::{self, IsTerminal};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use rustix::io::ioctl_fionread;
use rustix::stdio;
use shim::cmdline::Pipes;

use super::news::News;
use super::output::Output;
use crate::inherited::Inherited;
use crate::machine::{Machine, Start};
use crate::process::{self, Port};

/// How long a machine that has ended its programs must have sent nothing before everything counts as read.
const IDLE: Duration = Duration::from_millis(50);

/// Which standard streams of this process are no terminals.
#[must_use]
pub fn of_this_process() -> Pipes {
    let terminals = [io::stdin().is_terminal(), io::stdout().is_terminal(), io::stderr().is_terminal()];
    Pipes(terminals.iter().rev().fold(0, |bits, terminal| bits << 1 | u8::from(!terminal)))
}

/// The word of the kernel's command line that makes an app use them; `None` if it uses the console alone.
#[must_use]
pub fn word(pipes: Pipes) -> Option<String> {
    let digits: String = (0..3).filter(|descriptor| pipes.has(*descriptor)).map(|digit| digit.to_string()).collect();
    (!digits.is_empty()).then(|| format!("pipes={digits}"))
}

/// The machine with that word.
pub(super) fn told(machine: &Machine, pipes: Pipes) -> Machine {
    let mut machine = machine.clone();
    if let (Start::Kernel { cmdline, .. }, Some(word)) = (&mut machine.start, word(pipes)) {
        *cmdline = format!("{word} {cmdline}");
    }
    machine
}

/// Our ends of the ports.
pub struct Ports {
    stdin: Option<UnixStream>,
    /// Output of the app, and whether it is its stderr.
    outputs: Vec<(UnixStream, bool, Arc<Output>)>,
    read: Option<UnixStream>,
}

impl Ports {
    /// Makes the ports for these streams, and QEMU's ends of them.
    pub fn pairs(pipes: Pipes) -> io::Result<(Self, Vec<Port>)> {
        let (mut ports, mut theirs) = (Self { stdin: None, outputs: Vec::new(), read: None }, Vec::new());
        for (number, wanted) in (1..).zip([pipes.has(0), pipes.has(1), pipes.has(2), pipes != Pipes::default()]) {
            if !wanted {
                continue;
            }
            let (ours, other) = Inherited::pair()?;
            theirs.push(Port { number, socket: other });
            match number {
                1 => ports.stdin = Some(ours),
                2 | 3 => ports.outputs.push((ours, number == 3, Arc::new(Output::keeping_all()))),
                _ => ports.read = Some(ours),
            }
        }
        Ok((ports, theirs))
    }

    /// What is buffered for the output streams.
    pub fn outputs(&self) -> Vec<Arc<Output>> {
        self.outputs.iter().map(|(_, _, output)| Arc::clone(output)).collect()
    }

    /// Passes everything on, in threads. Returns what to call when the machine's programs have ended.
    pub fn start(self, sender: &Sender<News>) -> io::Result<impl FnOnce() + Send + use<>> {
        let mut stdin = None;
        if let Some(mut machine) = self.stdin {
            // if we closed it, QEMU would drop what the app has not read yet
            stdin = Some(machine.try_clone()?);
            thread::spawn(move || {
                let _ = io::copy(&mut io::stdin().lock(), &mut machine);
                // the app reads the end of its input
                let _ = machine.shutdown(Shutdown::Write);
            });
        }
        let mut sockets = Vec::new();
        for (socket, is_stderr, output) in self.outputs {
            sockets.push((socket.try_clone()?, Arc::clone(&output)));
            let (held, sender) = (Arc::clone(&output), sender.clone());
            thread::spawn(move || {
                let _ = process::pump(socket, |bytes| {
                    held.push(bytes);
                    Ok(())
                });
                held.ended();
            });
            thread::spawn(move || {
                let written =
                    if is_stderr { output.write_to(stdio::stderr()) } else { output.write_to(stdio::stdout()) };
                // as on every machine, an app goes on if nobody reads its stderr
                let _ = sender.send(News::Written(if is_stderr { Ok(()) } else { written }));
            });
        }
        let read = self.read;
        Ok(move || {
            thread::spawn(move || {
                read_out(&sockets, read);
                drop(stdin);
            });
        })
    }
}

/// Waits until everything that the machine sent is read, however slowly somebody reads our own output. Then the machine
/// may power off.
fn read_out(sockets: &[(UnixStream, Arc<Output>)], read: Option<UnixStream>) {
    sockets.iter().for_each(|(_, output)| output.stopping());
    loop {
        thread::sleep(IDLE);
        // an error means that there is nothing more to read
        if sockets.iter().all(|(socket, _)| ioctl_fionread(socket).unwrap_or(0) == 0) {
            return drop(read);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Ports, told, word};
    use crate::machine::{Machine, Start};
    use shim::arches::ALL;
    use shim::cmdline::{Options, Pipes};

    #[test]
    fn the_machine_reads_the_word() {
        let machine = Machine::new(&ALL[0], Start::kernel("k", "i", "console=ttyS0 quiet"));
        assert!(told(&machine, Pipes(0b101)).to_string().ends_with("-append 'pipes=02 console=ttyS0 quiet'"));
        assert_eq!(told(&machine, Pipes::default()).to_string(), machine.to_string());
        assert_eq!(word(Pipes::default()), None);
        for pipes in [1, 2, 5, 7].map(Pipes) {
            assert_eq!(Options::parse(&word(pipes).unwrap()).pipes, pipes);
        }
    }

    #[test]
    fn each_stream_has_its_port_and_the_last_one_is_for_the_end() {
        let of = |bits| -> Vec<u8> { Ports::pairs(Pipes(bits)).unwrap().1.iter().map(|port| port.number).collect() };
        assert_eq!(of(0), [0; 0]);
        assert_eq!(of(0b101), [1, 3, 4]);
        assert_eq!(of(0b010), [2, 4]);
    }
}

//! Starts QEMU so that it never outlives the process that started it.

use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::thread::{self, JoinHandle};

use crate::environment::emulator;
use crate::failure::Failure;
use crate::inherited::Inherited;
use crate::machine::{Machine, Network};

/// Blocks signals that end programs. QEMU would cut the machine's power; the process that started it stops it cleanly.
const SIGNALS: &str = "--block-signal=HUP,INT,TERM";

/// How many bytes of QEMU's messages are kept. They are the first ones, because the first message has the cause.
const KEPT: u64 = 64 << 10;

/// A virtio serial port of the machine.
pub struct Port {
    /// Its number on the machine's first virtio device, from 1.
    pub number: u8,
    pub socket: Inherited,
}

/// Starts QEMU with its console on pipes, and with a monitor (QMP) for events. It gets a ctrl-c, like every child.
pub fn spawn(machine: &Machine, events: Inherited) -> Result<Child, Failure> {
    start(machine, &[], vec![("events", events)], Vec::new(), |_| {})
}

/// Starts QEMU so that only SIGKILL can reach it, with one more monitor.
///
/// It has its own process group, so that a ctrl-c or a hang-up of the terminal does not reach it. `env` (coreutils)
/// blocks the signals that a service manager sends to every process.
pub fn spawn_apart(
    machine: &Machine,
    monitor: Inherited,
    events: Inherited,
    ports: Vec<Port>,
) -> Result<Child, Failure> {
    start(machine, &["env", SIGNALS], vec![("monitor", monitor), ("events", events)], ports, |command| {
        command.process_group(0);
    })
}

/// `setpriv` (util-linux, essential in Debian) makes the kernel send a SIGKILL when the thread that called this ends.
fn start(
    machine: &Machine,
    through: &[&str],
    monitors: Vec<(&str, Inherited)>,
    ports: Vec<Port>,
    change: impl FnOnce(&mut Command),
) -> Result<Child, Failure> {
    let passt = match &machine.network {
        Network::Passt(passt) => Some(passt.start()),
        _ => None,
    };
    let passt = passt.transpose().map_err(|error| Failure::new(format!("start passt: {error}"), machine))?;
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).args(through).arg(emulator(machine.arch));
    // we parse its error messages, for example about a full disk
    command.env("LC_ALL", "C");
    // before all others: the guest knows them by the number of the device
    if !ports.is_empty() {
        command.args(["-device", "virtio-serial-pci,id=pipes,max_ports=5"]);
    }
    for Port { number, socket } in &ports {
        command.args(["-chardev", &format!("socket,id=pipe{number},fd={}", socket.number())]);
        command.args(["-device", &format!("virtserialport,bus=pipes.0,nr={number},chardev=pipe{number}")]);
    }
    command.args(machine.args_with(passt.as_ref()));
    for (name, socket) in &monitors {
        command.args(["-chardev", &format!("socket,id={name},fd={}", socket.number())]);
        command.args(["-mon", &format!("chardev={name},mode=control")]);
    }
    let sockets = monitors.into_iter().map(|(_, socket)| socket).chain(ports.into_iter().map(|port| port.socket));
    let sockets = sockets.chain(passt);
    sockets.for_each(|socket| socket.go_to(&mut command));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    change(&mut command);
    command.spawn().map_err(|error| Failure::new(format!("start QEMU through setpriv: {error}"), machine))
}

/// Reads QEMU's error messages, in parallel to its console.
pub fn complaints(stderr: Option<ChildStderr>) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut text = Vec::new();
        let read = stderr.map_or(Ok(0), |mut stderr| {
            stderr.by_ref().take(KEPT).read_to_end(&mut text)?;
            io::copy(&mut stderr, &mut io::sink())
        });
        let note = read.err().map_or_else(String::new, |error| format!("\n(reading it failed: {error})"));
        String::from_utf8_lossy(&text).into_owned() + &note
    })
}

/// Reads a console to its end; `take` gets each piece as it comes.
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

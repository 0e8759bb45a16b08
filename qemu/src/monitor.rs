//! QEMU's monitor (QMP): one command and one answer at a time, over its socket.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How long QEMU may take to answer a new connection.
const DEADLINE: Duration = Duration::from_secs(60);

/// A connection to the monitor. QEMU accepts only one at a time.
pub struct Monitor {
    stream: BufReader<UnixStream>,
}

impl Monitor {
    /// Connects as soon as QEMU listens.
    pub fn connect(socket: &Path) -> io::Result<Self> {
        let start = Instant::now();
        let stream = loop {
            match UnixStream::connect(socket) {
                Ok(stream) => break stream,
                Err(error) if start.elapsed() > DEADLINE => return Err(error),
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        };
        stream.set_read_timeout(Some(DEADLINE))?;
        Self::over(stream)
    }

    /// Uses a monitor on that socket. It waits for answers as long as QEMU runs.
    pub fn over(stream: UnixStream) -> io::Result<Self> {
        let mut monitor = Self { stream: BufReader::new(stream) };
        monitor.message()?; // the greeting
        monitor.execute("qmp_capabilities", json!({}))?;
        Ok(monitor)
    }

    /// Executes a QMP command.
    pub fn execute(&mut self, command: &str, arguments: Value) -> io::Result<Value> {
        let request = json!({ "execute": command, "arguments": arguments });
        writeln!(self.stream.get_mut(), "{request}")?;
        loop {
            let mut message = self.message()?;
            if let Some(error) = message.get("error") {
                return Err(io::Error::other(format!("{command}: {error}")));
            }
            if let Some(value) = message.get_mut("return") {
                return Ok(value.take());
            }
            // other messages are events
        }
    }

    /// Executes a command of the human monitor, such as `sendkey ctrl-alt-delete`.
    pub fn human(&mut self, line: &str) -> io::Result<String> {
        let answer = self.execute("human-monitor-command", json!({ "command-line": line }))?;
        Ok(answer.as_str().unwrap_or_default().replace('\r', ""))
    }

    /// Waits for the next event.
    pub fn event(&mut self) -> io::Result<Value> {
        loop {
            let message = self.message()?;
            if message.get("event").is_some() {
                return Ok(message);
            }
        }
    }

    fn message(&mut self) -> io::Result<Value> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "QEMU closed its monitor"));
        }
        Ok(serde_json::from_str(&line)?)
    }
}

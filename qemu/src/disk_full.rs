//! Reports to the user when the host could not read or write a drive.
//!
//! The machine continues: its kernel gets an error (`werror=report` in `machine`), which does not mention the host.
//! Otherwise, QEMU would stop the machine without a message when the host's disk is full.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::inherited::Inherited;
use crate::machine::Drive;
use crate::monitor::Monitor;

/// The same message is not repeated within this time, because each failed write is an event.
const AGAIN: Duration = Duration::from_secs(60);

/// A connection to QEMU's monitor, only for events.
pub struct Watch(UnixStream);

impl Watch {
    /// A watch, and the end of its socket that QEMU inherits.
    pub fn pair() -> io::Result<(Self, Inherited)> {
        let (ours, theirs) = Inherited::pair()?;
        Ok((Self(ours), theirs))
    }

    /// Watches the drives of the machine that inherited the other end, until the machine ends.
    pub fn start(self, drives: Vec<Drive>, say: impl Fn(&str) + Send + 'static) {
        thread::spawn(move || {
            let Err(error) = watch(self.0, &drives, &say);
            if !is_end(&error) {
                say(&format!("a full disk of this host will not be reported any more: read QEMU's events: {error}"));
            }
        });
    }
}

fn watch(monitor: UnixStream, drives: &[Drive], say: impl Fn(&str)) -> io::Result<Infallible> {
    let mut monitor = Monitor::over(monitor)?;
    let mut last = HashMap::new();
    loop {
        let Some(text) = told(&monitor.event()?, drives) else { continue };
        let now = Instant::now();
        if last.get(&text).is_none_or(|at: &Instant| now.duration_since(*at) > AGAIN) {
            say(&text);
            last.insert(text, now);
        }
    }
}

/// Whether this error means that the machine has ended, which may happen at any time.
fn is_end(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof)
}

/// The message for an event, if it is about a drive (QEMU, qapi/block-core.json: `BLOCK_IO_ERROR`).
fn told(event: &Value, drives: &[Drive]) -> Option<String> {
    let data = event.get("data").filter(|_| event["event"] == "BLOCK_IO_ERROR")?;
    let number: usize = data["device"].as_str()?.strip_prefix("disk")?.parse().ok()?;
    let drive = drives.get(number)?;
    let path = drive.path.display();
    let reason = data["reason"].as_str().unwrap_or("for a reason that QEMU does not name");
    if data["operation"] != "write" {
        return Some(format!("this host cannot read {path}: {reason}; the machine gets an error instead"));
    }
    let place = if drive.snapshot {
        format!("what the machine writes to {path} (it lies in /var/tmp, or where TMPDIR says)")
    } else {
        path.to_string()
    };
    // QEMU 7.2 sets `nospace` only if the machine will be stopped; its reason is the text of strerror(3) in the C
    // locale
    let why = match reason == "No space left on device" {
        true => format!("the disk of this host is full: it cannot write {place}"),
        false => format!("this host cannot write {place}: {reason}"),
    };
    Some(format!("{why}\n  next: free some space there, then restart the machine: what it writes until then is lost"))
}

#[cfg(test)]
mod tests {
    use super::{Drive, Watch, is_end, told, watch};
    use serde_json::json;
    use std::io::{BufRead, BufReader, Write};
    use std::os::unix::net::UnixStream;
    use std::sync::mpsc::{Receiver, channel};

    /// A watch, QEMU's end of its socket, and the printed lines. The greeting is already exchanged.
    fn watched() -> (UnixStream, BufReader<UnixStream>, Receiver<String>) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let watching = ours.try_clone().unwrap();
        let ((sender, said), mut qemu) = (channel(), BufReader::new(theirs));
        Watch(ours).start(vec![Drive::writable("/s/users.ext4")], move |text| sender.send(text.to_owned()).unwrap());
        writeln!(qemu.get_mut(), "{{\"QMP\": {{}}}}").unwrap();
        let mut asked = String::new();
        qemu.read_line(&mut asked).unwrap();
        assert!(asked.contains("qmp_capabilities"), "{asked}");
        (watching, qemu, said)
    }

    #[test]
    fn a_slow_qemu_does_not_time_out() {
        let (watching, _qemu, _said) = watched();
        assert_eq!(watching.read_timeout().unwrap(), None);
    }

    #[test]
    fn a_watch_that_fails_is_reported_and_one_that_ends_is_not() {
        for (last, says) in [
            ("", None),
            ("{\"event\": \"RESU", None),
            ("{\"event\": \"RESUME\"}\n", None),
            ("no JSON\n", Some("a full disk of this host will not be reported any more: read QEMU's events: ")),
        ] {
            let (_, mut qemu, said) = watched();
            write!(qemu.get_mut(), "{{\"return\": {{}}}}\n{last}").unwrap();
            drop(qemu);
            // wait until the thread has ended
            let all: Vec<String> = said.iter().collect();
            assert_eq!(all.len(), usize::from(says.is_some()), "{last}: {all:?}");
            assert!(says.is_none_or(|says| all[0].starts_with(says)), "{last}: {all:?}");
        }
    }

    #[test]
    fn a_killed_machine_counts_as_the_end_of_the_watch() {
        use std::io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
        // what QEMU sent, and what was sent to it but never read
        for (says, told, kind) in
            [("", "", UnexpectedEof), ("{\"QMP\": {}}\n", "", BrokenPipe), ("", "told", ConnectionReset)]
        {
            let (mut ours, mut qemu) = UnixStream::pair().unwrap();
            write!(qemu, "{says}").unwrap();
            write!(ours, "{told}").unwrap();
            drop(qemu);
            let error = watch(ours, &[], |_| {}).unwrap_err();
            assert!(error.kind() == kind && is_end(&error), "{kind}: {error}");
        }
    }

    #[test]
    fn a_failed_write_is_reported_with_the_image_and_the_reason() {
        let drives = [
            Drive::read_only("/c/carbon.erofs"),
            Drive::writable("/s/users.ext4"),
            Drive { snapshot: true, ..Drive::writable("/c/app.ext4") },
        ];
        let event = |device: &str, operation: &str, reason: &str| {
            let data = json!({ "device": device, "operation": operation, "action": "report", "reason": reason });
            told(&json!({ "event": "BLOCK_IO_ERROR", "data": data }), &drives)
        };
        let full = event("disk1", "write", "No space left on device").unwrap();
        assert!(
            full.starts_with("the disk of this host is full: it cannot write /s/users.ext4\n  next: free"),
            "{full}"
        );
        let quota = event("disk1", "write", "Disk quota exceeded").unwrap();
        assert!(quota.starts_with("this host cannot write /s/users.ext4: Disk quota exceeded\n"), "{quota}");
        let snapshot = event("disk2", "write", "No space left on device").unwrap();
        assert!(snapshot.contains("/c/app.ext4 (it lies in /var/tmp"), "{snapshot}");
        let read = event("disk0", "read", "Input/output error").unwrap();
        assert!(read.starts_with("this host cannot read /c/carbon.erofs: Input/output error"), "{read}");
        for device in ["disk3", "floppy0", ""] {
            assert_eq!(event(device, "write", ""), None, "{device}");
        }
        assert_eq!(told(&json!({ "event": "RESUME" }), &drives), None);
    }
}

//! Boots a machine on this terminal, and again when it restarts.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use boot::host::interrupt;
use boot::host::progress::Progress;
use boot::image::words;
use qemu::machine::{Machine, Start};
use qemu::terminal::{self, Cause, Cut, Ending, Terminal, pipes};
use shim::cmdline::Pipes;
use shim::last_word::LastWord;

use crate::common::{Failed, exit};

/// MiB in which every kernel of ours starts node, with the carbon copy on a medium (tests/system/placement.rs).
const LEAST: u32 = 64;

/// A machine that lived shorter did not restart because somebody at it wanted so.
const SHORT: Duration = Duration::from_secs(60);

/// Boots it, and again when it restarts: while somebody is at this terminal to see it, and not in circles.
pub fn boot(machine: &Machine, pipes: Pipes, progress: Progress) -> Result<u8, Failed> {
    let terminal = Terminal::new(
        progress == Progress::Silent,
        Arc::new(move |text| beside_console(progress, text)),
        Arc::new(alarm),
    )
    .with_pipes(pipes);
    check_pipes(machine, pipes)?;
    let _signals = interrupt::hand_over(terminal.on_signal());
    let mut short = false;
    loop {
        let start = Instant::now();
        let ending = terminal.run(&sized(machine, terminal::size()))?;
        let short_before = std::mem::replace(&mut short, start.elapsed() < SHORT);
        match (ending.cut, ending.last_word, ending.stopped) {
            (None, Some(LastWord::PowerOff(status)), _) => return Ok(status),
            (None, Some(LastWord::Reboot), Some(cause)) => return Ok(stopped_by(cause)),
            (None, Some(LastWord::Reboot), None) if std::io::stdin().is_terminal() && !(short && short_before) => {
                progress.say("run", "the machine restarts");
            }
            (None, Some(LastWord::Reboot), None) => {
                let text = "the machine wants to restart, and says why above; without a terminal, or twice within a minute, it is not restarted"
                    .to_owned();
                return Err(Failed { status: exit::RESTART, text });
            }
            // its power was cut, so it did not end by itself, even if it printed a last word
            (Some(_), ..) | (None, None, _) => {
                return Err(Failed { status: exit::NO_LAST_WORD, text: without_a_word(machine, &ending) });
            }
        }
    }
}

/// The status of a machine that was told to stop.
fn stopped_by(cause: Cause) -> u8 {
    match cause {
        Cause::Key => exit::INTERRUPTED,
        Cause::Signal(number) => exit::signal(number),
        Cause::Unread => exit::UNREAD,
    }
}

/// What became of a machine whose power was cut, or that ended without a last word.
fn without_a_word(machine: &Machine, ending: &Ending) -> String {
    let text = match (ending.cut, ending.stopped, machine.memory_mib) {
        (Some(Cut::Pressed), ..) => "the machine's power was cut: what was just written may be lost".to_owned(),
        (Some(Cut::Overdue), ..) => format!(
            "the machine did not stop within {} s and its power was cut: what was just written may be lost",
            terminal::WITHIN.as_secs()
        ),
        (None, Some(_), _) => "the machine ended without a last word: it was told to stop before it was up".to_owned(),
        (None, None, mib @ ..LEAST) => {
            format!("the machine crashed: {mib} MiB are too little to start in\n  next: --memory {LEAST}M")
        }
        (None, None, _) => "the machine crashed: it ended without a last word\n  \
                             next: --append loglevel=7 shows the kernel's messages"
            .to_owned(),
    };
    match ending.complaints.trim() {
        "" => text,
        complaints => format!("{text}\nQEMU says:\n{complaints}"),
    }
}

/// The machine is told how large this terminal is: a serial line cannot tell it. The user's own words come behind. A line
/// with no room for one more word stays as it is.
fn sized(machine: &Machine, size: Option<(u16, u16)>) -> Machine {
    let mut machine = machine.clone();
    if let (Start::Kernel { cmdline, .. } | Start::Pi { cmdline, .. }, Some((columns, rows))) =
        (&mut machine.start, size)
    {
        let told = format!("winsize={columns}x{rows} {cmdline}");
        if words::check(&told, "").is_ok() {
            *cmdline = told;
        }
    }
    machine
}

/// Refuses a command line with no room for the word that tells a machine which streams of its app are pipes.
fn check_pipes(machine: &Machine, pipes: Pipes) -> Result<(), Failed> {
    match (&machine.start, pipes::word(pipes)) {
        (Start::Kernel { cmdline, .. }, Some(word)) => Ok(words::check(cmdline, &word)?),
        _ => Ok(()),
    }
}

/// What is wrong with the host while the machine runs: an error, said also where nothing else is.
fn alarm(text: &str) {
    let _ = std::io::stderr().write_all(format!("\nnodeos: {text}\n").as_bytes());
}

/// A line while the machine has the terminal: its cursor may be anywhere.
fn beside_console(progress: Progress, text: &str) {
    let mut stderr = std::io::stderr();
    if progress != Progress::Silent && stderr.is_terminal() {
        let _ = stderr.write_all(b"\n");
    }
    progress.say("run", text);
}

#[cfg(test)]
mod tests {
    use super::{Machine, Pipes, Start, check_pipes, sized};
    use boot::image::words::{MOST_BYTES, MOST_NAMES};
    use shim::arches::ALL;

    #[test]
    fn the_terminal_size_is_added_to_the_command_line_if_it_fits() {
        let of = |start| Machine::new(&ALL[0], start);
        let start = Start::kernel("k", "i", "console=ttyS0 quiet");
        let told = |size| sized(&of(start.clone()), size).to_string();
        assert!(
            told(Some((120, 40))).ends_with("-append 'winsize=120x40 console=ttyS0 quiet'"),
            "{}",
            told(Some((120, 40)))
        );
        assert_eq!(told(None), of(start.clone()).to_string());
        let size = Some((u16::MAX, u16::MAX));
        for (length, fits) in [(MOST_BYTES - 20, true), (MOST_BYTES - 19, false), (MOST_BYTES, false)] {
            let full = of(Start::kernel("k", "i", "x".repeat(length)));
            let changed = sized(&full, size).to_string() != full.to_string();
            assert_eq!(changed, fits, "a line of {length} bytes");
        }
        let firmware = of(Start::Firmware { firmware: qemu::machine::Firmware::Bios, oem: None });
        assert_eq!(sized(&firmware, Some((120, 40))).to_string(), firmware.to_string());
    }

    #[test]
    fn the_word_for_pipes_has_to_fit() {
        let of = |words: &str| check_pipes(&Machine::new(&ALL[0], Start::kernel("k", "i", words)), Pipes(0b101));
        assert!(of("console=ttyS0 quiet").is_ok());
        let many: String = (0..MOST_NAMES).map(|number| format!("A{number}=1 ")).collect();
        assert!(of(&many).unwrap_err().to_string().contains("it has 31 names"));
    }
}

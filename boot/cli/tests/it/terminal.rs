//! The real `nodeos run` on a terminal, with a script in place of QEMU.

use crate::command::{Stage, kill};
use crate::pty::{Pty, end, on, until};
use shim::arches::Arch;
use std::fs;
use std::io::Read;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A command that runs a script in place of a machine. In the script, `qmp` answers the monitor's
/// commands until ctrl-alt-del is sent, and then creates the file `asked`. `ends` prints a last
/// word and exits.
fn machine(stage: &Stage, script: &str) -> Command {
    let arch = Arch::host();
    let bash = stage.sign("qemu.bash");
    let qmp = r#"
        for word; do case $word in socket,id=monitor,*) fd=${word##*fd=} ;; esac; printf '%s\n' "$word"; done >"$here/words"
        qmp() {
            local line
            printf '{"QMP": {}}\n' >&$fd
            while read -r line <&$fd; do
                printf '{"return": ""}\n' >&$fd
                case $line in *ctrl-alt-delete*) : >"$here/asked"; return ;; esac
            done
        }
        pid() { echo $$ >"$here/pid.new"; mv "$here/pid.new" "$here/pid"; }
        ends() { printf '\r\r\nnodeos: %s\r\n[    1.000000] reboot: Power down\r\n' "$1"; exit 0; }
    "#;
    fs::write(&bash, format!("{qmp}\n{script}\n")).unwrap();
    stage.program(arch.qemu, "export here; exec bash \"$here/qemu.bash\" \"$@\"");
    let folder = stage.sign("medium");
    fs::create_dir(&folder).unwrap();
    let manifest = format!(
        r#"{{"target": "direct", "arch": "{arch}", "cmdline": "", "bytes": 0, "versions": {{}}, "members": []}}"#
    );
    [("manifest.json", manifest.as_bytes()), ("cmdline", b"quiet"), ("kernel", &kernel(arch)), ("initramfs", b"")]
        .iter()
        .for_each(|(name, bytes)| fs::write(folder.join(name), bytes).unwrap());
    let mut command = stage.nodeos();
    command.arg("run").arg(folder);
    command
}

/// The header of a kernel, by which `nodeos run` recognises its architecture
/// (`boot::parts::kernel::arch_of`).
fn kernel(arch: &Arch) -> Vec<u8> {
    let mut head = vec![0; 1024];
    if arch.name == "x86_64" {
        head[0x202..0x206].copy_from_slice(b"HdrS");
        head[0x236] = 1;
    } else {
        head[56..60].copy_from_slice(b"ARM\x64");
    }
    head
}

const WAITS: &str = "echo up; qmp; ends reboot";

#[test]
fn a_terminal_that_stalls_for_a_while_loses_no_output() {
    let (stage, pty) = (Stage::new(), Pty::new(80, 24).non_blocking());
    let mut child = on(&pty, &mut machine(&stage, "seq -f 'line %.0f' 20000; ends 'power off, status 7'"));
    thread::sleep(Duration::from_secs(1));
    assert_eq!(child.try_wait().unwrap(), None, "it waits for the terminal");
    let shown = pty.shown();
    let said = until(&shown, "reboot: Power down");
    let wanted: String = (1..=20_000).map(|line| format!("line {line}\r\n")).collect();
    assert!(said.contains(&wanted), "a line is missing");
    assert_eq!(end(&mut child, &shown).0, Some(7));
    pty.assert_restored();
}

#[test]
fn ctrl_a_x_and_signals_stop_the_machine_and_are_reported() {
    for (order, status, says) in [
        ("ctrl-a x", 130, "[run] stopping the machine; ctrl-a x again cuts its power"),
        ("TERM", 143, "[run] stopping the machine; its power is cut if it takes 87 s"),
        ("HUP", 129, "[run] stopping the machine; its power is cut if it takes 87 s"),
        ("INT", 130, "[run] stopping the machine; its power is cut if it takes 87 s"),
    ] {
        let (stage, pty) = (Stage::new(), Pty::new(80, 24));
        let shown = pty.shown();
        let mut child = on(&pty, &mut machine(&stage, WAITS));
        until(&shown, "up");
        match order {
            "ctrl-a x" => pty.types("\u{1}x"),
            signal => kill(signal, &child.id().to_string()),
        }
        let said = until(&shown, "nodeos: reboot") + &end(&mut child, &shown).1;
        assert_eq!(child.wait().unwrap().code(), Some(status), "{order}: {said}");
        assert!(said.contains(says), "{order}: {said}");
        assert!(stage.sign("asked").exists(), "{order}: {said}");
        assert_eq!(stage.left(), Vec::<String>::new(), "{order}");
        pty.assert_restored();
    }
}

#[test]
fn a_signal_to_the_process_group_does_not_reach_qemu() {
    // a terminal sends ctrl-c to the whole group if stdin is something else, and so does timeout(1)
    // with its signal
    for signal in ["INT", "TERM", "HUP"] {
        let stage = Stage::new();
        let script = ": >\"$here/up\"; trap 'echo killed; exit 0' INT TERM HUP; qmp; ends 'power off, status 5'";
        let child = machine(&stage, script).spawn().unwrap();
        stage.wait_for("up");
        kill(signal, &format!("-{}", child.id()));
        let done = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        // the machine ended by itself meanwhile, so its own status counts
        assert_eq!((done.status.code(), said.contains("killed")), (Some(5), false), "{signal}: {said}");
    }
}

#[test]
fn a_second_ctrl_a_x_cuts_the_power_of_a_machine_that_does_not_stop() {
    let (stage, pty) = (Stage::new(), Pty::new(80, 24));
    let shown = pty.shown();
    let mut child = on(&pty, &mut machine(&stage, "echo up; exec sleep 600"));
    until(&shown, "up");
    pty.types("\u{1}x");
    until(&shown, "ctrl-a x again");
    assert_eq!(child.try_wait().unwrap(), None);
    pty.types("\u{1}x");
    let (status, said) = end(&mut child, &shown);
    assert_eq!(status, Some(70), "{said}");
    assert!(said.contains("nodeos: the machine's power was cut"), "{said}");
    pty.assert_restored();
}

#[test]
fn a_power_cut_decides_the_exit_status_despite_the_last_word() {
    for word in ["power off, status 0", "reboot"] {
        let (stage, pty) = (Stage::new(), Pty::new(80, 24));
        let shown = pty.shown();
        let mut child = on(&pty, &mut machine(&stage, &format!("(ends '{word}'); exec sleep 600")));
        until(&shown, "reboot: Power down");
        pty.types("\u{1}x\u{1}x");
        let (status, said) = end(&mut child, &shown);
        assert_eq!(status, Some(70), "{word}: {said}");
        assert!(said.contains("nodeos: the machine's power was cut"), "{word}: {said}");
    }
}

#[test]
fn ctrl_a_x_after_the_machine_ended_cuts_nothing_but_prevents_a_restart() {
    for (word, status) in [("power off, status 7", 7), ("reboot", 130)] {
        let (stage, pty) = (Stage::new(), Pty::new(80, 24));
        let script = format!("pid; yes | head -c 50000; ends '{word}'");
        let mut child = on(&pty, &mut machine(&stage, &script));
        stage.wait_for("pid");
        // its output waits for the terminal
        until_gone(&stage, "pid");
        thread::sleep(Duration::from_secs(1));
        assert_eq!(child.try_wait().unwrap(), None, "{word}");
        pty.types("\u{1}x\u{1}x");
        thread::sleep(Duration::from_millis(500));
        let shown = pty.shown();
        let (ended, said) = end(&mut child, &shown);
        assert_eq!(ended, Some(status), "{word}: {said}");
        assert!(!said.contains("stopping") && !said.contains("cut"), "{word}: {said}");
    }
}

#[test]
fn a_stalled_terminal_does_not_block_keys() {
    let (stage, pty) = (Stage::new(), Pty::new(80, 24));
    let script = "pid; yes | head -c 300000 & qmp; exec sleep 600";
    let mut child = on(&pty, &mut machine(&stage, script));
    stage.wait_for("pid");
    // by now all buffers between the machine and the terminal are full
    thread::sleep(Duration::from_secs(2));
    pty.types("\u{1}h\u{1}x");
    stage.wait_for("asked");
    pty.types("\u{1}h\u{1}x");
    until_gone(&stage, "pid");
    // the last output of nodeos waits for the terminal
    let shown = pty.shown();
    let (status, said) = end(&mut child, &shown);
    assert_eq!(status, Some(70), "{said}");
    assert!(said.contains("nodeos: the machine's power was cut"), "{said}");
    pty.assert_restored();
}

/// Waits for the end of the process whose ID is in this file.
fn until_gone(stage: &Stage, name: &str) {
    let process = format!("/proc/{}/stat", fs::read_to_string(stage.sign(name)).unwrap().trim());
    let start = Instant::now();
    // a process that has ended but is not reaped yet is a zombie
    while fs::read_to_string(&process).is_ok_and(|stat| !stat.contains(") Z ")) {
        assert!(start.elapsed() < Duration::from_secs(60), "{process} is there after a minute");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn keys_go_to_the_machine_and_help_to_the_terminal() {
    let (stage, pty) = (Stage::new(), Pty::new(80, 24));
    let shown = pty.shown();
    let script = "echo up; head -c 5 | od -An -tx1; ends 'power off, status 0'";
    let mut child = on(&pty, &mut machine(&stage, script));
    until(&shown, "up");
    pty.types("\u{1}h");
    until(&shown, "ctrl-a x       stop the machine in order");
    // ctrl-c, and ctrl-a, which has to be sent to QEMU twice
    pty.types("a\u{3}\u{1}\u{1}\u{1}bz");
    until(&shown, " 61 03 01 01 7a");
    assert_eq!(end(&mut child, &shown).0, Some(0));
}

#[test]
fn an_empty_stdin_and_a_closed_stdout_are_handled() {
    // stdin is empty
    let stage = Stage::new();
    let done = machine(&stage, "sleep 1; echo done; ends 'power off, status 3'").output().unwrap();
    assert_eq!((done.status.code(), String::from_utf8_lossy(&done.stdout).lines().next().unwrap()), (Some(3), "done"));

    // stdout is closed while the machine runs: it is stopped without more messages
    let stage = Stage::new();
    let script =
        "trap '' PIPE; echo one; (while [ ! -e \"$here/asked\" ]; do echo more; sleep 0.1; done) & qmp; ends reboot";
    let mut child = machine(&stage, script).spawn().unwrap();
    child.stdout.take().unwrap().read_exact(&mut [0; 4]).unwrap();
    let done = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(141), "{said}");
    assert!(stage.sign("asked").exists() && said.lines().count() == 1, "{said}");
}

#[test]
fn quiet_prints_only_the_output_of_the_app() {
    let stage = Stage::new();
    let mut command = machine(&stage, "printf 'hello\\r\\n'; ends 'power off, status 4'");
    let done = command.arg("-q").output().unwrap();
    assert_eq!(done.status.code(), Some(4));
    assert_eq!((&*done.stdout, &*done.stderr), (&b"hello\r\n"[..], &b""[..]));
}

#[test]
fn the_machine_is_told_the_size_of_the_terminal() {
    let (stage, pty) = (Stage::new(), Pty::new(120, 40));
    let shown = pty.shown();
    let mut child = on(&pty, &mut machine(&stage, "ends 'power off, status 0'"));
    assert_eq!(end(&mut child, &shown).0, Some(0));
    let words = fs::read_to_string(stage.sign("words")).unwrap();
    assert!(words.contains("\nwinsize=120x40 quiet\n"), "{words}");
}

#[test]
fn large_output_does_not_accumulate_in_memory() {
    let stage = Stage::new();
    let script = "echo up; while [ ! -e \"$here/more\" ]; do sleep 0.1; done; yes | head -c 5000000; echo down; qmp; ends reboot";
    let mut child = machine(&stage, script).stderr(Stdio::null()).spawn().unwrap();
    let mut console = child.stdout.take().unwrap();
    let mut reads = |length: usize| console.read_exact(&mut vec![0; length]).unwrap();
    let status = format!("/proc/{}/status", child.id());
    let kib = || -> u32 {
        let text = fs::read_to_string(&status).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    };
    reads("up\n".len());
    let before = kib();
    fs::write(stage.sign("more"), "").unwrap();
    reads(5_000_000 + "down\n".len());
    let more = kib().saturating_sub(before);
    assert!(more < 2048, "{more} KiB more");
    kill("TERM", &child.id().to_string());
    assert_eq!(child.wait().unwrap().code(), Some(143));
}

#[test]
fn a_closed_stderr_does_not_panic() {
    let stage = Stage::new();
    for words in [&["inspect", "/no/such"][..], &["run", "/no/such.js"], &["explain", "--no-such"], &["doctor"]] {
        let run = |to_reader: bool| {
            let mut command = stage.nodeos();
            if to_reader {
                let (reader, writer) = std::io::pipe().unwrap();
                drop(reader);
                command.stdout(writer.try_clone().unwrap()).stderr(writer);
            }
            command.args(words).status().unwrap().code()
        };
        assert_eq!(run(true), run(false), "{words:?}");
        let closed = stage
            .run("sh")
            .args(["-c", "exec \"$@\" >&- 2>&-", "sh"])
            .arg(env!("CARGO_BIN_EXE_nodeos"))
            .args(words)
            .status();
        assert_eq!(closed.unwrap().code(), run(false), "{words:?}");
    }
}

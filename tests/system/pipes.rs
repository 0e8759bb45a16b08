//! The real `nodeos run APP` with pipes in place of a terminal.

use std::{
    io::{Read, Write},
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::mpsc::channel,
    thread,
    time::Duration,
};

use shim::arches::Arch;
use tests::run;

use crate::terminal::nodeos;

/// The longest wait for the end of the command.
const DEADLINE: Duration = Duration::from_secs(300);

/// The app runs, and the command prints nothing itself.
fn start(arch: &Arch, folder: &Path, script: &str) -> Child {
    let app = folder.join("app.js");
    std::fs::write(&app, script).unwrap();
    let mut command = Command::new(nodeos());
    command.args(["-q", "run", "--arch", arch.name]).arg(app);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// What the command has printed when it has ended. One that does not end is stopped.
fn ended(child: Child) -> Output {
    let (pid, (send, done)) = (child.id().to_string(), channel());
    thread::spawn(move || send.send(child.wait_with_output().unwrap()));
    done.recv_timeout(DEADLINE).unwrap_or_else(|_| {
        run("kill", &[&pid]);
        let printed = done.recv_timeout(DEADLINE);
        panic!("it did not end within {DEADLINE:?}, and then: {printed:?}")
    })
}

pub fn an_app_reads_a_pipe_to_its_end_and_writes_to_two(arch: &'static Arch) {
    let folder = tempfile::tempdir().unwrap();
    let script = "
        let bytes = 0
        process.stdin.on('data', (data) => { bytes += data.length })
        process.stdin.on('end', () => {
            console.log('read', bytes, process.stdin.isTTY, process.stdout.isTTY, process.stderr.isTTY)
            console.log({ a: 1, b: ['two'] })
            console.error('to stderr')
            require('child_process').spawnSync('node', ['-p', '6 * 7'], { stdio: 'inherit' })
            process.exitCode = 7
        })";
    let mut child = start(arch, folder.path(), script);
    let mut input = child.stdin.take().unwrap();
    let typing = thread::spawn(move || input.write_all(&[1; 1_000_003]).unwrap());
    let done = ended(child);
    typing.join().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(done.status.code(), Some(7), "{}", text(&done.stderr));
    assert_eq!(text(&done.stdout), "read 1000003 undefined undefined undefined\n{ a: 1, b: [ 'two' ] }\n42\n");
    assert_eq!(text(&done.stderr).trim(), "to stderr");
}

pub fn a_pipe_that_is_read_late_loses_nothing(arch: &'static Arch) {
    let folder = tempfile::tempdir().unwrap();
    let script = "for (let line = 0; line < 300000; line++) process.stdout.write(`line ${line} of many\\n`)";
    let mut child = start(arch, folder.path(), script);
    drop(child.stdin.take());
    // meanwhile all buffers on the way fill up, and the app waits
    thread::sleep(Duration::from_secs(8));
    assert_eq!(child.try_wait().unwrap(), None);
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let wanted: String = (0..300_000).map(|line| format!("line {line} of many\n")).collect();
    assert!(said == wanted, "{} of {} bytes", said.len(), wanted.len());
}

pub fn a_closed_pipe_stops_the_machine_quietly(arch: &'static Arch) {
    let folder = tempfile::tempdir().unwrap();
    let script = "setInterval(() => console.log('more'), 100)";
    let mut child = start(arch, folder.path(), script);
    child.stdout.take().unwrap().read_exact(&mut [0; 5]).unwrap();
    let done = ended(child);
    assert_eq!((done.status.code(), String::from_utf8_lossy(&done.stderr).trim()), (Some(141), ""));
}

pub fn a_detached_child_keeps_the_machine_up(arch: &'static Arch) {
    let folder = tempfile::tempdir().unwrap();
    // the child ends a second after the app, however slow the machine is
    let script = "
        const child = `
            const gone = () => { try { process.kill(Number(process.argv[1]), 0) } catch { return true } }
            const end = () => { console.log('the child ends'); process.exitCode = 9 }
            const look = setInterval(() => { if (gone()) { clearInterval(look); setTimeout(end, 1000) } }, 100)`
        const options = { detached: true, stdio: 'inherit' }
        require('child_process').spawn('node', ['-e', child, String(process.pid)], options).unref()
        process.on('exit', () => console.log('the app ends'))
        process.exitCode = 3";
    let mut child = start(arch, folder.path(), script);
    drop(child.stdin.take());
    let done = ended(child);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = (text(&done.stdout), done.status.code());
    assert_eq!(said, ("the app ends\nthe child ends\n".to_owned(), Some(3)), "{}", text(&done.stderr));
}

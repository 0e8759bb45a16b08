//! Which APIs of node work in a sandbox: all that are tried here. Without any /proc some of them
//! fail.

use shim::arches::Arch;
use tests::{Boot, Disk, runs};

/// Tries each API and prints `asked NAME: answer`, or the error in place of the answer.
const QUESTIONS: &str = r"
    const os = require('os'), cp = require('child_process'), { Worker, isMainThread } = require('worker_threads')
    const cluster = require('cluster'), inspector = require('inspector'), fs = require('fs')
    if (process.argv[2] === 'cluster') return
    if (cluster.isWorker) { process.send('from the worker'); process.disconnect(); return }
    const ask = async (name, question) => {
        let answer
        try { answer = await question() } catch (error) { answer = 'error ' + (error.code ?? error.message) }
        console.log(`asked ${name}: ${answer}`)
    }
    const once = (emitter, event) => new Promise((resolve, reject) => { emitter.once(event, resolve); emitter.once('error', reject) })
    ;(async () => {
        await ask('cpus', () => os.cpus().length)
        await ask('parallelism', () => os.availableParallelism())
        await ask('freemem', () => os.freemem() > 1e6)
        await ask('totalmem', () => os.totalmem() > 1e8)
        await ask('loadavg', () => os.loadavg().length === 3 && os.loadavg().every(n => n >= 0))
        await ask('uptime', () => os.uptime() > 0)
        await ask('memoryUsage', () => process.memoryUsage().rss > 1e7)
        await ask('resourceUsage', () => process.resourceUsage().maxRSS > 1e4)
        await ask('userInfo', () => os.userInfo().username)
        await ask('networkInterfaces', () => Object.keys(os.networkInterfaces()).includes('lo'))
        await ask('worker', () => once(new Worker('require(`worker_threads`).parentPort.postMessage(6 * 7)', { eval: true }), 'message'))
        await ask('child', () => cp.execFileSync(process.execPath, ['-p', '6 * 7']).toString().trim())
        await ask('spawn', () => once(cp.spawn('/usr/bin/env', ['node', '-e', 'process.exit(3)']), 'exit'))
        await ask('cluster', () => once(cluster.fork(), 'message'))
        await ask('inspector', () => { inspector.open(0, '127.0.0.1'); const url = inspector.url(); inspector.close(); return url.startsWith('ws://') })
        await ask('title', () => { process.title = 'mine'; return process.title })
        await ask('exec path', () => fs.realpathSync(process.execPath))
        await ask('watch', () => new Promise(resolve => { const w = fs.watch('/', () => { w.close(); resolve('seen') }); fs.writeFileSync('/watched', '') }))
        await ask('pty', () => { fs.closeSync(fs.openSync('/dev/ptmx', 'r+')); return 'open' })
        await ask('wasm', () => WebAssembly.validate(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0)))
        console.log('asked all')
    })()";

const ANSWERS: &[(&str, &str)] = &[
    ("cpus", "2"),
    ("parallelism", "2"),
    ("freemem", "true"),
    ("totalmem", "true"),
    ("loadavg", "true"),
    ("uptime", "true"),
    ("memoryUsage", "true"),
    ("resourceUsage", "true"),
    ("userInfo", "ana"),
    ("networkInterfaces", "true"),
    ("worker", "42"),
    ("child", "42"),
    ("spawn", "3"),
    ("cluster", "from the worker"),
    ("inspector", "true"),
    ("title", "mine"),
    ("exec path", "/bin/node"),
    ("watch", "seen"),
    ("pty", "open"),
    ("wasm", "true"),
];

fn asked(arch: &'static Arch, without: &str) -> String {
    let disk = Disk::with(&[runs("ana", 1000, QUESTIONS)]);
    let boot = Boot::on(arch).homes(&disk);
    let mut vm = boot.without(without).start();
    let _ = vm.ending();
    vm.transcript()
}

/// The names of the questions that got a wrong answer or none.
fn lost(said: &str) -> Vec<&'static str> {
    let wrong = |(name, answer): &&(&'static str, &str)| !said.contains(&format!("asked {name}: {answer}\n"));
    ANSWERS.iter().filter(wrong).map(|(name, _)| *name).collect()
}

fn node_apis_work_in_a_sandbox(arch: &'static Arch) {
    let said = asked(arch, "");
    assert_eq!(lost(&said), [""; 0], "{said}");
}

fn node_runs_without_proc_but_loses_information(arch: &'static Arch) {
    let said = asked(arch, "own_processes,masks");
    println!("without /proc node loses: {:?}", lost(&said));
    assert!(said.contains("asked "), "node runs without /proc: {said}");
    assert!(lost(&said).contains(&"cpus"), "{said}");
}

/// How many milliseconds node takes to start and end, by a clock that counts instructions. The
/// smallest of several runs counts, because other activity can only add to the time.
fn start_of_node(arch: &'static Arch, without: &str) -> f64 {
    const SCRIPT: &str = "const times = Array.from({ length: 21 }, () => { const from = process.hrtime.bigint()
        require('child_process').spawnSync(process.execPath, ['-e', '0']); return Number(process.hrtime.bigint() - from) / 1e6 })
        console.log('it takes ' + Math.min(...times) + ' ms of ' + times.map(Math.round))";
    let disk = Disk::with(&[runs("ana", 1000, SCRIPT)]);
    let boot = Boot::on(arch).homes(&disk).counted();
    let mut vm = boot.without(without).start();
    let _ = vm.ending();
    let said = vm.transcript();
    println!("without={without}: {said}");
    let (_, rest) = said.split_once("it takes ").unwrap();
    rest.split_once(" ms").unwrap().0.parse().unwrap()
}

/// Compares a machine with all guards with one that lacks all guards that a test can leave out and
/// that a running program meets. The overlay and the namespaces stay in both.
fn guards_slow_the_start_of_node_by_less_than_three_percent(arch: &'static Arch) {
    let guarded = start_of_node(arch, "");
    let bare = start_of_node(arch, "seccomp,landlock,capabilities,limits,settings,proc,masks,nosuid,nodev");
    assert!(guarded < bare * 1.03, "{guarded} ms with all guards, {bare} ms without");
}

tests::on_each! {
    node_apis_work_in_a_sandbox => super::node_apis_work_in_a_sandbox;
    guards_slow_the_start_of_node_by_less_than_three_percent => super::guards_slow_the_start_of_node_by_less_than_three_percent;
    @again
    node_runs_without_proc_but_loses_information => crate::node::node_runs_without_proc_but_loses_information;
}

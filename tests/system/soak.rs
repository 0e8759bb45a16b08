//! A day of a machine in minutes: its clock jumps over what nobody waits for (`-icount sleep=off`).

use shim::arches::Arch;
use tests::{Boot, Disk, runs};

/// Kills each service a hundred times within 24 hours, while programs print and ask the door. Root sees the services only
/// without pid namespaces.
pub fn a_day_in_which_each_service_is_killed_a_hundred_times_leaves_no_growth(arch: &'static Arch) {
    let root = r"
        const fs = require('fs'), http = require('http')
        const read = (path) => { try { return fs.readFileSync(path, 'utf8') } catch { return '' } }
        const SERVICES = ['log', 'net', 'clock', 'control']
        const pids = () => Object.fromEntries(fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))
            .map((pid) => [read(`/proc/${pid}/comm`).trim(), pid]).filter(([name]) => SERVICES.includes(name)))
        const kib = (pid) => { const [, all, files] = read(`/proc/${pid}/statm`).split(' '); return 4 * (all - files) }
        const meminfo = (key) => +read('/proc/meminfo').match(`${key}: +(\\d+)`)[1]
        const sample = () => {
            const all = pids()
            return { pid1: kib(1), services: SERVICES.reduce((sum, name) => sum + kib(all[name]), 0),
                slab: meminfo('SUnreclaim'), stacks: meminfo('KernelStack'), processes: fs.readdirSync('/proc').filter(Number).length }
        }
        const kills = Object.fromEntries(SERVICES.map((name) => [name, 0]))
        let turn = 0, first
        setInterval(() => {
            const all = pids()
            if (turn === 10) console.log('first', JSON.stringify(first = sample()))
            if (turn === 100) {
                const last = sample()
                console.log('last', JSON.stringify(last))
                const grown = Object.keys(last).filter((key) => last[key] > first[key] * 1.1 + 8)
                console.log('kills', JSON.stringify(kills), 'grown', JSON.stringify(grown))
            }
            turn++
            for (const name of SERVICES) if (all[name]) { process.kill(all[name], 'SIGKILL'); kills[name]++ }
        }, 864_000)";
    let ana = r"
        const http = require('http')
        let answers = 0
        setInterval(() => http.get({ socketPath: '/run/machine.sock', path: '/status', agent: false }, (answer) => {
            answer.resume(); if (answer.statusCode === 200) answers++
        }).on('error', () => {}), 60_000)
        setInterval(() => console.log('the door has answered', answers, 'times in', process.uptime() | 0, 's'), 3_600_000)";
    let disk = Disk::with(&[runs("root", 0, root), runs("ana", 1000, ana)]);
    let mut vm = Boot::on(arch).homes(&disk).without("pid").counted().words("ntp=none").start();
    vm.expect("first {").unwrap();
    let said = vm.expect(r#"kills {"log":100,"net":100,"clock":100,"control":100} grown []"#);
    assert!(said.is_ok(), "{}", vm.transcript());
    let said = vm.transcript();
    let answers = said
        .lines()
        .rev()
        .find_map(|line| line.split_once("the door has answered ")?.1.split(' ').next()?.parse().ok());
    assert!(answers.is_some_and(|answers: u32| answers > 1300), "{said}");
}

//! Hours of a machine in minutes: its clock jumps over what nobody waits for (`-icount sleep=off`).

use std::{env, time::Duration};

use shim::{arches::Arch, programs::SERVICES};
use tests::{Boot, Disk, runs};

/// How often each service is killed, and then for how many minutes none is. `NODEOS_SOAK=720 cargo system -- killed_again`
/// takes a day of the machine's time, and an hour of the host's.
const KILLS: u32 = 8;

/// Kills each service again and again, a minute apart, while programs print and ask the door; then leaves them alone for
/// as long. Neither may grow. Root sees the services only without pid namespaces.
pub fn services_that_are_killed_again_and_again_come_back_and_leave_no_growth(arch: &'static Arch) {
    let kills = env::var("NODEOS_SOAK").ok().and_then(|kills| kills.parse().ok()).unwrap_or(KILLS);
    let root = r"
        const fs = require('fs')
        const read = (path) => { try { return fs.readFileSync(path, 'utf8') } catch { return '' } }
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
        const compare = (what) => {
            const last = sample()
            console.log(what, 'first', JSON.stringify(first), 'last', JSON.stringify(last))
            const grown = Object.keys(last).filter((key) => last[key] > first[key] * 1.1 + 8)
            const missing = SERVICES.filter((name) => !pids()[name])
            console.log(what, JSON.stringify(kills), 'grown', JSON.stringify(grown), 'missing', JSON.stringify(missing))
        }
        setInterval(() => {
            const all = pids()
            if (turn === 2 || turn === KILLS + 2) first = sample()
            if (turn === KILLS) compare('killed')
            if (turn === 2 * KILLS) compare('alone')
            if (turn++ >= KILLS) return
            for (const name of SERVICES) if (all[name]) { process.kill(all[name], 'SIGKILL'); kills[name]++ }
        }, 62_000)";
    let ana = r"
        const http = require('http')
        let answers = 0
        setInterval(() => http.get({ socketPath: '/run/machine.sock', path: '/status', agent: false }, (answer) => {
            answer.resume(); if (answer.statusCode === 200) answers++
        }).on('error', () => {}), 10_000)
        setInterval(() => console.log('the door has answered', answers, 'times in', process.uptime() | 0, 's'), 60_000)";
    let services: Vec<_> = SERVICES.iter().map(|service| service.program.name).collect();
    let root = format!("const KILLS = {kills}, SERVICES = {services:?};{root}");
    let disk = Disk::with(&[runs("root", 0, &root), runs("ana", 1000, ana)]);
    let mut vm = Boot::on(arch).homes(&disk).without("pid").counted().words("ntp=none").start();
    let each = services.iter().map(|name| format!("{name:?}:{kills}")).collect::<Vec<_>>().join(",");
    let within = Duration::from_secs(120 + u64::from(kills) * 20);
    for what in ["killed", "alone"] {
        let wanted = format!("{what} {{{each}}} grown [] missing []");
        assert!(vm.expect_within(within, &wanted).is_ok(), "{}", vm.transcript());
    }
    let said = vm.transcript();
    said.lines().filter(|line| line.contains(" first {")).for_each(|line| println!("{line}"));
    // six questions a minute; the door is closed for a second after it was killed
    let mut counts = said
        .lines()
        .filter_map(|line| line.split_once("the door has answered ")?.1.split(' ').next()?.parse::<u32>().ok());
    assert!(counts.next_back().is_some_and(|answers| answers > kills * 11), "{said}");
}

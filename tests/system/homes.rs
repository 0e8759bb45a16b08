//! Homes that root makes, changes and removes while the machine runs.

use shim::arches::Arch;
use tests::{Boot, Disk, log_on, logs_on};

use crate::door::asks;

/// Root's part: `make` makes a home whole, as docs/users-partition.md says.
const ROOT: &str = r#"
    const make = (name, uid, init) => {
        const home = '/home/.new'
        fs.mkdirSync(home + '/etc', { recursive: true })
        fs.writeFileSync(home + '/init', '#!/usr/bin/env node\n' + init, { mode: 0o755 })
        fs.writeFileSync(home + '/etc/logon.json', '{"password": "", "shell": "/bin/node", "shellArgs": ["-e", "console.log(process.getuid(), `is in`), fs.writeFileSync(`/seen`, ``)"]}')
        for (const path of ['', '/init', '/etc', '/etc/logon.json']) fs.chownSync(home + path, uid, uid)
        fs.renameSync(home, '/home/' + name)
    }
    const there = async (name) => JSON.parse((await ask('GET', '/status'))[1]).users.some((user) => user.name === name)
    const gone = async (name) => { while (await there(name)) await pause(200) }
    const runs = async (name) => { while (!await there(name)) await pause(200) }
    const log = async (name) => (await ask('GET', '/log?user=' + name))[1]
    const says = async (name, words) => { while (!(await log(name)).includes(words)) await pause(200) }
    await isOpen()"#;

const EVA: &str = r#"
    const starts = fs => { const file = '/starts', n = fs.existsSync(file) ? +fs.readFileSync(file, 'utf8') + 1 : 1; fs.writeFileSync(file, `${n}`); return n }
    console.log('eva runs', starts(require('fs')), 'as', process.getuid())
    process.on('SIGTERM', () => { console.log('eva ends'); process.exit() })
    setInterval(() => {}, 1000)"#;

pub fn a_home_that_root_makes_is_a_user_at_once(arch: &'static Arch) {
    let script = format!(
        r#"{ROOT}
        const EVA = {EVA:?}
        make('eva', 1009, EVA)
        await runs('eva'); await says('eva', 'eva runs 1 as 1009')
        console.log('restart', ...await ask('POST', '/restart?user=eva'))
        await says('eva', 'eva ends'); await says('eva', 'eva runs 2 as 1009')
        console.log('now log on')
        while (!fs.existsSync('/home/eva/seen')) await pause(200)
        let live
        try {{ fs.renameSync('/home/eva', '/home/.gone') }} catch ({{ code }}) {{ live = code }}
        // said later: when eva's session ends, the console drops what it has not sent (docs/consoles.md)
        const stopped = await ask('POST', '/stop?user=eva'); await gone('eva')
        for (;;) try {{ fs.renameSync('/home/eva', '/home/.gone'); break }} catch {{ await pause(200) }}
        make('eva', 1010, EVA)
        await runs('eva'); await says('eva', 'eva runs 1 as 1010')
        console.log('a live home is', live)
        console.log('stop', ...stopped)
        // gone and there again, it looks the same
        for (;;) try {{ await ask('POST', '/stop?user=eva'); fs.renameSync('/home/eva', '/home/.x'); break }} catch {{ await pause(200) }}
        fs.renameSync('/home/.x', '/home/eva')
        await runs('eva'); await says('eva', 'eva runs 2 as 1010')
        // another owner is another user, who begins when the one before has ended
        for (const path of ['/starts', '/init', '']) fs.chownSync('/home/eva' + path, 1011, 1011)
        await says('eva', 'as 1011')
        console.log('done'); stay()"#
    );
    let disk = Disk::with(&[asks("root", 0, &script), logs_on("ana", 1000, Some("ana"), "console.log('ana is in')")]);
    let mut vm = Boot::on(arch).homes(&disk).memory(384).start();
    vm.expect("restart 202 {}").unwrap();
    vm.expect("now log on").unwrap();
    log_on(&mut vm, "eva", None);
    vm.expect("1009 is in").unwrap();
    vm.expect("a live home is EBUSY").unwrap();
    vm.expect("stop 202 {}").unwrap();
    vm.expect("done").unwrap();
    log_on(&mut vm, "ana", Some("ana"));
    vm.expect("ana is in").unwrap();
}

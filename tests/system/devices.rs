//! Devices that root grants to several users. The first user to open a device owns it until its
//! last open file is closed.
//!
//! In each home an `/init` answers the test over TCP: it evaluates a line of JavaScript and sends
//! the result as JSON.

use std::{
    io::{Read, Write},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use boot::users::{home::Home, policy::set_policy};
use qemu::{machine::Publish, vm::Vm};
use shim::{arches::Arch, policy::Policy};
use tests::{Boot, Disk, attacker, free_port, runs};

const ANSWERS: &str = r"
    const fs = require('fs'), held = {}
    const open = (name = 'hwrng') => { const fd = fs.openSync('/dev/' + name, 'r'); (held[name] ??= []).push(fd); return 'open' }
    const close = (name = 'hwrng') => { fs.closeSync(held[name].pop()); return 'closed' }
    const sees = start => fs.readdirSync('/dev').filter(name => name.startsWith(start)).join()
    const attempt = f => { try { return f() } catch (error) { return error.code ?? String(error) } }
    const sleep = ms => new Promise(done => setTimeout(done, ms))
    require('net').createServer(socket => {
        let text = ''
        socket.setEncoding('utf8').on('data', part => {
            text += part
            if (text.endsWith('\n')) Promise.resolve(attempt(() => eval(text))).then(said => socket.end(JSON.stringify(said)))
        })
    }).listen(PORT)";

/// The users, and the port of the machine on which each answers.
const USERS: [(&str, u16); 3] = [("ana", 7001), ("bo", 7002), ("cara", 7003)];

/// A machine in which ana and bo are granted the same devices, and cara others.
struct Three {
    vm: Vm,
    ports: Vec<u16>,
    _disk: Disk,
}

impl Three {
    fn boot(boot: Boot) -> Self {
        Self::with(vec![], boot)
    }

    /// The same with more homes.
    fn with(mut homes: Vec<Home>, boot: Boot) -> Self {
        let three = (1000..).zip(USERS);
        homes.extend(three.map(|(uid, (name, port))| runs(name, uid, &ANSWERS.replace("PORT", &port.to_string()))));
        let disk = Disk::with(&homes);
        for (user, devices) in
            [("ana", r#""hwrng", "vport*""#), ("bo", r#""hwrng", "vport*""#), ("cara", r#""ttyUSB*""#)]
        {
            let policy = Policy::parse(format!("{{\"devices\": [{devices}]}}").as_bytes()).unwrap();
            set_policy(&disk.path, user, Some(&policy)).unwrap();
        }
        let ports: Vec<u16> = USERS.iter().map(|_| free_port()).collect();
        let published = ports.iter().zip(USERS).map(|(host, (_, guest))| Publish { host: *host, guest });
        let vm = published.fold(boot.homes(&disk), Boot::publish).ports().start();
        let mut three = Self { vm, ports, _disk: disk };
        for (user, _) in USERS {
            three.until(user, "1", "1");
        }
        three
    }

    fn port(&self, user: &str) -> u16 {
        USERS.iter().zip(&self.ports).find(|((name, _), _)| *name == user).map(|(_, port)| *port).unwrap()
    }

    /// The user's answer to this script.
    fn ask(&mut self, user: &str, script: &str) -> String {
        ask(self.port(user), script).unwrap_or_else(|error| panic!("{}", self.vm.failure(format!("{user}: {error}"))))
    }

    /// Asks again and again until the answer is this one.
    fn until(&mut self, user: &str, script: &str, answer: &str) {
        let deadline = Instant::now() + Duration::from_secs(120);
        loop {
            let said = ask(self.port(user), script).unwrap_or_default();
            if said == answer {
                return;
            }
            let late = Instant::now() > deadline;
            assert!(!late, "{}", self.vm.failure(format!("{user} says {said:?} to {script}, not {answer:?}")));
            thread::sleep(Duration::from_millis(100));
        }
    }
}

fn ask(port: u16, script: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    stream.write_all(format!("{}\n", script.replace('\n', " ")).as_bytes())?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text.trim_matches('"').to_owned())
}

pub fn the_first_user_to_open_a_device_owns_it(arch: &'static Arch) {
    let mut three = Three::boot(Boot::on(arch));
    assert_eq!(three.ask("cara", "sees('hwrng')"), "");
    assert_eq!(three.ask("cara", "attempt(open)"), "ENOENT");
    for (one, other) in [("ana", "bo"), ("bo", "ana")] {
        three.until(one, "sees('hwrng')", "hwrng");
        three.until(other, "sees('hwrng')", "hwrng");
        assert_eq!(three.ask(one, "attempt(open)"), "open");
        // the kernel refuses the open before the node is removed
        let no = three.ask(other, "attempt(open)");
        assert!(["EPERM", "ENOENT"].contains(&no.as_str()), "{no}");
        three.until(other, "sees('hwrng')", "");
        // the owner can open it again and read from it
        assert_eq!(three.ask(one, "attempt(open)"), "open");
        assert_eq!(three.ask(one, "fs.readSync(held.hwrng[0], Buffer.alloc(4))"), "4");
        assert_eq!(three.ask(one, "close()"), "closed");
        assert_eq!(three.ask(one, "sees('hwrng')"), "hwrng");
        assert_eq!(three.ask(other, "attempt(open)"), "ENOENT");
        // a child that inherited the open file keeps the device
        let hand_on = "{ globalThis.child = require('child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'],
            { stdio: [held.hwrng[0], 'ignore', 'ignore'] }); close() }";
        assert_eq!(three.ask(one, hand_on), "closed");
        assert_eq!(three.ask(other, "attempt(open)"), "ENOENT");
        assert_eq!(three.ask(one, "child.kill('SIGKILL')"), "true");
        three.until(other, "sees('hwrng')", "hwrng");
        assert_eq!(three.ask(other, "attempt(open)"), "open");
        assert_eq!(three.ask(other, "close()"), "closed");
    }
    // an O_PATH handle from before does not open a device of another user; if it opens one, that
    // counts as an open
    three.until("ana", "sees('hwrng')", "hwrng");
    assert_eq!(three.ask("ana", "(globalThis.kept = fs.openSync('/dev/hwrng', 0o10000000)) > 2"), "true"); // O_PATH
    three.until("bo", "attempt(open)", "open");
    three.until("ana", "sees('hwrng')", "");
    let again = "attempt(() => { (held.hwrng ??= []).push(fs.openSync('/proc/self/fd/' + kept, 'r')); return 'open' })";
    assert_eq!(three.ask("ana", again), "EPERM");
    assert_eq!(three.ask("bo", "close()"), "closed");
    three.until("ana", again, "open");
    three.until("bo", "sees('hwrng')", "");
    thread::sleep(Duration::from_secs(2));
    assert_eq!(three.ask("bo", "attempt(open)"), "ENOENT");
    assert_eq!(three.ask("ana", "close(); fs.closeSync(kept)"), "");
    three.until("bo", "sees('hwrng')", "hwrng");
    // a user who only checks access does not keep the device
    assert_eq!(three.ask("ana", "attempt(() => fs.accessSync('/dev/hwrng', fs.constants.R_OK))"), "");
    three.until("bo", "attempt(open)", "open");

    let mut three = Three::boot(Boot::on(arch).without("claims"));
    assert_eq!(three.ask("ana", "attempt(open)"), "open");
    assert_eq!(three.ask("bo", "attempt(open)"), "open");
}

/// Opens and closes the device for eight seconds. Answers when it had the device, by the clock that
/// all sandboxes share.
const OPENS: &str = "(async () => { const had = [], end = Date.now() + 8000, now = () => Number(process.hrtime.bigint() / 1000n);
    while (Date.now() < end) {
        if (attempt(open) == 'open') { const from = now(); await sleep(Math.random() * 4); had.push([from, now()]); close() }
        await sleep(Math.random() * 8) }
    return had.join(';') })()";

/// When each user had the device, in microseconds.
fn race(three: &Three) -> [Vec<(u64, u64)>; 2] {
    let ports = [three.port("ana"), three.port("bo")];
    ports.map(|port| thread::spawn(move || ask(port, OPENS).unwrap())).map(|answer| {
        let answer = answer.join().unwrap();
        let times: Vec<u64> = answer.split([',', ';']).map(|time| time.parse().unwrap()).collect();
        times.chunks(2).map(|both| (both[0], both[1])).collect()
    })
}

fn overlaps([ana, bo]: &[Vec<(u64, u64)>; 2]) -> usize {
    ana.iter().flat_map(|one| bo.iter().filter(move |other| one.0 < other.1 && other.0 < one.1)).count()
}

pub fn only_one_of_two_simultaneous_opens_gets_the_device(arch: &'static Arch) {
    let three = Three::boot(Boot::on(arch));
    let had = race(&three);
    assert_eq!(overlaps(&had), 0, "{had:?}");
    assert!(had.iter().all(|had| had.len() > 3), "{had:?}");
    drop(three);
    let three = Three::boot(Boot::on(arch).without("claims"));
    let had = race(&three);
    assert!(overlaps(&had) > 0, "{had:?}");
}

pub fn a_hotplugged_device_appears_and_disappears(arch: &'static Arch) {
    // the name contains the number of the bus, which depends on the order of all devices
    const SEES: &str = "sees('vport').replace(/\\d+/, 'N')";
    const NAME: &str = "sees('vport')";
    let mut three = Three::boot(Boot::on(arch));
    assert_eq!(three.ask("ana", SEES), "");
    for _ in 0..2 {
        three.vm.monitor("device_add virtserialport,id=one,bus=ports.0,nr=3,name=one").unwrap();
        for user in ["ana", "bo"] {
            three.until(user, SEES, "vportNp3");
        }
        assert_eq!(three.ask("cara", SEES), "");
        assert_eq!(three.ask("ana", &format!("attempt(() => open(globalThis.port = {NAME}))")), "open");
        three.until("bo", SEES, "");
        three.vm.monitor("device_del one").unwrap();
        three.until("ana", SEES, "");
        assert_eq!(three.ask("ana", "close(port)"), "closed");
        assert_eq!(three.ask("bo", SEES), "");
    }
}

/// Starts processes that do everything that a user can do with device nodes, until they are killed.
/// They open nodes in every mode and close most of them again. They also try to change /dev, which
/// must never work.
const FLOOD: &str = "{ const flood = () => {
        const fs = require('fs'), { O_WRONLY, O_NONBLOCK, O_EXCL, O_CREAT } = fs.constants, held = [];
        const works = (f, ...words) => { try { return f(...words) ?? true } catch { return false } };
        const kinds = [0, O_WRONLY, 3, O_EXCL, O_CREAT | O_EXCL, 0o10000000];
        const changes = [...['renameSync', 'symlinkSync', 'linkSync'].map(how => () => fs[how]('/dev/null', '/dev/hwrng')),
            () => fs.unlinkSync('/dev/hwrng'), () => fs.chmodSync('/dev/hwrng', 0o666)];
        for (;;) {
            for (const name of fs.readdirSync('/dev').filter(name => /vport|hwrng/.test(name))) for (const kind of kinds) {
                held.push(works(fs.openSync, '/dev/' + name, kind | O_NONBLOCK));
                if (held.at(-1) && kind < 4) fs.writeFileSync('/opened' + process.argv[1], '');
                if (held.length > 40 || Math.random() < 0.5)
                    for (const fd of held.splice(Math.random() * 40)) fd && works(fs.closeSync, fd) }
            if (changes.some(change => works(change))) fs.writeFileSync('/changed', '') } };
    globalThis.floods = [1, 2].map(name =>
        require('child_process').spawn(process.execPath, ['-e', `(${flood})()`, name], { stdio: 'ignore' }));
    'flood' }";

pub fn a_flood_of_opens_and_unplugs_leaves_every_device_usable_by_others(arch: &'static Arch) {
    const PORTS: usize = 12;
    const ALL: &str = "sees('vport').split(',').length + sees('hwrng')";
    let mut three = Three::boot(Boot::on(arch));
    let plug = |three: &mut Three, port: usize| {
        three.vm.monitor(&format!("device_add virtserialport,id=p{port},bus=ports.0,nr={port},name=p{port}")).unwrap();
    };
    (1..=PORTS).for_each(|port| plug(&mut three, port));
    three.until("bo", ALL, &format!("{PORTS}hwrng"));
    for user in ["ana", "cara"] {
        assert_eq!(three.ask(user, FLOOD), "flood");
    }
    three.until("ana", "fs.existsSync('/opened1') && fs.existsSync('/opened2')", "true");
    for round in 0..8 {
        for port in (1..=PORTS).filter(|port| port % 3 == round % 3) {
            three.vm.monitor(&format!("device_del p{port}")).unwrap();
            if round % 2 == 0 {
                thread::sleep(Duration::from_millis(200));
            }
            // a device that is open when it is unplugged keeps its name until the kernel has
            // released it
            plug(&mut three, port);
        }
        let no = three.ask("bo", "attempt(open)");
        assert!(["open", "EPERM", "ENOENT"].contains(&no.as_str()), "{no}");
        if no == "open" {
            assert_eq!(three.ask("bo", "close()"), "closed");
        }
    }
    for user in ["ana", "cara"] {
        assert_eq!(three.ask(user, "fs.existsSync('/changed')"), "false");
    }
    assert_eq!(three.ask("cara", "sees('vport') + sees('hwrng')"), "");
    // all processes end at once, and with them all open files
    assert_eq!(three.ask("ana", "floods.forEach(flood => flood.kill('SIGKILL'))"), "");
    three.until("bo", ALL, &format!("{PORTS}hwrng"));
    let each = "sees('vport').split(',').concat('hwrng').map(name => attempt(() => open(name))).join()";
    assert_eq!(three.ask("bo", each), vec!["open"; PORTS + 1].join(","));
}

/// The broker needs an inotify watch to learn when a node is released. It runs as uid 0, and root
/// takes all watches of this uid.
pub fn a_device_is_released_once_root_frees_inotify_watches(arch: &'static Arch) {
    let mut root = Home::new("root", 0);
    root.program("bin/attack", attacker(arch));
    root.program("init", "#!/bin/attack\nwatch_fill\n");
    let mut three = Three::with(vec![root], Boot::on(arch));
    three.vm.expect("the bomb is set").unwrap();
    assert_eq!(three.ask("ana", "attempt(open)"), "open");
    assert_eq!(three.ask("ana", "close()"), "closed");
    thread::sleep(Duration::from_secs(2));
    assert_eq!(three.ask("bo", "attempt(open)"), "ENOENT");
    assert_eq!(three.ask("ana", "fs.writeFileSync('/enough', '')"), "");
    // no other event wakes the broker
    three.until("bo", "attempt(open)", "open");
}

//! Apps: a program that is the only user of its machine.

use std::{
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use boot::users::{app::App, home::Home, policy::set_variables};
use qemu::machine::Publish;
use shim::{arches::Arch, last_word::LastWord};
use tests::{Boot, Disk, free_port, runs, waits_for_the_network};

fn example(path: &str) -> App {
    PathBuf::from(format!(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/{}"), path)).into()
}

pub fn an_app_has_the_console_and_the_machine_exits_with_its_status(arch: &'static Arch) {
    let mut vm = Boot::on(arch).app(example("exit3.mjs")).start();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(3)), "{}", vm.transcript());

    // stdin is a terminal and receives what is typed
    let script = "console.log('tty', process.stdin.isTTY); process.stdin.once('data', d => { console.log('got ' + d); process.exit() })";
    let disk = Disk::with(&[runs("app", 1000, script)]);
    let mut vm = Boot::on(arch).homes(&disk).start();
    vm.expect("tty true").unwrap();
    vm.send("hello").unwrap();
    vm.expect("got hello").unwrap();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(0)));

    // ctrl-c does nothing until the app is the foreground of the console, and then reaches it alone: PID 1, whose session
    // it is, would restart the machine. Typed often at first, because PID 1 is the foreground for a few milliseconds
    // only. 130: it came before node had set the handler
    let script = "process.on('SIGINT', () => process.exit(4)); setInterval(() => {}, 999)";
    let disk = Disk::with(&[runs("app", 1000, script)]);
    let mut vm = Boot::on(arch).homes(&disk).words("loglevel=7").start();
    vm.expect("init of app").unwrap();
    for pause in (0..).map(|typed| if typed < 50 { 1 } else { 50 }) {
        if vm.type_in("\u{3}").is_err() || vm.has_ended() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(pause));
    }
    let last_word = vm.ending().unwrap().last_word;
    assert!(matches!(last_word, Some(LastWord::PowerOff(4 | 130))), "{last_word:?}: {}", vm.transcript());
}

pub fn an_app_starts_as_its_package_says(arch: &'static Arch) {
    let folder = tempfile::tempdir().unwrap();
    let start = "NODE_ENV=production node --import ./pre.mjs --max-old-space-size=100 server.js --zone $TZ";
    let server =
        "console.log(process.argv.slice(2).join('|'), process.env.NODE_ENV, pre, process.cwd(), process.env.GIVEN)
        process.exitCode = require('v8').getHeapStatistics().heap_size_limit < 300e6 ? 7 : 1";
    for (name, text) in [
        ("package.json", &*format!("{{\"scripts\": {{\"start\": \"{start}\"}}}}")),
        ("server.js", server),
        ("pre.mjs", "globalThis.pre = 'loaded first, ' + process.env.GIVEN"),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let app = App {
        path: folder.path().to_owned(),
        words: vec!["--and".to_owned(), "more words".to_owned()],
        environment: vec![("GIVEN".to_owned(), "by \"us\" and 'them'".to_owned())],
        ..App::from(folder.path().to_owned())
    };
    let given = "by \"us\" and 'them'";
    let mut vm = Boot::on(arch).app(app.clone()).words("TZ=Europe/Madrid").start();
    vm.expect(&format!("--zone|Europe/Madrid|--and|more words production loaded first, {given} /app {given}")).unwrap();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(7)), "{}", vm.transcript());

    // root's variables replace those of the medium
    let disk = Disk::with(&[Home::new("app", 1000), runs("ana", 1001, "console.log('ana', process.env.GIVEN)")]);
    set_variables(&disk.path, "app", "# secrets\nGIVEN=by root\nTZ=Asia/Tokyo\n").unwrap();
    let mut vm = Boot::on(arch).app(app).homes(&disk).start();
    vm.expect("--zone|Asia/Tokyo|--and|more words production loaded first, by root /app by root").unwrap();
    assert!(vm.ending().is_ok() && vm.transcript().contains("ana undefined"), "{}", vm.transcript());
}

/// As many as a hand-written file may have: `nodeos users env` writes no such file.
pub fn too_many_variables_lock_nobody_out(arch: &'static Arch) {
    let disk = Disk::with(&[runs("ana", 1000, "console.log('ana', process.env.A0, process.env.USER)")]);
    let lines = |count| (0..count).map(|number| format!("A{number}=set\n")).collect::<String>();
    set_variables(&disk.path, "ana", "A0=x\n").unwrap(); // makes the folder
    for (count, seen) in [(120, "ana set ana"), (121, "ana undefined ana")] {
        let file = disk.beside("variables");
        std::fs::write(&file, lines(count)).unwrap();
        disk.debugfs(&format!("rm /.policy/ana.env\nwrite {} /.policy/ana.env\n", file.display()));
        let mut vm = Boot::on(arch).homes(&disk).start();
        assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(0)), "{}", vm.transcript());
        let said = vm.transcript();
        assert!(said.contains(seen), "{said}");
        assert_eq!(said.contains("a file has more than 120 variables: none of them is set"), count > 120, "{said}");
    }
}

/// Tries to change the code and what starts it, and keeps data. The version is a part of each text.
const WRITES: &str = r##"
    const fs = require('fs')
    const code = tried => { try { tried(); return 'done' } catch (error) { return error.code } }
    for (const [what, tried] of Object.entries({
        write: () => fs.appendFileSync('index.js', '//'),
        replace: () => { fs.writeFileSync('/tmp/x', ''); fs.copyFileSync('/tmp/x', 'index.js') },
        remove: () => fs.unlinkSync('lib/part.js'),
        folder: () => fs.renameSync('/app', '/other'),
        beside: () => fs.appendFileSync('data.txt', 'VERSION '),
        start: () => fs.unlinkSync('/.nodeos/init.cjs'),
        starts: () => fs.renameSync('/.nodeos', '/other'),
        node: () => fs.writeFileSync('/bin/node', 'x'),
        env: () => { fs.writeFileSync('/env', 'x'); fs.renameSync('/env', '/usr/bin/env') },
        preload: () => fs.writeFileSync('/etc/ld.so.preload', '/x'),
    })) console.log(what, code(tried))
    fs.appendFileSync('/data.txt', 'run VERSION ')
    fs.writeFileSync('/init', "#!/usr/bin/env node\nconsole.log('not the code of the medium')", { mode: 0o755 })
    console.log('version VERSION', process.getuid(), fs.readFileSync('/data.txt', 'utf8'), require('./lib/part'))
    if (fs.existsSync('data.txt')) console.log('data', fs.readFileSync('data.txt', 'utf8'))
    else fs.writeFileSync('data.txt', '')"##;

fn writes(folder: &Path, version: &str, writable: bool) -> App {
    std::fs::create_dir_all(folder.join("lib")).unwrap();
    std::fs::write(folder.join("index.js"), WRITES.replace("VERSION", version)).unwrap();
    std::fs::write(folder.join("lib/part.js"), format!("module.exports = 'part {version}'")).unwrap();
    App { writable, ..App::from(folder.to_owned()) }
}

pub fn an_app_keeps_its_data_and_cannot_change_its_code(arch: &'static Arch) {
    let folder = tempfile::tempdir().unwrap();
    // the uid that an app would have alone is another user's here
    let disk = Disk::with(&[Home::new("ana", 1000)]);
    for (version, data) in [("1", "run 1 "), ("2", "run 1 run 2 ")] {
        let mut vm = Boot::on(arch).app(writes(folder.path(), version, false)).homes(&disk).start();
        assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(1)), "{}", vm.transcript());
        let said = vm.transcript();
        for line in [
            "write EROFS",
            "replace EROFS",
            "remove EROFS",
            "folder E",
            "beside EROFS",
            "start EROFS",
            "starts E",
            "node EACCES",
            "env EACCES",
            "preload EACCES",
            &format!("version {version} 1001 {data} part {version}"),
            "nodeos: /app is read-only: write to another folder, such as /data, or set writable = true",
        ] {
            assert!(said.contains(line), "{line}: {said}");
        }
        assert!(!said.contains("not the code of the medium"), "{said}");
    }

    // what a home has at the same place does not count: a partition may come from anywhere
    let mut home = Home::new("app", 1000);
    home.file("app/lib/part.js", "module.exports = 'planted'");
    home.file("app/lib.js", "module.exports = 'planted'");
    home.program(".nodeos/init.cjs", "#!/usr/bin/env node\nconsole.log('planted')");
    let planted = Disk::with(&[home]);
    let mut vm = Boot::on(arch).app(writes(folder.path(), "3", false)).homes(&planted).start();
    vm.expect("version 3 1000 run 3  part 3").unwrap();
}

/// A home is above the machine's own folders.
pub fn a_home_cannot_replace_what_an_app_runs_with(arch: &'static Arch) {
    // a user that is no app may have a node of its own
    let mut ana = runs("ana", 1001, "console.log('never')");
    ana.program("usr/bin/env", "not a program");
    let disk = Disk::with(&[ana]);
    let mut vm = Boot::on(arch).homes(&disk).start();
    vm.expect("cannot run /init").unwrap();

    let mut planted = Home::new("app", 1000);
    planted.program("bin/node", "#!/usr/bin/env sh\n");
    let disk = Disk::with(&[planted]);
    let mut vm = Boot::on(arch).app(example("exit3.mjs")).homes(&disk).start();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(1)), "{}", vm.transcript());
    let said = vm.transcript();
    assert!(said.contains("an app's home must not have bin, etc, lib, lib64 or usr"), "{said}");
}

pub fn a_writable_app_makes_files_beside_its_code_and_cannot_change_it(arch: &'static Arch) {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::with(&[]);
    for (version, data) in [("1", "1 "), ("2", "1 2 ")] {
        let mut vm = Boot::on(arch).app(writes(folder.path(), version, true)).homes(&disk).start();
        assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(0)), "{}", vm.transcript());
        let said = vm.transcript();
        let data = format!("data {data}");
        for line in ["write EACCES", "replace EACCES", "remove EPERM", "folder E", "beside done", "start EROFS", &data]
        {
            assert!(said.contains(line), "{line}: {said}");
        }
    }
}

pub fn an_app_whose_home_is_refused_ends_with_a_status(arch: &'static Arch) {
    // the second is what a boot leaves that was cut short
    let mut homes = Disk::with(&[]);
    homes.debugfs("mkdir app\nmkdir .new\n");
    let mut vm = Boot::on(arch).app(example("exit3.mjs")).homes(&homes).start();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(1)), "{}", vm.transcript());
    assert!(vm.transcript().contains("home app refused: uid 0 owns it"), "{}", vm.transcript());
    assert!(vm.transcript().contains("no app runs, for the reason above"), "{}", vm.transcript());
    homes = Disk::with(&[]);
    homes.debugfs("mkdir .new\n");
    let mut vm = Boot::on(arch).app(example("exit3.mjs")).homes(&homes).start();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(3)), "{}", vm.transcript());
}

pub fn a_package_of_a_workspace_finds_what_lies_in_its_root(arch: &'static Arch) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("package.json", r#"{"workspaces": ["packages/*"]}"#),
        ("packages/api/package.json", r#"{"type": "module", "dependencies": {"shared": "*", "hoisted": "1"}}"#),
        (
            "packages/api/index.js",
            "import shared from 'shared'; import h from 'hoisted'; console.log('found', shared, h)",
        ),
        ("packages/shared/package.json", r#"{"name": "shared", "dependencies": {"hoisted": "2"}}"#),
        ("packages/shared/index.js", "module.exports = require('hoisted')"),
        ("packages/shared/node_modules/hoisted/index.js", "module.exports = 'two'"),
        ("packages/shared/node_modules/hoisted/package.json", "{}"),
        ("node_modules/hoisted/index.js", "module.exports = 'one'"),
        ("node_modules/hoisted/package.json", "{}"),
    ] {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    // as npm makes it
    std::os::unix::fs::symlink("../packages/shared", folder.path().join("node_modules/shared")).unwrap();
    let mut vm = Boot::on(arch).app(App::from(folder.path().join("packages/api"))).start();
    vm.expect("found two one").unwrap();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(0)), "{}", vm.transcript());
}

/// dlopen(3) finds each; that it is no addon is node's own complaint, after that.
pub fn native_addons_find_the_libraries_that_debian_has(arch: &'static Arch) {
    let names = boot::image::origin::LIBRARIES;
    let script = format!(
        "for (const name of {names:?}.concat('libnone.so.1')) {{
            try {{ process.dlopen({{ exports: {{}} }}, name) }} catch (error) {{
                if (error.message.includes('cannot open')) console.log('missing', name)
            }}
        }}
        console.log('looked for all')"
    );
    let disk = Disk::with(&[runs("ana", 1000, &script)]);
    let mut vm = Boot::on(arch).homes(&disk).start();
    vm.expect("looked for all").unwrap();
    let said = vm.transcript();
    assert_eq!(said.matches("missing ").count(), 1, "{said}");
    assert!(said.contains("missing libnone.so.1"), "{said}");
}

pub fn an_app_that_takes_all_memory_is_killed(arch: &'static Arch) {
    let script = "const all = []; for (;;) all.push(Buffer.alloc(1 << 20, 1))";
    let disk = Disk::with(&[runs("app", 1000, script)]);
    let mut vm = Boot::on(arch).homes(&disk).start();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(137)), "{}", vm.transcript());
    assert!(vm.transcript().contains("Memory cgroup out of memory: Killed process"), "{}", vm.transcript());
}

pub fn an_http_app_answers_the_host(arch: &'static Arch) {
    let port = free_port();
    let mut vm = Boot::on(arch).app(example("http")).publish(Publish { host: port, guest: 80 }).start();
    vm.expect("listening").unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let answer = loop {
        let mut text = String::new();
        let asked = TcpStream::connect(("127.0.0.1", port)).and_then(|mut stream| {
            stream.set_read_timeout(Some(Duration::from_secs(20)))?;
            stream.write_all(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
            stream.read_to_string(&mut text)
        });
        if asked.is_ok() && !text.is_empty() {
            break text;
        }
        assert!(Instant::now() < deadline, "{}", vm.failure("no answer on the published port"));
    };
    assert!(answer.contains("200 OK") && answer.contains("hello from NodeOS"), "{answer}");
}

pub fn a_user_sees_its_account_host_name_and_network_settings(arch: &'static Arch) {
    let script = r"
        const os = require('os'), fs = require('fs'), dns = require('dns')
        const { username, uid, homedir } = os.userInfo()
        console.log('user', username, uid, homedir, os.hostname(), os.cpus().length)
        console.log('files', ...['passwd', 'group', 'hosts', 'hostname'].map(f => fs.readFileSync('/etc/' + f).length > 0))
        console.log('links', fs.readlinkSync('/etc/mtab'))
        console.log('env', JSON.stringify(process.env))
        console.log('spawned', require('child_process').spawnSync('env', ['A=b']).stdout.includes('A=b'))
        console.log('servers', dns.getServers().join())
        dns.lookup(os.hostname(), (error, address) => console.log('lookup', error ?? address))
        const server = require('net').createServer(s => s.end()).listen(0, '127.0.0.1', () =>
            require('net').connect(server.address().port, '127.0.0.1', () => { console.log('loopback up'); server.close() }))";
    let disk = Disk::with(&[runs("ana", 1000, script)]);
    waits_for_the_network(&disk, "ana");
    let mut vm = Boot::on(arch).homes(&disk).words("LANG=es_ES.UTF-8 TZ=Europe/Madrid").memory(512).start();
    vm.expect("user ana 1000 / nodeos 2").unwrap();
    vm.expect("files true true true true").unwrap();
    vm.expect("links /proc/mounts").unwrap();
    vm.expect(r#"env {"HOME":"/","TERM":"linux","LANG":"es_ES.UTF-8","PATH":"/bin:/usr/bin","USER":"ana","SHELL":"/bin/node","TZ":"Europe/Madrid"}"#).unwrap();
    vm.expect("spawned true").unwrap();
    vm.expect("servers 10.0.2.3").unwrap();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(0)));
    let said = vm.transcript();
    assert!(
        said.contains("loopback up") && (said.contains("lookup 127.0.0.1") || said.contains("lookup ::1")),
        "{said}"
    );
}

pub fn host_names_are_resolved_by_the_dns_server_of_the_network(arch: &'static Arch) {
    // the DNS server runs in the machine itself, so that the test needs no network; it answers each
    // question with the same address
    let script = r"
        const dns = require('dns'), server = require('dgram').createSocket('udp4')
        server.on('message', (question, from) => {
            const answer = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7])
            const end = 12 + question.subarray(12).indexOf(0) + 5
            const ipv4 = question[end - 3] === 1
            const head = Buffer.from(question.subarray(0, end))
            head.set([0x81, 0x80, 0, 1, 0, ipv4 ? 1 : 0, 0, 0, 0, 0], 2)
            server.send(ipv4 ? Buffer.concat([head, answer]) : head, from.port, from.address)
        })
        server.bind(53, '127.0.0.1', async () => {
            console.log('servers', dns.getServers().join())
            console.log('resolved', await dns.promises.resolve4('www.example.org'))
            console.log('looked up', (await dns.promises.lookup('www.example.org')).address)
            server.close()
        })";
    let disk = Disk::with(&[runs("ana", 1000, script)]);
    waits_for_the_network(&disk, "ana");
    let words = "net=10.0.2.15/24,gateway=10.0.2.2,dns=127.0.0.1";
    let mut vm = Boot::on(arch).homes(&disk).words(words).start();
    vm.expect("servers 127.0.0.1").unwrap();
    vm.expect("resolved [ '192.0.2.7' ]").unwrap();
    vm.expect("looked up 192.0.2.7").unwrap();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(0)));
}

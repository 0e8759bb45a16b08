//! `examples/ssh`: a user's shell and files from afar.

use std::{fs, path::Path, time::Duration};

use boot::users::app::App;
use shim::{arches::Arch, last_word::LastWord, policy::Policy, rights::Rights};
use tests::Boot;

/// Emulated, the packages load in seconds, and each command starts a node.
const DEADLINE: Duration = Duration::from_secs(300);

/// Starts the server with a key of its own, and is its client.
const CLIENT: &str = r"
    const fs = require('node:fs'), os = require('node:os'), { promisify } = require('node:util')
    const { Client } = require('ssh2'), { pair } = require('./keys.js')
    const mine = pair(), other = pair()
    fs.mkdirSync('/.ssh', { mode: 0o700 })
    fs.writeFileSync('/.ssh/authorized_keys', mine.public, { mode: 0o600 })
    require('./server.js')
    const enter = (privateKey) => new Promise((done, fail) => {
        const client = new Client().once('ready', () => done(client)).once('error', fail)
        client.on('error', () => {}).connect({ host: '127.0.0.1', username: os.userInfo().username, privateKey, readyTimeout: 120_000 })
    })
    const read = (channel, typed = '') => new Promise((done) => {
        let text = ''
        let status
        channel.on('data', (data) => (text += data)).on('exit', (code) => (status = code))
        channel.on('close', () => done([status, text.trim()])).end(typed)
    })
    const main = async () => {
        console.log('another key:', await enter(other.private).catch(({ message }) => message))
        const client = await enter(mine.private)
        const exec = promisify(client.exec.bind(client)), shell = promisify(client.shell.bind(client))
        console.log('command:', ...await read(await exec('id -u; cat; exit 3'), 'typed'))
        console.log('door:', /^app +\d+ /m.test((await read(await exec('status')))[1]))
        const [status, screen] = await read(await shell({ cols: 91, rows: 20 }), 'node -p process.stdout.columns+1000\rexit 4\r')
        console.log('terminal:', status, /1091/.test(screen))
        const sftp = await promisify(client.sftp.bind(client))()
        await promisify(sftp.writeFile.bind(sftp))('/file', 'content', { mode: 0o600 })
        console.log('file:', fs.readFileSync('/file', 'utf8'), fs.statSync('/file').uid, fs.statSync('/.ssh/host_key').mode & 0o777)
        await exec('poweroff')
    }
    main().catch((error) => console.log('failed:', error))";

pub fn a_user_with_a_key_has_a_shell_and_files_over_ssh(arch: &'static Arch) {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/ssh");
    let folder = tempfile::tempdir().unwrap();
    let wanted = |name: &str| name.ends_with(".js") || name.starts_with("package");
    for file in fs::read_dir(example).unwrap().map(Result::unwrap) {
        if wanted(file.file_name().to_str().unwrap()) {
            fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
        }
    }
    fs::write(folder.path().join("client.js"), CLIENT).unwrap();
    let app = App {
        start: Some("node client.js".to_owned()),
        shell: true,
        policy: Some(Policy { machine: Some(Rights::ALL), ..Policy::default() }),
        ..App::from(folder.path().to_owned())
    };
    let mut vm = Boot::on(arch).app(app).start();
    let ending = vm.ending_within(DEADLINE).unwrap_or_else(|failure| panic!("{failure}"));
    let said = vm.transcript();
    assert_eq!(ending.last_word, Some(LastWord::PowerOff(0)), "{said}");
    for line in [
        "another key: All configured authentication methods failed\n",
        "command: 3 1000\ntyped\n",
        "door: true\n",
        "terminal: 4 true\n",
        "file: content 1000 384\n",
        "nodeos: app powers this machine off",
    ] {
        assert!(said.contains(line), "no {line}: {said}");
    }
}

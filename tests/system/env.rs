//! `/usr/bin/env` of the guest.

use boot::users::app::App;
use shim::{arches::Arch, last_word::LastWord};
use tests::Boot;

const SCRIPT: &str = "
    const { spawnSync } = require('child_process')
    for (const words of [['-C'], ['-C', '/none', 'node'], ['-C', '/app', 'node', '-p', 'process.cwd()'], ['gone']]) {
        const { status, stdout, stderr } = spawnSync('/usr/bin/env', words, { encoding: 'utf8' })
        console.log(words.join(' '), status, (stdout + stderr).trim())
    }";

pub fn env_says_what_an_option_lacks(arch: &'static Arch) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("index.js"), SCRIPT).unwrap();
    let mut vm = Boot::on(arch).all_apps(&[App::from(folder.path().to_owned())]).start();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(0)), "{}", vm.transcript());
    let said = vm.transcript();
    for line in [
        "-C 125 env: -C: name a folder after it\n",
        "-C /none node 125 env: cannot run /none: ENOENT (no such file)\n",
        "-C /app node -p process.cwd() 0 /app\n",
        "gone 127 env: cannot run gone: ENOENT (no such file)\n",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
}

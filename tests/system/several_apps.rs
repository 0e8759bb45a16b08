//! Several apps on one machine.

use std::path::Path;

use boot::users::app::App;
use shim::{arches::Arch, last_word::LastWord, policy::Policy};
use tests::Boot;

const SCRIPT: &str = "
    const fs = require('fs'), os = require('os'), { execFileSync } = require('child_process')
    const { NAME, SECRET, NODE_OPTIONS } = process.env
    fs.writeFileSync('/data', NAME)
    const see = (path) => { try { return fs.readdirSync(path).join() } catch (error) { return error.code } }
    console.log(NAME, os.userInfo().username, process.getuid(), SECRET, see('/app'), see('/apps'), see('/home'))
    console.log(NAME, 'heap', NODE_OPTIONS, 'network', Object.keys(os.networkInterfaces()).join())
    process.exitCode = NAME === 'web' ? 3 : 0
    setTimeout(() => {}, NAME === 'web' ? 0 : 3000)";

fn app(folder: &Path, name: &str, policy: &str) -> App {
    let path = folder.join(name);
    std::fs::create_dir(&path).unwrap();
    std::fs::write(path.join(format!("{name}.js")), SCRIPT).unwrap();
    std::fs::write(path.join("package.json"), format!("{{\"main\": \"{name}.js\"}}")).unwrap();
    let pairs = [("NAME", name), ("SECRET", &format!("of {name}"))].map(|(a, b)| (a.to_owned(), b.to_owned()));
    let policy = (!policy.is_empty()).then(|| Policy::parse(policy.as_bytes()).unwrap());
    App { name: name.to_owned(), policy, environment: pairs.to_vec(), ..App::from(path) }
}

pub fn each_app_is_a_user_with_a_policy_of_its_own(arch: &'static Arch) {
    let folder = tempfile::tempdir().unwrap();
    let web = app(folder.path(), "web", "");
    let worker = app(folder.path(), "worker", r#"{"memory": "128M", "network": "private"}"#);
    let mut vm = Boot::on(arch).all_apps(&[web, worker]).memory(1024).start();
    // the first app fails, the other one ends later
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(3)), "{}", vm.transcript());
    let said = vm.transcript();
    for line in [
        "web web 1000 of web package.json,web.js ENOENT ENOENT",
        "worker worker 1001 of worker package.json,worker.js ENOENT ENOENT",
        "web heap undefined network lo,eth0",
        "worker heap --max-old-space-size=64 --max-semi-space-size=1 network lo\n",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
}

//! How a machine stops, and that it leaves a clean filesystem.

use shim::{arches::Arch, last_word::LastWord};
use tests::{Boot, Disk, logs_on, runs};

pub fn ctrl_alt_del_leaves_a_clean_filesystem(arch: &'static Arch) {
    let busy = "const fs = require('fs'); let n = 0; setInterval(() => { fs.writeFileSync('/file' + n++ % 50, 'x'.repeat(5000)); if (n == 20) console.log('busy') }, 5)";
    let disk = Disk::with(&[runs("ana", 1000, busy), logs_on("bo", 1001, None, "")]);
    let mut vm = Boot::on(arch).homes(&disk).start();
    vm.expect("busy").unwrap();
    vm.monitor("sendkey ctrl-alt-delete").unwrap();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::Reboot), "{}", vm.transcript());
    disk.assert_clean();
    assert!(disk.listing().contains(&"1000 /ana/file0".to_owned()));
}

pub fn sigterm_to_pid_1_powers_off(arch: &'static Arch) {
    let busy = "const fs = require('fs'); let n = 0; setInterval(() => fs.writeFileSync('/file' + n++ % 50, 'x'.repeat(5000)), 5); console.log('busy')";
    let disk = Disk::with(&[runs("ana", 1000, busy), logs_on("bo", 1001, None, "")]);
    let mut vm = Boot::on(arch).homes(&disk).first("terminate", &disk).start();
    vm.expect("busy").unwrap();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(0)), "{}", vm.transcript());
    disk.assert_clean();
    assert!(disk.listing().contains(&"1000 /ana/file0".to_owned()));
}

pub fn orphans_are_reaped(arch: &'static Arch) {
    // a child that ends at once leaves three children of its own, which end after it
    let script = r#"
        const cp = require('child_process'), fs = require('fs')
        const states = () => fs.readdirSync('/proc').filter(n => +n > 1).map(n => { try { return fs.readFileSync(`/proc/${n}/stat`, 'utf8').replace(/.*\) /s, '')[0] } catch { return '' } }).join('')
        const orphan = "setTimeout(() => {}, 1500)"
        const parent = `for (let i = 0; i < 3; i++) require('child_process').spawn(process.execPath, ['-e', '${orphan}'], { detached: true, stdio: 'ignore' }).unref()`
        cp.execFileSync(process.execPath, ['-e', parent])
        console.log('orphans', states().length > 1)
        const start = Date.now()
        const t = setInterval(() => {
            if (states().length > 1 && Date.now() - start < 90000) return
            console.log('left', states().length, states()); clearInterval(t)
        }, 500)"#;
    let disk = Disk::with(&[runs("ana", 1000, script)]);
    let mut vm = Boot::on(arch).homes(&disk).start();
    vm.expect("orphans true").unwrap();
    vm.expect("left 1 R").unwrap();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(0)));
    disk.assert_clean();
}

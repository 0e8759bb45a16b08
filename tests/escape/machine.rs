//! The machines that are attacked.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use boot::users::{home::Home, policy::set_policy};
use shim::{
    arches::Arch,
    policy::{Network, Policy},
};
use tests::{Boot, Disk, attacker};

use crate::{DOORS, ROWS, rows::Row};

type Said = Arc<OnceLock<String>>;

/// The console output of a machine without these guards, in which every row that leaves out exactly
/// these guards was tried. If `without` is empty, the machine has all guards, and all rows were
/// tried. Each machine boots only once.
pub fn said(arch: &'static Arch, without: &'static str) -> String {
    static SAID: Mutex<BTreeMap<(&str, &str), Said>> = Mutex::new(BTreeMap::new());
    let said = {
        let mut all = SAID.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Arc::clone(all.entry((arch.name, without)).or_default())
    };
    said.get_or_init(|| attack(arch, without)).clone()
}

/// `struct vfs_cap_data` (include/uapi/linux/capability.h): revision 2 with the effective flag. The
/// first 32 capabilities are permitted, none is inheritable.
const ALL_OF_THEM: [u8; 20] = [1, 0, 0, 2, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

fn attack(arch: &'static Arch, without: &'static str) -> String {
    let rows: Vec<&Row> = ROWS.iter().filter(|row| without.is_empty() || row.without == without).collect();
    let disk = disk(arch, &rows);
    let boot = Boot::on(arch).homes(&disk).words("NODE_OPTIONS=--inspect loglevel=4");
    let boot = if DOORS { boot.doors() } else { boot };
    let mut vm = boot.without(without).start();
    let attackers = ["root", "ana", "cara"].iter().filter(|name| rows.iter().any(|row| row.by == **name)).count();
    for _ in 0..attackers {
        vm.expect_within(Duration::from_secs(240), "attacks are over").unwrap();
    }
    if attackers == 0 {
        // if dora's and erik's init run at all, they run at the same time as the victim's
        vm.expect_within(Duration::from_secs(240), "the victim is ready").unwrap();
    }
    if rows.iter().any(|row| row.by == "dora" || row.by == "erik") {
        std::thread::sleep(Duration::from_secs(3));
    }
    let said = vm.transcript();
    let at = |line| said.find(line).unwrap_or(usize::MAX);
    // an attack on a victim that is not there yet proves nothing
    assert!(attackers == 0 || at("the victim is ready") < at("attack wait: worked"), "{said}");
    said
}

/// The users: `root`, `ana` and `cara` attack, `bo` is the victim. `dora` and `erik` have an init
/// that must not be run.
fn disk(arch: &Arch, rows: &[&Row]) -> Disk {
    let program = attacker(arch);
    let script = |names: &[&str]| format!("#!/bin/attack\n{}\n", names.join("\n"));
    let home = |name, uid, names: &[&str]| {
        let mut home = Home::new(name, uid);
        home.program("bin/attack", program.clone());
        if !names.is_empty() {
            home.program("init", script(names));
        }
        home
    };
    let attacks = |by: &str| {
        let names: Vec<&str> = rows.iter().filter(|row| row.by == by).map(|row| row.attack).collect();
        if names.is_empty() { names } else { [vec!["wait"], names].concat() }
    };
    let mut ana = home("ana", 1000, &attacks("ana"));
    ana.program("suid", program.clone());
    ana.program("capable", program.clone());
    ana.file("forged/own", "");
    let mut bo = home("bo", 1001, &["be_the_victim"]);
    bo.file("secret", "bo's");
    bo.file("bait/cheese", "");
    let mut erik = home("erik", 1004, &[]);
    erik.program("real", script(&["linked_init"]));
    erik.link("init", "real");
    let dora = home("dora", 1003, &["foreign_init"]);
    let disk =
        Disk::with(&[home("root", 0, &attacks("root")), ana, bo, home("cara", 1002, &attacks("cara")), dora, erik]);
    let mut offline = String::from(
        "ea_set /ana/forged trusted.overlay.redirect /usr/bin\nsif /ana/suid uid 0\nsif /ana/suid mode 0104755\nsif /dora/init uid 1000\n",
    );
    for major in 252..=254 {
        let node = format!("disk{major}");
        offline += &format!("cd /ana\nmknod {node} b {major} 16\nsif {node} uid 1000\nsif {node} mode 060600\n");
    }
    offline += "cd /ana\nmknod device c 10 183\nsif device uid 1000\nsif device mode 020600\n";
    std::fs::write(disk.beside("capability"), ALL_OF_THEM).unwrap();
    offline += &format!("ea_set /ana/capable security.capability -f {}\n", disk.beside("capability").display());
    disk.debugfs(&offline);
    let private = Policy { network: Network::Private, ..Policy::default() };
    set_policy(&disk.path, "cara", Some(&private)).unwrap_or_else(|error| panic!("{error}"));
    disk
}

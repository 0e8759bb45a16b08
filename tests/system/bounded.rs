//! What each process of a machine may do, as the meter finds it (`meter::HOLDERS`).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use boot::users::policy::set_policy;
use qemu::vm::Vm;
use shim::{
    arches::Arch,
    capabilities::Capabilities,
    policy::{Pattern, Policy},
    programs::{self, Keeps, SERVICES},
};
use tests::{Boot, Disk, log_on, logs_on, runs};

/// What the meter says of a process.
type Process = BTreeMap<String, u64>;
/// All processes that were seen, by the names of their programs, except PID 1.
type Seen = BTreeMap<String, Vec<Process>>;
/// What was seen in the machine of an architecture without some guards.
type Machines = BTreeMap<(&'static str, &'static str), Arc<OnceLock<Seen>>>;

/// A process's sets of capabilities (capabilities(7)).
const SETS: [&str; 5] = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"];
/// The guards of the programs, and of the services.
const WITHOUT: &str = "capabilities,apart";

/// The processes while a logon prompt waits and while root is logged on. Each machine boots only once.
fn seen(arch: &'static Arch, without: &'static str) -> Seen {
    static SEEN: Mutex<Machines> = Mutex::new(BTreeMap::new());
    let seen = {
        let mut all = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry((arch.name, without)).or_default())
    };
    seen.get_or_init(|| boot(arch, without)).clone()
}

fn boot(arch: &'static Arch, without: &str) -> Seen {
    let ana = "const fs = require('fs'); const twice = () => fs.closeSync(fs.openSync('/dev/hwrng'))
        twice(); setTimeout(() => { twice(); fs.openSync('/dev/hwrng'); console.log('ana has it') }, 3000); setInterval(() => {}, 1e6)";
    let root = "console.log('root is in'); setInterval(() => {}, 1e6)";
    let disk = Disk::with(&[logs_on("root", 0, Some("root"), root), runs("ana", 1000, ana)]);
    let policy = Policy { devices: [Pattern::try_from("hwrng").unwrap()].into_iter().collect(), ..Policy::default() };
    set_policy(&disk.path, "ana", Some(&policy)).unwrap();
    let mut vm = Boot::on(arch).homes(&disk).first(meter::HOLDERS, &disk).without(without).start();
    let mut seen = Seen::new();
    vm.expect("ana has it").unwrap();
    look(&mut vm, &mut seen);
    vm.send("").unwrap();
    log_on(&mut vm, "root", Some("root"));
    vm.expect("root is in").unwrap();
    look(&mut vm, &mut seen);
    println!("without {without:?}: {seen:x?}");
    seen
}

/// Adds all processes that run now.
fn look(vm: &mut Vm, seen: &mut Seen) {
    let all = format!("{}holds all", meter::MARK);
    vm.expect(&all).unwrap();
    let said = vm.expect(&all).unwrap();
    for (_, name, numbers) in said.lines().filter_map(meter::parse) {
        let process: Process = numbers.map(|(key, value)| (key.to_owned(), value)).collect();
        // a process that has just ended has fewer
        if process.len() == SETS.len() + 6 && process["Pid"] != 1 {
            seen.entry(name.to_owned()).or_default().push(process);
        }
    }
}

/// The capabilities in any set of any process of each program.
fn held(seen: &Seen) -> BTreeMap<&str, u64> {
    let any = |processes: &Vec<Process>| {
        let sets = processes.iter().flat_map(|process| SETS.map(|set| process[set]));
        sets.fold(0, |all, set| all | set)
    };
    seen.iter().map(|(program, processes)| (program.as_str(), any(processes))).collect()
}

pub fn once_users_run_only_pid_1_keeps_all_capabilities(arch: &'static Arch) {
    let with = seen(arch, "");
    let with = held(&with);
    // node and the programs that stay beside it; PID 1 and /setup have all capabilities
    let kept = |program: &programs::Program| match program.keeps {
        Keeps::Only(these) => Some((program.name, these)),
        Keeps::Users => Some((program.name, Capabilities::ROOT)),
        Keeps::All => None,
    };
    for (program, kept) in programs::started().filter_map(&kept).chain([("node", Capabilities::ROOT)]) {
        let held = with.get(program).unwrap_or_else(|| panic!("{program} was not seen: {with:x?}"));
        assert_eq!(held & !kept.0, 0, "{program} holds {held:x}, and keeps {kept}");
    }
    for (program, sets) in &with {
        let row = programs::ALL.iter().find(|row| row.name == *program);
        let most = row.and_then(kept).map_or(Capabilities::ROOT, |(_, most)| most);
        assert_eq!(sets & !most.0, 0, "{program} holds {sets:x}");
    }
    let without = seen(arch, WITHOUT);
    let without = held(&without);
    assert_ne!(without["node"] & !Capabilities::ROOT.0, 0, "{without:x?}");
}

/// Whoever takes a service over gets this. Nothing of it is left without the guard.
pub fn a_service_has_its_own_uid_the_capabilities_of_its_row_and_neither_homes_nor_disks(arch: &'static Arch) {
    let (with, without) = (seen(arch, ""), seen(arch, WITHOUT));
    let mut uids = BTreeSet::new();
    for programs::Service { program, .. } in SERVICES {
        let Keeps::Only(row) = program.keeps else { panic!("{} keeps capabilities of others", program.name) };
        let [with, without] = [&with, &without].map(|seen| {
            let seen = seen.get(program.name).unwrap_or_else(|| panic!("{} was not seen: {seen:x?}", program.name));
            seen.last().unwrap()
        });
        let is = |process: &Process, wanted: &[(&str, u64)]| {
            wanted.iter().for_each(|(key, value)| {
                assert_eq!(process[*key], *value, "{}: {key}: {process:x?}", program.name);
            });
        };
        is(with, &[("CapPrm", row.0), ("CapEff", row.0), ("CapInh", 0), ("CapBnd", 0), ("CapAmb", 0)]);
        is(with, &[("NoNewPrivs", 1), ("Gid", with["Uid"]), ("Homes", 0), ("Disk", 0)]);
        assert!(uids.insert(with["Uid"]), "{} has the uid of another service: {with:x?}", program.name);

        is(without, &[("Uid", 0), ("Gid", 0), ("NoNewPrivs", 0), ("Disk", 1)]);
        // all that this kernel has: more than any row
        assert_eq!((without["CapEff"] + 1).count_ones(), 1, "{without:x?}");
        assert!(without["CapEff"] > u64::from(u32::MAX) && without["CapPrm"] == without["CapEff"], "{without:x?}");
        assert!(without["Homes"] >= 2, "{without:x?}");
    }
    let others = with.iter().filter(|(name, _)| !programs::is_service(name)).flat_map(|(_, all)| all);
    for other in others {
        assert!(!uids.contains(&other["Uid"]), "a service's uid is another process's too: {other:x?}");
    }
}

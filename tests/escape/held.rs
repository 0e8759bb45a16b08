//! Kernel memory that one user causes is charged to that user, and another user can work meanwhile.
//!
//! Each bomb runs twice. In an ordinary machine, the memory that is not charged to its cgroup stays
//! below half of the machine's reserve. With `cgroup.memory=nokmem` the kernel charges nobody for
//! its own memory, and the uncharged memory exceeds that bound. The second run shows that the bomb
//! holds kernel memory and that the meter sees it.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use boot::users::policy::set_policy;
use shim::{arches::Arch, limits, policy::Policy};
use tests::{Boot, Disk, attacks};

use crate::bombs::{armed, disk, works};

const MEMORY_MIB: u32 = 256;
const POLICY: &str = r#"{"memory": "64M"}"#;

/// The longest time until a bomb is set, on a busy host.
const SET: Duration = Duration::from_secs(600);

/// How long a running machine may be silent. The meter prints a line each second.
const SILENT: Duration = Duration::from_secs(60);

/// Half of the memory that is reserved from all users together, in KiB.
fn bound() -> u64 {
    let ram = u64::from(MEMORY_MIB) << 20;
    (ram - limits::of_all(ram).memory) / 2 / 1024
}

fn boot(arch: &'static Arch, bomb: &str) -> (Boot, Disk) {
    let disk = armed(arch, bomb);
    set_policy(&disk.path, "ana", Some(&Policy::parse(POLICY.as_bytes()).unwrap())).unwrap();
    (Boot::on(arch).homes(&disk).memory(MEMORY_MIB).first(meter::PAID, &disk), disk)
}

/// How many KiB are in use but not charged, for each second. The smallest value counts as zero.
fn unpaid(said: &str) -> Vec<u64> {
    // the last line may be truncated, and the first one may follow a prompt on the same line
    let whole = said.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let lines = whole.lines().filter_map(|line| line.get(line.find(meter::MARK)?..));
    let unpaid = |line| {
        let (kind, _, numbers) = meter::parse(line)?;
        let numbers: HashMap<_, _> = numbers.collect();
        (kind == "paid").then_some(numbers.get("Used")?.saturating_sub(*numbers.get("Current")?))
    };
    let all: Vec<u64> = lines.filter_map(unpaid).collect();
    let least = all.iter().min().copied().unwrap_or_default();
    all.into_iter().map(|unpaid| unpaid - least).collect()
}

#[test]
fn uncharged_memory_is_read_after_a_prompt_but_not_from_a_truncated_line() {
    let said = "username: meter: paid users Used=32348 Current=1780\nmeter: paid users Used=105564 Current=5620\n\
        meter: holds all\nmeter: paid users Used=105564 Current=5";
    assert_eq!(unpaid(said), [0, 69_376]);
    assert_eq!(unpaid(""), [0; 0]);
}

fn is_paid(arch: &'static Arch, bomb: &str) {
    let (machine, _disk) = boot(arch, bomb);
    let mut vm = machine.start();
    vm.expect_within(SET, "the bomb is set").unwrap();
    works(&mut vm).unwrap();
    // only the last reading counts: the kernel frees the memory of processes that ended with a
    // delay
    let held = unpaid(&vm.transcript()).pop().unwrap_or(u64::MAX);

    let (machine, _disk) = boot(arch, bomb);
    let mut vm = machine.words("cgroup.memory=nokmem").start();
    // the bomb may crash the machine before it is set
    let (mut taken, end) = (0, Instant::now() + SET);
    while taken <= bound() && Instant::now() < end && vm.expect_within(SILENT, "meter: paid users").is_ok() {
        taken = unpaid(&vm.transcript()).into_iter().max().unwrap_or(0);
    }
    println!("{bomb}: nobody pays for {held} KiB, for {taken} KiB where nobody pays for the kernel's");
    assert!(held <= bound(), "{bomb}: nobody pays for {held} KiB");
    assert!(taken > bound(), "{bomb} takes {taken} KiB where nobody pays: it is no bomb\n{}", vm.transcript());
}

/// Two users start tasks that take three process IDs each. Without our setting, the kernel's
/// default of 32,768 leaves none for a logon.
fn numbers_are_left(arch: &'static Arch) {
    let start = |without| {
        let homes = [("ana", 1000), ("cara", 1002)].map(|(name, uid)| attacks(arch, name, uid, "number_fill"));
        let disk = disk(homes.into());
        // with 3 GiB of memory each of two users may have 6,000 tasks
        let mut vm = Boot::on(arch).homes(&disk).memory(3072).without(without).start();
        for _ in 0..2 {
            vm.expect_within(SET, "the bomb is set").unwrap();
        }
        (vm, disk)
    };
    let (mut vm, _disk) = start("");
    works(&mut vm).unwrap();
    let (mut vm, _disk) = start("settings");
    vm.send("\rbo").unwrap();
    let answer = vm.expect_within(Duration::from_secs(40), "bo is in, and node counts to 42");
    assert!(answer.is_err(), "there are numbers left without the setting: {}", vm.transcript());
}

macro_rules! held {
    (both { $($name:ident: $bomb:literal;)+ } x86_64 { $($more:ident: $one:literal;)+ }) => {
        tests::on! {
            x86_64:
            $($name => super::is_paid, $bomb;)+
            $($more => super::is_paid, $one;)+
            two_users_cannot_use_up_all_process_ids => super::numbers_are_left;
        }
        tests::on! {
            aarch64:
            $($name => super::is_paid, $bomb;)+
            $(#[ignore = "time: x86_64's row runs the same lines of the kernel; here with --ignored"]
            $more => super::is_paid, $one;)+
            two_users_cannot_use_up_all_process_ids => super::numbers_are_left;
        }
    };
}

held! {
    both {
        poll_tables_are_charged_to_the_user: "poll_wait";
        file_locks_are_charged_to_the_user: "lock_fill";
        cached_directory_listings_are_charged_to_the_user: "link_list";
    }
    x86_64 {
        paths_of_blocked_opens_are_charged_to_the_user: "name_wait";
        control_data_of_blocked_senders_is_charged_to_the_user: "control_wait";
        unread_netlink_answers_are_charged_to_the_user: "netlink_fill";
        corked_datagrams_are_charged_to_the_user: "cork_fill";
        unaccepted_connections_are_charged_to_the_user: "backlog_fill";
        pages_spliced_into_pipes_are_charged_to_the_user: "splice_fill";
    }
}

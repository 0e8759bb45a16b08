//! One user takes as much of a resource as possible, without end. Meanwhile another user logs on
//! and node answers.

use std::time::Duration;

use boot::users::home::Home;
use qemu::vm::Vm;
use shim::arches::Arch;
use tests::{Boot, Disk, attacks, log_on, logs_on};

/// The longest time from the bomb to node's answer, emulated on two shared cores
/// (SPECIFICATION.md).
const BOUND: Duration = Duration::from_secs(120);

/// A disk with these homes and the home of bo, who logs on.
pub fn disk(mut homes: Vec<Home>) -> Disk {
    homes.push(logs_on("bo", 1001, None, "console.log('bo is in, and node counts to', 6 * 7)"));
    Disk::with(&homes)
}

pub fn armed(arch: &'static Arch, bomb: &str) -> Disk {
    disk(vec![attacks(arch, "ana", 1000, bomb)])
}

pub fn answer(vm: &mut Vm) -> Result<String, qemu::failure::Failure> {
    vm.expect("the bomb is set").unwrap();
    works(vm)
}

pub fn works(vm: &mut Vm) -> Result<String, qemu::failure::Failure> {
    vm.send("").unwrap();
    log_on(vm, "bo", None);
    vm.expect_within(BOUND, "bo is in, and node counts to 42")
}

fn another_works(arch: &'static Arch, bomb: &str) {
    let disk = armed(arch, bomb);
    answer(&mut Boot::on(arch).homes(&disk).start()).unwrap();
}

/// Without limits and settings the bomb works: bo gets no answer, or the machine is gone. Only
/// descriptors are tested like this, because the kernel itself limits processes for each uid, and
/// its OOM killer limits memory. The rows `take_memory` and `take_processes` test our limits on
/// those.
fn nobody_works_without_limits(arch: &'static Arch, bomb: &str) {
    let disk = armed(arch, bomb);
    let mut vm = Boot::on(arch).homes(&disk).without("limits,reserve,settings").start();
    let _ = vm.expect_within(Duration::from_secs(30), "the bomb is set");
    vm.send("\rbo").unwrap();
    let answer = vm.expect_within(Duration::from_secs(40), "bo is in, and node counts to 42");
    assert!(answer.is_err(), "{bomb} keeps nobody from working, so its limit is not tested: {}", vm.transcript());
}

macro_rules! bombs {
    ($($name:ident: $bomb:literal;)+ @again $($again:ident: $other:literal;)+) => {
        tests::on_each! {
            $($name => crate::bombs::another_works, $bomb;)+
            @again
            $($again => crate::bombs::another_works, $other;)+
            without_limits_a_descriptor_bomb_blocks_other_users => crate::bombs::nobody_works_without_limits, "fd_bomb";
        }
    };
}

bombs! {
    a_fork_bomb_does_not_block_other_users: "fork_bomb";
    a_memory_bomb_does_not_block_other_users: "memory_bomb";
    a_descriptor_bomb_does_not_block_other_users: "fd_bomb";
    a_poll_bomb_does_not_block_other_users: "poll_bomb";
    @again
    a_zombie_storm_does_not_block_other_users: "zombie_storm";
    a_full_tmp_does_not_block_other_users: "tmpfs_fill";
    a_full_disk_does_not_block_other_users: "disk_fill";
    a_tmp_full_of_files_does_not_block_other_users: "inode_fill";
    a_signal_storm_does_not_block_other_users: "signal_storm";
    a_console_flood_does_not_block_other_users: "console_flood";
    an_fsync_storm_does_not_block_other_users: "sync_storm";
}

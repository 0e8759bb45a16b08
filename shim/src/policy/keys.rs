//! The keys of a policy, one row each. Messages, `nodeos users policy --help` and the table in docs/users-partition.md
//! are generated or checked from here.
//!
//! To add a key: a row, its field with `parse`, `STRICTEST` and `Say` in `policy`, its option in boot/cli/src/users.rs or
//! policy_options.rs, its field in boot/src/image/manifest/apps.rs and, for one app alone, in manifest.rs.
//! A test then fails with the line that the docs lack.

use core::ops::RangeInclusive;

pub use crate::keys::Key;
use crate::keys::keys;

// numbers in the form that `concat!` takes
macro_rules! least_mib {
    () => {
        64
    };
}
macro_rules! least_pids {
    () => {
        32
    };
}
macro_rules! max_devices {
    () => {
        16
    };
}

macro_rules! min_pause {
    () => {
        1
    };
}
macro_rules! max_pause {
    () => {
        60
    };
}
macro_rules! min_grace {
    () => {
        5
    };
}
macro_rules! max_wait {
    () => {
        255
    };
}
macro_rules! wait {
    () => {
        10
    };
}

/// The shortest and the longest `backoff`, in seconds. The longest is the default.
pub const BACKOFFS: RangeInclusive<u8> = min_pause!()..=max_pause!();
/// The same of `grace`. The shortest is the default.
pub const GRACES: RangeInclusive<u8> = min_grace!()..=max_pause!();
/// The same of `wait_limit`.
pub const WAITS: RangeInclusive<u8> = min_pause!()..=max_wait!();
/// The default of `wait_limit`.
pub const WAIT_SECONDS: u8 = wait!();

/// The smallest memory that a policy may set, and the smallest default on a machine that has as much. With less, node
/// reads its own pages again and again and never starts.
pub const LEAST_MEMORY: u64 = least_mib!() << 20;
/// The smallest number of processes and threads: two node processes, a shell and its child, have 22.
pub const LEAST_PIDS: u32 = least_pids!();
/// The maximum number of `devices`.
pub const MAX_DEVICES: usize = max_devices!();

const SIZE: &str = concat!("at least ", least_mib!(), "M, for example 128M");
const PAUSES: &str = concat!(
    "backoff is a number from ",
    min_pause!(),
    " to ",
    max_pause!(),
    ", grace from ",
    min_grace!(),
    " to ",
    max_pause!(),
    ", wait_limit from ",
    min_pause!(),
    " to ",
    max_wait!()
);
/// One message for both keys, so that the guest contains it only once.
const SIZES: &str = concat!("memory and high are sizes from ", least_mib!(), "M, as in 128M");

keys! {
    MEMORY {
        name: "memory",
        text: "Memory of everything that the user runs, including cached files and kernel memory",
        value: SIZE,
        wrong: SIZES,
        without: concat!(
            "half of what users may have together; a single user may have all of it. Together, users may have the RAM \
             minus one eighth, and the eighth is at least 8 and at most 64 MiB. Never below ", least_mib!(), " MiB if the \
             machine has that much"
        )
    }
    HIGH {
        name: "high",
        text: "Above this much memory, cached files are taken back, and programs that ask for more are slowed down. \
               Useful for programs that read many files. A program that leaks memory slows to a stall long before it \
               is killed at `memory`",
        value: SIZE,
        wrong: SIZES,
        without: "no such limit"
    }
    PIDS {
        name: "pids",
        text: "Processes and threads. One node process uses 11",
        value: concat!("at least ", least_pids!()),
        wrong: concat!("pids is a number from ", least_pids!()),
        without: "one for every 512 KiB of RAM; for a single user one for every 256 KiB"
    }
    DEVICES {
        name: "devices",
        text: "Devices that the user may open, from the next boot on",
        value: concat!("at most ", max_devices!(), " names below /dev; a name may end with *"),
        wrong: "a device is a name below /dev, with a * at its end or none",
        without: "none"
    }
    NETWORK {
        name: "network",
        text: "The machine's network (shared), or only a loopback interface (private)",
        value: "shared or private",
        wrong: "network is shared or private",
        without: "shared"
    }
    RESTART {
        name: "restart",
        text: "When the user's init starts again after it has ended: no, on-failure (its status is not 0, or it was \
               killed), or always",
        value: "no, on-failure or always",
        wrong: "restart is no, on-failure or always",
        without: "always for an app of a medium, no for others"
    }
    BACKOFF {
        name: "backoff",
        text: "The longest pause in seconds before it starts again. The first pause is 1 second, and each is twice \
               the one before; a start that lives a minute begins with 1 again",
        value: concat!(min_pause!(), " to ", max_pause!()),
        wrong: PAUSES,
        without: concat!(max_pause!())
    }
    ON_CRASH_LOOP {
        name: "on_crash_loop",
        text: "What happens after 5 starts within 5 minutes: it goes on with its pauses (wait), or the machine \
               restarts (reboot)",
        value: "wait or reboot",
        wrong: "on_crash_loop is wait or reboot",
        without: "wait"
    }
    GRACE {
        name: "grace",
        text: "Seconds between TERM and KILL when the user is stopped or restarted, or the machine stops. When the \
               machine stops, all users get the longest one",
        value: concat!(min_grace!(), " to ", max_pause!()),
        wrong: PAUSES,
        without: concat!(min_grace!())
    }
    WAIT {
        name: "wait",
        text: "What the init's first start waits for: network (an address), time (the right time)",
        value: "a list of network and time",
        wrong: "wait is a list of network and time",
        without: "network for an app, with time if it is an app of a medium; nothing for others"
    }
    WAIT_LIMIT {
        name: "wait_limit",
        text: "How many seconds it waits at most. Then it starts, and the console says what is missing",
        value: concat!(min_pause!(), " to ", max_wait!()),
        wrong: PAUSES,
        without: concat!(wait!())
    }
    LOG {
        name: "log",
        text: "The size of the user's log: the last of what the init has printed, in RAM. Another size begins it anew when \
               the sandbox is next made",
        value: "16K to 1M, for example 256K",
        wrong: "log is a size from 16K to 1M, as in 256K",
        without: "64K"
    }
    MACHINE {
        name: "machine",
        text: "What the user may ask of the machine through its door: status (its state, the user's own log, and to \
               restart the user's own init), power (to stop and to restart the machine). root may ask for everything",
        value: "a list of status and power",
        wrong: "machine is a list of status and power",
        without: "status"
    }
}

/// The message about a device that cannot be granted.
pub const NEVER: &str = "it has a device that is never granted";
/// The message about too many devices.
pub const TOO_MANY: &str = concat!("there are more than ", max_devices!(), " devices");

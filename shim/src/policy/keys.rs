//! The keys of a policy, one row each. Messages, `nodeos users policy --help` and the table in docs/users-partition.md
//! are generated or checked from here.
//!
//! To add a key: a row, its field with `parse`, `STRICTEST` and `Say` in `policy`, its option in boot/cli/src/users.rs.
//! A test then fails with the line that the docs lack.

/// One key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name in the file.
    pub name: &'static str,
    /// What it limits or grants.
    pub text: &'static str,
    /// The values that it may have.
    pub value: &'static str,
    /// The message about an invalid value.
    pub wrong: &'static str,
    /// The default.
    pub without: &'static str,
}

/// Makes a constant of each row, the table of all rows, and the message about unknown keys. It is a macro because the
/// guest formats no messages: they are joined from literals at compile time.
macro_rules! keys {
    ($($key:ident $row:tt)*) => {
        $(keys!(@row $key $row);)*

        /// All keys, in the order in which a policy is written.
        pub const ALL: &[Key] = &[$($key),*];

        /// Their names, as `parse` matches them.
        #[allow(missing_docs)]
        pub mod name {
            $(pub const $key: &str = super::$key.name;)*
        }

        keys!(@unknown $($row)*);
    };
    (@row $key:ident { name: $name:literal, text: $text:expr, value: $value:expr, wrong: $wrong:expr,
      without: $without:expr }) => {
        #[doc = concat!("`", $name, "`.")]
        pub const $key: Key = Key {
            name: $name,
            text: $text,
            value: $value,
            wrong: $wrong,
            without: $without,
        };
    };
    (@unknown { name: $first:literal, $($_1:tt)* } $({ name: $name:literal, $($_2:tt)* })*) => {
        /// The message about a key that has no row.
        pub const UNKNOWN: &str = concat!("it has a key that is none of ", $first $(, ", ", $name)*);
    };
}

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

/// The smallest memory that a policy may set, and the smallest default on a machine that has as much. With less, node
/// reads its own pages again and again and never starts.
pub const LEAST_MEMORY: u64 = least_mib!() << 20;
/// The smallest number of processes and threads: two node processes, a shell and its child, have 22.
pub const LEAST_PIDS: u32 = least_pids!();
/// The maximum number of `devices`.
pub const MAX_DEVICES: usize = max_devices!();

const SIZE: &str = concat!("at least ", least_mib!(), "M, for example 128M");
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
}

/// The message about a device that cannot be granted.
pub const NEVER: &str = "it has a device that is never granted";
/// The message about too many devices.
pub const TOO_MANY: &str = concat!("there are more than ", max_devices!(), " devices");

//! The shim: PID 1 of NodeOS and the programs around it. `guest` and `sys` contain their effects; the other modules
//! contain their data and decisions.
//!
//! ```text
//! argv, envp  -> Options -> plan::boot        -> execute
//! a home      -> User    -> plan::root(user)  -> execute
//! State+Event -> supervise -> Action          -> execute
//! ```
//!
//! 1. Everything outside `guest` and `sys` is pure: no I/O, no clock. The host tests it with readable text.
//! 2. The contract with the host tools is defined once, here: `layout`, `programs`, `cmdline`, `logon_file`, `told`,
//!    `last_word`. `boot` and `qemu` import it.
//! 3. Nothing here can panic or allocate. The lints below check the first.
//! 4. Only `sys` and the files below it have `unsafe`.
//! 5. All of it compiles for the host, including `guest` and `sys`: only entry, panic and link depend on the target.
//!
//! Absent on purpose: threads, allocation, configuration files, a shell.
#![warn(missing_docs)] // the contract with the host: shapes, units, errors, sources
#![cfg_attr(not(test), no_std)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

#[cfg(target_arch = "aarch64")]
pub use arch_aarch64 as arch;
#[cfg(target_arch = "x86_64")]
pub use arch_x86_64 as arch;

pub mod arches;
pub mod argon2id;
pub mod capabilities;
pub mod claims;
pub mod clock;
pub mod cmdline;
pub mod cut;
pub mod device;
pub mod door;
pub mod entrance;
pub mod errno;
pub mod ext4;
pub mod fsck;
pub mod guards;
pub mod guest;
pub mod handover;
pub mod init_news;
pub mod json;
pub mod keymap;
pub mod keys;
pub mod last_panic;
pub mod last_word;
pub mod layout;
pub mod limits;
pub mod live;
pub mod log_lines;
pub mod logon_file;
pub mod machine_file;
pub mod mbr;
pub mod named;
pub mod network;
pub mod op;
pub mod output;
pub mod phc;
pub mod plan;
pub mod policy;
pub mod probe;
pub mod programs;
pub mod report;
pub mod rights;
pub mod ring;
pub mod say;
pub mod seccomp;
pub mod stopping;
pub mod supervise;
pub mod sys;
pub mod syslog;
pub mod told;
pub mod upkeep;
pub mod users;
pub mod variables;
pub mod watchdog;

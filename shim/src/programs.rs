//! The guest's own programs, one row each. The build, the archive, the initramfs and the guest take names, paths and
//! modes from here. To add a program: a file in `src/` with its `[[bin]]`, a module in `src/guest/`, a row, and
//! if PID 1 keeps it running, a row in `SERVICES`.

use crate::{capabilities::Capabilities, report::Says, upkeep::Needs};

/// One program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Program {
    /// The name of its cargo binary, and of its process.
    pub name: &'static str,
    /// Its path in its `place`.
    pub path: &'static str,
    /// Its file mode. Its owner is root.
    pub mode: u32,
    /// Which archive or filesystem it comes in.
    pub place: Place,
    /// The largest size in bytes that a build accepts.
    pub limit: u64,
    /// Which program starts it.
    pub starter: Starter,
    /// The capabilities that it has while it works. Each program starts with all of them, except those of users.
    pub keeps: Keeps,
}

/// Where a program is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the initramfs. Sandboxes do not see it.
    Initramfs,
    /// In the carbon copy: users see it at its path.
    Carbon,
}

/// Who starts a program: the kernel, PID 1, `/setup`, or a program of a user.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Starter {
    Kernel,
    Init,
    Setup,
    User,
}

/// The capabilities of a program while it works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeps {
    /// All of them.
    All,
    /// These.
    Only(Capabilities),
    /// Those of the user that runs it: `Capabilities::ROOT` for root, none for others.
    Users,
}

const KIB: u64 = 1024;
/// The limit of SPECIFICATION.md for programs that run while there are users.
const LIMIT: u64 = 40 * KIB;

/// PID 1.
pub const INIT: Program = Program {
    name: "init",
    path: "/init",
    mode: 0o755,
    place: Place::Initramfs,
    limit: LIMIT,
    starter: Starter::Kernel,
    keeps: Keeps::All,
};

/// Mounts everything that users need, and ends before there is a user.
pub const SETUP: Program = Program {
    name: "setup",
    path: "/setup",
    mode: 0o700,
    place: Place::Initramfs,
    // its memory is freed before there is a user; 48 KiB were enough until it set the clock
    limit: 56 * KIB,
    starter: Starter::Init,
    keeps: Keeps::All,
};

/// Repairs a damaged users partition, or explains why the kernel refuses it.
pub const MEND: Program = Program {
    name: "mend",
    path: "/mend",
    mode: 0o700,
    place: Place::Initramfs,
    limit: LIMIT,
    starter: Starter::Setup,
    keeps: Keeps::All,
};

/// Makes a user's root, and stays as the sandbox's reaper.
pub const SANDBOX: Program = Program {
    name: "sandbox",
    path: "/sandbox",
    mode: 0o700,
    place: Place::Initramfs,
    limit: LIMIT,
    starter: Starter::Init,
    keeps: Keeps::Users,
};

/// Checks passwords, with one capability to read logon files. `/logon enter` enters a sandbox with all capabilities, and
/// has the user's before it runs anything of the user's.
pub const LOGON: Program = Program {
    name: "logon",
    path: "/logon",
    // users can execute it but not read it, so no user can inspect its process (fs/exec.c, `would_dump`)
    mode: 0o711,
    place: Place::Initramfs,
    limit: LIMIT,
    starter: Starter::Init,
    keeps: Keeps::Only(Capabilities::DAC_READ_SEARCH),
};

/// Shows devices to the users to whom root grants them: it gives nodes to users, and watches these nodes.
pub const BROKER: Program = Program {
    name: "broker",
    path: "/broker",
    mode: 0o700,
    place: Place::Initramfs,
    limit: LIMIT,
    starter: Starter::Init,
    keeps: Keeps::Only(Capabilities::CHOWN.and(Capabilities::DAC_READ_SEARCH)),
};

/// Takes what users' inits print, gives it to the console, and keeps the last of it for the door and a syslog server.
/// PID 1 sends it the terminals.
pub const LOG: Program = Program {
    name: "log",
    path: "/log",
    mode: 0o700,
    place: Place::Initramfs,
    limit: LIMIT,
    starter: Starter::Init,
    keeps: Keeps::Only(Capabilities::NONE),
};

/// Configures the network cards, and tells users which name servers there are.
pub const NET: Program = Program {
    name: "net",
    path: "/net",
    mode: 0o700,
    place: Place::Initramfs,
    limit: LIMIT,
    starter: Starter::Init,
    keeps: Keeps::Only(Capabilities::NET_ADMIN.and(Capabilities::NET_RAW)),
};

/// Keeps the machine's time: asks time servers, and sets the clocks.
pub const CLOCK: Program = Program {
    name: "clock",
    path: "/clock",
    mode: 0o700,
    place: Place::Initramfs,
    limit: LIMIT,
    starter: Starter::Init,
    keeps: Keeps::Only(Capabilities::SYS_TIME),
};

/// The door: users ask it for the state of the machine, for their logs, and to stop the machine.
pub const CONTROL: Program = Program {
    name: "control",
    path: "/control",
    mode: 0o700,
    place: Place::Initramfs,
    limit: LIMIT,
    starter: Starter::Init,
    keeps: Keeps::Only(Capabilities::NONE),
};

/// Notices homes that root makes, changes or removes while the machine runs, and tells PID 1.
pub const USERS: Program = Program {
    name: "users",
    path: "/users",
    mode: 0o700,
    place: Place::Initramfs,
    limit: LIMIT,
    starter: Starter::Init,
    keeps: Keeps::Only(Capabilities::DAC_READ_SEARCH),
};

/// `/usr/bin/env` for users' scripts.
pub const ENV: Program = Program {
    name: "env",
    path: "/usr/bin/env",
    mode: 0o755,
    place: Place::Carbon,
    limit: LIMIT,
    starter: Starter::User,
    keeps: Keeps::Users,
};

/// All programs, PID 1 first.
pub const ALL: &[Program] = &[INIT, SETUP, MEND, SANDBOX, LOGON, BROKER, LOG, NET, CLOCK, CONTROL, USERS, ENV];

/// The programs that run in every machine with a user who is granted a device: started by the kernel or by PID 1.
pub fn started() -> impl Iterator<Item = &'static Program> {
    ALL.iter().filter(|program| matches!(program.starter, Starter::Kernel | Starter::Init))
}

/// A program that PID 1 keeps running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    /// Its row.
    pub program: Program,
    /// What inits may wait for that it provides.
    pub provides: Needs,
    /// In which second of the machine it starts: what nobody needs at once does not slow the boot.
    pub starts: u64,
    /// What PID 1 believes it.
    pub says: &'static [Says],
}

/// The programs that PID 1 keeps running, each started again when it ends.
pub const SERVICES: &[Service] = &[
    LOGGER,
    Service { program: NET, provides: Needs::NETWORK, starts: 0, says: &[Says::Nothing, Says::Ready] },
    Service { program: CLOCK, provides: Needs::TIME, starts: 0, says: &[Says::Ready] },
    Service {
        program: CONTROL,
        provides: Needs::NONE,
        starts: 0,
        says: &[Says::PowerOff, Says::Reboot, Says::Restart, Says::Stop],
    },
    Service { program: USERS, provides: Needs::NONE, starts: 5, says: &[Says::Home, Says::Gone, Says::Homes] },
];

/// `/log`.
pub const LOGGER: Service = Service { program: LOG, provides: Needs::NONE, starts: 0, says: &[] };

/// Whether a process of that name is a service.
#[must_use]
pub fn is_service(name: &str) -> bool {
    SERVICES.iter().any(|service| service.program.name == name)
}

/// Whether a program starts only when the machine has been up for a while.
#[must_use]
pub fn is_late(program: &Program) -> bool {
    SERVICES.iter().any(|service| service.program == *program && service.starts > 0)
}

/// The program at that path of the initramfs.
#[must_use]
pub fn in_initramfs(path: &str) -> Option<&'static Program> {
    ALL.iter().find(|program| program.place == Place::Initramfs && program.path == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names of the binaries in this crate's Cargo.toml.
    fn binaries() -> Vec<&'static str> {
        let bins = include_str!("../Cargo.toml").split("[[bin]]").skip(1);
        bins.map(|bin| bin.split('"').nth(1).unwrap()).collect()
    }

    #[test]
    fn the_table_has_a_row_for_each_binary_of_this_crate() {
        assert_eq!(ALL.iter().map(|program| program.name).collect::<Vec<_>>(), binaries());
        assert_eq!(ALL[0], INIT);
    }

    #[test]
    fn a_path_ends_with_the_programs_name_and_finds_its_row() {
        for program in ALL {
            assert_eq!(program.path.rsplit('/').next(), Some(program.name));
            let found = in_initramfs(program.path);
            assert_eq!(found, (program.place == Place::Initramfs).then_some(program));
        }
    }

    #[test]
    fn a_user_can_run_only_logon_of_the_initramfs_and_read_nothing() {
        // boot removes /init before there is a user
        for program in ALL.iter().filter(|program| program.place == Place::Initramfs && *program != &INIT) {
            assert_eq!(program.mode & 0o066, 0, "{}", program.name);
            assert_eq!(program.mode & 0o011 != 0, *program == LOGON, "{}", program.name);
        }
    }
}

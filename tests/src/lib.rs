//! Boots machines for the tests in this folder, on every architecture.
//!
//! ```text
//! Homes → Disk (a users partition for one test)
//! Boot::on(arch).homes(&disk)… → Machine → Vm: the test expects text on its console
//! ```
//!
//! 1. Images come from `boot`, as `nodeos run` makes them. The first test builds what is not
//!    cached.
//! 2. A test judges by the console and by the content of the disk afterwards, never by time.
//! 3. A failed test prints the console and a command that starts the same machine.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
};

use boot::{
    assembly,
    host::{Host, progress::Progress},
    image::{Image, carbon::Placement, erofs::Packing},
    users::{
        app::{self, App},
        home::Home,
        logon::well_known,
        policy::set_policy,
    },
};
use qemu::{
    machine::{Drive, Machine, Network, Publish, Start, Wire},
    passt::Passt,
    vm::Vm,
};
use shim::{
    arches::Arch,
    logon_file::{Arg, LogonFile},
    policy::Policy,
};

pub mod cable;
mod disk;
mod each;
pub mod frame;
mod image;

use cable::Cable;
pub use disk::Disk;
pub use image::attacker;
use image::{image, put_e2fsck, put_first};

/// The architecture of that name.
#[must_use]
pub fn arch(name: &str) -> &'static Arch {
    Arch::named(name).unwrap_or_else(|| panic!("there is no architecture {name}"))
}

/// The same cache as that of `nodeos`, with plain lines for progress.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn host() -> Host {
    Host::open(Progress::Plain).unwrap_or_else(|error| panic!("{error}"))
}

/// Describes a machine to boot.
pub struct Boot {
    arch: &'static Arch,
    placement: Placement,
    profile: &'static str,
    memory_mib: u32,
    apps: Option<PathBuf>,
    users: Vec<Drive>,
    by: String,
    words: String,
    without: Option<String>,
    publish: Vec<Publish>,
    passt: Option<Passt>,
    wires: Vec<Wire>,
    ports: bool,
    counted: bool,
    rtc: Option<&'static str>,
    doors: bool,
    first: Option<PathBuf>,
    e2fsck: Option<PathBuf>,
}

impl Boot {
    /// A machine of that architecture, as `nodeos run` makes it, but without homes.
    #[must_use]
    pub fn on(arch: &'static Arch) -> Self {
        let by = "users=LABEL=nodeos-users".to_owned();
        Self {
            arch,
            placement: Placement::Medium,
            profile: "virt",
            memory_mib: 256,
            apps: None,
            users: vec![],
            by,
            words: String::new(),
            without: None,
            publish: vec![],
            passt: None,
            wires: vec![],
            ports: false,
            counted: false,
            rtc: None,
            doors: false,
            first: None,
            e2fsck: None,
        }
    }

    /// With the homes of this disk. The machine writes to the disk.
    #[must_use]
    pub fn homes(self, disk: &Disk) -> Self {
        self.drive(Drive::writable(&disk.path))
    }

    /// With this drive as its users partition.
    #[must_use]
    pub fn drive(mut self, drive: Drive) -> Self {
        self.users = vec![drive];
        self
    }

    /// With the code of this app.
    ///
    /// # Panics
    /// When the app is refused.
    #[must_use]
    pub fn app(self, app: impl Into<App>) -> Self {
        self.all_apps(&[app.into()])
    }

    /// With the code of several apps.
    ///
    /// # Panics
    /// When an app is refused.
    #[must_use]
    pub fn all_apps(mut self, apps: &[App]) -> Self {
        let layer = app::layer(&host(), apps, self.arch, "", Packing::Stored).unwrap_or_else(|error| panic!("{error}"));
        self.apps = Some(layer);
        self
    }

    /// Names the users partition by this parameter (`users=…`) instead of by its label.
    #[must_use]
    pub fn users_by(mut self, word: &str) -> Self {
        self.by = word.to_owned();
        self
    }

    /// With the carbon copy in this place.
    #[must_use]
    pub fn carbon(mut self, placement: Placement) -> Self {
        self.placement = placement;
        self
    }

    /// With the kernel of this profile.
    #[must_use]
    pub fn profile(mut self, profile: &'static str) -> Self {
        self.profile = profile;
        self
    }

    /// RAM in MiB.
    #[must_use]
    pub fn memory(mut self, mib: u32) -> Self {
        self.memory_mib = mib;
        self
    }

    /// With more parameters on the kernel's command line.
    #[must_use]
    pub fn words(mut self, words: &str) -> Self {
        self.words = format!("{} {words}", self.words);
        self
    }

    /// Without these guards (names of `shim::guards`). If there are none, with the shim that users
    /// have.
    #[must_use]
    pub fn without(mut self, guards: &str) -> Self {
        self.without = Some(guards.to_owned()).filter(|names| !names.is_empty());
        self
    }

    /// Publishes a port of the machine on the host's loopback.
    #[must_use]
    pub fn publish(mut self, publish: Publish) -> Self {
        self.publish.push(publish);
        self
    }

    /// With a network by passt instead of QEMU's own.
    #[must_use]
    pub fn passt(mut self, passt: Passt) -> Self {
        self.passt = Some(passt);
        self
    }

    /// With a card for each of these cables instead of QEMU's own network.
    #[must_use]
    pub fn cables(mut self, cables: &[&Cable]) -> Self {
        self.wires = cables.iter().map(|cable| cable.wire.clone()).collect();
        self
    }

    /// With a bus for serial ports that can be plugged in and unplugged.
    #[must_use]
    pub fn ports(mut self) -> Self {
        self.ports = true;
        self
    }

    /// With a clock that counts instructions.
    #[must_use]
    pub fn counted(mut self) -> Self {
        self.counted = true;
        self
    }

    /// With a real-time clock that says this at the start, as in `1970-01-01T00:00:00`.
    #[must_use]
    pub fn rtc(mut self, time: &'static str) -> Self {
        self.rtc = Some(time);
        self
    }

    /// With a kernel that has the options of `DOORS`, which ours leave out.
    #[must_use]
    pub fn doors(mut self) -> Self {
        self.doors = true;
        self
    }

    /// The kernel runs the meter or the attacker's program under this name first. That program then
    /// executes the shim. The initramfs with both is written beside the disk.
    #[must_use]
    pub fn first(mut self, name: &str, disk: &Disk) -> Self {
        self.first = Some(disk.beside(name));
        self
    }

    /// With the attacker's program in place of e2fsck. The carbon copy consists of files in the
    /// initramfs, which is written beside the disk.
    #[must_use]
    pub fn broken_e2fsck(mut self, disk: &Disk) -> Self {
        self.e2fsck = Some(disk.beside("broken"));
        self.carbon(Placement::Plain).memory(384)
    }

    #[must_use]
    pub fn machine(self) -> Machine {
        let image = image(self.arch, self.placement, self.profile, self.without.is_some(), self.doors);
        let image = Image { apps: self.apps, ..image };
        let without = self.without.map(|names| format!(" without={names}")).unwrap_or_default();
        let cmdline = assembly::cmdline(&image, !self.users.is_empty()).unwrap_or_else(|error| panic!("{error}"));
        let by = if self.users.is_empty() { "" } else { &self.by };
        // a busy host may let a processor of the machine stand still
        let mut cmdline = format!("{cmdline} {by} {}{without} nosoftlockup", self.words);
        if self.arch.name == "x86_64" {
            // on a busy host the kernel may decide that QEMU's timer is broken, and panic
            // (arch/x86/kernel/apic/io_apic.c)
            cmdline += " no_timer_check";
        }
        if let Some(first) = &self.first {
            cmdline += &format!(" rdinit=/{}", put_first(self.arch, &image.initramfs, first));
        }
        if let Some(out) = &self.e2fsck {
            put_e2fsck(self.arch, &image.initramfs, out);
        }
        let initramfs = self.first.as_ref().or(self.e2fsck.as_ref()).unwrap_or(&image.initramfs);
        let disks = image.filesystems().map(Drive::read_only);
        Machine {
            memory_mib: self.memory_mib,
            drives: disks.chain(self.users).collect(),
            network: match self.passt {
                Some(passt) => Network::Passt(passt),
                None if !self.wires.is_empty() => Network::Wires(self.wires),
                None => Network::User { publish: self.publish, boot: None },
            },
            ports: self.ports,
            counted: self.counted,
            rtc: self.rtc,
            ..Machine::new(self.arch, Start::kernel(&image.kernel, initramfs, cmdline))
        }
    }

    /// Boots it.
    ///
    /// # Panics
    /// When QEMU cannot be started.
    #[must_use]
    pub fn start(self) -> Vm {
        Vm::start(self.machine()).unwrap()
    }
}

/// A port that is free on the host's loopback.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Runs this test again, or its row behind `@again`, in new namespaces of a new user namespace. `which` names the
/// others, as options of unshare(1). `variables` are set in its environment. Returns true inside, and false outside.
///
/// # Panics
/// When the test fails there.
#[must_use]
pub fn in_namespaces(test: &str, which: &[&str], variables: &[(&str, &Path)]) -> bool {
    const THERE: &str = "NODEOS_TEST_NAMESPACES";
    if std::env::var_os(THERE).is_some() {
        return true;
    }
    let program = std::env::current_exe().unwrap();
    let mut command = Command::new("unshare");
    let again = test.replacen("::", "::again::", 1);
    command.arg("--map-root-user").args(which).arg("--").arg(program).args(["--exact", test, &again, "--nocapture"]);
    let output = command.env(THERE, "").envs(variables.iter().copied()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "in namespaces (unshare {which:?}): {said}");
    println!("{said}");
    false
}

/// Runs a tool of the host.
///
/// # Panics
/// When it fails.
pub fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A home whose `/init` is this JavaScript. Nobody can log on to it.
#[must_use]
pub fn runs(name: &str, uid: u32, script: &str) -> Home {
    let mut home = Home::new(name, uid);
    home.program("init", format!("#!/usr/bin/env node\n{script}\n"));
    home
}

/// Lets the init of that user wait for the network.
///
/// # Panics
/// When the policy cannot be stored.
pub fn waits_for_the_network(disk: &Disk, user: &str) {
    let policy = Policy::parse(br#"{"wait": ["network"]}"#).unwrap();
    set_policy(&disk.path, user, Some(&policy)).unwrap_or_else(|error| panic!("{error}"));
}

/// A home whose `/init` makes these attacks, one per line (tests/guest).
#[must_use]
pub fn attacks(arch: &'static Arch, name: &str, uid: u32, attacks: &str) -> Home {
    let mut home = Home::new(name, uid);
    home.program("bin/attack", attacker(arch));
    home.program("init", format!("#!/bin/attack\n{attacks}\n"));
    home
}

/// A home to which a user can log on, with this password or as a guest. The shell is node running
/// this JavaScript.
///
/// # Panics
/// When the password cannot be hashed.
#[must_use]
pub fn logs_on(name: &str, uid: u32, password: Option<&str>, script: &str) -> Home {
    let mut home = Home::new(name, uid);
    home.file("shell.js", script);
    let password = match password {
        Some(password) => well_known(name, password).unwrap_or_else(|error| panic!("{error}")),
        None => shim::logon_file::Password::new(),
    };
    let mut file = LogonFile { password: Some(password), ..LogonFile::default() };
    file.shell_args.push(Arg::try_from("/shell.js").unwrap()).unwrap();
    home.logon(&file).unwrap_or_else(|error| panic!("{error}"));
    home
}

/// Logs on at the console.
///
/// # Panics
/// When the machine does not prompt for a name or password.
pub fn log_on(vm: &mut Vm, user: &str, password: Option<&str>) {
    vm.expect("Welcome to NodeOS!: username:").unwrap();
    vm.send(user).unwrap();
    if let Some(password) = password {
        vm.expect("Welcome to NodeOS!: password:").unwrap();
        vm.send(password).unwrap();
    }
}

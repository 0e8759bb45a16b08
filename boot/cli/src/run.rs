//! `nodeos run`: assembles what changed, and boots it here.

use std::path::{Path, PathBuf};

use boot::assembly::{self, Homes, Users};
use boot::host::error::Tried;
use boot::host::interrupt;
use boot::host::progress::Progress;
use boot::host::size::memory_mib;
use boot::image::Image;
use boot::image::carbon::Placement;
use boot::image::words;
use boot::media::{Asked, Firmware, Found, MANIFEST, Slot, UNATTENDED};
use boot::tools::For;
use boot::users::kept;
use qemu::machine::{Drive, Machine, Network, Publish, Start};
use qemu::passt::Passt;
use qemu::terminal::{pipes, streams};
use shim::cmdline::Pipes;

use crate::common::{Act, Common, Failed, print_line};
use crate::medium::{self, Beside};
use crate::source::{ForApp, Source, is_file, memory};
use crate::{network, on_terminal, publish};

/// Build what changed and boot it in QEMU on this terminal
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    source: Source,
    /// RAM, as in 64M or 1G [default: 256M, with --carbon plain 512M]
    #[arg(long, value_name = "SIZE", value_parser = memory_mib)]
    memory: Option<u32>,
    /// Forward a port of this machine's loopback to a port of the guest; may be repeated
    #[arg(long, value_name = "HOST:GUEST")]
    publish: Vec<Publish>,
    /// Let the guest reach servers on this machine's loopback, at 10.0.2.2. Uses QEMU's own network instead of passt
    #[arg(long)]
    host_loopback: bool,
    /// Keep the files that the APP writes for its next run with --keep
    #[arg(long)]
    keep: bool,
    /// Start an APP again whenever it ends, and let it wait for the network and the time, as on a medium
    #[arg(long)]
    restart: bool,
    /// Start with new homes of the demo, or with --keep of the APP; the previous ones are renamed, and the new name is printed
    #[arg(long)]
    fresh: bool,
    /// The firmware that boots a medium: bios or uefi [default: bios if the machine has one]
    #[arg(long, value_name = "FIRMWARE")]
    firmware: Option<Firmware>,
    /// How a medium is plugged in: an ISO as cd, usb or disk [default: cd], a card as card or usb [default: card]
    #[arg(long, value_name = "BUS")]
    plug: Option<Slot>,
    /// Print the QEMU command instead of running it; create and change no homes
    #[arg(long)]
    dry_run: bool,
}

/// What else may be run.
const APPS: &str = "name an app (.js, .mjs, .cjs, .ts or a folder), or a medium that nodeos build wrote";

const EXAMPLES: &str = "\
Examples:
  nodeos run                             the demo: log on as nodeos (password nodeos) or guest
  nodeos run hello.js; echo $?           the exit status of the program
  nodeos run examples/http --publish 8080:80
  nodeos -q run app.js < input > output  pipes and files, as with node
  nodeos run --users family.ext4 --append single
  nodeos run --dry-run --arch aarch64    the QEMU command, to run it by hand
  nodeos run demo.iso --plug usb         what `nodeos build --target iso` wrote; folders of the other targets too

Ctrl-c goes to the machine. Ctrl-a x shuts it down, as SIGTERM, SIGHUP and a closed stdout do. Pressed again it cuts \
the power: files written last may then be empty. Ctrl-a h shows all keys.

Stdin, stdout and stderr of an APP are those of this command; what is no terminal here is none for the app. Otherwise \
stdout is the machine's console, with the line ends of a terminal. -q leaves out the last lines, which PID 1 and the \
kernel print when the machine ends.

Files of the demo's users are kept in $XDG_STATE_HOME/nodeos. --fresh renames them to demo.before-fresh-1.ext4 and so \
on; nodeos never deletes them. With --users FILE, the machine writes to FILE. An APP starts anew each time: the files \
that it writes are deleted when it ends, unless --keep is given. If the disk of this machine is full, the guest gets an error, and a line here \
names the image.

With passt (a Debian package), the guest cannot reach servers on this machine's loopback.

Exit status: that of the app; 64 wrong arguments, 69 a program is missing, 70 the machine crashed or its power was \
cut, 71 any other failure, 75 the machine wants to restart but stdin is no terminal; stopped by 129 SIGHUP, 130 ctrl-a \
x or SIGINT, 141 a closed stdout, 143 SIGTERM.";

impl Act for Args {
    fn purposes(&self) -> Vec<For> {
        match self.medium() {
            // `run` reports this error before anything is installed for it
            Err(_) => Vec::new(),
            Ok(Some(medium)) => medium.needs(),
            Ok(None) => self.source.purposes().into_iter().chain([For::Machine(self.source.arch())]).collect(),
        }
    }

    fn run(self, common: Common) -> Result<u8, Failed> {
        let medium = self.medium()?;
        if !self.dry_run {
            publish::check(&self.publish)?;
            streams::unusable().map_or(Ok(()), |why| Err(Failed::usage(why)))?;
        }
        if let Some(medium) = medium {
            return self.boot(&self.of_medium(&medium, common)?, None, common);
        }
        if self.firmware.is_some() || self.plug.is_some() {
            return Err(self.no_medium());
        }
        if self.source.size().is_some() {
            return Err(Failed::usage(
                "--users SIZE: only build makes one; `nodeos users create` makes one to run with",
            ));
        }
        let wanted = self.source.wanted()?;
        let users = self.source.users(&wanted.manifest)?;
        if self.restart && users.apps.is_empty() {
            return Err(Failed::usage("--restart is for an APP; a home's init restarts if its policy says so"));
        }
        if self.keep && users.homes != Homes::App {
            let why = match users.homes {
                Homes::None => "with --users none the homes are in RAM",
                _ => "the demo's homes and those of --users FILE are kept anyway",
            };
            return Err(Failed::usage(format!("--keep is for an APP without --users: {why}")));
        }
        if self.fresh && !self.keep && users.homes != Homes::Demo {
            return Err(Failed::usage("--fresh is for the demo's homes, and with --keep for an APP's home"));
        }
        let host = common.host()?;
        let apps = users.code(&host, wanted.arch, wanted.packing)?;
        let made = users.homes(&host, None)?;
        let mut image = Image { apps, ..assembly::image(&host, &wanted)? };
        if self.restart {
            image.words = words::join(&[&image.words, UNATTENDED])?;
        }
        // last: what fails above replaces no homes
        let homes = made.map(|made| self.homes(&made, &users, common.progress)).transpose()?;
        let least = if image.carbon.is_none() && wanted.placement == Placement::Plain { 512 } else { 256 };
        let said = memory(&wanted.manifest).map_err(Failed::usage)?;
        let memory = self.memory.or(said).unwrap_or(least);
        let network = match self.passt(common.progress) {
            Some(passt) => Network::Passt(passt),
            None => Network::User { publish: self.publish.clone(), boot: None },
        };
        self.boot(&machine(&image, homes, memory, network)?, Some(pipes(&users)), common)
    }
}

impl Args {
    fn medium(&self) -> Result<Option<Found>, Failed> {
        let found = self.source.app.as_deref().map_or(Ok(None), |app| Found::at("run", app));
        found.map_err(|error| if error.next.is_some() { error.into() } else { error.next(APPS).into() })
    }

    /// A medium has no pipes.
    fn boot(&self, machine: &Machine, pipes: Option<Pipes>, common: Common) -> Result<u8, Failed> {
        if self.dry_run {
            return print_line(&machine.to_string());
        }
        interrupt::check(|| "run the machine".to_owned())?;
        say(common.progress, machine);
        if pipes.is_none() && machine.drives.iter().any(|drive| drive.snapshot) {
            common
                .progress
                .say("run", "what the machine writes is thrown away at its end: what was built stays as it is");
        }
        on_terminal::boot(machine, pipes.unwrap_or_default(), common.progress)
    }

    /// `--firmware` or `--plug` without a medium to start.
    fn no_medium(&self) -> Failed {
        let option = if self.plug.is_some() { "--plug" } else { "--firmware" };
        let why = match &self.source.app {
            None => "the demo is none".to_owned(),
            Some(app) if app.is_dir() => format!("{} is a folder without a {MANIFEST} of one", app.display()),
            Some(app) => format!("{} is none that nodeos build wrote", app.display()),
        };
        Failed::usage(format!(
            "{option} is for a medium: {why}\n  next: name what `nodeos build --target TARGET` wrote"
        ))
    }

    /// The machine of a medium, which is what it was made as.
    fn of_medium(&self, medium: &Found, common: Common) -> Result<Machine, Failed> {
        let Source { arch, carbon, node, append, users, for_app, .. } = &self.source;
        let ForApp { words, env, env_file, .. } = for_app;
        if let Some(arch) = arch.filter(|arch| *arch != medium.arch) {
            return Err(Failed::usage(format!("--arch {arch}: that medium is made for {}", medium.arch)));
        }
        if carbon.is_some() || node.is_some() || append.is_some() || self.fresh || self.keep || self.restart {
            return Err(Failed::usage(
                "--carbon, --node, --append, --fresh, --keep and --restart cannot change a medium that is already built",
            ));
        }
        if !words.is_empty() || !env.is_empty() || env_file.is_some() {
            let next = "name them when you build it: nodeos build APP --target TARGET --out FILE -- WORDS";
            return Err(Failed::usage(format!(
                "--env, --env-file and words after -- cannot reach an app on a medium that is already built\n  next: {next}"
            )));
        }
        if users.as_deref() == Some(Path::new("none")) {
            let next = "build it without homes: nodeos build --users none";
            return Err(Failed::usage(format!("--users none: this medium has its own homes\n  next: {next}")));
        }
        let users = users.as_deref().map(is_file).transpose()?;
        let users = users.as_deref().map(absolute).transpose()?;
        let asked = Asked { firmware: self.firmware, slot: self.plug, memory_mib: self.memory, homes: users.is_some() };
        let passt = |served| match served {
            true => {
                network::warn("QEMU's own network serves what it boots from", self.host_loopback, common.progress);
                None
            }
            false => self.passt(common.progress),
        };
        let beside = Beside { users: users.map(Drive::writable), publish: &self.publish, passt: &passt };
        medium::machine(medium, &common.host()?, &asked, beside)
    }

    fn passt(&self, progress: Progress) -> Option<Passt> {
        network::passt(&self.publish, self.host_loopback, progress)
    }

    /// The disk with the homes.
    fn homes(&self, made: &Path, users: &Users, progress: Progress) -> Result<Drive, Failed> {
        let how = kept::How { fresh: self.fresh, dry_run: self.dry_run };
        let kept = |name: &str| {
            let homes = kept::folder()?.join(name);
            kept::ready(&homes, made, how, progress).map(|()| Drive::writable(homes))
        };
        Ok(match users.homes {
            Homes::Demo => kept(kept::DEMO)?,
            Homes::App if self.keep => {
                let path = users.app().map_or(self.source.folder(), |app| &app.path);
                kept(&kept::of_app(path)?)?
            }
            // homes in the cache are not written to
            Homes::App => Drive { snapshot: true, ..Drive::writable(made) },
            Homes::File(_) | Homes::None => Drive::writable(absolute(made)?),
        })
    }
}

/// The standard streams that the machine's app has as pipes. Several apps have the console, as one on a medium has.
fn pipes(users: &Users) -> Pipes {
    users.app().map_or(Pipes::default(), |_| pipes::of_this_process())
}

/// The machine of that image.
fn machine(image: &Image, homes: Option<Drive>, memory_mib: u32, network: Network) -> Result<Machine, Failed> {
    let cmdline = assembly::cmdline(image, homes.is_some())?;
    Ok(Machine {
        memory_mib,
        drives: image.filesystems().map(Drive::read_only).chain(homes).collect(),
        network,
        ..Machine::new(image.arch, Start::kernel(&image.kernel, &image.initramfs, cmdline))
    })
}

fn say(progress: Progress, machine: &Machine) {
    let Machine { arch, memory_mib, .. } = machine;
    progress.say("run", &format!("{arch} with {memory_mib} MiB; ctrl-a x stops it"));
    for Publish { host, guest } in machine.network.publish() {
        // most apps are for a browser; what has a number of its own is not
        let (before, after) = if *guest == 22 { ("", "") } else { ("http://", "/") };
        progress.say("run", &format!("port {guest} of the machine: {before}localhost:{host}{after}"));
    }
}

/// The printed command works from any folder.
fn absolute(path: &Path) -> Result<PathBuf, Failed> {
    Ok(std::path::absolute(path).tried("find", path)?)
}

#[cfg(test)]
mod tests {
    use super::{Drive, Image, Network, Placement, machine};
    use shim::arches::ALL;

    #[test]
    fn the_drive_of_the_carbon_copy_comes_before_the_homes() {
        let image = Image {
            arch: &ALL[1],
            kernel: "k".into(),
            initramfs: "i".into(),
            carbon: Some("c.erofs".into()),
            apps: Some("a.erofs".into()),
            placement: Placement::Medium,
            words: String::new(),
            versions: vec![],
        };
        let command = machine(&image, Some(Drive::writable("u.ext4")), 64, Network::None).unwrap().to_string();
        let at = |text: &str| command.find(text).unwrap_or_else(|| panic!("no {text} in {command}"));
        assert!(at("readonly=on,file=c.erofs") < at("readonly=on,file=a.erofs"));
        assert!(at("readonly=on,file=a.erofs") < at("file=u.ext4"));
        assert!(
            at("-m 64M") > 0 && at("users=LABEL=nodeos-users carbon=LABEL=nodeos-carbon apps=LABEL=nodeos-apps") > 0
        );
        let command =
            machine(&Image { carbon: None, apps: None, ..image }, None, 64, Network::None).unwrap().to_string();
        assert!(command.contains("users=none") && !command.contains("virtio-blk"), "{command}");
    }
}

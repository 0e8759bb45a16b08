//! `nodeos users`: makes and edits a users partition.

use std::collections::BTreeSet;
use std::io::{BufRead, IsTerminal};
use std::path::{Path, PathBuf};

use boot::tools::For;
use boot::users::environment::{self, Variable};
use boot::users::image::{self, Create, NewUser};
use boot::users::logon::{Logon, Shell};
use boot::users::nsh::Nsh;
use boot::users::policy::{policy, set_policy, set_variables, variables};
use boot::users::read::{self, Image};
use clap::Subcommand;
use shim::layout::MACHINE;
use shim::policy::keys::{self, name};
use shim::policy::{LEAST_MEMORY, LEAST_PIDS, MAX_DEVICES, PRIVATE, Pattern, Policy, SHARED};

use crate::common::{Act, Common, Failed, answer, print_json, print_line};
use crate::policy_options::{PolicyOptions, help};

/// Make and edit a users partition: an ext4 image in which each folder at the top is a user's home
#[derive(clap::Args)]
#[command(
    after_help = "Nothing is mounted, and nothing needs root. Each home belongs to one user, with a uid of its own.\n\
                        FILE is an ext4 image, or a card's image: its partition with the homes is changed in place.\n\n\
                        Examples:\n  \
                        nodeos users create family.ext4 --size 1G\n  \
                        nodeos users add family.ext4 root\n  \
                        nodeos users add family.ext4 ana --from ~/ana --password-file secret\n  \
                        nodeos users add family.ext4 visitor --guest\n  \
                        nodeos users policy family.ext4 visitor --memory 64M --network private\n  \
                        nodeos run --users family.ext4"
)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Make an empty users partition
    Create {
        /// The image
        file: PathBuf,
        /// The size of the image, as in 256M or 4G; the file is sparse
        #[arg(long, value_parser = boot::host::size::bytes, default_value = "256M")]
        size: u64,
        /// Replace an existing file and all homes in it
        #[arg(long)]
        force: bool,
    },
    /// List the homes, and the warnings that the machine will print
    List {
        /// The image
        file: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Add a user
    Add {
        /// The image
        file: PathBuf,
        /// The user's name
        name: String,
        /// The uid and gid [default: the smallest free one from 1000; 0 for root]
        #[arg(long)]
        uid: Option<u32>,
        /// A folder of this machine to copy into the home
        #[arg(long, value_name = "FOLDER")]
        from: Option<PathBuf>,
        #[command(flatten)]
        how: How,
        /// The program that a session starts, a path in the user's root [default: nsh, the shell of the demo;
        /// /bin/node is node's own prompt]
        #[arg(long, value_name = "PATH")]
        shell: Option<String>,
        /// An argument for that program; may be repeated
        #[arg(long = "shell-arg", value_name = "WORD", requires = "shell", allow_hyphen_values = true)]
        shell_args: Vec<String>,
    },
    /// Change how a user logs on
    Passwd {
        /// The image
        file: PathBuf,
        /// The user's name
        name: String,
        #[command(flatten)]
        how: How,
    },
    /// Show or change the limits and rights of a user: memory, processes, devices, network
    Policy {
        /// The image
        file: PathBuf,
        /// The user's name
        name: String,
        #[arg(long = name::MEMORY, help = help(&keys::MEMORY), value_name = "SIZE", value_parser = memory)]
        memory: Option<u64>,
        #[arg(long = name::HIGH, help = help(&keys::HIGH), value_name = "SIZE", value_parser = memory)]
        high: Option<u64>,
        #[arg(long = name::PIDS, help = help(&keys::PIDS), value_parser = clap::value_parser!(u32).range(i64::from(LEAST_PIDS)..))]
        pids: Option<u32>,
        #[arg(long = "device", help = devices_help(), value_name = "NAME", value_parser = device)]
        devices: Vec<Pattern>,
        #[arg(long = name::NETWORK, help = help(&keys::NETWORK), hide_possible_values = true,
            value_parser = [SHARED, PRIVATE])]
        network: Option<String>,
        #[command(flatten)]
        more: PolicyOptions,
        /// Remove the policy first, so that the defaults apply
        #[arg(long)]
        default: bool,
    },
    /// Show or set environment variables of a user's programs; they replace those of an app's medium
    Env {
        /// The image
        file: PathBuf,
        /// The user's name
        name: String,
        /// Set a variable; may be repeated
        #[arg(long, value_name = "NAME=VALUE", value_parser = environment::variable)]
        env: Vec<Variable>,
        /// Set the variables that this file has, one NAME=VALUE a line
        #[arg(long, value_name = "FILE")]
        env_file: Option<PathBuf>,
        /// Remove a variable; may be repeated
        #[arg(long, value_name = "NAME")]
        unset: Vec<String>,
        /// Remove the whole file first
        #[arg(long)]
        default: bool,
    },
    /// Remove a user and their home
    Del {
        /// The image
        file: PathBuf,
        /// The user's name
        name: String,
    },
}

/// How a user logs on; without a word a terminal is asked for a password.
#[derive(clap::Args)]
#[group(multiple = false)]
struct How {
    /// Read the password from the first line of this file; - is stdin
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Let the user log on without a password
    #[arg(long)]
    guest: bool,
    /// Let nobody log on as this user; the home's /init still runs
    #[arg(long)]
    no_logon: bool,
}

impl Act for Args {
    const ASKS_LATER: bool = true;

    fn purposes(&self) -> Vec<For> {
        vec![For::Users]
    }

    fn run(self, common: Common) -> Result<u8, Failed> {
        match self.verb {
            Verb::Create { file, size, force } => {
                image::create(&file, Create { size, force }, &[])?;
                common.progress.say("users", &format!("made {} without users: nodeos users add", file.display()));
            }
            Verb::List { file, json } => {
                let image = Image::open(&file)?;
                let users = image.users()?;
                if let Some(why) = image.refused {
                    common.progress.say("users", &format!("machines will mount it read-only: {why}"));
                }
                if json {
                    return print_json(&users);
                }
                print_line(read::HEADING)?;
                users.iter().try_for_each(|user| print_line(&user.to_string()).map(|_| ()))?;
                match image.settings()? {
                    None => {}
                    Some(Ok(text)) => drop(print_line(&format!("{MACHINE}: {text}"))?),
                    Some(Err(why)) => drop(print_line(&format!("{MACHINE}: nothing in it counts: {why}"))?),
                }
            }
            Verb::Add { file, name, uid, from, how, shell, shell_args } => {
                // the folder may contain its own logon.json
                let asked_for = how.no_logon;
                let logon = how.given(&name, from.is_none())?;
                let shell = shell.map(|path| Shell { path, args: shell_args });
                let mut new = NewUser { name, uid, from, logon, shell, nsh: None };
                if image::wants_nsh(&new)? {
                    new.nsh = Some(nsh(common)?);
                }
                let user = image::add(&file, &new)?;
                let read::User { name, uid, logon, .. } = &user;
                let mut said = format!("added {name}, uid {uid}, logon {logon}");
                if *logon == read::How::None && !asked_for {
                    said += &format!("; to let {name} log on: nodeos users passwd {} {name}", file.display());
                }
                common.progress.say("users", &said);
            }
            Verb::Passwd { file, name, how } => {
                let logon = how.given(&name, true)?;
                let logon = logon.ok_or_else(|| {
                    Failed::usage("how should the user log on? Give --password-file, --guest or --no-logon")
                })?;
                image::passwd(&file, &name, &logon)?;
                common.progress.say("users", &format!("changed how {name} logs on"));
            }
            Verb::Policy { file, name, memory, high, pids, devices, network, more, default } => {
                let sizes = memory.is_some() || high.is_some() || pids.is_some();
                let changes = default || sizes || !devices.is_empty() || network.is_some() || more.any();
                if !changes {
                    let policy = policy(&file, &name)?;
                    if policy.memory.is_none() || policy.pids.is_none() {
                        let text =
                            "what it does not say is a share of the machine: nodeos explain --users FILE --memory SIZE";
                        common.progress.say("users", text);
                    }
                    return print_line(&policy.to_string());
                }
                let mut new = if default { Policy::default() } else { policy(&file, &name)? };
                new.memory = memory.or(new.memory);
                new.high = high.or(new.high);
                new.pids = pids.or(new.pids);
                more.apply(&mut new);
                new.network = network.as_deref().and_then(shim::policy::network).unwrap_or(new.network);
                if !devices.is_empty() {
                    new.devices.clear();
                    let devices: BTreeSet<Pattern> = devices.into_iter().collect();
                    let pushed = devices.into_iter().try_for_each(|device| new.devices.push(device));
                    pushed.map_err(|_| Failed::usage(format!("a policy has at most {MAX_DEVICES} devices")))?;
                }
                if let (Some(high), Some(memory)) = (new.high, new.memory)
                    && high >= memory
                {
                    let why = "nobody would wait where somebody is killed first";
                    return Err(Failed::usage(format!("--high is {high} bytes, not below --memory, {memory}: {why}")));
                }
                let kept = Some(&new).filter(|new| **new != Policy::default());
                set_policy(&file, &name, kept)?;
                common.progress.say("users", &format!("the policy of {name} is {new}, from the next boot on"));
            }
            Verb::Env { file, name, env, env_file, unset, default } => {
                let mut set = env_file.as_deref().map(crate::apps::env_file).transpose()?.unwrap_or_default();
                set.extend(env);
                let old = variables(&file, &name)?;
                if set.is_empty() && unset.is_empty() && !default {
                    return if old.is_empty() { Ok(crate::common::exit::DONE) } else { print_line(old.trim_end()) };
                }
                if let Some(name) = unset.iter().find(|name| !environment::sets(&old, name)) {
                    return Err(Failed::usage(format!(
                        "--unset {name}: no such variable is set; without options, all are shown"
                    )));
                }
                let old = if default { "" } else { &old };
                let failed = |why| Failed::new(format!("cannot set the variables of {name}: {why}"));
                let new = environment::changed(old, &unset, &set).map_err(failed)?;
                let count = environment::count(&new).map_err(failed)?;
                set_variables(&file, &name, &new)?;
                common.progress.say("users", &format!("{name} has {count} variables, from the next boot on"));
            }
            Verb::Del { file, name } => {
                image::known(&file, &name)?;
                sure(common, &format!("remove {name} and everything in that home from {}?", file.display()))?;
                image::del(&file, &name)?;
                common.progress.say("users", &format!("removed {name}"));
            }
        }
        Ok(crate::common::exit::DONE)
    }
}

impl How {
    /// What the words say; without any, a terminal is asked if `ask` says so.
    fn given(self, name: &str, ask: bool) -> Result<Option<Logon>, Failed> {
        if self.guest {
            return Ok(Some(Logon::Guest));
        }
        if self.no_logon {
            return Ok(Some(Logon::Nobody));
        }
        if let Some(file) = self.password_file {
            return first_line(&file).map(|password| Some(Logon::Password(password)));
        }
        if !ask || !std::io::stdin().is_terminal() {
            return Ok(None);
        }
        let prompt = |text: String| {
            rpassword::prompt_password(text).map_err(|error| Failed::new(format!("cannot read a password: {error}")))
        };
        let password = prompt(format!("password of {name} (empty: no logon): "))?;
        if password.is_empty() {
            return Ok(Some(Logon::Nobody));
        }
        match prompt("the same again: ".to_owned())? == password {
            true => Ok(Some(Logon::Password(password))),
            false => Err(Failed::usage("the passwords differ: nothing was changed")),
        }
    }
}

/// The shell for a person.
fn nsh(common: Common) -> Result<Nsh, Failed> {
    Nsh::fetch(&common.host()?)
        .map_err(|error| error.next("a user without it needs no network: --shell /bin/node").into())
}

fn first_line(file: &Path) -> Result<String, Failed> {
    let mut line = String::new();
    let read = match file.as_os_str() == "-" {
        true => std::io::stdin().lock().read_line(&mut line).map(|_| ()),
        false => {
            std::fs::File::open(file).and_then(|file| std::io::BufReader::new(file).read_line(&mut line).map(|_| ()))
        }
    };
    read.map_err(|error| Failed::new(format!("cannot read the password from {}: {error}", file.display())))?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

/// Asks before something is lost; where nobody can be asked, `-y` must have said so.
fn sure(common: Common, question: &str) -> Result<(), Failed> {
    if common.yes {
        return Ok(());
    }
    match answer(question) {
        Some(true) => Ok(()),
        Some(false) => Err(Failed::new("nothing was changed")),
        None => Err(Failed::usage(format!("{question} say so with -y"))),
    }
}

/// Memory of a policy: `128M`, `1G`.
fn memory(text: &str) -> Result<u64, String> {
    let size = shim::policy::size(text).filter(|bytes| *bytes >= LEAST_MEMORY);
    size.ok_or_else(|| format!("expected {}", keys::MEMORY.value))
}

fn devices_help() -> String {
    format!("{}. May be repeated; replaces the earlier devices", help(&keys::DEVICES))
}

fn device(text: &str) -> Result<Pattern, String> {
    let name = Pattern::try_from(text).ok().filter(|name| shim::policy::is_pattern(name));
    let name = name.ok_or(
        "expected a name as it is below /dev, as in i2c-1, of at most 32 letters, with a * at its end or none",
    )?;
    if shim::policy::can_grant(&name) {
        return Ok(name);
    }
    Err(format!(
        "it is none of what can be granted: names that begin with {}",
        shim::policy::GRANTABLE.replace(' ', ", ")
    ))
}

//! `nodeos explain`: prints the shim's own plan instead of executing it.

use std::convert::Infallible;
use std::fmt;
use std::path::PathBuf;

use boot::host::shown::Shown;
use boot::host::size::memory_mib;
use boot::image::words;
use boot::users::names;
use boot::users::read::{self, Image};
use serde::Serialize;
use shim::arches::Arch;
use shim::cmdline::Options;
use shim::keymap::{self, KEYMAPS};
use shim::layout::{ROOT_USER, USERS_LABEL};
use shim::limits::{self, Limits};
use shim::op::{self, Code, Upper};
use shim::plan::{self, InRam, Need, Sandbox, Steps};
use shim::policy::Policy;

use crate::common::{Act, Common, Failed, print_json, print_line};
use crate::source::archs;

/// Print what PID 1 does at boot and for each user, and why
#[derive(clap::Args)]
#[command(
    after_help = "It is the plan that PID 1 executes, from the same code, in its order; `|| true` marks a step\n\
                        without which the boot goes on.\n\n\
                        Examples:\n  \
                        nodeos explain                       a machine without a users partition\n  \
                        nodeos explain --users family.ext4   one with these users\n  \
                        nodeos explain --append single       only root may log on, no init runs\n  \
                        nodeos explain --append apps=LABEL=nodeos-apps      one with an APP"
)]
pub struct Args {
    /// The image of a users partition, for its users
    #[arg(long, value_name = "FILE")]
    users: Option<PathBuf>,
    /// Words of the kernel's command line
    #[arg(long, value_name = "WORDS", default_value = "", hide_default_value = true)]
    append: String,
    /// The machine's RAM, from which PID 1 derives the limits
    #[arg(long, value_name = "SIZE", value_parser = memory_mib, default_value = "256M")]
    memory: u32,
    /// The machine
    #[arg(long, value_name = "ARCH", value_parser = archs(), default_value = Arch::host().name)]
    arch: &'static Arch,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Steps that belong together.
#[derive(Serialize)]
struct Section {
    title: String,
    steps: Vec<Step>,
}

#[derive(Serialize)]
struct Step {
    does: String,
    required: bool,
    why: &'static str,
}

impl Act for Args {
    fn run(self, _: Common) -> Result<u8, Failed> {
        let users = self.users.as_deref().map(read::list).transpose()?;
        let found = if users.is_some() { format!("users=LABEL={USERS_LABEL} ") } else { String::new() };
        let line = format!("{found}{}", self.append);
        words::check(&line, "").map_err(|error| Failed::usage(format!("cannot {error}")))?;
        let options = Options::parse(&line);
        if let Some(word) = options.refused {
            return Err(Failed::usage(format!("{word}: {}", Options::hint(word))));
        }
        if !options.keymap.is_empty() && keymap::find(KEYMAPS, options.keymap).is_none() {
            let all: Vec<&str> = keymap::names(KEYMAPS).collect();
            let why = format!("keymap={}: there is no such layout; there are {}", options.keymap, all.join(" "));
            return Err(Failed::usage(why));
        }
        let mut boot = section("boot", &collected(plan::first));
        boot.extend(&plan::boot(&options));
        let mut sections = vec![boot];
        let session_in_ram = options.users.is_none();
        sections.push(match session_in_ram {
            true if options.apps.is_some() => {
                section("no users partition: the apps' homes are in RAM", &plan::ram(InRam::Apps))
            }
            true => {
                let mut ram = section("no users partition: a session in RAM", &plan::ram(InRam::Guest));
                ram.extend(&collected(plan::own_guest));
                ram
            }
            false => section("users partition", &plan::users(&options)),
        });
        let mut users = users.filter(|_| !session_in_ram).unwrap_or_default();
        if options.apps.is_some() {
            sections.push(section("homes of apps", &plan::homes(&options)));
            if users.iter().all(|user| user.name != names::APP) {
                let taken: Vec<_> = users.iter().map(|user| (user.name.clone(), user.uid)).collect();
                let uid = names::pick_uid(names::APP, None, &taken)?;
                users.push(fresh(op::User { name: names::APP, uid, gid: uid }, read::How::None, true));
            }
        } else if session_in_ram {
            users.push(fresh(plan::GUEST, read::How::Guest, false));
        }
        users.sort_by_key(|user| (user.name != ROOT_USER, !user.init));
        let console = format!("{}/{}", shim::layout::DEVICES, self.arch.console);
        sections.push(section("devices of all users", &plan::devices(&[&console])));
        sections.push(section("what the host says, below every user's root", &plan::host("nodeos")));
        let count = users.iter().filter(|user| user.refused.is_none()).count();
        let all = limits::of_all(u64::from(self.memory) << 20);
        let image = self.users.as_deref().filter(|_| !session_in_ram).map(Image::open).transpose()?;
        let policy = |user: &read::User| -> Result<Read, Failed> {
            let read = image.as_ref().map(|image| image.policy(&user.name)).transpose()?.flatten();
            Ok(read.unwrap_or_else(|| Ok(Policy::default())))
        };
        let policies = users.iter().map(policy).collect::<Result<Vec<_>, _>>()?;
        if policies.iter().flatten().any(|policy| !policy.devices.is_empty()) {
            sections.push(section("devices that a policy grants, by the broker", &plan::granted()));
            sections.push(section("the broker, in a mount namespace of its own", &plan::apart()));
        }
        for (user, policy) in users.iter().zip(policies) {
            let limits = limits::of_one(all, count, counts(&policy));
            let app = options.apps.is_some() && user.name == names::APP;
            let code = if app { Code::ReadOnly } else { Code::None };
            sections.push(one(user, code, options.single, &policy, limits));
        }
        if self.json { print_json(&sections) } else { print_line(text(&sections).trim_end()) }
    }
}

/// A user whose home is made at boot.
fn fresh(user: op::User<'_>, logon: read::How, init: bool) -> read::User {
    let op::User { name, uid, gid } = user;
    read::User { name: name.to_owned(), uid, gid, files: 1, bytes: 0, logon, init, broken_policy: None, refused: None }
}

type Read = std::result::Result<Policy, String>;

/// The policy that counts.
fn counts(policy: &Read) -> &Policy {
    static STRICTEST: Policy = Policy::STRICTEST;
    policy.as_ref().unwrap_or(&STRICTEST)
}

fn one(user: &read::User, code: Code, single: bool, policy: &Read, limits: Limits) -> Section {
    let read::User { name, uid, gid, init, refused, .. } = user;
    if let Some(why) = refused {
        return Section { title: format!("{}: refused, {why}", Shown::of(name)), steps: Vec::new() };
    }
    // an app starts at boot, whatever is in its home
    let when = match (*init || code != Code::None, single) {
        (true, false) => "at boot, for its init",
        (_, true) if name != ROOT_USER => "never: with single only root may log on",
        _ => "at the first logon",
    };
    let owner = op::User { name, uid: *uid, gid: *gid };
    let Policy { network, devices, .. } = counts(policy);
    let (network, granted) = (*network, !devices.is_empty());
    let sandbox = Sandbox { user: &owner, upper: Upper::Home, limits, network, granted, code, host: "nodeos" };
    let policy = match policy {
        Ok(policy) => policy.to_string(),
        Err(why) => format!("the strictest, for {why}: {}", Policy::STRICTEST),
    };
    let mut section =
        section(&format!("{}, uid {uid}, gid {gid}: {when}; policy {policy}", Shown::of(name)), &plan::root(&sandbox));
    section.extend(&collected(|run| plan::become_user(&owner, run)));
    section.extend(&collected(plan::shut_in));
    section
}

fn section<O: fmt::Display>(title: &str, steps: &Steps<O>) -> Section {
    let mut section = Section { title: title.to_owned(), steps: Vec::new() };
    section.extend(steps);
    section
}

/// The steps that a guest's program executes one by one.
fn collected<O>(run: impl FnOnce(&mut Steps<O>) -> Result<(), Infallible>) -> Steps<O> {
    let mut steps = Steps::new();
    let Ok(()) = run(&mut steps);
    steps
}

impl Section {
    fn extend<O: fmt::Display>(&mut self, steps: &Steps<O>) {
        self.steps.extend(steps.iter().map(|step| Step {
            does: step.op.to_string(),
            required: step.need == Need::Required,
            why: step.why.text(),
        }));
    }
}

fn text(sections: &[Section]) -> String {
    sections.iter().map(|section| format!("{section}\n")).collect()
}

/// The reason is printed above the steps that share it.
impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "== {}", self.title)?;
        let mut why = "";
        for step in &self.steps {
            if step.why != why {
                why = step.why;
                writeln!(f, "# {why}")?;
            }
            writeln!(f, "{}{}", step.does, if step.required { "" } else { " || true" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Code, Options, Policy, fresh, limits, one, plan, read, section};

    #[test]
    fn each_reason_is_printed_once_above_its_steps() {
        let text = section("boot", &plan::boot(&Options::parse("carbon=/dev/vda"))).to_string();
        assert!(text.starts_with("== boot\n# only boot needs it"), "{text}");
        assert_eq!(text.matches("# devices and settings").count(), 1);
        assert!(text.contains("ip link set lo up || true\n") && text.contains(" /dev/vda /carbon\n"), "{text}");
    }

    #[test]
    fn each_user_is_shown_with_when_its_root_is_made_or_why_not() {
        let limits = limits::of_all(256 << 20);
        let title = |user: &read::User, single| one(user, Code::None, single, &Ok(Policy::default()), limits).title;
        let mut user = fresh(plan::GUEST, read::How::Guest, false);
        assert_eq!(
            title(&user, false),
            "guest, uid 1000, gid 1000: at the first logon; policy {\"network\": \"shared\"}"
        );
        assert!(title(&user, true).contains("only root may log on"));
        user.init = true;
        assert!(title(&user, false).contains("at boot, for its init"));
        user.refused = Some("it is not a directory".to_owned());
        let refused = one(&user, Code::None, false, &Ok(Policy::default()), limits);
        assert_eq!((refused.title.as_str(), refused.steps.len()), ("guest: refused, it is not a directory", 0));
    }
}

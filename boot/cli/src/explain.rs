//! `nodeos explain`: prints the shim's own plan instead of executing it.

mod subject;

use std::convert::Infallible;
use std::fmt;
use std::path::PathBuf;

use boot::host::shown::Shown;
use boot::host::size::memory_mib;
use boot::image::words;
use boot::users::read;
use serde::Serialize;
use shim::arches::Arch;
use shim::cmdline::Options;
use shim::keymap::{self, KEYMAPS};
use shim::layout::{MACHINE, ROOT_USER};
use shim::limits::{self, Limits};
use shim::machine_file::MachineFile;
use shim::op::{self, Code, Upper};
use shim::plan::{self, InRam, Need, Sandbox, Steps};
use shim::policy::Policy;

use crate::common::{Act, Common, Failed, print_json, print_line};
use crate::source::archs;
use subject::{Subject, User};

/// Print what PID 1 does at boot and for each user, and why
#[derive(clap::Args)]
#[command(
    after_help = "It is the plan that PID 1 executes, from the same code, in its order; `|| true` marks a step\n\
                        without which the boot goes on.\n\n\
                        Examples:\n  \
                        nodeos explain                       a machine without a users partition\n  \
                        nodeos explain --users family.ext4   one with these users\n  \
                        nodeos explain --append single       only root may log on, no init runs\n  \
                        nodeos explain shop                  one with an app, or with those of shop/nodeos.toml\n  \
                        nodeos explain shop.iso              one that nodeos build made\n\n\
                        The policy that root wrote on the users partition comes before that of an app. Each user's line\n\
                        says which one counts."
)]
pub struct Args {
    /// An app, a folder with a nodeos.toml, or what `nodeos build` wrote [default: the apps of ./nodeos.toml]
    app: Option<PathBuf>,
    /// The image of a users partition, for its users; none for homes in RAM
    #[arg(long, value_name = "FILE")]
    users: Option<PathBuf>,
    /// Words of the kernel's command line
    #[arg(long, value_name = "WORDS", default_value = "", hide_default_value = true)]
    append: String,
    /// The machine's RAM, from which PID 1 derives the limits [default: that of nodeos.toml, or 256M]
    #[arg(long, value_name = "SIZE", value_parser = memory_mib)]
    memory: Option<u32>,
    /// The machine; a medium has its own
    #[arg(long, value_name = "ARCH", value_parser = archs(), default_value = Arch::host().name)]
    arch: &'static Arch,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The host's name where nothing else says it.
const HOST: &str = "nodeos";

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
        let subject = self.subject()?;
        words::check(&subject.line, "").map_err(|error| Failed::usage(format!("cannot {error}")))?;
        let options = Options::parse(&subject.line);
        if let Some(word) = options.refused {
            return Err(Failed::usage(format!("{word}: {}", Options::hint(word))));
        }
        if !options.keymap.is_empty() && keymap::find(KEYMAPS, options.keymap).is_none() {
            let all: Vec<&str> = keymap::names(KEYMAPS).collect();
            let why = format!("keymap={}: there is no such layout; there are {}", options.keymap, all.join(" "));
            return Err(Failed::usage(why));
        }
        let console = format!("{}/{}", shim::layout::DEVICES, subject.arch.unwrap_or(self.arch).console);
        let sections = sections(&subject, &options, &console)?;
        if self.json { print_json(&sections) } else { print_line(text(&sections).trim_end()) }
    }
}

/// All that the machine does, in its order.
fn sections(subject: &Subject, options: &Options<'_>, console: &str) -> Result<Vec<Section>, Failed> {
    let mut boot = section("boot", &collected(plan::first));
    boot.extend(&plan::boot(options));
    let mut sections = vec![boot];
    if options.users.is_some() {
        sections.push(section("users partition", &plan::users(options)));
    }
    let ram = match (subject.carried, options.apps) {
        (true, _) => Some(("no users partition: the homes that the medium carries", InRam::Carried)),
        _ if options.users.is_some() => None,
        (_, Some(_)) => Some(("no users partition: the apps' homes are in RAM", InRam::Apps)),
        (_, None) => Some(("no users partition: a session in RAM", InRam::Guest)),
    };
    if let Some((title, whose)) = ram {
        let mut ram = section(title, &plan::ram(whose));
        if whose == InRam::Guest {
            ram.extend(&collected(plan::own_guest));
        }
        sections.push(ram);
    }
    if options.apps.is_some() {
        sections.push(section("homes of apps", &plan::homes(options)));
    }
    let users = subject.users(options)?;
    sections.push(section("devices of all users", &plan::devices(&[console])));
    let settings = subject.settings.as_ref().filter(|_| options.users.is_some() || subject.carried);
    let said = settings.and_then(|settings| settings.as_deref().ok());
    let own = said.and_then(|text| MachineFile::parse(text.as_bytes()).ok()).unwrap_or_default();
    let title = match settings {
        None => String::new(),
        Some(Ok(text)) => format!("; the machine's own settings {text}"),
        Some(Err(why)) => format!("; nothing in {MACHINE} counts: {why}"),
    };
    let title = format!("what the host says, below every user's root{title}");
    sections.push(section(&title, &plan::host(HOST, &own)));
    let host = own.hostname.unwrap_or(HOST);
    let count = users.iter().filter(|user| user.home.refused.is_none()).count();
    let all = limits::of_all(u64::from(subject.memory) << 20);
    if users.iter().any(|user| !user.counts().devices.is_empty()) {
        sections.push(section("devices that a policy grants, by the broker", &plan::granted()));
        sections.push(section("the broker, in a mount namespace of its own", &plan::apart()));
    }
    for user in &users {
        sections.push(one(user, host, options.single, limits::of_one(all, count, user.counts())));
    }
    Ok(sections)
}

fn one(user: &User, host: &str, single: bool, limits: Limits) -> Section {
    let read::User { name, uid, gid, init, refused, .. } = &user.home;
    if let Some(why) = refused {
        return Section { title: format!("{}: refused, {why}", Shown::of(name)), steps: Vec::new() };
    }
    // an app starts at boot, whatever is in its home
    let when = match (*init || user.code != Code::None, single) {
        (true, false) => "at boot, for its init",
        (_, true) if name != ROOT_USER => "never: with single only root may log on",
        _ => "at the first logon",
    };
    let owner = op::User { name, uid: *uid, gid: *gid };
    let Policy { network, devices, .. } = user.counts();
    let (network, granted) = (*network, !devices.is_empty());
    // which name a DHCP server will give is not known
    let leased = false;
    let sandbox = Sandbox { user: &owner, upper: Upper::Home, limits, network, granted, code: user.code, host, leased };
    let title = format!("{}, uid {uid}, gid {gid}: {when}; policy {}", Shown::of(name), user.policy);
    let mut section = section(&title, &plan::root(&sandbox));
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
    use super::subject::{Of, PolicyOf};
    use super::{Code, HOST, Options, Subject, User, limits, one, plan, read, section, sections, text};
    use boot::inspect::App;
    use shim::policy::Policy;

    fn user(code: Code) -> User {
        let home = read::User::new("guest", 1000, 1000, read::How::Guest);
        User { home, code, policy: PolicyOf { read: Ok(Policy::default()), of: Of::Default } }
    }

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
        let title = |user: &User, single| one(user, HOST, single, limits).title;
        let mut user = user(Code::None);
        assert_eq!(
            title(&user, false),
            "guest, uid 1000, gid 1000: at the first logon; policy {\"network\": \"shared\"}, the default"
        );
        assert!(title(&user, true).contains("only root may log on"));
        user.home.init = true;
        assert!(title(&user, false).contains("at boot, for its init"));
        user.home.refused = Some("it is not a directory".to_owned());
        let refused = one(&user, HOST, false, limits);
        assert_eq!((refused.title.as_str(), refused.steps.len()), ("guest: refused, it is not a directory", 0));
    }

    /// The titles, and what differs between users: the rest has goldens in the shim.
    fn golden(name: &str, subject: &Subject) {
        let text = text(&sections(subject, &Options::parse(&subject.line), "/devices/ttyS0").unwrap());
        let differs = ["== ", "echo ", "unshare", "/apps", "/homes"];
        let boot = ["cgroup/users/cgroup", "cgroup/cgroup", "/proc/sys"];
        let lines = text.lines().filter(|line| differs.iter().any(|part| line.contains(part)));
        let shown: Vec<&str> = lines.filter(|line| !boot.iter().any(|part| line.contains(part))).collect();
        insta::with_settings!({snapshot_path => "../tests/golden", prepend_module_to_snapshot => false}, {
            insta::assert_snapshot!(name, shown.join("\n"));
        });
    }

    fn parsed(text: &str) -> Result<Policy, String> {
        Policy::parse(text.as_bytes()).map_err(str::to_owned)
    }

    #[test]
    fn each_app_is_explained_with_the_policy_that_counts() {
        let app = |name: &str, code, policy: &str| {
            let policy = (!policy.is_empty()).then(|| parsed(policy));
            App { name: name.to_owned(), code, policy }
        };
        let line = "users=LABEL=nodeos-users carbon=LABEL=nodeos-carbon apps=LABEL=nodeos-apps";
        let subject = Subject {
            line: line.to_owned(),
            memory: 256,
            apps: vec![
                app("web", Code::ReadOnly, r#"{"memory": "64M"}"#),
                app("worker", Code::Writable, r#"{"network": "private"}"#),
                app("plain", Code::ReadOnly, ""),
            ],
            homes: vec![
                (read::User::new("web", 1001, 1001, read::How::None), Some(parsed(r#"{"memory": "96M"}"#))),
                (read::User::new("root", 0, 0, read::How::Password), Some(parsed("{"))),
            ],
            carried: false,
            settings: None,
            arch: None,
        };
        golden("explain_several_apps", &subject);
    }

    #[test]
    fn homes_that_a_medium_carries_are_explained() {
        let subject = Subject {
            line: "users=LABEL=nodeos-users carbon=iso:LABEL=x apps=medium".to_owned(),
            memory: 256,
            apps: vec![App { name: "app".to_owned(), code: Code::ReadOnly, policy: None }],
            homes: vec![(read::User::new("app", 1000, 1000, read::How::None), None)],
            carried: true,
            settings: None,
            arch: None,
        };
        golden("explain_carried_homes", &subject);
    }
}

//! The options of `nodeos users policy` whose values are names, sets of names, seconds, or the size of a log; and what
//! any option of a table of keys says of itself.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use shim::named::{Named, Set};
use shim::policy::Policy;
use shim::policy::keys::{self, BACKOFFS, GRACES, Key, WAITS, name};
use shim::rights::Rights;
use shim::ring::SIZES;
use shim::upkeep::{Needs, OnCrashLoop, Restart};

#[derive(Clone, Debug, Default, Args)]
pub struct PolicyOptions {
    #[arg(long = name::RESTART, help = help(&keys::RESTART), hide_possible_values = true, value_parser = named::<Restart>())]
    restart: Option<Restart>,
    #[arg(long = name::BACKOFF, help = help(&keys::BACKOFF), value_name = "SECONDS", value_parser = seconds(BACKOFFS))]
    backoff: Option<u8>,
    #[arg(long = "on-crash-loop", help = help(&keys::ON_CRASH_LOOP), hide_possible_values = true,
        value_parser = named::<OnCrashLoop>())]
    on_crash_loop: Option<OnCrashLoop>,
    #[arg(long = name::GRACE, help = help(&keys::GRACE), value_name = "SECONDS", value_parser = seconds(GRACES))]
    grace: Option<u8>,
    #[arg(long = name::WAIT, help = help_of_set(&keys::WAIT), value_delimiter = ',', hide_possible_values = true,
        value_parser = members::<Needs>())]
    wait: Option<Vec<Needs>>,
    #[arg(long = "wait-limit", help = help(&keys::WAIT_LIMIT), value_name = "SECONDS", value_parser = seconds(WAITS))]
    wait_limit: Option<u8>,
    #[arg(long = name::LOG, help = help(&keys::LOG), value_name = "SIZE", value_parser = log)]
    log: Option<u64>,
    #[arg(long = name::MACHINE, help = help_of_set(&keys::MACHINE), value_delimiter = ',', hide_possible_values = true,
        value_parser = members::<Rights>())]
    machine: Option<Vec<Rights>>,
}

/// What an option of `users policy` sets, from its key's row.
pub fn help(key: &Key) -> String {
    format!("{}. Value: {} [default: {}]", key.text, key.value, key.without)
}

fn seconds(range: std::ops::RangeInclusive<u8>) -> clap::builder::RangedI64ValueParser<u8> {
    clap::value_parser!(u8).range(i64::from(*range.start())..=i64::from(*range.end()))
}

fn log(text: &str) -> Result<u64, String> {
    let size = shim::policy::size(text).filter(|bytes| SIZES.contains(bytes));
    size.ok_or_else(|| format!("expected {}", keys::LOG.value))
}

/// A value that has a name in policies.
fn named<T: Named + Send + Sync>() -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(T::NAMES.iter().map(|(name, _)| *name))
        .map(|name| T::named(&name).expect("the names are those of the table"))
}

/// The same, or `none` for an empty list.
fn members<T: Set + Send + Sync>() -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(T::NAMES.iter().map(|(name, _)| *name).chain(["none"]))
        .map(|name| T::named(&name).unwrap_or_default())
}

fn help_of_set(key: &Key) -> String {
    format!("{}. With a comma between them, or none", help(key))
}

fn set<T: Set>(members: &[T]) -> T {
    members.iter().fold(T::default(), |all, member| all.with(*member))
}

impl PolicyOptions {
    /// Whether one of them is given.
    pub fn any(&self) -> bool {
        let Self { restart, backoff, on_crash_loop, grace, wait, wait_limit, log, machine } = self;
        let seconds = [backoff, grace, wait_limit];
        restart.is_some()
            || on_crash_loop.is_some()
            || wait.is_some()
            || log.is_some()
            || machine.is_some()
            || seconds.iter().any(|some| some.is_some())
    }

    /// Changes what is given.
    pub fn apply(&self, policy: &mut Policy) {
        policy.restart = self.restart.or(policy.restart);
        policy.backoff = self.backoff.or(policy.backoff);
        policy.on_crash_loop = self.on_crash_loop.or(policy.on_crash_loop);
        policy.grace = self.grace.or(policy.grace);
        policy.wait = self.wait.as_deref().map(set).or(policy.wait);
        policy.machine = self.machine.as_deref().map(set).or(policy.machine);
        policy.wait_limit = self.wait_limit.or(policy.wait_limit);
        policy.log = self.log.or(policy.log);
    }
}

//! What the state asks for, and how it went.

use super::{ConsoleId, Pid};
use crate::{last_word::LastWord, users::HomeId};

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start a logon on a console.
    Prompt(ConsoleId),
    /// Make the sandbox of a home.
    Build(HomeId),
    /// Run the home's `/init`; with a console, if it is to have one for itself.
    Init(HomeId, Option<ConsoleId>),
    /// Run the user's shell on a console.
    Shell(HomeId, ConsoleId),
    /// There is no room for a sandbox of the user who logged on there: report it.
    TurnAway(HomeId, ConsoleId),
    /// Show a live sandbox's root in root's `/home`.
    Show(HomeId),
    /// Take it away again.
    Hide(HomeId),
    /// Ask a reaper to end if it is alone.
    Poke(Pid),
    /// TERM to everything.
    Terminate,
    /// KILL what is left, unmount, and stop the machine.
    Stop(LastWord),
}

/// How an action went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It made this process.
    Made(Pid),
    /// It is done, and made none.
    Done,
    /// The sandbox that it needs has ended.
    Gone,
    /// It could not; the log says why.
    Failed,
}

//! The actions that the state requests, and their outcomes.

use super::{ConsoleId, Pid};
use crate::{handover::HomeId, last_word::LastWord, upkeep::Needs};

/// An init that has ended and starts again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The status that a shell would report.
    pub status: u8,
    /// Seconds until it starts again.
    pub pause: u8,
    /// Whether it has just failed once too often.
    pub crash_loop: bool,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start a logon on a console.
    Prompt(ConsoleId),
    /// Make the sandbox of a home.
    Build(HomeId),
    /// Run the home's `/init`, on a console of its own if one is given.
    Init(HomeId, Option<ConsoleId>),
    /// Report that the home's init starts without what it waits for.
    StopWaiting(HomeId, Needs),
    /// Report that the home's init has ended, and starts again.
    Again(HomeId, Ended),
    /// Run the user's shell on a console.
    Shell(HomeId, ConsoleId),
    /// Report that there is no room for a sandbox of the user who logged on there.
    TurnAway(HomeId, ConsoleId),
    /// Show a live sandbox's root in root's `/home`.
    Show(HomeId),
    /// Hide it again.
    Hide(HomeId),
    /// Tell a reaper to exit if it is alone.
    Poke(Pid),
    /// Tell a reaper to send TERM to everything in its sandbox.
    Ask(Pid),
    /// Kill a reaper, and so everything in its sandbox.
    Kill(Pid),
    /// Send TERM to all processes.
    Terminate,
    /// KILL what is left, unmount, and stop the machine.
    Stop(LastWord),
}

/// How an action went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It made this process.
    Made(Pid),
    /// It succeeded, and made no process.
    Done,
    /// The sandbox that it needs has ended.
    Gone,
    /// It failed; the log has the reason.
    Failed,
}

//! Live sessions seen from outside: finding one, asking it, and saying what came of it.

use live::Event;
use live::remote::{CallError, Client, HOST_GONE, ReachError, event_of, find};
use serde_json::Value;

use crate::commands::live::as_text;
use crate::console;
use crate::trouble::{Exit, Trouble};

/// Connects to the session called `name`, or to the only one.
///
/// # Errors
/// [`Exit::NoDaemon`] when there is none, [`Exit::Usage`] when it is not clear which is meant.
pub(crate) fn connect(name: Option<&str>) -> Result<Client, Trouble> {
    let socket = find(&console::place()?, name).map_err(unreached)?;
    Client::connect(&socket).map_err(unreached)
}

/// Why a session can't be reached, with what to do.
pub(crate) fn unreached(error: ReachError) -> Trouble {
    match &error {
        ReachError::NoneRuns(_) => {
            Trouble::new(Exit::NoDaemon, &error).remedy("forebay live song.js starts one")
        }
        ReachError::Several(_) => Trouble::new(Exit::Usage, &error).remedy("choose one with --session NAME"),
        ReachError::NoSuch { .. } => {
            Trouble::new(Exit::NoDaemon, &error).remedy("give the name of one that runs to --session")
        }
        _ => Trouble::new(Exit::Permission, &error),
    }
}

/// Why a session gave no answer.
pub(crate) fn unanswered(error: CallError) -> Trouble {
    match &error {
        CallError::Refused(refusal) if refusal.code == HOST_GONE => Trouble::new(Exit::Unexpected, &error),
        CallError::Refused(_) => Trouble::new(Exit::Input, &error),
        CallError::Gone => Trouble::new(Exit::NoDaemon, &error),
        _ => Trouble::new(Exit::Daemon, &error),
    }
}

/// What a session told, for people; `None` for what they need not know.
pub(crate) fn told(event: &Value) -> Option<String> {
    if event["event"] == "message" {
        return event["message"].as_str().map(str::to_owned);
    }
    match event_of(event) {
        // What was sent from here is the matter of its sender alone, who says it himself.
        Event::Refused(refusal) => Some(refusal.to_string()),
        event => as_text(&event),
    }
}

/// Whether the answer to `send` is that it was refused.
pub(crate) fn is_refusal(answer: &Value) -> bool {
    answer["event"] == "refused"
}

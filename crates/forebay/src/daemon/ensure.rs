//! A daemon for a command that makes sound: the one that runs, else a new one.

use producer::{Connect, Session};
use protocol::{LeadSetting, LeadWord, StatusRequest};
use serde_json::Value;

use super::start::{self, Started};
use crate::backend;
use crate::cli::{AudioArgs, Lead};
use crate::console::{Console, unreached};
use crate::trouble::{Exit, Trouble};
use crate::version;

/// What there is to tell a person before the sound begins.
#[derive(Debug, Default)]
pub(crate) struct Notes(pub(crate) Vec<String>);

/// Makes sure that a daemon runs.
///
/// # Errors
/// When it can't be started or reached.
pub(crate) fn daemon(audio: &AudioArgs) -> Result<Notes, Trouble> {
    let asked = backend::asked(audio)?;
    let mut notes = Notes(asked.warning.into_iter().collect());
    match Console::connect() {
        Ok(console) => notes.0.extend(about_running(&console, audio)?),
        Err(trouble) if trouble.exit() == Exit::NoDaemon => match start::start(&audio.for_daemon())? {
            Started::Ours(ready) => notes.0.extend(said_of(&ready)),
            Started::Another => notes.0.extend(about_running(&Console::connect()?, audio)?),
        },
        Err(trouble) => return Err(trouble),
    }
    Ok(notes)
}

/// What a daemon that we started says of its device.
fn said_of(ready: &Value) -> Option<String> {
    ready["device"].as_str().map(str::to_owned)
}

/// What differs between the daemon that runs and what was asked for.
fn about_running(console: &Console, audio: &AudioArgs) -> Result<Vec<String>, Trouble> {
    let status = console.ask(&StatusRequest::default())?;
    let mut notes: Vec<_> = version::note(&status.daemon.version).into_iter().collect();
    let device = status.device.as_ref();
    let differs = [
        audio
            .backend
            .as_deref()
            .filter(|name| *name != "auto")
            .is_some_and(|name| device.is_some_and(|d| d.backend != name)),
        audio.device.as_deref().is_some_and(|name| device.is_some_and(|d| !d.name.contains(name))),
        audio.period.is_some_and(|frames| device.is_some_and(|d| d.period_frames != frames)),
        audio.rate.is_some_and(|hz| hz != status.engine.rate_hz),
        audio.channels.is_some_and(|count| u32::from(count) != status.engine.channels),
    ];
    if differs.contains(&true) {
        notes.push(
            "the daemon that runs keeps its own device options: forebay restart changes them".to_owned(),
        );
    }
    Ok(notes)
}

/// Opens a session called `client` with the lead that was asked for.
///
/// # Errors
/// What keeps the daemon from serving us.
pub(crate) fn session(client: &str, audio: &AudioArgs) -> Result<Session, Trouble> {
    let mut connect = Connect::new(client).start_daemon(false);
    if let Some(lead) = audio.lead {
        connect = connect.lead(lead_setting(lead));
    }
    connect.session().map_err(unreached)
}

/// A wanted lead as the protocol says it.
pub(crate) fn lead_setting(lead: Lead) -> LeadSetting {
    match lead {
        Lead::Auto => LeadSetting::Auto(LeadWord::Auto),
        Lead::Ms(ms) => LeadSetting::Ms(ms),
    }
}

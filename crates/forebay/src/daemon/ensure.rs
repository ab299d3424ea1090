//! A daemon for a command that makes sound: the one that runs, else a new one.

use std::time::{Duration, Instant};

use producer::{Connect, Session};
use protocol::{DeviceStatus, LeadSetting, LeadWord, Status, StatusRequest};
use serde_json::Value;

use super::devices;
use super::lock::DaemonLock;
use super::start::{self, Started};
use crate::backend;
use crate::cli::{AudioArgs, Lead, UNSAFE_WARNING};
use crate::console::{self, Console, unreached};
use crate::trouble::{Exit, Trouble};
use crate::version;

/// What there is to tell a person before the sound begins.
#[derive(Debug, Default)]
pub(crate) struct Notes(pub(crate) Vec<String>);

/// Between two attempts while daemons come and go.
const RETRY: Duration = Duration::from_millis(50);

/// Makes sure that a daemon runs. One that ends in this instant, or that somebody else starts, is no failure: it is looked
/// for again, for as long as a start may take.
///
/// # Errors
/// When it can't be started or reached.
pub(crate) fn daemon(audio: &AudioArgs) -> Result<Notes, Trouble> {
    let asked = backend::asked(audio)?;
    let mut notes = Notes(asked.warning.into_iter().collect());
    let deadline = Instant::now() + producer::start_timeout();
    loop {
        match Console::connect().and_then(|console| about_running(&console, audio)) {
            Ok(found) => {
                notes.0.extend(found);
                return Ok(notes);
            }
            Err(trouble) if trouble.exit() == Exit::NoDaemon => {}
            Err(trouble) => return Err(trouble),
        }
        match start::start(&audio.for_daemon())? {
            Started::Ours(ready) => {
                notes.0.extend(said_of(&ready));
                return Ok(notes);
            }
            Started::Another(_) if Instant::now() < deadline => std::thread::sleep(RETRY),
            Started::Another(trouble) => return Err(trouble),
        }
    }
}

/// What a daemon that we started says of its device.
fn said_of(ready: &Value) -> Option<String> {
    ready["device"].as_str().map(str::to_owned)
}

/// What differs between the daemon that runs and what was asked for.
fn about_running(console: &Console, audio: &AudioArgs) -> Result<Vec<String>, Trouble> {
    let status = console.ask(&StatusRequest::default())?;
    let mut notes: Vec<_> = version::note(&status.daemon.version).into_iter().collect();
    let holder = DaemonLock::holder(&console::place()?.lock()).ok().flatten();
    if has_another_device(&status, audio)?
        || holder.is_some_and(|holder| shows_itself_otherwise(&holder.args, audio))
    {
        notes.push(
            "the daemon that runs keeps its own device options: forebay restart changes them".to_owned(),
        );
    }
    if status.engine.main.is_unsafe {
        notes.push(format!("the daemon that runs has {UNSAFE_WARNING}"));
    }
    Ok(notes)
}

/// As its status shows it.
fn has_another_device(status: &Status, audio: &AudioArgs) -> Result<bool, Trouble> {
    let asked = audio.backend.clone().unwrap_or_else(|| "auto".to_owned());
    // A number stands for a name, and for the backend that has it.
    let (backend, name) = devices::numbered(asked, audio.device.clone())?;
    let device = status.device.as_ref();
    let differs = [
        backend != "auto" && device.is_some_and(|d| !is_of(d, &backend)),
        name.is_some_and(|name| device.is_some_and(|d| !d.name.contains(&name))),
        audio.period.is_some_and(|frames| device.is_some_and(|d| d.period_frames != frames)),
        audio.rate.is_some_and(|hz| hz != status.engine.rate_hz),
        audio.channels.is_some_and(|count| u32::from(count) != status.engine.channels),
    ];
    Ok(differs.contains(&true))
}

/// Whether `device` is what `backend` stands for: PipeWire may be reached through its ALSA layer.
fn is_of(device: &DeviceStatus, backend: &str) -> bool {
    let through_the_layer = backend == "pipewire" && device.backend == "alsa" && device.name == "pipewire";
    device.backend == backend || through_the_layer
}

/// As its own options, `args`, tell: how it looks to an audio server is no part of the status.
fn shows_itself_otherwise(args: &[String], audio: &AudioArgs) -> bool {
    let has = |flag: &str, otherwise: &str| {
        args.iter().find_map(|arg| arg.strip_prefix(flag)).unwrap_or(otherwise).to_owned()
    };
    let differs = [
        audio.client_name.as_ref().is_some_and(|name| *name != has("--client-name=", "forebay")),
        audio.jack_ports.is_some_and(|ports| ports.to_string() != has("--jack-ports=", "main")),
        audio.no_connect && !args.iter().any(|arg| arg == "--no-connect"),
    ];
    differs.contains(&true)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use clap::Parser;
    use protocol::EngineStatus;

    fn asked(line: &str) -> AudioArgs {
        let words = ["forebay", "status"].into_iter().chain(line.split_whitespace());
        AudioArgs { backend: None, ..Cli::try_parse_from(words).unwrap().audio }
    }

    /// PipeWire is PipeWire by each of its ways; ALSA is not.
    #[test]
    fn ways_to_pipewire() {
        let device = |backend: &str, name: &str| DeviceStatus {
            backend: backend.into(),
            name: name.into(),
            ..Default::default()
        };
        assert!(is_of(&device("pipewire", "default"), "pipewire"));
        assert!(is_of(&device("alsa", "pipewire"), "pipewire") && is_of(&device("alsa", "pipewire"), "alsa"));
        assert!(!is_of(&device("alsa", "hw:1"), "pipewire") && !is_of(&device("null", "null"), "alsa"));
    }

    /// Whatever was asked for and is not so is noticed; what is so, or was not asked for, is not.
    #[test]
    fn differences_are_noticed() {
        let device = DeviceStatus {
            backend: "null".into(),
            name: "null".into(),
            period_frames: 256,
            ..Default::default()
        };
        let engine = EngineStatus { rate_hz: 48_000, channels: 2, ..Default::default() };
        let status = Status { device: Some(device), engine, ..Default::default() };
        let number = devices::list().iter().position(|device| device.backend == "null").unwrap() + 1;
        let differs = |line: &str| has_another_device(&status, &asked(line)).unwrap();
        for same in ["", "--period 256 --rate 48000 --channels 2", &format!("--device {number}")] {
            assert!(!differs(same), "{same}");
        }
        for other in ["--period 64", "--rate 44100", "--channels 1", "--device hw:1"] {
            assert!(differs(other), "{other}");
        }
        let args = ["--client-name=mixer", "--no-connect"].map(str::to_owned);
        let shows = |line: &str| shows_itself_otherwise(&args, &asked(line));
        assert!(!shows("--client-name mixer --jack-ports main --no-connect") && !shows(""));
        assert!(shows("--client-name forebay") && shows("--jack-ports voice"));
        assert!(shows_itself_otherwise(&[], &asked("--no-connect")));
        assert!(!shows_itself_otherwise(&[], &asked("--client-name forebay")));
    }
}

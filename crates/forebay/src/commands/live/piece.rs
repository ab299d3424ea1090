//! One script that plays: its process, and the socket by which it is talked to.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread;

use live::remote::{Claim, Desk, Server};
use live::{Event, Live, LiveOptions};
use serde_json::Value;

use super::{as_json, not_started};
use crate::console;
use crate::trouble::{Exit, Trouble};

/// Bytes of a session's name, and so of its producer's: room for a number behind them.
const MOST_NAME_BYTES: usize = protocol::MAX_NAME_BYTES - 4;

/// A name for a session, as `--name` gives it.
///
/// # Errors
/// What is wrong with it.
pub(super) fn session_name(name: &str) -> Result<String, String> {
    if name.is_empty() || name.len() > MOST_NAME_BYTES || name.chars().any(char::is_control) {
        return Err(format!("give 1 to {MOST_NAME_BYTES} bytes without control characters"));
    }
    Ok(name.to_owned())
}

/// What a piece did, and which one.
#[derive(Debug)]
pub(super) struct News {
    /// The number of the piece.
    pub(super) piece: usize,
    pub(super) event: Event,
    /// The event for programs.
    pub(super) json: Option<Value>,
}

/// A script with its process.
#[derive(Debug)]
pub(super) struct Piece {
    /// What its session and its producer are called.
    pub(super) name: String,
    pub(super) live: Live,
    /// The process, once it runs.
    pub(super) pid: Option<u32>,
    /// What it gave up over.
    pub(super) fatal: Option<(String, String)>,
    pub(super) has_ended: bool,
    /// Whether anything of it plays.
    pub(super) plays: bool,
    /// Hangs up when the piece is dropped.
    server: Option<Server>,
}

impl Piece {
    /// Starts the script `file` under the name `wanted`, or one like it that is free. Returns it with what the person
    /// should know.
    ///
    /// # Errors
    /// Without a runtime, or a process.
    pub(super) fn start(
        number: usize,
        wanted: Option<&str>,
        mut options: LiveOptions,
        tell: Sender<News>,
    ) -> Result<(Self, Option<String>), Trouble> {
        let wanted = wanted.map_or_else(|| name_of(&options.file), str::to_owned);
        let claim = console::place().and_then(|place| {
            Claim::take(&place, &wanted).map_err(|why| Trouble::new(Exit::Permission, why))
        });
        let name = claim.as_ref().map_or(wanted, |claim| claim.name().to_owned());
        options.name = Some(name.clone());
        let file = std::path::absolute(&options.file).unwrap_or_else(|_| options.file.clone());
        let mut live = Live::start(options).map_err(|error| not_started(&error))?;
        let serve = |claim| {
            Server::start(claim, file.to_string_lossy().into_owned(), Arc::new(live.handle()))
                .map_err(|error| Trouble::new(Exit::Unexpected, error))
        };
        let (server, note) = match claim.and_then(serve) {
            Ok(server) => (Some(server), None),
            Err(why) => (None, Some(format!("{name} can't be talked to: {why}"))),
        };
        let (desk, events) = (server.as_ref().map(|server| Arc::clone(server.desk())), live.take_events());
        let session = name.clone();
        let pass_on = move || {
            let mut gave_up = None;
            for mut event in events {
                explain(&mut event, &mut gave_up);
                let json = as_json(&event).map(|json| with_session(json, &session));
                if let Some(desk) = &desk {
                    desk.tell(&event, json.as_ref());
                }
                // Nobody listens any more: the end is near, and clients are told of it all the same.
                let _ = tell.send(News { piece: number, event, json });
            }
        };
        let named = thread::Builder::new().name("news".into()).spawn(pass_on);
        named.map_err(|error| Trouble::new(Exit::Unexpected, error))?;
        Ok((Self { name, live, pid: None, fatal: None, has_ended: false, plays: false, server }, note))
    }
}

impl Piece {
    /// Where it is talked to, if it can be.
    pub(super) fn desk(&self) -> Option<Arc<Desk>> {
        self.server.as_ref().map(|server| Arc::clone(server.desk()))
    }
}

/// What a process gave up over says more than how it ended, and has nothing to do with a later end.
fn explain(event: &mut Event, gave_up: &mut Option<String>) {
    match event {
        Event::Fatal { message, .. } => *gave_up = Some(message.clone()),
        Event::Restarted { reason } => {
            if let Some(message) = gave_up.take() {
                *reason = message;
            }
        }
        _ => {}
    }
}

fn with_session(mut event: Value, session: &str) -> Value {
    event["session"] = session.into();
    event
}

/// The name of the file, as much of it as a producer's name takes.
fn name_of(file: &Path) -> String {
    let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy();
    let plain: String = name.chars().map(|c| if c.is_control() { '_' } else { c }).collect();
    let end = (0..=MOST_NAME_BYTES.min(plain.len())).rev().find(|end| plain.is_char_boundary(*end));
    plain[..end.unwrap_or(0)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A producer's name is the file's, without its folder, cut where a daemon would refuse it.
    #[test]
    fn names() {
        assert_eq!(name_of(Path::new("/songs/a.js")), "a.js");
        assert_eq!(name_of(Path::new(&"ä".repeat(100))).len(), MOST_NAME_BYTES);
        assert_eq!(name_of(Path::new("a\nb.js")), "a_b.js");
        assert!(session_name(&"x".repeat(MOST_NAME_BYTES)).is_ok());
        for bad in ["", "a\nb", &"x".repeat(MOST_NAME_BYTES + 1)] {
            assert!(session_name(bad).unwrap_err().contains("1 to 60"), "{bad}");
        }
    }
}

//! The other end of a session's socket.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use protocol::{ErrorObject, LineBuffer};
use serde::Serialize;
use serde_json::{Map, Value, json};
use thiserror::Error;

use super::messages::MAX_LINE_BYTES;
use super::place::{ReachError, connect};
use crate::event::Event;

/// Why a session did not answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CallError {
    /// It refuses.
    #[error("{}", .0.message)]
    Refused(ErrorObject),
    /// It has gone.
    #[error("the session has gone")]
    Gone,
    /// What came is none of its words.
    #[error("the session speaks another language: {0}")]
    Unreadable(String),
    /// The socket fails.
    #[error("the session can't be reached any more: {0}")]
    Io(#[from] io::Error),
}

/// A connection to a session.
#[derive(Debug)]
pub struct Client {
    stream: UnixStream,
    lines: LineBuffer,
    next_id: u64,
}

impl Client {
    /// Connects to the session at `socket`; see [`find`](super::find).
    ///
    /// # Errors
    /// When nobody answers there, or somebody else's process does.
    pub fn connect(socket: &Path) -> Result<Self, ReachError> {
        let stream = connect(socket)?;
        Ok(Self { stream, lines: LineBuffer::with_limit(MAX_LINE_BYTES), next_id: 0 })
    }

    /// Asks and waits for the answer, however long it takes. Events that come meanwhile are passed over.
    ///
    /// # Errors
    /// A refusal, or the end of the session.
    pub fn call<P: Serialize>(&mut self, method: &str, params: &P) -> Result<Value, CallError> {
        self.next_id += 1;
        let id = self.next_id;
        let line = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string();
        self.stream.write_all(line.as_bytes()).and_then(|()| self.stream.write_all(b"\n")).map_err(gone)?;
        loop {
            let mut message = self.message()?;
            if message.get("id").and_then(Value::as_u64) != Some(id) {
                continue;
            }
            if let Some(error) = message.remove("error") {
                let error =
                    serde_json::from_value(error).map_err(|e| CallError::Unreadable(e.to_string()))?;
                return Err(CallError::Refused(error));
            }
            return Ok(message.remove("result").unwrap_or_default());
        }
    }

    /// The next event, once `subscribe` was called: as it came.
    ///
    /// # Errors
    /// The end of the session.
    pub fn event(&mut self) -> Result<Value, CallError> {
        loop {
            let mut message = self.message()?;
            if message.get("method").and_then(Value::as_str) == Some("event") {
                return Ok(message.remove("params").unwrap_or_default());
            }
        }
    }

    /// How long an answer may take from now on; `None`: for ever.
    ///
    /// # Errors
    /// What the system says.
    pub fn set_patience(&self, patience: Option<Duration>) -> io::Result<()> {
        self.stream.set_read_timeout(patience)
    }

    fn message(&mut self) -> Result<Map<String, Value>, CallError> {
        let mut piece = vec![0; 64 * 1024];
        loop {
            match self.lines.next_line() {
                Some(Ok(line)) => {
                    return serde_json::from_slice(line).map_err(|e| CallError::Unreadable(e.to_string()));
                }
                Some(Err(error)) => return Err(CallError::Unreadable(error.to_string())),
                None => {}
            }
            match self.stream.read(&mut piece) {
                Ok(0) => return Err(CallError::Gone),
                Ok(bytes) => self.lines.push(&piece[..bytes]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(gone(error)),
            }
        }
    }
}

fn gone(error: io::Error) -> CallError {
    match error.kind() {
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => CallError::Gone,
        _ => CallError::Io(error),
    }
}

/// An event as a session tells it, typed. One that this version does not know is [`Event::Other`].
pub fn event_of(told: &Value) -> Event {
    serde_json::from_value(told.clone()).unwrap_or(Event::Other)
}

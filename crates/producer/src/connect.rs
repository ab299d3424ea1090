//! From a name to a session.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use protocol::{ErrorWord, HandOff, Hello, LeadSetting, Method, Notification, PROTOCOL_VERSION};
use session::{Guest, GuestError, layout};
use thiserror::Error;

use crate::link::{CallError, Link};
use crate::session::Session;
use crate::start::{ReachError, reach};

/// Why there is no session.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// No daemon was reached.
    #[error("{0}")]
    Reach(#[from] ReachError),
    /// The daemon is older or newer than this program.
    #[error("{0}")]
    Version(String),
    /// The daemon says no, or is gone.
    #[error("{0}")]
    Call(#[from] CallError),
    /// What it handed over is refused.
    #[error("{0}")]
    Guest(#[from] GuestError),
    /// It handed nothing over.
    #[error("the daemon opened a session without memory: it is of another kind")]
    NoMemory,
    /// The system refused a thread.
    #[error("cannot start a thread: {0}")]
    System(#[from] std::io::Error),
}

/// How to connect. The defaults are right for a program that just wants to make sound.
#[derive(Clone, Debug)]
pub struct Connect {
    client: String,
    socket: Option<PathBuf>,
    start_daemon: bool,
    lead: Option<LeadSetting>,
    handoff: Vec<HandOff>,
}

impl Connect {
    /// `client` is what people see; 1 to 64 bytes.
    pub fn new(client: impl Into<String>) -> Self {
        Self {
            client: client.into(),
            socket: None,
            start_daemon: true,
            lead: None,
            handoff: vec![HandOff::Scm, HandOff::Path],
        }
    }

    /// This socket, whatever the environment says.
    pub fn socket(mut self, path: impl AsRef<Path>) -> Self {
        self.socket = Some(path.as_ref().into());
        self
    }

    /// Whether a daemon is started where none serves (default: yes).
    pub fn start_daemon(mut self, start: bool) -> Self {
        self.start_daemon = start;
        self
    }

    /// Target lead of voices that name none (default: what the daemon was started with).
    pub fn lead(mut self, lead: LeadSetting) -> Self {
        self.lead = Some(lead);
        self
    }

    /// The ways of hand-off to offer (default: all).
    pub fn hand_off(mut self, ways: &[HandOff]) -> Self {
        self.handoff = ways.to_vec();
        self
    }

    /// Opens a session: the way of producers.
    ///
    /// # Errors
    /// Each says what to do. Nothing is left behind, but for a daemon that may have been started.
    pub fn session(self) -> Result<Session, ConnectError> {
        let console = Console { link: Link::new(reach(self.socket.as_deref(), self.start_daemon)?)? };
        let hello = Hello {
            protocol: PROTOCOL_VERSION,
            layout: layout::LAYOUT_VERSION,
            client: self.client,
            pid: Some(std::process::id()),
            handoff: self.handoff,
            lead_ms: self.lead,
        };
        let told = console.link.call_for_memory(&hello, |reply| reply.control.as_ref());
        let (reply, memory) = told.map_err(|error| match error {
            CallError::Refused(error) if error.word() == Some(ErrorWord::VersionMismatch) => {
                ConnectError::Version(error.message)
            }
            other => ConnectError::Call(other),
        })?;
        let memory = memory.map_err(CallError::from)?;
        let guest = Guest::new(memory.ok_or(ConnectError::NoMemory)?)?;
        Ok(Session::new(Arc::new(console), guest, reply))
    }

    /// Opens a connection for questions and commands only. Needs no session and takes no memory.
    ///
    /// # Errors
    /// When no daemon is reached.
    pub fn console(self) -> Result<Console, ConnectError> {
        Ok(Console { link: Link::new(reach(self.socket.as_deref(), self.start_daemon)?)? })
    }
}

/// A connection to the daemon, for questions and commands: `status`, `voice.set`, `hush` and the like.
#[derive(Debug)]
pub struct Console {
    pub(crate) link: Link,
}

impl Console {
    /// Sends a request and waits for its reply.
    ///
    /// # Errors
    /// [`CallError`]; the connection stays usable after [`CallError::Refused`].
    pub fn call<M: Method>(&self, params: &M) -> Result<M::Reply, CallError> {
        self.link.call(params)
    }

    /// The next thing the daemon told by itself; waits up to `timeout`. At most 1024 wait to be taken, then the oldest
    /// are dropped (see [`Self::lost_notifications`]).
    pub fn notification(&self, timeout: Duration) -> Option<Notification> {
        self.link.notification(timeout)
    }

    /// Notifications that were dropped because nobody took them.
    pub fn lost_notifications(&self) -> u64 {
        self.link.lost_notifications()
    }

    /// Why the connection is gone; `None` while it holds.
    pub fn closed(&self) -> Option<String> {
        self.link.closed()
    }
}

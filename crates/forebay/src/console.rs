//! The console side of the daemon's socket: its failures said as this program says them.

use std::time::Duration;

use producer::{CallError, Connect, ConnectError, ReachError};
use protocol::{ErrorObject, ErrorWord, Method, Notification};
use session::Place;

use crate::trouble::{Exit, Trouble};
use crate::version;

/// A connection without a session: questions and commands.
#[derive(Debug)]
pub(crate) struct Console(producer::Console);

impl Console {
    /// Connects to the daemon that runs; starts none.
    ///
    /// # Errors
    /// [`Exit::NoDaemon`] when none runs; [`Exit::Permission`] when its socket is not ours.
    pub(crate) fn connect() -> Result<Self, Trouble> {
        Connect::new("forebay").start_daemon(false).console().map(Self).map_err(unreached)
    }

    /// Asks and waits for the answer.
    ///
    /// # Errors
    /// What the daemon refuses, or its silence.
    pub(crate) fn ask<M: Method>(&self, request: &M) -> Result<M::Reply, Trouble> {
        self.0.call(request).map_err(unanswered)
    }

    /// The same with the failure as it is, for who goes by its word.
    ///
    /// # Errors
    /// What the daemon refuses, or its silence.
    pub(crate) fn call<M: Method>(&self, request: &M) -> Result<M::Reply, CallError> {
        self.0.call(request)
    }

    /// The next news, or `None` when none comes within `timeout`.
    ///
    /// # Errors
    /// When the daemon has gone.
    pub(crate) fn news(&self, timeout: Duration) -> Result<Option<Notification>, Trouble> {
        match (self.0.notification(timeout), self.0.closed()) {
            (None, Some(why)) => Err(gone(&why)),
            (news, _) => Ok(news),
        }
    }
}

/// Where the daemon's socket is.
///
/// # Errors
/// When the environment names a place that can't be one.
pub(crate) fn place() -> Result<Place, Trouble> {
    Place::from_environment().map_err(|error| Trouble::new(Exit::Permission, error))
}

/// Why there is no connection.
pub(crate) fn unreached(error: ConnectError) -> Trouble {
    match error {
        ConnectError::Reach(ReachError::NotServed(socket)) => {
            Trouble::new(Exit::NoDaemon, format!("no daemon runs (nothing answers at {})", socket.display()))
                .remedy("forebay run starts one; play and live do so by themselves")
        }
        ConnectError::Reach(reach @ (ReachError::Place(_) | ReachError::NotYours { .. })) => {
            Trouble::new(Exit::Permission, reach)
        }
        ConnectError::Reach(ReachError::System { socket, error }) => {
            let exit = match error.kind() {
                std::io::ErrorKind::PermissionDenied => Exit::Permission,
                _ => Exit::Daemon,
            };
            Trouble::new(exit, format!("can't reach the daemon at {}: {error}", socket.display())).remedy(
                "run as the user who started the daemon, or set FOREBAY_SOCKET to a place of your own",
            )
        }
        ConnectError::Version(what) => version::mismatch(&what),
        ConnectError::Call(error) => unanswered(error),
        ConnectError::Guest(error) => Trouble::new(Exit::Permission, format!("no shared memory: {error}"))
            .remedy("forebay doctor tries the hand-off and explains"),
        other => Trouble::new(Exit::Daemon, other),
    }
}

/// Why there is no answer.
pub(crate) fn unanswered(error: CallError) -> Trouble {
    match error {
        CallError::Closed(why) => gone(&why),
        CallError::Refused(refused) => daemon_refuses(&refused),
        CallError::BadReply(_) => version::mismatch(&error.to_string()),
        CallError::Memory(_) => Trouble::new(Exit::Permission, error).remedy("forebay doctor explains"),
        other => Trouble::new(Exit::Daemon, other).remedy("if it stays so: forebay restart"),
    }
}

/// What cannot be written is told as such, whoever would have written it.
fn daemon_refuses(refused: &ErrorObject) -> Trouble {
    match refused.word() {
        Some(ErrorWord::FileExists) => {
            Trouble::new(Exit::Output, &refused.message).remedy("--overwrite replaces it")
        }
        Some(ErrorWord::Unwritable) => Trouble::new(Exit::Output, &refused.message),
        _ => Trouble::new(Exit::Daemon, format!("the daemon refuses: {refused}")),
    }
}

/// The daemon ended while we were connected.
pub(crate) fn gone(why: &str) -> Trouble {
    Trouble::new(Exit::NoDaemon, format!("the daemon has gone: {why}"))
        .remedy(format!("its log is {}", crate::paths::log_file().display()))
}

//! The socket to the daemon: one thread reads it, everybody may write.

use std::collections::{HashMap, VecDeque};
use std::io::{self, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use protocol::{ErrorObject, FromDaemon, HandOff, Id, LineBuffer, MemoryRef, Method, Notification};
use serde_json::Value;
use session::{Memory, MemoryError, os};
use thiserror::Error;

/// Notifications that wait to be taken; the oldest go first.
const KEPT_NOTIFICATIONS: usize = 1024;
/// How long a reply may take. The daemon answers within a block or two; it is stuck if it does not.
const REPLY_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a request was not done.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CallError {
    /// The daemon says no; the message says what to do.
    #[error("{0}")]
    Refused(ErrorObject),
    /// The connection is gone, and with it the session.
    #[error("the connection to the daemon is closed ({0}): connect again")]
    Closed(String),
    /// No reply came.
    #[error("the daemon does not answer: `forebay doctor` says more")]
    NoReply,
    /// The reply is not what was agreed.
    #[error("the daemon answered with something else than agreed: {0}")]
    BadReply(#[from] serde_json::Error),
    /// Memory that should have come with the reply is missing or refused.
    #[error("{0}")]
    Memory(#[from] MemoryError),
}

/// Memory that came with a reply; `None` where none was announced.
pub(crate) type HandedOver = Result<Option<Memory>, MemoryError>;

#[derive(Debug, Default)]
struct State {
    replies: HashMap<u64, (Result<Value, ErrorObject>, Option<OwnedFd>)>,
    next_id: u64,
    notifications: VecDeque<Notification>,
    lost_notifications: u64,
    bells: u64,
    closed: Option<String>,
}

#[derive(Debug)]
struct Shared {
    socket: UnixStream,
    /// Held while a line is written, so that lines do not mix.
    writing: Mutex<()>,
    state: Mutex<State>,
    news: Condvar,
}

/// A connection to the daemon. It closes when this is dropped.
#[derive(Debug)]
pub(crate) struct Link {
    shared: Arc<Shared>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Link {
    /// Starts to read from a connected socket.
    pub(crate) fn new(socket: UnixStream) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            socket,
            writing: Mutex::new(()),
            state: Mutex::default(),
            news: Condvar::new(),
        });
        let reader = shared.clone();
        std::thread::Builder::new().name("forebay-link".into()).spawn(move || reader.read_all())?;
        Ok(Self { shared })
    }

    /// Sends a request and waits for its reply; `fd` is what rode on it.
    fn exchange<M: Method>(&self, params: &M) -> Result<(M::Reply, Option<OwnedFd>), CallError> {
        let id = {
            let mut state = lock(&self.shared.state);
            state.next_id += 1;
            state.next_id
        };
        self.send(&protocol::request_line(id, params))?;
        let deadline = Instant::now() + REPLY_TIMEOUT;
        let mut state = lock(&self.shared.state);
        loop {
            if let Some((outcome, fd)) = state.replies.remove(&id) {
                return Ok((serde_json::from_value(outcome.map_err(CallError::Refused)?)?, fd));
            }
            if let Some(why) = &state.closed {
                return Err(CallError::Closed(why.clone()));
            }
            let Some(left) = deadline.checked_duration_since(Instant::now()) else {
                return Err(CallError::NoReply);
            };
            state = self.shared.news.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Sends a request and waits for its reply.
    pub(crate) fn call<M: Method>(&self, params: &M) -> Result<M::Reply, CallError> {
        self.exchange(params).map(|(reply, _)| reply)
    }

    /// As [`Self::call`], for a reply that hands memory over. What it handed over may be refused: that is the inner error,
    /// beside the reply that tells what to give back.
    pub(crate) fn call_for_memory<M: Method>(
        &self,
        params: &M,
        which: impl Fn(&M::Reply) -> Option<&MemoryRef>,
    ) -> Result<(M::Reply, HandedOver), CallError> {
        let (reply, fd) = self.exchange(params)?;
        let memory = match (which(&reply), fd) {
            (None, _) => Ok(None),
            (Some(told), Some(fd)) if told.handoff == HandOff::Scm => Memory::adopt(fd, told.bytes).map(Some),
            (Some(told), _) => Memory::open(told.path.as_ref(), told.bytes).map(Some),
        };
        Ok((reply, memory))
    }

    /// Sends a request whose reply nobody waits for.
    pub(crate) fn tell<M: Method>(&self, params: &M) -> Result<(), CallError> {
        self.send(&protocol::unanswered_line(params))
    }

    fn send(&self, line: &[u8]) -> Result<(), CallError> {
        let _whole_line = lock(&self.shared.writing);
        (&self.shared.socket).write_all(line).map_err(|error| {
            let state = lock(&self.shared.state);
            CallError::Closed(state.closed.clone().unwrap_or_else(|| error.to_string()))
        })
    }

    /// Why the connection is gone, if it is.
    pub(crate) fn closed(&self) -> Option<String> {
        lock(&self.shared.state).closed.clone()
    }

    /// How often the doorbell rang so far.
    pub(crate) fn bells(&self) -> u64 {
        lock(&self.shared.state).bells
    }

    /// Waits until the doorbell has rung more often than `heard`, the connection closed, or `timeout` is over.
    pub(crate) fn wait(&self, heard: u64, timeout: Duration) {
        let state = lock(&self.shared.state);
        let asleep = |state: &mut State| state.bells == heard && state.closed.is_none();
        drop(self.shared.news.wait_timeout_while(state, timeout, asleep));
    }

    /// The oldest notification that nobody took; waits for one up to `timeout`.
    pub(crate) fn notification(&self, timeout: Duration) -> Option<Notification> {
        let state = lock(&self.shared.state);
        let none = |state: &mut State| state.notifications.is_empty() && state.closed.is_none();
        let (mut state, _) =
            self.shared.news.wait_timeout_while(state, timeout, none).unwrap_or_else(PoisonError::into_inner);
        state.notifications.pop_front()
    }

    /// Notifications that were dropped because nobody took them.
    pub(crate) fn lost_notifications(&self) -> u64 {
        lock(&self.shared.state).lost_notifications
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let _already_closed = self.shared.socket.shutdown(Shutdown::Both);
    }
}

impl Shared {
    /// The reading thread: until the daemon hangs up or we do.
    fn read_all(&self) {
        let mut lines = LineBuffer::new();
        let mut fds = VecDeque::new();
        let mut piece = vec![0; 16 * 1024];
        let why = loop {
            match os::receive(&self.socket, &mut piece, &mut fds) {
                Ok(0) => break "the daemon hung up".to_owned(),
                Ok(bytes) => lines.push(&piece[..bytes]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => break error.to_string(),
            }
            if let Err(why) = self.take_lines(&mut lines, &mut fds) {
                break why;
            }
        };
        let _already_closed = self.socket.shutdown(Shutdown::Both);
        lock(&self.state).closed.get_or_insert(why);
        self.news.notify_all();
    }

    fn take_lines(&self, lines: &mut LineBuffer, fds: &mut VecDeque<OwnedFd>) -> Result<(), String> {
        while let Some(line) = lines.next_line() {
            let line = line.map_err(|error| error.to_string())?;
            let message = FromDaemon::parse(line).map_err(|error| format!("it sent no JSON-RPC: {error}"))?;
            let mut state = lock(&self.state);
            match message {
                FromDaemon::Doorbell => state.bells += 1,
                FromDaemon::Reply { id: Id::Number(id), outcome } => {
                    let rides = outcome.as_ref().is_ok_and(memory_rides);
                    let fd = if rides { fds.pop_front() } else { None };
                    if let Some(id) = id.as_u64() {
                        state.replies.insert(id, (outcome, fd));
                    }
                }
                FromDaemon::Reply { outcome: Err(error), .. } => return Err(error.to_string()),
                FromDaemon::Reply { .. } | FromDaemon::Unknown => {}
                FromDaemon::Notification(news) => state.notify(news),
            }
            drop(state);
            self.news.notify_all();
        }
        Ok(())
    }
}

/// Whether a descriptor rode on a reply.
fn memory_rides(result: &Value) -> bool {
    let scm =
        |member: &str| result.get(member).and_then(|memory| memory.get("handoff")) == Some(&"scm".into());
    scm("control") || scm("ring")
}

impl State {
    fn notify(&mut self, news: Notification) {
        // The last word before it hangs up says more than that it does.
        match &news {
            Notification::Evicted(evicted) => {
                self.closed = Some(format!("evicted: {:?}", evicted.reason).to_lowercase());
            }
            Notification::Closing(closing) if closing.is_final => {
                self.closed = Some("it was told to end for good, by forebay stop".to_owned());
            }
            _ => {}
        }
        self.notifications.push_back(news);
        if self.notifications.len() > KEPT_NOTIFICATIONS {
            self.notifications.pop_front();
            self.lost_notifications += 1;
        }
    }
}

//! What the loop and the functions that JavaScript calls have in common.

use crate::event::{Event, Order};
use crate::handles::Handles;
use crate::realm::RealmId;
use crate::watchdog::Watchdog;
use rquickjs::{Persistent, Value};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A promise that was rejected and that nobody has asked about yet.
pub(crate) struct Rejection {
    pub(crate) realm: RealmId,
    pub(crate) promise: Persistent<Value<'static>>,
    pub(crate) reason: Persistent<Value<'static>>,
}

/// Borrowed only for the length of a call: never while JavaScript runs.
pub(crate) struct Shared {
    started: Instant,
    /// Of `started`, in ms since 1970.
    pub(crate) origin_ms: f64,
    pub(crate) entry: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) handles: RefCell<Handles>,
    /// Events that wait for their realm's turn: messages between realms, and ends of workers.
    pub(crate) mail: RefCell<VecDeque<Event>>,
    /// What can only be done between two turns.
    pub(crate) orders: RefCell<Vec<Order>>,
    pub(crate) rejections: RefCell<Vec<Rejection>>,
    /// Whose turn it is.
    pub(crate) watchdog: Watchdog,
}

impl Shared {
    pub(crate) fn new(entry: PathBuf, arguments: Vec<String>) -> Self {
        let origin = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            started: Instant::now(),
            origin_ms: origin.as_secs_f64() * 1e3,
            entry,
            arguments,
            handles: RefCell::default(),
            mail: RefCell::default(),
            orders: RefCell::default(),
            rejections: RefCell::default(),
            watchdog: Watchdog::new(),
        }
    }

    /// Since the runtime began, in ms.
    pub(crate) fn now_ms(&self) -> f64 {
        self.started.elapsed().as_secs_f64() * 1e3
    }
}

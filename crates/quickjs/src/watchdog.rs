//! Ending code that does not come back.
//!
//! The interpreter asks now and then whether to go on. A turn has the patience of its realm: the shorter one while code of
//! the piece runs, the longer one else, and begins anew at each `pulse`, by which the realm says which of the two it is. Time
//! is counted by the questions, each for little at most: a process that was stopped as a whole has not hung.
//!
//! Some functions of the language loop without asking, over an array that claims a length of 2^53, say. Nothing but the end
//! of the process ends those: a thread of its own sees to that, and what supervises this process starts it again.

use crate::realm::{End, RealmId, RealmState};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The most that counts between two questions.
const LONGEST_GAP: Duration = Duration::from_millis(20);
/// How long the interpreter may not ask, beyond the patience.
const DEAF: Duration = Duration::from_secs(3);
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Exit code of a process that had to be ended, of those that the shell's convention leaves to programs.
const DEAF_EXIT: i32 = 70;

/// Until when the interpreter has to ask again; `None` while no turn is limited.
type Deadline = Arc<Mutex<Option<Instant>>>;

pub(crate) struct Watchdog {
    turn: RefCell<Option<Rc<RealmState>>>,
    somebody: Cell<bool>,
    asked: Cell<Instant>,
    spent: Cell<Duration>,
    deadline: Deadline,
}

impl Watchdog {
    pub(crate) fn new() -> Self {
        let deadline = Deadline::default();
        let watched = Arc::clone(&deadline);
        // Without this thread only what is said above is missing.
        let _ = thread::Builder::new().name("watchdog".into()).spawn(move || watch(&watched));
        Self {
            turn: RefCell::new(None),
            somebody: Cell::new(false),
            asked: Cell::new(Instant::now()),
            spent: Cell::new(Duration::ZERO),
            deadline,
        }
    }

    /// A realm's turn begins.
    pub(crate) fn begin(&self, realm: &Rc<RealmState>) {
        *self.turn.borrow_mut() = Some(Rc::clone(realm));
        self.pulse(false);
    }

    pub(crate) fn end(&self) {
        *self.turn.borrow_mut() = None;
        self.set_deadline(None);
    }

    /// Whose turn it is.
    pub(crate) fn realm(&self) -> Option<RealmId> {
        self.turn.borrow().as_ref().map(|realm| realm.id)
    }

    /// The realm whose turn it is lives, and code of the piece is about to run or not.
    pub(crate) fn pulse(&self, somebody: bool) {
        self.somebody.set(somebody);
        self.spent.set(Duration::ZERO);
        self.asked.set(Instant::now());
        self.note();
    }

    /// Whether the turn is to end here.
    pub(crate) fn is_over(&self) -> bool {
        let turn = self.turn.borrow();
        let Some(realm) = turn.as_ref() else { return false };
        let now = Instant::now();
        self.spent.set(self.spent.get() + now.duration_since(self.asked.get()).min(LONGEST_GAP));
        self.asked.set(now);
        self.note();
        if self.spent.get() > self.patience(realm) {
            realm.finish(End::Hang);
        }
        realm.has_ended()
    }

    fn patience(&self, realm: &RealmState) -> Duration {
        let patience = realm.patience.get();
        if self.somebody.get() { patience.somebody } else { patience.nobody }
    }

    fn note(&self) {
        let patience = self.turn.borrow().as_ref().map(|realm| self.patience(realm));
        let limited = patience.filter(|patience| *patience < Duration::MAX);
        self.set_deadline(limited.map(|patience| self.asked.get() + patience + DEAF));
    }

    fn set_deadline(&self, deadline: Option<Instant>) {
        *self.deadline.lock().unwrap_or_else(PoisonError::into_inner) = deadline;
    }
}

/// Ends the process when a deadline has passed for as many looks as it takes to be sure that this thread was not stopped too.
fn watch(deadline: &Mutex<Option<Instant>>) {
    let mut late = None;
    loop {
        thread::sleep(LOOK_EVERY);
        let now = *deadline.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = now.filter(|deadline| *deadline < Instant::now());
        if passed.is_some() && passed == late {
            eprintln!("a function of the language does not come back and can't be interrupted");
            std::process::exit(DEAF_EXIT);
        }
        late = passed;
    }
}

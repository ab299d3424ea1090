//! A realm: one set of globals, with code that runs in turns.

use crate::handles::HandleId;
use rquickjs::{Context, Function, Persistent};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

pub(crate) type RealmId = u32;

/// The realm that the entry module runs in.
pub(crate) const MAIN: RealmId = 0;

/// What a realm's `start.js` gives the loop to call.
#[derive(Clone)]
pub(crate) struct Doors {
    /// `dispatch(handle, what, a, b)`.
    pub(crate) dispatch: Persistent<Function<'static>>,
    /// `uncaught(error)`, for what nothing has caught.
    pub(crate) uncaught: Persistent<Function<'static>>,
    /// `rejected(reason)`, for a promise that nobody asks about.
    pub(crate) rejected: Persistent<Function<'static>>,
}

/// How long a realm's turn may take, see [`Watchdog`](crate::watchdog::Watchdog).
#[derive(Clone, Copy)]
pub(crate) struct Patience {
    pub(crate) somebody: Duration,
    pub(crate) nobody: Duration,
}

impl Patience {
    pub(crate) const ENDLESS: Self = Self { somebody: Duration::MAX, nobody: Duration::MAX };
}

/// Why a realm has ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum End {
    /// It called `process.exit`, or its parent has ended it.
    Exit,
    /// It did not come back.
    Hang,
    /// Nothing caught what it threw.
    Failure(String),
}

/// What the realm's own functions see of it.
pub(crate) struct RealmState {
    pub(crate) id: RealmId,
    /// The parent, and the handle by which it knows this realm.
    pub(crate) parent: Option<(RealmId, HandleId)>,
    pub(crate) end: RefCell<Option<End>>,
    pub(crate) patience: Cell<Patience>,
    pub(crate) doors: RefCell<Option<Doors>>,
}

impl RealmState {
    pub(crate) fn new(id: RealmId, parent: Option<(RealmId, HandleId)>) -> Rc<Self> {
        let patience = Cell::new(Patience::ENDLESS);
        Rc::new(Self { id, parent, end: RefCell::new(None), patience, doors: RefCell::new(None) })
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.end.borrow().is_some()
    }

    /// The first reason stays.
    pub(crate) fn finish(&self, end: End) {
        self.end.borrow_mut().get_or_insert(end);
    }
}

/// A realm as the loop has it.
pub(crate) struct Realm {
    pub(crate) context: Context,
    pub(crate) state: Rc<RealmState>,
}

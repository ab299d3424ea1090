//! The loop: realms in turns, and what happens between them.

use crate::event::{About, Event, Order};
use crate::handles::{HandleId, Kind};
use crate::modules::{self, Inside, Modules};
use crate::natives::{self, Home};
use crate::poll;
use crate::realm::{Doors, End, MAIN, Realm, RealmId, RealmState};
use crate::shared::{Rejection, Shared};
use rquickjs::{CatchResultExt, CaughtError, Context, Ctx, Module, Persistent, Runtime, Value};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::time::Instant;
use thiserror::Error;

/// Memory of all realms together, as far as the code of a worker may go. What a session shares is 416 MiB of that, most of it
/// never touched, and the sounds of a piece 512 MiB at most.
const WORKER_BYTES: usize = 1536 * 1024 * 1024;
/// What the entry's realm has beyond that: it goes on where a worker has taken all.
const RESERVE_BYTES: usize = 128 * 1024 * 1024;
/// The least limit there is: nothing can be allocated any more.
const NO_BYTES: usize = 1;
const STACK_BYTES: usize = 8 * 1024 * 1024;
/// Jobs that a realm which has ended may have left behind.
const MOST_LEFT_JOBS: usize = 1_000_000;

/// Why the runtime did not run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HostError {
    /// QuickJS could not be set up.
    #[error("QuickJS can't be set up: {0}")]
    Engine(String),
    /// There is no thread for it.
    #[error("no thread for QuickJS: {0}; is the limit of threads (ulimit -u) reached?")]
    Thread(io::Error),
    /// A mistake of ours.
    #[error("the embedded runtime has failed; what it said is above")]
    Panicked,
}

impl From<rquickjs::Error> for HostError {
    fn from(error: rquickjs::Error) -> Self {
        Self::Engine(error.to_string())
    }
}

/// Runs `entry` until nothing keeps it going.
pub(crate) fn run(entry: &Path, arguments: Vec<String>, more: Modules) -> Result<i32, HostError> {
    let mut machine = Machine::new(entry, arguments, more)?;
    machine.start(MAIN, None, &entry.to_string_lossy())?;
    while machine.turn_all() {}
    Ok(0)
}

/// What became of a job.
enum Job {
    None,
    Done,
    Threw(Persistent<Value<'static>>),
}

struct Machine {
    runtime: Runtime,
    shared: Rc<Shared>,
    realms: BTreeMap<RealmId, Realm>,
}

impl Machine {
    fn new(entry: &Path, arguments: Vec<String>, more: Modules) -> Result<Self, HostError> {
        let shared = Rc::new(Shared::new(entry.to_owned(), arguments));
        let runtime = Runtime::new()?;
        runtime.set_max_stack_size(STACK_BYTES);
        runtime.set_loader(Inside(more), Inside(more));
        let asked = Rc::clone(&shared);
        runtime.set_interrupt_handler(Some(Box::new(move || asked.watchdog.is_over())));
        let rejected = Rc::clone(&shared);
        runtime.set_host_promise_rejection_tracker(Some(Box::new(move |ctx, promise, reason, handled| {
            note_rejection(&rejected, &ctx, promise, reason, handled);
        })));
        Ok(Self { runtime, shared, realms: BTreeMap::new() })
    }

    /// One round; returns whether there will be another.
    fn turn_all(&mut self) -> bool {
        self.obey();
        self.deliver();
        self.fire();
        self.obey();
        let handles = self.shared.handles.borrow();
        let immediate = handles.iter().any(|(_, handle)| matches!(handle.kind, Kind::Immediate));
        let at_once = immediate || !self.shared.mail.borrow().is_empty();
        if !at_once && !handles.iter().any(|(_, handle)| handle.keeps) {
            return false;
        }
        let ready = poll::wait(&handles, at_once);
        drop(handles);
        for id in ready {
            self.hear(id);
        }
        true
    }

    /// What was asked for in the turns before.
    fn obey(&mut self) {
        loop {
            let orders = std::mem::take(&mut *self.shared.orders.borrow_mut());
            if orders.is_empty() {
                return;
            }
            for order in orders {
                match order {
                    Order::Start { parent, handle, realm, module } => {
                        if let Err(error) = self.start(realm, Some((parent, handle)), &module) {
                            self.tell_end((parent, handle), End::Failure(error.to_string()));
                        }
                    }
                    Order::End { realm } => {
                        if let Some(realm) = self.realms.get(&realm) {
                            realm.state.finish(End::Exit);
                        }
                        self.bury(realm);
                    }
                    Order::Limit { realm, patience } => {
                        if let Some(realm) = self.realms.get(&realm) {
                            realm.state.patience.set(patience);
                        }
                    }
                }
            }
        }
    }

    /// Messages that were posted up to now.
    fn deliver(&mut self) {
        let count = self.shared.mail.borrow().len();
        for _ in 0..count {
            let event = self.shared.mail.borrow_mut().pop_front();
            if let Some(event) = event {
                self.dispatch(event);
            }
        }
    }

    /// Timers that are due, then immediates.
    fn fire(&mut self) {
        let now = Instant::now();
        let mut due = Vec::new();
        let mut immediate = Vec::new();
        for (id, handle) in self.shared.handles.borrow_mut().iter_mut() {
            match &mut handle.kind {
                Kind::Timer(timer) if timer.due <= now => {
                    due.push((timer.due, handle.realm, id, timer.every.is_none()));
                    // A turn that was missed is not made up for.
                    if let Some(every) = timer.every {
                        timer.due = now + every;
                    }
                }
                Kind::Immediate => immediate.push((handle.realm, id, true)),
                _ => {}
            }
        }
        due.sort_unstable();
        let due = due.into_iter().map(|(_, realm, id, once)| (realm, id, once));
        for (realm, handle, once) in due.chain(immediate) {
            let mut handles = self.shared.handles.borrow_mut();
            // One before it may have dropped it.
            let there = handles.get(realm, handle).is_some();
            if once {
                handles.remove(realm, handle);
            }
            drop(handles);
            if there {
                self.dispatch(Event { realm, handle, what: "due", about: About::Nothing });
            }
        }
    }

    /// One handle is ready.
    fn hear(&mut self, id: HandleId) {
        let mut handles = self.shared.handles.borrow_mut();
        let Some((_, handle)) = handles.iter_mut().find(|(each, _)| *each == id) else { return };
        let realm = handle.realm;
        let (events, over) = poll::read(id, handle);
        if over {
            handles.remove(realm, id);
        }
        drop(handles);
        for event in events {
            self.dispatch(event);
        }
    }

    fn dispatch(&mut self, event: Event) {
        let Event { realm, handle, what, about } = event;
        let Some(doors) = self.doors(realm) else { return };
        self.turn(realm, |ctx| {
            let (a, b) = about.into_arguments(ctx)?;
            doors.dispatch.restore(ctx)?.call((handle, what, a, b))
        });
    }

    /// A realm with the runtime's own modules, and then `module`.
    fn start(
        &mut self,
        id: RealmId,
        parent: Option<(RealmId, HandleId)>,
        module: &str,
    ) -> Result<(), HostError> {
        self.runtime.set_memory_limit(WORKER_BYTES + RESERVE_BYTES);
        let context = Context::full(&self.runtime)?;
        let state = RealmState::new(id, parent);
        let home = Home { shared: Rc::clone(&self.shared), realm: Rc::clone(&state) };
        let made = context.with(|ctx| {
            let natives = natives::make(&ctx, &home)?;
            ctx.globals().set(modules::NATIVE_GLOBAL, natives)
        });
        self.realms.insert(id, Realm { context, state });
        made?;
        for name in [modules::START, module] {
            self.turn(id, |ctx| Module::import(ctx, name).map(drop));
        }
        Ok(())
    }

    fn doors(&self, id: RealmId) -> Option<Doors> {
        self.realms.get(&id)?.state.doors.borrow().clone()
    }

    /// `work` in a realm that lives, and all that follows from it.
    fn turn(&mut self, id: RealmId, work: impl FnOnce(&Ctx<'_>) -> rquickjs::Result<()>) {
        let Some(realm) = self.realms.get(&id).filter(|realm| !realm.state.has_ended()) else { return };
        self.limit_memory(id);
        self.shared.watchdog.begin(&realm.state);
        let failed = realm.context.with(|ctx| {
            let thrown = work(&ctx).catch(&ctx).err();
            thrown.map(|thrown| Persistent::save(&ctx, value_of(&ctx, thrown)))
        });
        if let Some(thrown) = failed {
            self.uncaught(id, thrown);
        }
        self.settle(id);
        self.shared.watchdog.end();
        self.bury(id);
    }

    fn limit_memory(&self, id: RealmId) {
        let reserve = if id == MAIN { RESERVE_BYTES } else { 0 };
        self.runtime.set_memory_limit(WORKER_BYTES + reserve);
    }

    /// Jobs (what waits for promises) and rejections, until there are none.
    fn settle(&mut self, id: RealmId) {
        loop {
            if self.has_ended(id) || self.shared.watchdog.is_over() {
                return;
            }
            match self.run_job() {
                Job::Done => {}
                Job::Threw(thrown) => self.uncaught(id, thrown),
                Job::None if self.tell_rejections() => {}
                Job::None => return,
            }
        }
    }

    fn run_job(&self) -> Job {
        match self.runtime.execute_pending_job() {
            Ok(true) => Job::Done,
            Ok(false) => Job::None,
            // What is not taken would be thrown again, at somebody else.
            Err(failed) => Job::Threw(failed.0.with(|ctx| Persistent::save(&ctx, ctx.catch()))),
        }
    }

    /// Returns whether there were any.
    fn tell_rejections(&mut self) -> bool {
        let rejections = std::mem::take(&mut *self.shared.rejections.borrow_mut());
        let any = !rejections.is_empty();
        for Rejection { realm, reason, .. } in rejections {
            self.call_door(realm, reason, |doors| doors.rejected);
        }
        any
    }

    fn uncaught(&mut self, id: RealmId, thrown: Persistent<Value<'static>>) {
        self.call_door(id, thrown, |doors| doors.uncaught);
    }

    /// Tells a realm of something that was thrown. What it throws over that is its end.
    fn call_door(
        &mut self,
        id: RealmId,
        thrown: Persistent<Value<'static>>,
        door: impl FnOnce(Doors) -> Persistent<rquickjs::Function<'static>>,
    ) {
        let Some(realm) = self.realms.get(&id).filter(|realm| !realm.state.has_ended()) else { return };
        let doors = realm.state.doors.borrow().clone();
        realm.context.with(|ctx| {
            let called = match doors {
                Some(doors) => {
                    door(doors).restore(&ctx).and_then(|door| door.call::<_, ()>((thrown.restore(&ctx)?,)))
                }
                None => thrown.restore(&ctx).and_then(|thrown| Err(ctx.throw(thrown))),
            };
            if let Err(error) = called.catch(&ctx) {
                realm.state.finish(End::Failure(error.to_string()));
            }
        });
    }

    fn has_ended(&self, id: RealmId) -> bool {
        self.realms.get(&id).is_none_or(|realm| realm.state.has_ended())
    }

    /// Removes a realm that has ended, with all it has, and tells its parent.
    fn bury(&mut self, id: RealmId) {
        if !self.has_ended(id) {
            return;
        }
        let Some(realm) = self.realms.remove(&id) else { return };
        self.shared.handles.borrow_mut().remove_all(id);
        self.shared.mail.borrow_mut().retain(|event| event.realm != id);
        self.drop_jobs(&realm);
        self.shared.rejections.borrow_mut().retain(|rejection| rejection.realm != id);
        realm.state.doors.borrow_mut().take();
        let end = realm.state.end.borrow_mut().take();
        let parent = realm.state.parent;
        drop(realm);
        self.runtime.run_gc();
        match (parent, end) {
            (Some(parent), Some(end)) => self.tell_end(parent, end),
            // Only a failure ends the main realm in this way.
            (_, end) => {
                if let Some(End::Failure(message)) = end {
                    eprintln!("{message}");
                }
                std::process::exit(1);
            }
        }
    }

    /// Jobs can't be taken out of the queue. With no memory to be had they can't put others in; each is interrupted at once.
    fn drop_jobs(&self, ended: &Realm) {
        self.shared.watchdog.begin(&ended.state);
        self.runtime.set_memory_limit(NO_BYTES);
        let left = (0..MOST_LEFT_JOBS).find(|_| matches!(self.run_job(), Job::None));
        self.runtime.set_memory_limit(WORKER_BYTES + RESERVE_BYTES);
        // An error for which there was no memory may be left of them, and would be taken for that of the next module.
        ended.context.with(|ctx| drop(ctx.catch()));
        self.shared.watchdog.end();
        if left.is_none() {
            eprintln!("what a worker has left behind does not end");
            std::process::exit(1);
        }
    }

    fn tell_end(&mut self, (realm, handle): (RealmId, HandleId), end: End) {
        let (what, about) = match end {
            End::Exit => ("exit", About::Nothing),
            End::Hang => ("hang", About::Nothing),
            End::Failure(message) => ("failed", About::Text(message)),
        };
        self.shared.handles.borrow_mut().remove(realm, handle);
        self.shared.mail.borrow_mut().push_back(Event { realm, handle, what, about });
    }
}

impl Drop for Machine {
    /// What is kept of a realm's values goes before the runtime that they belong to.
    fn drop(&mut self) {
        self.shared.mail.borrow_mut().clear();
        self.shared.rejections.borrow_mut().clear();
        for realm in self.realms.values() {
            realm.state.doors.borrow_mut().take();
        }
        self.realms.clear();
        self.runtime.set_interrupt_handler(None);
        self.runtime.set_host_promise_rejection_tracker(None);
    }
}

fn value_of<'js>(ctx: &Ctx<'js>, thrown: CaughtError<'js>) -> Value<'js> {
    match thrown {
        CaughtError::Exception(exception) => exception.into_value(),
        CaughtError::Value(value) => value,
        CaughtError::Error(error) => {
            let text = rquickjs::String::from_str(ctx.clone(), &error.to_string());
            text.map_or_else(|_| Value::new_undefined(ctx.clone()), rquickjs::String::into_value)
        }
    }
}

/// A promise was rejected that nobody waits for, or somebody waits for it now.
fn note_rejection<'js>(
    shared: &Shared,
    ctx: &Ctx<'js>,
    promise: Value<'js>,
    reason: Value<'js>,
    handled: bool,
) {
    let Some(realm) = shared.watchdog.realm() else { return };
    let promise = Persistent::save(ctx, promise);
    let mut rejections = shared.rejections.borrow_mut();
    if handled {
        rejections.retain(|known| known.promise != promise);
    } else {
        rejections.push(Rejection { realm, promise, reason: Persistent::save(ctx, reason) });
    }
}

//! Realms: their doors, their workers, messages, patience and ends; and the evaluation of texts.

use super::{Home, native, processes};
use crate::event::{About, Event, Order};
use crate::handles::{Handle, HandleId, Kind};
use crate::realm::{Doors, End, MAIN, Patience, RealmId};
use rquickjs::context::EvalOptions;
use rquickjs::{Function, Object, Persistent, Value};
use std::time::Duration;

/// What a parent's message to a worker is addressed to: the worker has no handle of its parent.
pub(crate) const PARENT: HandleId = 0;
/// Exit code of a program that nothing has caught an error of.
const UNCAUGHT: i32 = 1;

pub(super) fn add<'js>(natives: &Object<'js>, home: &Home) -> rquickjs::Result<()> {
    natives.set("isMain", home.realm.id == MAIN)?;
    native!(natives, home, "doors", |ctx,
                                     dispatch: Function<'js>,
                                     uncaught: Function<'js>,
                                     rejected: Function<'js>|
     -> () {
        *home.realm.doors.borrow_mut() = Some(Doors {
            dispatch: Persistent::save(&ctx, dispatch),
            uncaught: Persistent::save(&ctx, uncaught),
            rejected: Persistent::save(&ctx, rejected),
        });
        Ok(())
    });
    native!(natives, home, "evaluate", |ctx, text: String, name: String| -> Value<'js> {
        let mut options = EvalOptions::default();
        options.strict = false;
        options.filename = Some(name);
        ctx.eval_with_options(text, options)
    });
    native!(natives, home, "worker", |ctx, module: String| -> HandleId {
        let _ = ctx;
        let mut handles = home.shared.handles.borrow_mut();
        // Handles and realms share their numbers.
        let (handle, realm) = (handles.next_id(), handles.next_id());
        handles.put(handle, Handle { realm: home.realm.id, keeps: true, kind: Kind::Worker(realm) });
        let order = Order::Start { parent: home.realm.id, handle, realm, module };
        home.shared.orders.borrow_mut().push(order);
        Ok(handle)
    });
    native!(natives, home, "post", |ctx, handle: HandleId, value: Value<'js>| -> () {
        if let Some(realm) = worker(home, handle) {
            post(home, realm, PARENT, Persistent::save(&ctx, value));
        }
        Ok(())
    });
    native!(natives, home, "postParent", |ctx, value: Value<'js>| -> () {
        if let Some((realm, handle)) = home.realm.parent {
            post(home, realm, handle, Persistent::save(&ctx, value));
        }
        Ok(())
    });
    native!(natives, home, "terminate", |ctx, handle: HandleId| -> () {
        let _ = ctx;
        if let Some(realm) = worker(home, handle) {
            home.shared.orders.borrow_mut().push(Order::End { realm });
        }
        Ok(())
    });
    native!(natives, home, "limit", |ctx, handle: HandleId, somebody_ms: f64, nobody_ms: f64| -> () {
        let _ = ctx;
        if let Some(realm) = worker(home, handle) {
            let patience = Patience { somebody: ms(somebody_ms), nobody: ms(nobody_ms) };
            home.shared.orders.borrow_mut().push(Order::Limit { realm, patience });
        }
        Ok(())
    });
    let pulsing = home.clone();
    let pulse = move |somebody: bool| pulsing.shared.watchdog.pulse(somebody);
    natives.set("pulse", Function::new(natives.ctx().clone(), pulse)?)?;
    native!(natives, home, "exit", |ctx, code: i32| -> () {
        if home.realm.id == MAIN {
            processes::exit(&ctx, code);
        }
        home.realm.finish(End::Exit);
        Ok(())
    });
    native!(natives, home, "fail", |ctx, message: String| -> () {
        if home.realm.id == MAIN {
            eprintln!("{message}");
            processes::exit(&ctx, UNCAUGHT);
        }
        home.realm.finish(End::Failure(message));
        Ok(())
    });
    Ok(())
}

fn ms(ms: f64) -> Duration {
    Duration::try_from_secs_f64(ms / 1e3).unwrap_or(Duration::MAX)
}

fn worker(home: &Home, handle: HandleId) -> Option<RealmId> {
    match home.shared.handles.borrow_mut().get(home.realm.id, handle)?.kind {
        Kind::Worker(realm) => Some(realm),
        _ => None,
    }
}

fn post(home: &Home, realm: RealmId, handle: HandleId, value: Persistent<Value<'static>>) {
    let event = Event { realm, handle, what: "message", about: About::Foreign(value) };
    home.shared.mail.borrow_mut().push_back(event);
}

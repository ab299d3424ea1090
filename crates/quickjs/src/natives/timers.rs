//! Time, and what is to happen later.

use super::{Home, native};
use crate::handles::{HandleId, Kind, Timer};
use rquickjs::Object;
use std::time::{Duration, Instant};

/// Longer than anybody waits: what does not fit a `Duration` is this.
const LONGEST_MS: f64 = 1e12;

pub(super) fn add<'js>(natives: &Object<'js>, home: &Home) -> rquickjs::Result<()> {
    natives.set("originMs", home.shared.origin_ms)?;
    let clock = home.clone();
    natives.set("nowMs", rquickjs::Function::new(natives.ctx().clone(), move || clock.shared.now_ms())?)?;
    native!(natives, home, "timer", |ctx, ms: f64, again: bool| -> HandleId {
        let _ = ctx;
        let wait = Duration::from_secs_f64(ms.clamp(1.0, LONGEST_MS) / 1e3);
        let timer = Timer { due: Instant::now() + wait, every: again.then_some(wait) };
        Ok(home.shared.handles.borrow_mut().add(home.realm.id, true, Kind::Timer(timer)))
    });
    native!(natives, home, "immediate", |ctx| -> HandleId {
        let _ = ctx;
        Ok(home.shared.handles.borrow_mut().add(home.realm.id, true, Kind::Immediate))
    });
    native!(natives, home, "keep", |ctx, id: HandleId, keeps: bool| -> () {
        let _ = ctx;
        if let Some(handle) = home.shared.handles.borrow_mut().get(home.realm.id, id) {
            handle.keeps = keeps;
        }
        Ok(())
    });
    native!(natives, home, "drop", |ctx, id: HandleId| -> () {
        let _ = ctx;
        home.shared.handles.borrow_mut().remove(home.realm.id, id);
        Ok(())
    });
    Ok(())
}

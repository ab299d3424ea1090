//! Which sinks PipeWire has, asked in one round trip.

use pipewire::types::ObjectType;
use pipewire::{context::ContextRc, main_loop::MainLoopRc};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// How long the server may take to list what it has.
const PATIENCE: Duration = Duration::from_secs(2);

/// A sink: its name, and what it is called for people.
pub(super) struct Sink {
    pub(super) name: String,
    pub(super) description: String,
}

/// All sinks there are now.
pub(super) fn sinks() -> Result<Vec<Sink>, pipewire::Error> {
    pipewire::init();
    let main_loop = MainLoopRc::new(None)?;
    let context = ContextRc::new(&main_loop, None)?;
    let core = context.connect_rc(None)?;
    let registry = core.get_registry()?;
    let found = Rc::new(RefCell::new(Vec::new()));
    let _objects = registry
        .add_listener_local()
        .global({
            let found = Rc::clone(&found);
            move |object| {
                let Some(properties) = object.props.filter(|_| object.type_ == ObjectType::Node) else {
                    return;
                };
                let Some(name) = properties.get("node.name") else { return };
                if properties.get("media.class") == Some("Audio/Sink") {
                    let description = properties.get("node.description").unwrap_or(name).to_string();
                    found.borrow_mut().push(Sink { name: name.to_string(), description });
                }
            }
        })
        .register();
    let all = core.sync(0)?;
    let _done = core
        .add_listener_local()
        .done({
            let main_loop = main_loop.clone();
            move |_, answer| {
                if answer == all {
                    main_loop.quit();
                }
            }
        })
        .register();
    let timer = main_loop.loop_().add_timer({
        let main_loop = main_loop.clone();
        move |_| main_loop.quit()
    });
    // A timer that can't be set leaves the answer itself to end the wait.
    let _ = timer.update_timer(Some(PATIENCE), None);
    main_loop.run();
    let found = found.take();
    Ok(found)
}

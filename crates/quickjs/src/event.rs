//! What befalls a realm, and what the loop is asked to do.

use crate::handles::HandleId;
use crate::realm::{Patience, RealmId};
use rquickjs::{Ctx, IntoJs, Persistent, Value};

/// Something for the listener of one handle.
pub(crate) struct Event {
    pub(crate) realm: RealmId,
    pub(crate) handle: HandleId,
    /// What happened, as the listener knows it.
    pub(crate) what: &'static str,
    pub(crate) about: About,
}

/// With what.
pub(crate) enum About {
    Nothing,
    Text(String),
    /// What went wrong: the code of Node, and a sentence.
    Failure(String, String),
    Number(f64),
    /// A value of another realm, to be copied.
    Foreign(Persistent<Value<'static>>),
}

impl About {
    /// As the two arguments that the listener gets.
    pub(crate) fn into_arguments<'js>(self, ctx: &Ctx<'js>) -> rquickjs::Result<(Value<'js>, Value<'js>)> {
        let nothing = Value::new_undefined(ctx.clone());
        Ok(match self {
            Self::Nothing => (nothing.clone(), nothing),
            Self::Text(text) => (text.into_js(ctx)?, nothing),
            Self::Failure(code, message) => (code.into_js(ctx)?, message.into_js(ctx)?),
            Self::Number(number) => (number.into_js(ctx)?, nothing),
            Self::Foreign(value) => (value.restore(ctx)?, nothing),
        })
    }
}

/// What can't be done while JavaScript runs.
pub(crate) enum Order {
    /// A realm for the module at the path `module`; its parent knows it by `handle`.
    Start { parent: RealmId, handle: HandleId, realm: RealmId, module: String },
    /// The end of a realm, told to its parent.
    End { realm: RealmId },
    /// How long a realm's turns may take from now on.
    Limit { realm: RealmId, patience: Patience },
}

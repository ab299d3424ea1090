//! The functions that JavaScript calls by name, in the module `forebay:native`. Each of a realm's functions knows its realm;
//! those of one that has ended do nothing more.

mod files;
mod processes;
mod realms;
mod streams;
mod timers;

use crate::realm::RealmState;
use crate::shared::Shared;
use rquickjs::{Ctx, Error, Exception, Object};
use std::io;
use std::path::Path;
use std::rc::Rc;

/// What a native function belongs to.
#[derive(Clone)]
pub(crate) struct Home {
    pub(crate) shared: Rc<Shared>,
    pub(crate) realm: Rc<RealmState>,
}

impl Home {
    /// Refuses what a realm wants that has ended.
    fn check(&self, ctx: &Ctx<'_>) -> rquickjs::Result<()> {
        if self.realm.has_ended() {
            Err(Exception::throw_internal(ctx, "this realm has ended"))
        } else {
            Ok(())
        }
    }
}

/// Sets `$target.$name` to a function `|$home, $ctx, ..| -> rquickjs::Result<..>` that does nothing for an ended realm.
macro_rules! native {
    ($target:ident, $home:ident, $name:literal, |$ctx:ident $(, $arg:ident: $type:ty)*| -> $result:ty $body:block) => {{
        let $home = $home.clone();
        let function = move |$ctx: rquickjs::Ctx<'js> $(, $arg: $type)*| -> rquickjs::Result<$result> {
            let $home = &$home;
            $home.check(&$ctx)?;
            $body
        };
        $target.set($name, rquickjs::Function::new($target.ctx().clone(), function)?)?;
    }};
}
pub(crate) use native;

/// All natives of a realm.
pub(crate) fn make<'js>(ctx: &Ctx<'js>, home: &Home) -> rquickjs::Result<Object<'js>> {
    let natives = Object::new(ctx.clone())?;
    files::add(&natives, home)?;
    processes::add(&natives, home)?;
    realms::add(&natives, home)?;
    streams::add(&natives, home)?;
    timers::add(&natives, home)?;
    Ok(natives)
}

/// The code of Node for an error of the system, and a sentence like its own.
pub(crate) fn failure(error: &io::Error, call: &str, path: Option<&Path>) -> (String, String) {
    let code = match error.kind() {
        io::ErrorKind::NotFound => "ENOENT",
        io::ErrorKind::PermissionDenied => "EACCES",
        io::ErrorKind::ConnectionRefused => "ECONNREFUSED",
        io::ErrorKind::ConnectionReset => "ECONNRESET",
        io::ErrorKind::BrokenPipe => "EPIPE",
        io::ErrorKind::AlreadyExists => "EEXIST",
        io::ErrorKind::IsADirectory => "EISDIR",
        io::ErrorKind::NotADirectory => "ENOTDIR",
        io::ErrorKind::InvalidInput => "EINVAL",
        io::ErrorKind::StorageFull => "ENOSPC",
        _ => "EIO",
    };
    let place = path.map(|path| format!(" '{}'", path.display())).unwrap_or_default();
    (code.to_owned(), format!("{code}: {error}, {call}{place}"))
}

/// Throws an error of the system as Node does: with its `code`.
fn thrown(ctx: &Ctx<'_>, error: &io::Error, call: &str, path: Option<&Path>) -> Error {
    let (code, message) = failure(error, call, path);
    match Exception::from_message(ctx.clone(), &message) {
        Ok(exception) => match exception.as_object().set("code", code) {
            Ok(()) => exception.throw(),
            Err(error) => error,
        },
        Err(error) => error,
    }
}

//! Sockets, and the standard streams.

use super::{Home, native, thrown};
use crate::handles::{HandleId, Kind};
use crate::socket::Socket;
use crate::text::Decoder;
use rquickjs::{Exception, Object, TypedArray};
use std::io::Write;
use std::path::PathBuf;

pub(super) fn add<'js>(natives: &Object<'js>, home: &Home) -> rquickjs::Result<()> {
    native!(natives, home, "connect", |ctx, path: String| -> HandleId {
        let path = PathBuf::from(path);
        let socket = Socket::connect(&path).map_err(|error| thrown(&ctx, &error, "connect", Some(&path)))?;
        Ok(home.shared.handles.borrow_mut().add(home.realm.id, true, Kind::Socket(socket)))
    });
    native!(natives, home, "send", |ctx, id: HandleId, text: String| -> () {
        let mut handles = home.shared.handles.borrow_mut();
        match handles.get(home.realm.id, id).map(|handle| &mut handle.kind) {
            Some(Kind::Socket(socket)) => {
                socket.send(text.as_bytes()).map_err(|error| thrown(&ctx, &error, "write", None))
            }
            _ => Err(Exception::throw_message(&ctx, "EPIPE: the socket is closed, write")),
        }
    });
    native!(natives, home, "stdin", |ctx| -> HandleId {
        let _ = ctx;
        Ok(home.shared.handles.borrow_mut().add(
            home.realm.id,
            true,
            Kind::Stdin(std::io::stdin(), Decoder::default()),
        ))
    });
    native!(natives, home, "print", |ctx, text: String| -> () {
        let mut out = std::io::stdout().lock();
        let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        written.map_err(|error| thrown(&ctx, &error, "write", None))
    });
    native!(natives, home, "complain", |ctx, text: String| -> () {
        let _ = ctx;
        // Where nobody reads it there is nobody to tell.
        let _ = std::io::stderr().write_all(text.as_bytes());
        Ok(())
    });
    native!(natives, home, "encode", |ctx, text: String| -> TypedArray<'js, u8> {
        TypedArray::new(ctx.clone(), text.into_bytes())
    });
    Ok(())
}

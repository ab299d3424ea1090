//! Files: read and written at positions, read whole, looked at, watched.

use super::{Home, native, thrown};
use crate::folder::Folder;
use crate::handles::{HandleId, Kind};
use rquickjs::function::Rest;
use rquickjs::{Ctx, Exception, Object, TypedArray};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::PathBuf;

pub(super) fn add<'js>(natives: &Object<'js>, home: &Home) -> rquickjs::Result<()> {
    native!(natives, home, "open", |ctx, path: String, writes: bool| -> HandleId {
        let path = PathBuf::from(path);
        let opened = File::options().read(true).write(writes).open(&path);
        let file = opened.map_err(|error| thrown(&ctx, &error, "open", Some(&path)))?;
        Ok(home.shared.handles.borrow_mut().add(home.realm.id, false, Kind::File(file)))
    });
    native!(natives, home, "size", |ctx, id: HandleId| -> f64 {
        with_file(home, &ctx, id, "fstat", |file| Ok(file.metadata()?.len() as f64))
    });
    native!(natives, home, "read", |ctx, id: HandleId, at: f64, count: usize| -> TypedArray<'js, u8> {
        let mut bytes = vec![0; count];
        let got = with_file(home, &ctx, id, "read", |file| file.read_at(&mut bytes, at as u64))?;
        bytes.truncate(got);
        TypedArray::new(ctx.clone(), bytes)
    });
    // Bytes come as the numbers of a typed array over them, as wide as their place and count allow: a call with arguments is
    // the one way to them that needs no pointer.
    native!(natives, home, "write1", |ctx, id: HandleId, at: f64, bytes: Rest<u8>| -> usize {
        write(home, &ctx, id, at, bytes.iter().copied().collect())
    });
    native!(natives, home, "write4", |ctx, id: HandleId, at: f64, words: Rest<f64>| -> usize {
        write(home, &ctx, id, at, words.iter().flat_map(|word| (*word as u32).to_ne_bytes()).collect())
    });
    native!(natives, home, "write8", |ctx, id: HandleId, at: f64, doubles: Rest<f64>| -> usize {
        write(home, &ctx, id, at, doubles.iter().flat_map(|double| double.to_ne_bytes()).collect())
    });
    native!(natives, home, "readText", |ctx, path: String| -> String {
        let path = PathBuf::from(path);
        let bytes = fs::read(&path).map_err(|error| thrown(&ctx, &error, "open", Some(&path)))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    });
    native!(natives, home, "readLink", |ctx, path: String| -> String {
        let path = PathBuf::from(path);
        let target = fs::read_link(&path).map_err(|error| thrown(&ctx, &error, "readlink", Some(&path)))?;
        Ok(target.to_string_lossy().into_owned())
    });
    native!(natives, home, "look", |ctx, path: String, follows: bool| -> Object<'js> {
        let path = PathBuf::from(path);
        let found = if follows { fs::metadata(&path) } else { fs::symlink_metadata(&path) };
        let found = found.map_err(|error| thrown(&ctx, &error, "stat", Some(&path)))?;
        let look = Object::new(ctx.clone())?;
        look.set("size", found.len() as f64)?;
        look.set("mtimeMs", found.mtime() as f64 * 1e3 + found.mtime_nsec() as f64 / 1e6)?;
        look.set("isFolder", found.is_dir())?;
        look.set("uid", found.uid())?;
        look.set("mode", found.mode())?;
        Ok(look)
    });
    native!(natives, home, "checkExecutable", |ctx, path: String| -> () {
        let path = PathBuf::from(path);
        let allowed = fs::metadata(&path).and_then(|found| {
            let may = found.permissions().mode() & 0o111 != 0;
            if may { Ok(()) } else { Err(io::ErrorKind::PermissionDenied.into()) }
        });
        allowed.map_err(|error| thrown(&ctx, &error, "access", Some(&path)))
    });
    native!(natives, home, "watch", |ctx, path: String| -> HandleId {
        let path = PathBuf::from(path);
        let folder = Folder::watch(&path).map_err(|error| thrown(&ctx, &error, "watch", Some(&path)))?;
        Ok(home.shared.handles.borrow_mut().add(home.realm.id, true, Kind::Folder(folder)))
    });
    Ok(())
}

fn write(home: &Home, ctx: &Ctx<'_>, id: HandleId, at: f64, bytes: Vec<u8>) -> rquickjs::Result<usize> {
    with_file(home, ctx, id, "write", |file| file.write_at(&bytes, at as u64))
}

fn with_file<T>(
    home: &Home,
    ctx: &Ctx<'_>,
    id: HandleId,
    call: &str,
    work: impl FnOnce(&mut File) -> io::Result<T>,
) -> rquickjs::Result<T> {
    let mut handles = home.shared.handles.borrow_mut();
    let Some(file) = handles.file(home.realm.id, id) else {
        return Err(Exception::throw_message(ctx, &format!("EBADF: no file {id} is open, {call}")));
    };
    work(file).map_err(|error| thrown(ctx, &error, call, None))
}

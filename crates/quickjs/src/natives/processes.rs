//! This process and others: environment, signals, children.

use super::{Home, native, thrown};
use crate::handles::{HandleId, Kind};
use rquickjs::{Ctx, Exception, Object};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::low_level::pipe;
use std::collections::HashMap;
use std::io;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

pub(super) fn add<'js>(natives: &Object<'js>, home: &Home) -> rquickjs::Result<()> {
    natives.set("pid", std::process::id())?;
    natives.set("uid", rustix::process::getuid().as_raw())?;
    natives.set("version", crate::VERSION)?;
    natives.set("argv", arguments(home))?;
    natives.set("environment", environment())?;
    natives.set("folder", std::env::current_dir().unwrap_or_default().to_string_lossy().into_owned())?;
    native!(natives, home, "signal", |ctx, name: String| -> HandleId {
        let number = match name.as_str() {
            "SIGTERM" => SIGTERM,
            "SIGHUP" => SIGHUP,
            "SIGINT" => SIGINT,
            _ => return Err(Exception::throw_message(&ctx, &format!("{name} can't be listened to"))),
        };
        let heard = listen(number).map_err(|error| thrown(&ctx, &error, "sigaction", None))?;
        Ok(home.shared.handles.borrow_mut().add(home.realm.id, false, Kind::Signal(heard)))
    });
    native!(natives, home, "spawn", |ctx,
                                     program: String,
                                     arguments: Vec<String>,
                                     environment: HashMap<String, String>|
     -> HandleId {
        spawn(home, &program, &arguments, &environment)
            .map_err(|error| thrown(&ctx, &error, "spawn", Some(Path::new(&program))))
    });
    Ok(())
}

/// As Node gives them: the runtime, the entry, the rest.
fn arguments(home: &Home) -> Vec<String> {
    let own = std::env::current_exe().unwrap_or_default().to_string_lossy().into_owned();
    let entry = home.shared.entry.to_string_lossy().into_owned();
    [own, entry].into_iter().chain(home.shared.arguments.iter().cloned()).collect()
}

fn environment() -> HashMap<String, String> {
    let text = |value: std::ffi::OsString| value.to_string_lossy().into_owned();
    std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect()
}

fn listen(signal: i32) -> io::Result<UnixStream> {
    let (heard, told) = UnixStream::pair()?;
    heard.set_nonblocking(true)?;
    pipe::register(signal, told)?;
    Ok(heard)
}

/// A child in a process group of its own that this process neither talks to nor waits for.
fn spawn(
    home: &Home,
    program: &str,
    arguments: &[String],
    environment: &HashMap<String, String>,
) -> io::Result<HandleId> {
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(environment).process_group(0);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn()?;
    let end = pidfd_open(Pid::from_child(&child), PidfdFlags::empty())?;
    Ok(home.shared.handles.borrow_mut().add(home.realm.id, true, Kind::Child(child, end)))
}

/// Ends this process.
pub(super) fn exit(ctx: &Ctx<'_>, code: i32) -> ! {
    let _ = ctx;
    std::process::exit(code)
}

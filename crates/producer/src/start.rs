//! Reaching the daemon, and starting one where none serves.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use session::{Place, PlaceError, os};
use thiserror::Error;

/// How long a daemon may take to serve, unless `FOREBAY_START_TIMEOUT` (in milliseconds) says otherwise.
pub const START_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two attempts while a daemon starts.
const RETRY: Duration = Duration::from_millis(10);
/// After the end of the daemon that we started: another one, started by somebody else, may be about to serve.
const GRACE: Duration = Duration::from_millis(500);

/// Why no daemon was reached.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReachError {
    /// The place of the socket is not safe or not possible.
    #[error("{0}")]
    Place(#[from] PlaceError),
    /// Nobody serves, and nobody was to be started.
    #[error("no forebay daemon serves {}: start one with `forebay run`", .0.display())]
    NotServed(PathBuf),
    /// There is no forebay to start.
    #[error(
        "no forebay daemon serves {}, and there is no `forebay` to start one: set FOREBAY_BIN to the program, or put it on PATH",
        .0.display()
    )]
    NoProgram(PathBuf),
    /// `FOREBAY_BIN` names something else than a program.
    #[error("FOREBAY_BIN names {}, which can't be run: {error}", program.display())]
    NotAProgram {
        /// What it names.
        program: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// The daemon was started and does not serve.
    #[error(
        "{} was started and does not serve {} within {} ms{}: run `{} run` by hand to see why (FOREBAY_START_TIMEOUT sets the wait)",
        program.display(), socket.display(), waited.as_millis(),
        ended.as_ref().map(|how| format!(" (it ended with {how})")).unwrap_or_default(), program.display()
    )]
    DoesNotServe {
        /// The program.
        program: PathBuf,
        /// The socket it should serve.
        socket: PathBuf,
        /// How long it was given.
        waited: Duration,
        /// How it ended, if it did.
        ended: Option<String>,
    },
    /// Somebody else serves there.
    #[error("the daemon at {} runs as user {uid}, not as you: set FOREBAY_SOCKET to a place of your own", socket.display())]
    NotYours {
        /// The socket.
        socket: PathBuf,
        /// Who serves it.
        uid: u32,
    },
    /// The system refused.
    #[error("cannot connect to {}: {error}", socket.display())]
    System {
        /// The socket.
        socket: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// Connects to the daemon: by an inherited socket, else by path; starts one if `may_start`.
pub(crate) fn reach(socket: Option<&Path>, may_start: bool) -> Result<UnixStream, ReachError> {
    let place = match socket {
        Some(path) => Place::of(Some(path.into()), None, os::own_uid())?,
        None => {
            if let Some(inherited) = os::inherited_socket() {
                return Ok(inherited);
            }
            Place::from_environment()?
        }
    };
    place.check()?;
    if let Some(stream) = try_connect(place.socket())? {
        return Ok(stream);
    }
    if !may_start {
        return Err(ReachError::NotServed(place.socket().into()));
    }
    start(&place)
}

/// `None` where nobody serves: no socket, or one that its daemon left behind.
fn try_connect(socket: &Path) -> Result<Option<UnixStream>, ReachError> {
    let system = |error| ReachError::System { socket: socket.into(), error };
    match UnixStream::connect(socket) {
        Ok(stream) => {
            let uid = os::peer(&stream).map_err(system)?.uid;
            if uid == os::own_uid() {
                Ok(Some(stream))
            } else {
                Err(ReachError::NotYours { socket: socket.into(), uid })
            }
        }
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Ok(None),
            _ => Err(system(error)),
        },
    }
}

/// The program that is started as a daemon: `FOREBAY_BIN`, else `forebay` on `PATH`.
pub fn find_program() -> Option<PathBuf> {
    if let Some(program) = std::env::var_os("FOREBAY_BIN").filter(|value| !value.is_empty()) {
        return Some(program.into());
    }
    find_on_path("forebay", &std::env::var_os("PATH")?)
}

fn find_on_path(name: &str, path: &OsStr) -> Option<PathBuf> {
    let runnable = |program: &PathBuf| {
        std::fs::metadata(program)
            .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    std::env::split_paths(path)
        .filter(|folder| folder.as_os_str().as_bytes().first() == Some(&b'/'))
        .map(|folder| folder.join(name))
        .find(runnable)
}

/// How long a daemon may take to serve: [`START_TIMEOUT`], or what `FOREBAY_START_TIMEOUT` says.
pub fn start_timeout() -> Duration {
    let set = std::env::var("FOREBAY_START_TIMEOUT").ok().and_then(|text| text.parse().ok());
    set.map_or(START_TIMEOUT, Duration::from_millis)
}

/// Starts a daemon in a process group of its own, so that a Ctrl-C here does not end it, and waits for its socket. When
/// two producers do so at once, the second daemon sees the first and ends; both are served by the first.
fn start(place: &Place) -> Result<UnixStream, ReachError> {
    let socket = place.socket();
    let program = find_program().ok_or_else(|| ReachError::NoProgram(socket.into()))?;
    let mut command = Command::new(&program);
    if place.is_given() {
        command.env("FOREBAY_SOCKET", socket);
    }
    let mut daemon = command
        .arg("run")
        .env_remove(os::SESSION_FD)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(|error| ReachError::NotAProgram { program: program.clone(), error })?;
    let timeout = start_timeout();
    let mut deadline = Instant::now() + timeout;
    let mut ended = None;
    loop {
        if let Some(stream) = try_connect(socket)? {
            reap(daemon);
            return Ok(stream);
        }
        if ended.is_none() {
            ended = daemon.try_wait().ok().flatten();
            if ended.is_some() {
                deadline = deadline.min(Instant::now() + GRACE);
            }
        }
        if Instant::now() >= deadline {
            let ended = ended.map(|status| status.to_string());
            reap(daemon);
            return Err(ReachError::DoesNotServe { program, socket: socket.into(), waited: timeout, ended });
        }
        std::thread::sleep(RETRY);
    }
}

/// Lets the daemon outlive us, or be buried when it ends first.
fn reap(mut daemon: Child) {
    let bury = move || drop(daemon.wait());
    // Without a thread the daemon stays unburied until we end: no harm.
    let _no_thread =
        std::thread::Builder::new().name("forebay-reap".into()).stack_size(64 * 1024).spawn(bury);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Only what can be run is found, folders in their order, relative ones never.
    #[test]
    fn the_program_on_the_path() {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let path = std::env::join_paths([Path::new("."), first.path(), second.path()]).unwrap();
        std::fs::write(first.path().join("forebay"), "not to be run").unwrap();
        assert_eq!(find_on_path("forebay", &path), None);
        let program = second.path().join("forebay");
        std::fs::write(&program, "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(find_on_path("forebay", &path), Some(program));
    }
}

//! Where live sessions have their sockets: a private folder beside the daemon's socket, one socket per session, named
//! as the session is.
//!
//! A session holds the folder's lock while it takes its name, so that two of them never take the same one, and nobody
//! removes a socket that has just been bound.

use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use session::door::{OwnSocket, is_served};
use session::place::{MAX_SOCKET_PATH_BYTES, check_private, make_private};
use session::{Place, PlaceError, os};
use thiserror::Error;

const SUFFIX: &str = ".sock";
const LOCK: &str = ".lock";
/// Sessions of one file name at once.
const MOST_NAMESAKES: usize = 1000;

/// Why a session can't be reached, or has no place.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReachError {
    /// The folder is not safe or not possible.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// No session runs.
    #[error("no live session runs (none answers in {})", .0.display())]
    NoneRuns(PathBuf),
    /// Several run, and none was named.
    #[error("{} live sessions run: {}", .0.len(), .0.join(", "))]
    Several(Vec<String>),
    /// None has this name.
    #[error("no live session is called '{name}'; {} {}", if running.len() == 1 { "there is" } else { "there are" }, running.join(", "))]
    NoSuch {
        /// The name asked for.
        name: String,
        /// Those that run.
        running: Vec<String>,
    },
    /// The address has no room for the path.
    #[error(
        "the socket path {} has {} bytes, at most {MAX_SOCKET_PATH_BYTES} fit: give the session a shorter --name",
        .0.display(), .0.as_os_str().len()
    )]
    TooLong(PathBuf),
    /// Its process belongs to somebody else.
    #[error("the session at {} runs as user {uid}, not as you", socket.display())]
    NotYours {
        /// Its socket.
        socket: PathBuf,
        /// Who runs it.
        uid: u32,
    },
    /// The system refuses.
    #[error("can't use {}: {error}", path.display())]
    System {
        /// What could not be used.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

fn system(path: &Path) -> impl FnOnce(io::Error) -> ReachError {
    let path = path.to_owned();
    move |error| ReachError::System { path, error }
}

/// The name of a session and the socket at which it listens. Dropping it removes the socket.
#[derive(Debug)]
pub struct Claim {
    name: String,
    path: PathBuf,
    own: OwnSocket,
    listener: UnixListener,
}

impl Claim {
    /// Takes `wanted` as the name of a session, or that with a number where a session of the name runs.
    ///
    /// # Errors
    /// When the folder is not safe, or no socket can be made there.
    pub fn take(place: &Place, wanted: &str) -> Result<Self, ReachError> {
        place.prepare()?;
        let folder = place.live_folder();
        make_private(&folder)?;
        let _lock = lock(&folder)?;
        let wanted = as_file_name(wanted);
        for number in 1..=MOST_NAMESAKES {
            let name = if number == 1 { wanted.clone() } else { format!("{wanted}-{number}") };
            let path = folder.join(format!("{name}{SUFFIX}"));
            if path.as_os_str().len() > MAX_SOCKET_PATH_BYTES {
                return Err(ReachError::TooLong(path));
            }
            if !is_served(&path) {
                return Self::bind(name, path);
            }
        }
        Err(ReachError::System { path: folder, error: io::ErrorKind::AlreadyExists.into() })
    }

    /// Whoever was there before is gone.
    fn bind(name: String, path: PathBuf) -> Result<Self, ReachError> {
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(system(&path)(error)),
            _ => {}
        }
        let listener = UnixListener::bind(&path).map_err(system(&path))?;
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).map_err(system(&path))?;
        let own = OwnSocket::at(&path).map_err(system(&path))?;
        Ok(Self { name, path, own, listener })
    }

    /// What the session is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its socket.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn listener(&self) -> &UnixListener {
        &self.listener
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.own.remove();
    }
}

/// The names of the sessions that run, in order. Sockets that dead ones have left are removed.
///
/// # Errors
/// When the folder is not safe or can't be read.
pub fn running(place: &Place) -> Result<Vec<String>, ReachError> {
    place.check()?;
    let folder = place.live_folder();
    check_private(&folder)?;
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(system(&folder)(error)),
    };
    let mut names = Vec::new();
    for entry in entries.filter_map(Result::ok) {
        let Some(name) =
            entry.file_name().to_str().and_then(|name| name.strip_suffix(SUFFIX).map(str::to_owned))
        else {
            continue;
        };
        if is_served(&entry.path()) {
            names.push(name);
        } else {
            remove_stale(&folder, &entry.path());
        }
    }
    names.sort();
    Ok(names)
}

/// Looked at once more under the lock: somebody may have taken the name meanwhile. One that can't be removed does no harm.
fn remove_stale(folder: &Path, socket: &Path) {
    if let Ok(_lock) = lock(folder)
        && !is_served(socket)
    {
        let _ = std::fs::remove_file(socket);
    }
}

/// A session that runs: `wanted` by its name or the beginning of it, or the only one.
///
/// # Errors
/// When there is none, or more than one that could be meant.
pub fn find(place: &Place, wanted: Option<&str>) -> Result<PathBuf, ReachError> {
    let folder = place.live_folder();
    let running = running(place)?;
    let Some(wanted) = wanted else {
        return match running.as_slice() {
            [] => Err(ReachError::NoneRuns(folder)),
            [name] => Ok(folder.join(format!("{name}{SUFFIX}"))),
            _ => Err(ReachError::Several(running)),
        };
    };
    let begun: Vec<_> = running.iter().filter(|name| name.starts_with(wanted)).collect();
    match (running.iter().find(|name| *name == wanted), begun.as_slice()) {
        (Some(name), _) | (None, &[name]) => Ok(folder.join(format!("{name}{SUFFIX}"))),
        _ if running.is_empty() => Err(ReachError::NoneRuns(folder)),
        _ => Err(ReachError::NoSuch { name: wanted.to_owned(), running }),
    }
}

/// Connects to a session's socket; its process is this user's.
pub(super) fn connect(socket: &Path) -> Result<UnixStream, ReachError> {
    let stream = UnixStream::connect(socket).map_err(system(socket))?;
    let uid = os::peer(&stream).map_err(system(socket))?.uid;
    if uid != os::own_uid() {
        return Err(ReachError::NotYours { socket: socket.to_owned(), uid });
    }
    Ok(stream)
}

fn lock(folder: &Path) -> Result<File, ReachError> {
    let path = folder.join(LOCK);
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
    let file = file.map_err(system(&path))?;
    flock(&file, FlockOperation::LockExclusive).map_err(|error| system(&path)(error.into()))?;
    Ok(file)
}

/// A name that is one file's in one folder.
fn as_file_name(wanted: &str) -> String {
    let plain = |c: char| if c == '/' || c.is_control() { '_' } else { c };
    let name: String = wanted.chars().map(plain).collect();
    if name.is_empty() || name.starts_with('.') { format!("_{name}") } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(runtime: &Path) -> Place {
        Place::of(None, Some(runtime.into()), os::own_uid()).unwrap()
    }

    /// The second session of a name gets a number; a name that is free again is taken again; a dead session's socket is
    /// recognised and removed.
    #[test]
    fn names() {
        let runtime = tempfile::tempdir().unwrap();
        let place = place(runtime.path());
        assert!(running(&place).unwrap().is_empty());
        assert!(matches!(find(&place, None), Err(ReachError::NoneRuns(_))));
        let first = Claim::take(&place, "song.js").unwrap();
        let second = Claim::take(&place, "song.js").unwrap();
        assert_eq!((first.name(), second.name()), ("song.js", "song.js-2"));
        drop(first);
        assert_eq!(find(&place, None).unwrap(), second.path());
        let stale = second.path().with_file_name("dead.js.sock");
        drop(UnixListener::bind(&stale).unwrap());
        let again = Claim::take(&place, "song.js").unwrap();
        assert_eq!(running(&place).unwrap(), ["song.js", "song.js-2"]);
        assert!(!stale.exists());
        drop(UnixListener::bind(&stale).unwrap());
        assert_eq!(Claim::take(&place, "dead.js").unwrap().name(), "dead.js");
        drop((again, second));
        assert!(running(&place).unwrap().is_empty());
    }

    /// A session is found by its name or by a beginning that is one session's; else those that run are named.
    #[test]
    fn finding() {
        let runtime = tempfile::tempdir().unwrap();
        let place = place(runtime.path());
        let _sessions = ["bass", "bass2", "drums"].map(|name| Claim::take(&place, name).unwrap());
        let found = |name| find(&place, Some(name)).map(|path| path.file_name().unwrap().to_owned());
        assert_eq!(found("d").unwrap(), "drums.sock");
        assert_eq!(found("bass").unwrap(), "bass.sock");
        let several = find(&place, None).unwrap_err().to_string();
        assert!(several.contains("bass, bass2, drums"), "{several}");
        for name in ["b", "x"] {
            let error = found(name).unwrap_err().to_string();
            assert!(error.contains(&format!("'{name}'")) && error.contains("bass2"), "{error}");
        }
    }

    /// Whatever a producer is called, its socket lies in the folder; a path that can't be an address is refused.
    #[test]
    fn odd_names() {
        let runtime = tempfile::tempdir().unwrap();
        let place = place(runtime.path());
        assert_eq!(Claim::take(&place, "../a/b").unwrap().name(), "_.._a_b");
        assert_eq!(Claim::take(&place, "").unwrap().name(), "_");
        assert!(matches!(Claim::take(&place, &"x".repeat(100)), Err(ReachError::TooLong(_))));
    }

    /// The folder is private, or nothing is served in it.
    #[test]
    fn only_in_a_private_folder() {
        let runtime = tempfile::tempdir().unwrap();
        let place = place(runtime.path());
        drop(Claim::take(&place, "a").unwrap());
        std::fs::set_permissions(place.live_folder(), Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(Claim::take(&place, "a"), Err(ReachError::Place(PlaceError::Open { .. }))));
        assert!(matches!(running(&place), Err(ReachError::Place(PlaceError::Open { .. }))));
    }
}

//! One daemon per user and socket: a file lock, taken before the socket is bound.
//!
//! The lock, not the socket file, says whether a daemon lives: it goes with the process however that ends, so
//! a stale socket can be removed without a race.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde_json::{Value, json};

/// More than any line of ours has.
const MAX_LINE_BYTES: u64 = 8192;

/// Held for as long as the daemon lives.
#[derive(Debug)]
pub(crate) struct DaemonLock {
    _file: File,
}

/// Who holds the lock, as it says itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Holder {
    /// Its process id; 0 when it did not say.
    pub(crate) pid: u32,
    /// Its version; empty when it did not say.
    pub(crate) version: String,
    /// The options that it was started with, for a successor.
    pub(crate) args: Vec<String>,
}

impl Holder {
    /// This process.
    pub(crate) fn this(args: Vec<String>) -> Self {
        Self { pid: std::process::id(), version: crate::version::OURS.to_owned(), args }
    }

    fn to_line(&self) -> String {
        format!("{}\n", json!({ "pid": self.pid, "version": self.version, "args": self.args }))
    }

    /// What it wrote is a courtesy: without it the lock is just as held.
    fn from_line(line: &str) -> Self {
        let said: Value = serde_json::from_str(line).unwrap_or_default();
        let args = said["args"].as_array().into_iter().flatten();
        Self {
            pid: said["pid"].as_u64().and_then(|pid| pid.try_into().ok()).unwrap_or(0),
            version: said["version"].as_str().unwrap_or_default().to_owned(),
            args: args.filter_map(|arg| arg.as_str().map(str::to_owned)).collect(),
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pid {
            0 => f.write_str("a process that does not name itself"),
            pid => write!(f, "process {pid}, version {}", self.version),
        }
    }
}

/// Why the lock could not be had.
#[derive(Debug)]
pub(crate) enum LockError {
    /// Another daemon holds it.
    Held(Holder),
    /// The file can't be used.
    Io(PathBuf, io::Error),
}

impl DaemonLock {
    /// Takes the lock at `path`, beside the socket, and writes into it who we are.
    ///
    /// # Errors
    /// [`LockError::Held`] when a daemon lives, else the system's refusal.
    pub(crate) fn take(path: &Path, who: &Holder) -> Result<Self, LockError> {
        let failed = |error: io::Error| LockError::Io(path.to_owned(), error);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = open(path, &mut options).map_err(failed)?;
        if !lock(&file, FlockOperation::NonBlockingLockExclusive).map_err(failed)? {
            return Err(LockError::Held(read_holder(file)));
        }
        if !is_ours(&mut file).map_err(failed)? {
            let foreign = "it is there and no lock of a daemon: it is left as it is";
            return Err(failed(io::Error::other(foreign)));
        }
        file.set_len(0).and_then(|()| file.rewind()).map_err(failed)?;
        file.write_all(who.to_line().as_bytes()).map_err(failed)?;
        Ok(Self { _file: file })
    }

    /// As [`Self::take`], but waits for a holder that does not serve: it opens its device still, or fades out. Looks every
    /// `pause`, until `is_served` or for `patience`.
    ///
    /// # Errors
    /// [`LockError::Held`] by a daemon that serves, or that did not come to an end.
    pub(crate) fn take_in_turn(
        path: &Path,
        who: &Holder,
        (pause, patience): (Duration, Duration),
        is_served: impl Fn() -> bool,
    ) -> Result<Self, LockError> {
        let deadline = Instant::now() + patience;
        loop {
            match Self::take(path, who) {
                Err(LockError::Held(_)) if !is_served() && Instant::now() < deadline => {
                    std::thread::sleep(pause);
                }
                done => return done,
            }
        }
    }

    /// Who holds the lock at `path`; `None` when nobody does. Asks by a shared lock and writes nothing: two that ask do not
    /// see each other, and a daemon that starts in that instant waits for its turn.
    ///
    /// # Errors
    /// When that can't be told.
    pub(crate) fn holder(path: &Path) -> Result<Option<Holder>, LockError> {
        let failed = |error: io::Error| LockError::Io(path.to_owned(), error);
        let file = match open(path, OpenOptions::new().read(true)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let is_free = lock(&file, FlockOperation::NonBlockingLockShared).map_err(failed)?;
        Ok((!is_free).then(|| read_holder(file)))
    }
}

/// No symlink is followed: the fallback folder is in /tmp.
fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32).open(path)
}

/// False when somebody else has it.
fn lock(file: &File, operation: FlockOperation) -> io::Result<bool> {
    match flock(file, operation) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

fn read_holder(file: File) -> Holder {
    let mut line = String::new();
    let _ = file.take(MAX_LINE_BYTES).read_to_string(&mut line);
    Holder::from_line(&line)
}

/// Whether the file is empty or holds a line of a daemon. `FOREBAY_SOCKET` may lie beside a file of that name which is
/// somebody's work.
fn is_ours(file: &mut File) -> io::Result<bool> {
    let mut line = Vec::new();
    file.take(MAX_LINE_BYTES).read_to_end(&mut line)?;
    Ok(line.is_empty() || serde_json::from_slice::<Value>(&line).is_ok_and(|said| said["pid"].is_u64()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The second taker is told who holds it; once dropped it is free, though the file stays.
    #[test]
    fn one_holder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let who = Holder::this(vec!["--stay".into()]);
        assert_eq!(DaemonLock::holder(&path).unwrap(), None);
        let first = DaemonLock::take(&path, &who).unwrap();
        assert!(matches!(DaemonLock::take(&path, &who), Err(LockError::Held(holder)) if holder == who));
        assert_eq!(DaemonLock::holder(&path).unwrap(), Some(who.clone()));
        drop(first);
        assert_eq!(DaemonLock::holder(&path).unwrap(), None);
        DaemonLock::take(&path, &who).unwrap();
    }

    /// A holder that does not serve yet, or any more, is waited for; one that serves is not.
    #[test]
    fn waits_for_who_does_not_serve() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let times = (Duration::ZERO, Duration::from_secs(60));
        let first = std::cell::Cell::new(Some(DaemonLock::take(&path, &Holder::default()).unwrap()));
        let looks = std::cell::Cell::new(0);
        let ends_at_the_third_look = || {
            looks.set(looks.get() + 1);
            if looks.get() == 3 {
                drop(first.take());
            }
            false
        };
        let second = DaemonLock::take_in_turn(&path, &Holder::default(), times, ends_at_the_third_look);
        assert_eq!(looks.get(), 3);
        let third = DaemonLock::take_in_turn(&path, &Holder::default(), times, || true);
        assert!(second.is_ok() && matches!(third, Err(LockError::Held(_))));
    }

    /// Asking who holds it neither takes it nor writes: whoever asks at the same time gets the same answer.
    #[test]
    fn asking_leaves_no_trace() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        drop(DaemonLock::take(&path, &Holder::this(Vec::new())).unwrap());
        let before = std::fs::read(&path).unwrap();
        let asking = File::open(&path).unwrap();
        assert!(lock(&asking, FlockOperation::NonBlockingLockShared).unwrap());
        assert_eq!(DaemonLock::holder(&path).unwrap(), None);
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }

    /// A file of that name that is somebody's work is not written over.
    #[test]
    fn a_foreign_file_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.lock");
        std::fs::write(&path, "dear diary\n").unwrap();
        assert!(matches!(DaemonLock::take(&path, &Holder::default()), Err(LockError::Io(..))));
        assert_eq!(std::fs::read(&path).unwrap(), b"dear diary\n");
    }

    /// A lock held by something that writes other words is held all the same.
    #[test]
    fn unknown_holder() {
        assert_eq!(Holder::from_line("forebay from another time"), Holder::default());
    }

    /// A symlink in place of the lock file is refused, not followed.
    #[test]
    fn no_symlink() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(folder.path().join("victim"), folder.path().join("lock")).unwrap();
        assert!(matches!(
            DaemonLock::take(&folder.path().join("lock"), &Holder::default()),
            Err(LockError::Io(..))
        ));
        assert!(!folder.path().join("victim").exists());
    }
}

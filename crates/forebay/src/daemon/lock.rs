//! One daemon per user and socket: a file lock, taken before the socket is bound.
//!
//! The lock, not the socket file, says whether a daemon lives: it goes with the process however that ends, so
//! a stale socket can be removed without a race.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

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
        // No symlink: the fallback folder is in /tmp.
        options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32);
        let mut file = options.open(path).map_err(failed)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                let mut line = String::new();
                let _ = file.take(MAX_LINE_BYTES).read_to_string(&mut line);
                return Err(LockError::Held(Holder::from_line(&line)));
            }
            Err(errno) => return Err(failed(errno.into())),
        }
        file.set_len(0).and_then(|()| file.rewind()).map_err(failed)?;
        file.write_all(who.to_line().as_bytes()).map_err(failed)?;
        Ok(Self { _file: file })
    }

    /// Who holds the lock at `path`; `None` when nobody does.
    ///
    /// # Errors
    /// When that can't be told.
    pub(crate) fn holder(path: &Path) -> Result<Option<Holder>, LockError> {
        if !path.exists() {
            return Ok(None);
        }
        match Self::take(path, &Holder::default()) {
            Ok(_) => Ok(None),
            Err(LockError::Held(holder)) => Ok(Some(holder)),
            Err(error) => Err(error),
        }
    }
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

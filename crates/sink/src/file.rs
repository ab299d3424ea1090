//! The file of a recording: made where somebody asked for it, and nowhere else.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{OFlags, statvfs};
use rustix::process::getuid;

/// Why there is no file to record into. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// It may not depend on where the daemon was started.
    #[error("{}: give the whole path, from / on", .0.display())]
    NotAbsolute(PathBuf),
    /// A file of that name is there.
    #[error("{}: a file of that name is there; choose another, or ask for it to be overwritten", .0.display())]
    Exists(PathBuf),
    /// What is there is no file that could be overwritten.
    #[error("{}: {what} is there, which is not overwritten; choose another name", path.display())]
    NoFile {
        /// The path.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// A symlink on the way, or the file itself, belongs to another user.
    #[error("{} belongs to another user: it is not {used}; choose a place of your own", path.display())]
    NotYours {
        /// What belongs to somebody else.
        path: PathBuf,
        /// What is not done with it.
        used: &'static str,
    },
    /// There is no such folder.
    #[error("{}: there is no such folder; make it first", .0.display())]
    NoFolder(PathBuf),
    /// The system refuses.
    #[error("{}: can't be written: {source}; choose a place that you may write to", path.display())]
    Refused {
        /// The path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A file that is open for a recording. One that takes the place of another grows beside it until there is sound in it.
#[derive(Debug)]
pub(crate) struct Target {
    path: PathBuf,
    /// Where it grows until then.
    part: Option<PathBuf>,
}

impl Target {
    /// Makes the file.
    pub(crate) fn open(path: &Path, overwrite: bool) -> Result<(Self, File), FileError> {
        if !path.is_absolute() {
            return Err(FileError::NotAbsolute(path.to_owned()));
        }
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(FileError::NoFile { path: path.to_owned(), what: "a folder" });
        };
        check_way(folder)?;
        let is_there = check_place(path, overwrite)?;
        let part = is_there.then(|| {
            let name = format!(".{}.{}.part", name.to_string_lossy(), std::process::id());
            path.with_file_name(name)
        });
        let made = part.as_deref().unwrap_or(path);
        let file = make(made).map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => FileError::Exists(made.to_owned()),
            _ => FileError::Refused { path: made.to_owned(), source },
        })?;
        Ok((Self { path: path.to_owned(), part }, file))
    }

    /// There is sound in it: it takes its place.
    pub(crate) fn settle(&mut self) -> io::Result<()> {
        match self.part.take() {
            Some(part) => fs::rename(part, &self.path),
            None => Ok(()),
        }
    }

    /// No sound came: all is as before.
    pub(crate) fn forget(self) {
        // Gone already: that is all that is wanted.
        let _ = fs::remove_file(self.part.unwrap_or(self.path));
    }
}

/// A new file, never one that is there, and never through a symlink.
fn make(path: &Path) -> io::Result<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::CLOEXEC).bits();
    OpenOptions::new().write(true).create_new(true).mode(0o644).custom_flags(flags as i32).open(path)
}

/// The folders on the way are there, and nobody else's symlink leads through them.
fn check_way(folder: &Path) -> Result<(), FileError> {
    let ours = getuid().as_raw();
    let ancestors: Vec<&Path> = folder.ancestors().collect();
    for part in ancestors.into_iter().rev() {
        let found = fs::symlink_metadata(part).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => FileError::NoFolder(folder.to_owned()),
            _ => FileError::Refused { path: part.to_owned(), source },
        })?;
        if found.is_symlink() && found.uid() != ours && found.uid() != 0 {
            return Err(FileError::NotYours { path: part.to_owned(), used: "followed" });
        }
    }
    match fs::metadata(folder) {
        Ok(found) if found.is_dir() => Ok(()),
        _ => Err(FileError::NoFolder(folder.to_owned())),
    }
}

/// Whether a file is there that is to be overwritten.
fn check_place(path: &Path, overwrite: bool) -> Result<bool, FileError> {
    let no_file = |what| Err(FileError::NoFile { path: path.to_owned(), what });
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => no_file("a symlink"),
        Ok(found) if found.is_dir() => no_file("a folder"),
        Ok(found) if !found.is_file() => no_file("a device, pipe or socket"),
        Ok(_) if !overwrite => Err(FileError::Exists(path.to_owned())),
        Ok(found) if found.uid() != getuid().as_raw() => {
            Err(FileError::NotYours { path: path.to_owned(), used: "overwritten" })
        }
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(FileError::Refused { path: path.to_owned(), source }),
    }
}

/// Bytes that a user may still write where `path` lies; `None` where nobody can say.
pub(crate) fn disk_room(path: &Path) -> Option<u64> {
    let found = statvfs(path.parent()?).ok()?;
    found.f_bavail.checked_mul(found.f_frsize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(path: &Path, overwrite: bool) -> String {
        Target::open(path, overwrite).unwrap_err().to_string()
    }

    /// What can't be recorded into says what it is and what to do, and stays as it is.
    #[test]
    fn refusals() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        assert!(refused("take.wav".as_ref(), false).contains("give the whole path"));
        assert!(refused(&at("no/take.wav"), false).contains("there is no such folder; make it"));
        fs::write(at("old.wav"), "old").unwrap();
        assert!(refused(&at("old.wav"), false).contains("a file of that name is there"));
        assert!(refused(&at("old.wav/take.wav"), false).contains("no such folder"));
        std::os::unix::fs::symlink(at("old.wav"), at("link.wav")).unwrap();
        std::os::unix::fs::symlink(at("nowhere"), at("dangling.wav")).unwrap();
        for link in ["link.wav", "dangling.wav"] {
            assert!(refused(&at(link), true).contains("a symlink is there"));
        }
        assert!(refused(folder.path(), true).contains("a folder is there"));
        assert!(refused("/dev/null".as_ref(), true).contains("a device, pipe or socket"));
        assert_eq!(fs::read(at("old.wav")).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
    }

    /// A place where one may not write is refused with the system's reason. (Root may write everywhere but in /proc.)
    #[test]
    fn no_permission() {
        let said = refused("/proc/take.wav".as_ref(), false);
        assert!(said.starts_with("/proc/take.wav: can't be written: "), "{said}");
    }

    /// The old file is there until there is sound in the new one; one that gets none leaves no trace.
    #[test]
    fn overwrites_when_there_is_sound() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("take.wav");
        fs::write(&path, "old").unwrap();
        let (target, _file) = Target::open(&path, true).unwrap();
        target.forget();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        let (mut target, mut file) = Target::open(&path, true).unwrap();
        io::Write::write_all(&mut file, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        target.settle().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        let fresh = folder.path().join("fresh.wav");
        Target::open(&fresh, false).unwrap().0.forget();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

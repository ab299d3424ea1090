//! A file that takes the place of another one only when it is whole: until then it grows beside it under another name.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// Dropped before it is finished, it leaves everything as it was.
#[derive(Debug)]
pub(crate) struct FreshFile {
    target: PathBuf,
    /// What grows; `None` for a device or a pipe, which is written itself.
    part: Option<PathBuf>,
}

impl FreshFile {
    /// Begins what is to become `target`.
    ///
    /// # Errors
    /// When `target`, or a file beside it, can't be written.
    pub(crate) fn begin(target: &Path) -> io::Result<Self> {
        let found = match fs::metadata(target) {
            Ok(found) if found.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
            Ok(found) if !found.is_file() => return Ok(Self { target: target.to_owned(), part: None }),
            Ok(found) => Some(found),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let mut target = target.to_owned();
        if found.is_some() {
            // What may not be written may not be replaced either.
            OpenOptions::new().write(true).open(&target)?;
            // The file behind a symlink is replaced, not the symlink.
            target = fs::canonicalize(&target)?;
        }
        let name = target.file_name().ok_or(io::ErrorKind::InvalidFilename)?.to_string_lossy();
        let part = target.with_file_name(format!(".{name}.{}.part", std::process::id()));
        // Left over from a killed process of the same number.
        let _ = fs::remove_file(&part);
        OpenOptions::new().write(true).create_new(true).open(&part)?;
        let fresh = Self { target, part: Some(part) };
        if let Some(found) = found {
            fs::set_permissions(fresh.path(), found.permissions())?;
        }
        Ok(fresh)
    }

    /// Where to write.
    pub(crate) fn path(&self) -> &Path {
        self.part.as_ref().unwrap_or(&self.target)
    }

    /// It is whole: it takes its place.
    ///
    /// # Errors
    /// The system's refusal; what was there before is still there.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        if let Some(part) = &self.part {
            fs::rename(part, &self.target)?;
        }
        self.part = None;
        Ok(())
    }
}

impl Drop for FreshFile {
    fn drop(&mut self) {
        if let Some(part) = &self.part {
            let _ = fs::remove_file(part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The old file is there until the new one is whole, whatever way leads to it; a dropped one leaves no trace.
    #[test]
    fn replaces_when_whole() {
        let folder = tempfile::tempdir().unwrap();
        let (old, link) = (folder.path().join("out.wav"), folder.path().join("link.wav"));
        fs::write(&old, "old").unwrap();
        std::os::unix::fs::symlink(&old, &link).unwrap();
        let fresh = FreshFile::begin(&link).unwrap();
        fs::write(fresh.path(), "half").unwrap();
        drop(fresh);
        assert_eq!(fs::read(&old).unwrap(), b"old");
        let fresh = FreshFile::begin(&link).unwrap();
        fs::write(fresh.path(), "new").unwrap();
        assert_eq!(fs::read(&old).unwrap(), b"old");
        fresh.finish().unwrap();
        assert_eq!(fs::read(&old).unwrap(), b"new");
        assert!(link.is_symlink());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    /// A device is written itself and stays; a folder, and a folder that is not there, are refused.
    #[test]
    fn what_is_no_file() {
        let fresh = FreshFile::begin(Path::new("/dev/null")).unwrap();
        assert_eq!(fresh.path(), Path::new("/dev/null"));
        fresh.finish().unwrap();
        assert!(Path::new("/dev/null").exists());
        let folder = tempfile::tempdir().unwrap();
        assert!(FreshFile::begin(folder.path()).is_err());
        assert!(FreshFile::begin(&folder.path().join("no/out.wav")).is_err());
    }
}

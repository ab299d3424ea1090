//! The daemon's log: lines on standard error for a person who watches, and a file that stays small.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::MakeWriterExt;

/// The log file is set aside (one generation is kept) when it has grown to this.
const ROTATE_BYTES: u64 = 2 << 20;

/// A file that is set aside when full.
struct Rotating {
    path: PathBuf,
    file: File,
    written_bytes: u64,
}

impl Rotating {
    fn open(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        let written_bytes = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), file, written_bytes })
    }
}

impl Write for Rotating {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.written_bytes >= ROTATE_BYTES {
            std::fs::rename(&self.path, self.path.with_extension("log.1"))?;
            *self = Self::open(&self.path)?;
        }
        let written = self.file.write(line)?;
        self.written_bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Standard error, whoever reads it: a daemon outlives the terminal or pipe that it was started from, and a line that
/// nobody takes is no failure. (Reported as one, it would be said on standard error: for ever.)
struct Onlookers;

impl Write for Onlookers {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let _ = io::stderr().write_all(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Starts the log of this process; `FOREBAY_LOG` (`debug`, `warn`, `control=trace`, ..) says how much.
/// Where the file can't be written the daemon still runs: the reason is returned to be said.
pub(crate) fn start(path: &Path, also_stderr: bool) -> Option<io::Error> {
    let filter = EnvFilter::try_from_env("FOREBAY_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_target(false);
    // A full disk must not be told on standard error either, where telling panics once nobody reads it.
    let lines = lines.log_internal_errors(false);
    let (file, refused) = match Rotating::open(path) {
        Ok(file) => (Some(Mutex::new(file)), None),
        Err(error) => (None, Some(error)),
    };
    match (file, also_stderr) {
        (Some(file), true) => lines.with_writer(file.and(|| Onlookers)).init(),
        (Some(file), false) => lines.with_writer(file).init(),
        (None, _) => lines.with_writer(|| Onlookers).init(),
    }
    let loud = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        tracing::error!("a thread of the daemon failed: {info}");
        loud(info);
    }));
    refused
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A full log is set aside and a new one begun; one old generation remains.
    #[test]
    fn rotates() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made/daemon.log");
        let mut log = Rotating::open(&path).unwrap();
        log.write_all(&vec![b'a'; ROTATE_BYTES as usize]).unwrap();
        log.write_all(b"new\n").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new\n");
        assert_eq!(std::fs::metadata(path.with_extension("log.1")).unwrap().len(), ROTATE_BYTES);
        assert_eq!(Rotating::open(&path).unwrap().written_bytes, 4);
    }
}

//! `--record`: what is heard goes into a file, which the daemon writes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use media::SoundFormat;
use protocol::{ErrorWord, Notification, RecordBegin, RecordStart, RecordStop, Recorded};
use serde_json::{Value, json};

use crate::console::Console;
use crate::status_text::{clock, size};
use crate::trouble::{Exit, Trouble};

/// The path of a recording as it is asked for.
///
/// # Errors
/// [`Exit::Usage`] where its end says no kind of file, or the daemon can't be told of it.
pub(super) fn recordable(path: &Path) -> Result<PathBuf, Trouble> {
    let usage = |error: &dyn std::fmt::Display| Trouble::new(Exit::Usage, error);
    SoundFormat::of(path).map_err(|error| usage(&error))?;
    let path = std::path::absolute(path).map_err(|error| usage(&error))?;
    match path.to_str() {
        Some(_) => Ok(path),
        None => Err(usage(&format!("{} is no UTF-8: choose another name", path.display()))),
    }
}

/// A recording of this session. It ends with its connection at the latest.
pub(super) struct Take {
    console: Console,
    record: u32,
    path: PathBuf,
    has_begun: bool,
    /// It has ended, and how.
    over: Option<Recorded>,
    /// It has failed, and the person knows.
    is_told: bool,
}

impl Take {
    /// Has the file made; nothing is recorded yet.
    ///
    /// # Errors
    /// [`Exit::Output`] where it can't be made.
    pub(super) fn prepare(path: &Path, overwrite: bool) -> Result<Self, Trouble> {
        let console = Console::connect()?;
        let start =
            RecordStart { path: path.to_string_lossy().into_owned(), format: None, overwrite, hold: true };
        let record = console.ask(&start)?.record;
        Ok(Self { console, record, path: path.to_owned(), has_begun: false, over: None, is_told: false })
    }

    /// The piece begins at this engine frame (its low 32 bits), to have so many frames, if that is known.
    ///
    /// # Errors
    /// When the daemon does not take it.
    pub(super) fn begin(&mut self, frame: u32, frames: Option<u64>) -> Result<(), Trouble> {
        if !std::mem::replace(&mut self.has_begun, true) {
            self.console.ask(&RecordBegin { record: self.record, frame, frames })?;
        }
        Ok(())
    }

    /// Why it has failed by now: a full disk, a daemon that is gone. Told once.
    pub(super) fn failure(&mut self) -> Option<String> {
        if self.is_told || (self.over.is_some() && self.over_well()) {
            return None;
        }
        let gone = self.look().err();
        let failed = self.over.as_ref().and_then(|over| over.error.clone());
        let why = failed.or(gone.filter(|_| self.over.is_none()).map(|gone| self.until(gone).to_string()))?;
        self.is_told = true;
        Some(why)
    }

    fn over_well(&self) -> bool {
        self.over.as_ref().is_some_and(|over| over.error.is_none())
    }

    /// A daemon that is gone has finished the file before, or left it readable.
    fn until(&self, gone: Trouble) -> Trouble {
        gone.and(format!("what was recorded until then is in {}", self.path.display()))
    }

    /// Takes what the daemon says.
    fn look(&mut self) -> Result<(), Trouble> {
        while let Some(news) = self.console.news(Duration::ZERO)? {
            if let Notification::Recorded(recorded) = news
                && recorded.record == self.record
            {
                self.over = Some(recorded);
            }
        }
        Ok(())
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Ends it; what came of it.
    ///
    /// # Errors
    /// When the daemon is gone: what it recorded is in the file.
    pub(super) fn finish(mut self) -> Result<Recorded, Trouble> {
        let gone = self.look().err();
        if let Some(over) = self.over.take() {
            return Ok(over);
        }
        if let Some(gone) = gone {
            return Err(self.until(gone));
        }
        match self.console.call(&RecordStop { record: self.record }) {
            Ok(recorded) => Ok(recorded),
            // It has ended by itself in this moment, and has said so before.
            Err(producer::CallError::Refused(error)) if error.word() == Some(ErrorWord::NoSuchRecording) => {
                self.look()?;
                let gone = || Trouble::new(Exit::Daemon, format!("{}: {error}", self.path.display()));
                self.over.take().ok_or_else(gone)
            }
            Err(error) => Err(self.until(crate::console::unanswered(error))),
        }
    }
}

/// What came of a recording that did not fail, for people.
pub(super) fn as_text(recorded: &Recorded, rate_hz: u32) -> String {
    if recorded.frames == 0 {
        return format!("forebay: nothing was heard, so {} is not written", recorded.path);
    }
    let length = Duration::from_secs_f64(recorded.frames as f64 / f64::from(rate_hz.max(1)));
    let lost = match recorded.lost_frames {
        0 => String::new(),
        lost => format!("; {lost} frames of it are silence: the disk was too slow"),
    };
    format!("recorded {}: {}, {}{lost}", recorded.path, clock(length), size(recorded.file_bytes))
}

/// The same for programs.
pub(super) fn as_json(recorded: &Recorded, rate_hz: u32) -> Value {
    json!({
        "event": "recorded", "file": recorded.path, "frames": recorded.frames, "rate_hz": rate_hz,
        "lost_frames": recorded.lost_frames, "saved_frames": recorded.saved_frames,
        "file_bytes": recorded.file_bytes, "error": recorded.error,
    })
}

//! The thread that writes, and may be as slow as it has to.

use std::fs::File;
use std::sync::mpsc::Receiver;

use media::{SoundWriter, WriteError};

use crate::file::{FileError, Target, disk_room};
use crate::listen::Piece;
use crate::recorder::{Ended, Figures, News, SharedFigures, State, Wish};

/// Frames of silence that are written at once.
const SILENCE_FRAMES: u64 = 4096;

/// The room on the disk is looked at once in so many pieces: about once a second.
const LOOKS: usize = 16;

/// See the module.
pub(crate) struct Disk {
    pub(crate) wish: Wish,
    pub(crate) pieces: Receiver<Piece>,
    pub(crate) figures: SharedFigures,
}

impl Disk {
    /// Makes the file and writes until nothing more comes, or nothing more can be written.
    pub(crate) fn run(self, tell: impl Fn(News)) {
        let opened = Target::open(&self.wish.path, self.wish.overwrite);
        let (target, file) = match opened {
            Ok(opened) => opened,
            Err(error) => return tell(News::Opened(Err(error))),
        };
        let writer = match self.begin(file) {
            Ok(writer) => writer,
            Err(error) => {
                target.forget();
                return tell(News::Opened(Err(error)));
            }
        };
        self.look_for_room();
        tell(News::Opened(Ok(())));
        let failure = self.write(target, writer).err();
        let mut last = Figures::default();
        self.figures.change(|figures| {
            figures.state = State::Ended;
            last = *figures;
        });
        tell(News::Ended(Ended { figures: last, failure }));
    }

    fn begin(&self, file: File) -> Result<SoundWriter, FileError> {
        let Wish { path, rate, channels, format, .. } = &self.wish;
        SoundWriter::new(file, &path.display().to_string(), *rate, *channels, *format).map_err(|error| {
            FileError::Refused { path: path.clone(), source: std::io::Error::other(error.to_string()) }
        })
    }

    /// An error is what ended it; the figures say what is saved.
    fn write(&self, mut target: Target, mut writer: SoundWriter) -> Result<(), String> {
        let mut first = true;
        for (count, piece) in self.pieces.iter().enumerate() {
            if std::mem::take(&mut first) {
                target.settle().map_err(|error| format!("{}: {error}", self.wish.path.display()))?;
            }
            self.put(&mut writer, piece).map_err(|error| self.fail(&error, &writer))?;
            if count % LOOKS == 0 {
                self.look_for_room();
            }
        }
        if first {
            drop(writer);
            target.forget();
            return Ok(());
        }
        let bytes = writer.file_bytes();
        match writer.finish() {
            Ok(summary) => {
                self.saved(summary.frames, summary.file_bytes);
                Ok(())
            }
            Err(error) => {
                self.saved(error.saved_frames(), bytes);
                Err(error.to_string())
            }
        }
    }

    fn put(&self, writer: &mut SoundWriter, piece: Piece) -> Result<(), WriteError> {
        let channels = self.wish.channels.get();
        match piece {
            Piece::Sound(samples) => writer.write(&samples)?,
            Piece::Silence(mut frames) => {
                let silence = vec![0.0; SILENCE_FRAMES as usize * channels];
                while frames > 0 {
                    let now = frames.min(SILENCE_FRAMES);
                    writer.write(&silence[..now as usize * channels])?;
                    frames -= now;
                }
            }
        }
        self.saved(writer.frames(), writer.file_bytes());
        Ok(())
    }

    fn look_for_room(&self) {
        let room = disk_room(&self.wish.path);
        self.figures.change(|figures| figures.room_bytes = room);
    }

    fn fail(&self, error: &WriteError, writer: &SoundWriter) -> String {
        self.saved(error.saved_frames(), writer.file_bytes());
        error.to_string()
    }

    fn saved(&self, frames: u64, bytes: u64) {
        self.figures.change(|figures| (figures.saved_frames, figures.file_bytes) = (frames, bytes));
    }
}

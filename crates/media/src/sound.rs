//! Anything that gives frames, and files among them.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use units::{ChannelCount, SampleRate};

use crate::decode::Decoder;
use crate::error::DecodeError;
use crate::rf64;

/// Something that gives interleaved frames until it ends.
pub trait FrameSource {
    /// Frames per second.
    fn rate(&self) -> SampleRate;

    /// Channels of a frame.
    fn channels(&self) -> ChannelCount;

    /// How many frames it has in all, where that is known.
    fn frames(&self) -> Option<u64>;

    /// Fills `out` (interleaved) with the next frames and returns how many: as many as fit or fewer, 0 at the end
    /// (or when `out` holds no whole frame).
    ///
    /// # Errors
    /// What was read before is good; the source gives nothing more.
    fn read(&mut self, out: &mut [f32]) -> Result<usize, DecodeError>;
}

impl<S: FrameSource + ?Sized> FrameSource for Box<S> {
    fn rate(&self) -> SampleRate {
        (**self).rate()
    }

    fn channels(&self) -> ChannelCount {
        (**self).channels()
    }

    fn frames(&self) -> Option<u64> {
        (**self).frames()
    }

    fn read(&mut self, out: &mut [f32]) -> Result<usize, DecodeError> {
        (**self).read(out)
    }
}

/// A sound file that is being decoded: WAV, RF64, FLAC, MP3 or Ogg Vorbis, known by its content, not its name.
pub struct Sound {
    source: Box<dyn FrameSource + Send>,
    format: String,
}

impl Sound {
    /// Opens `path` and decodes its first frames.
    ///
    /// # Errors
    /// One sentence with what is wrong and what to do.
    pub fn open(path: &Path) -> Result<Self, DecodeError> {
        let name = path.display().to_string();
        let open = |source| DecodeError::Open { name: name.clone(), source };
        let mut file = File::open(path).map_err(open)?;
        if file.metadata().map_err(open)?.is_dir() {
            return Err(open(std::io::ErrorKind::IsADirectory.into()));
        }
        let mut magic = [0; 4];
        let known = file.read_exact(&mut magic).is_ok();
        file.seek(SeekFrom::Start(0)).map_err(open)?;
        if known && rf64::is_magic(magic) {
            return Ok(Self { source: Box::new(rf64::open(file, &name)?), format: "RF64".to_string() });
        }
        let extension = path.extension().and_then(|end| end.to_str());
        let decoder = Decoder::new(Box::new(file), &name, extension)?;
        Ok(Self { format: decoder.format().to_string(), source: Box::new(decoder) })
    }

    /// Decodes a file that comes through a pipe. `name` is what errors call it.
    ///
    /// # Errors
    /// As [`Sound::open`].
    pub fn from_pipe(from: impl Read + Send + Sync + 'static, name: &str) -> Result<Self, DecodeError> {
        let source = symphonia::core::io::ReadOnlySource::new(from);
        let decoder = Decoder::new(Box::new(source), name, None)?;
        Ok(Self { format: decoder.format().to_string(), source: Box::new(decoder) })
    }

    /// What it is, in a word or two: "WAV", "RF64", "FLAC", "MP3", "Ogg".
    pub fn format(&self) -> &str {
        &self.format
    }
}

impl FrameSource for Sound {
    fn rate(&self) -> SampleRate {
        self.source.rate()
    }

    fn channels(&self) -> ChannelCount {
        self.source.channels()
    }

    fn frames(&self) -> Option<u64> {
        self.source.frames()
    }

    fn read(&mut self, out: &mut [f32]) -> Result<usize, DecodeError> {
        self.source.read(out)
    }
}

impl std::fmt::Debug for Sound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sound").field("format", &self.format).field("rate", &self.rate()).finish()
    }
}

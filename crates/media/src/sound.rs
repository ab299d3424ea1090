//! Anything that gives frames, and files among them.

use std::fs::File;
use std::io::{BufReader, Cursor, Read, Seek, SeekFrom};
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

    /// What a person should know of it, in a sentence, once it has ended.
    fn remark(&self) -> Option<String> {
        None
    }
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

    fn remark(&self) -> Option<String> {
        (**self).remark()
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
        let found = file.metadata().map_err(open)?;
        if found.is_dir() {
            return Err(open(std::io::ErrorKind::IsADirectory.into()));
        }
        if !found.is_file() {
            return Self::from_pipe(file, &name);
        }
        let mut magic = [0; 4];
        if file.read_exact(&mut magic).is_ok() && rf64::is_magic(magic) {
            return Self::from_rf64(Box::new(BufReader::new(file)), &name);
        }
        file.seek(SeekFrom::Start(0)).map_err(open)?;
        let extension = path.extension().and_then(|end| end.to_str());
        Self::from_decoder(Decoder::new(Box::new(file), &name, extension)?)
    }

    fn from_rf64(bytes: rf64::Bytes, name: &str) -> Result<Self, DecodeError> {
        Ok(Self { source: Box::new(rf64::open(bytes, name)?), format: "RF64".to_string() })
    }

    fn from_decoder(decoder: Decoder) -> Result<Self, DecodeError> {
        Ok(Self { format: decoder.format().to_string(), source: Box::new(decoder) })
    }

    /// Decodes a file that comes through a pipe. `name` is what errors call it.
    ///
    /// # Errors
    /// As [`Sound::open`].
    pub fn from_pipe(from: impl Read + Send + Sync + 'static, name: &str) -> Result<Self, DecodeError> {
        let mut from = BufReader::new(from);
        let mut magic = Vec::new();
        let read = |source| DecodeError::Read { name: name.to_string(), at_frame: 0, source };
        from.by_ref().take(4).read_to_end(&mut magic).map_err(read)?;
        if magic.first_chunk().is_some_and(|magic| rf64::is_magic(*magic)) {
            return Self::from_rf64(Box::new(from), name);
        }
        // A pipe can't go back: what was read is put before the rest.
        let source = symphonia::core::io::ReadOnlySource::new(Cursor::new(magic).chain(from));
        Self::from_decoder(Decoder::new(Box::new(source), name, None)?)
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

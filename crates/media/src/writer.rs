//! Whatever a sound file is called to be, written through one door.

use std::ffi::OsStr;
use std::fs::File;
use std::path::Path;

use units::{ChannelCount, SampleRate};

use crate::error::WriteError;
use crate::flac::FlacWriter;
use crate::wav::{WavFormat, WavWriter};

/// A kind of file that can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SoundFormat {
    /// WAV, RF64 above 4 GiB.
    Wav(WavFormat),
    /// FLAC, 24 bit.
    Flac,
}

impl Default for SoundFormat {
    fn default() -> Self {
        Self::Wav(WavFormat::F32)
    }
}

/// A file name whose end says no kind of file that can be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: its name must end in one of: {}", SoundFormat::SUFFIXES.map(|suffix| format!(".{suffix}")).join(", "))]
pub struct UnknownSuffix {
    /// The file.
    pub name: String,
}

impl SoundFormat {
    /// The ends of names that say a kind: WAV is of 32-bit floats.
    pub const SUFFIXES: [&str; 2] = ["wav", "flac"];

    /// The kind that the end of a name says, in large or small letters.
    ///
    /// # Errors
    /// When it says none; which there are is in the message.
    pub fn of(path: &Path) -> Result<Self, UnknownSuffix> {
        let suffix = path.extension().and_then(OsStr::to_str).map(str::to_ascii_lowercase);
        suffix
            .as_deref()
            .and_then(Self::named)
            .ok_or_else(|| UnknownSuffix { name: path.display().to_string() })
    }

    /// The kind of that name, one of [`SUFFIXES`](Self::SUFFIXES).
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "wav" => Some(Self::default()),
            "flac" => Some(Self::Flac),
            _ => None,
        }
    }

    /// Its name, one of [`SUFFIXES`](Self::SUFFIXES).
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wav(_) => "wav",
            Self::Flac => "flac",
        }
    }
}

/// What a finished file holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SoundSummary {
    /// Frames in it.
    pub frames: u64,
    /// Its whole length.
    pub file_bytes: u64,
}

/// Writes interleaved frames to a file of any kind; see [`WavWriter`] and [`FlacWriter`] for what each keeps when it does not
/// come to its end.
#[derive(Debug)]
pub enum SoundWriter {
    /// WAV.
    Wav(WavWriter),
    /// FLAC.
    Flac(Box<FlacWriter>),
}

impl SoundWriter {
    /// Makes or replaces the file at `path`.
    ///
    /// # Errors
    /// [`WriteError::Create`] when it can't be made, [`WriteError::Full`] when its header finds no room.
    pub fn create(
        path: &Path,
        rate: SampleRate,
        channels: ChannelCount,
        format: SoundFormat,
    ) -> Result<Self, WriteError> {
        let name = path.display().to_string();
        match File::create(path) {
            Ok(file) => Self::new(file, &name, rate, channels, format),
            Err(source) => Err(WriteError::Create { name, source }),
        }
    }

    /// Writes a file from the cursor's place 0 of `to`, which is empty; `name` is what errors call it.
    ///
    /// # Errors
    /// When the header can't be written.
    pub fn new(
        to: File,
        name: &str,
        rate: SampleRate,
        channels: ChannelCount,
        format: SoundFormat,
    ) -> Result<Self, WriteError> {
        Ok(match format {
            SoundFormat::Wav(format) => Self::Wav(WavWriter::new(to, name, rate, channels, format)?),
            SoundFormat::Flac => Self::Flac(Box::new(FlacWriter::new(to, name, rate, channels)?)),
        })
    }

    /// Adds interleaved frames. Trailing samples that make no whole frame are left out.
    ///
    /// # Errors
    /// The file stays readable with the frames that the error names; later calls fail too.
    pub fn write(&mut self, frames: &[f32]) -> Result<(), WriteError> {
        match self {
            Self::Wav(writer) => writer.write(frames),
            Self::Flac(writer) => writer.write(frames),
        }
    }

    /// Frames that were taken so far.
    pub fn frames(&self) -> u64 {
        match self {
            Self::Wav(writer) => writer.frames(),
            Self::Flac(writer) => writer.frames(),
        }
    }

    /// Bytes that are in the file.
    pub fn file_bytes(&self) -> u64 {
        match self {
            Self::Wav(writer) => writer.file_bytes(),
            Self::Flac(writer) => writer.file_bytes(),
        }
    }

    /// Writes the rest and the final header.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn finish(self) -> Result<SoundSummary, WriteError> {
        match self {
            Self::Wav(writer) => {
                let summary = writer.finish()?;
                Ok(SoundSummary { frames: summary.frames, file_bytes: summary.file_bytes })
            }
            Self::Flac(writer) => writer.finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The end of a name says the kind; any other end is refused with the list of those that there are.
    #[test]
    fn suffixes() {
        assert_eq!(SoundFormat::of("a/b.wav".as_ref()), Ok(SoundFormat::default()));
        assert_eq!(SoundFormat::of("B.FLAC".as_ref()), Ok(SoundFormat::Flac));
        for name in SoundFormat::SUFFIXES {
            assert_eq!(SoundFormat::named(name).map(SoundFormat::name), Some(name));
        }
        for name in ["take.mp3", "take", ".wav", "wav"] {
            let error = SoundFormat::of(name.as_ref()).unwrap_err().to_string();
            assert_eq!(error, format!("{name}: its name must end in one of: .wav, .flac"));
        }
    }
}

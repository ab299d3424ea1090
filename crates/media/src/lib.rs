//! Sound files: decoding, raw PCM, conversion to another rate, writing of WAV, RF64 and FLAC.
//!
//! Everything here runs on control or producer threads: it reads, writes and allocates. Frames are interleaved
//! f32; full scale is 1.0. What can be read is a [`FrameSource`]:
//!
//! ```no_run
//! use forebay_media::{Converted, FrameSource, Sound};
//! use units::SampleRate;
//!
//! let sound = Sound::open("song.flac".as_ref())?;
//! let mut source = Converted::new(sound, SampleRate::DEFAULT);
//! let mut frames = vec![0.0; 1024 * source.channels().get()];
//! while source.read(&mut frames)? > 0 {}
//! # Ok::<(), forebay_media::DecodeError>(())
//! ```
#![forbid(unsafe_code)]

mod convert;
mod decode;
#[cfg(test)]
mod disk;
mod error;
mod flac;
mod growing;
mod pcm;
mod rf64;
mod sound;
mod wav;
mod writer;

pub use convert::Converted;
pub use error::{DecodeError, WriteError};
pub use flac::FlacWriter;
pub use growing::Shorten;
pub use pcm::{PcmFormat, PcmFormatError, PcmReader};
pub use sound::{FrameSource, Sound};
pub use wav::{WavFormat, WavSummary, WavWriter};
pub use writer::{SoundFormat, SoundSummary, SoundWriter, UnknownSuffix};

//! What can go wrong with sound files: what, where, and what to do about it.

use std::io;

use units::{ChannelCountError, SampleRateError};

/// A file or a pipe did not become sound. What was read before stays good.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The file can't be opened.
    #[error("{name}: {}", open_hint(source))]
    Open {
        /// The file.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// Reading failed on the way.
    #[error("{name}: reading stopped at frame {at_frame}: {source}")]
    Read {
        /// The file.
        name: String,
        /// How many frames were good.
        at_frame: u64,
        /// What the system said.
        source: io::Error,
    },
    /// No known format of sound.
    #[error(
        "{name}: no sound in a format that is known here (WAV, RF64, FLAC, MP3, Ogg Vorbis); \
         convert it first, for example: ffmpeg -i {name} {name}.flac"
    )]
    UnknownFormat {
        /// The file.
        name: String,
    },
    /// A known container with a codec that is not decoded here.
    #[error(
        "{name}: the codec inside is not decoded here ({codec}); convert it first, for example: ffmpeg -i {name} {name}.flac"
    )]
    UnknownCodec {
        /// The file.
        name: String,
        /// What it says that it is.
        codec: String,
    },
    /// An absurd rate.
    #[error("{name}: {source}")]
    Rate {
        /// The file.
        name: String,
        /// The rate found.
        source: SampleRateError,
    },
    /// More channels than are mixed here, or none.
    #[error("{name}: {source}; mix it down first, for example: ffmpeg -i {name} -ac 2 {name}.flac")]
    Channels {
        /// The file.
        name: String,
        /// The count found.
        source: ChannelCountError,
    },
    /// Nothing in it could be decoded, or it became another thing on the way.
    #[error("{name}: broken at frame {at_frame}: {reason}")]
    Broken {
        /// The file.
        name: String,
        /// How many frames were good.
        at_frame: u64,
        /// What the decoder said.
        reason: String,
    },
}

fn open_hint(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file; check the name and the folder".to_string(),
        io::ErrorKind::PermissionDenied => {
            "not allowed to read it; check its permissions (ls -l)".to_string()
        }
        io::ErrorKind::IsADirectory => "is a folder, not a sound file; name a file in it".to_string(),
        _ => format!("can't be opened: {error}"),
    }
}

/// A sound file could not be written further. What was written before stays readable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The file can't be made.
    #[error("{name}: can't be written: {source}; check the folder and its permissions")]
    Create {
        /// The file.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// The disk is full.
    #[error(
        "{name}: the disk is full; its first {saved_frames} frames are saved and readable; free some space"
    )]
    Full {
        /// The file.
        name: String,
        /// Frames that are in the file and in its header.
        saved_frames: u64,
    },
    /// Writing failed for another reason.
    #[error("{name}: writing stopped: {source}; its first {saved_frames} frames are saved and readable")]
    Write {
        /// The file.
        name: String,
        /// Frames that are in the file and in its header.
        saved_frames: u64,
        /// What the system said.
        source: io::Error,
    },
}

impl WriteError {
    /// Frames that are in the file and readable.
    pub fn saved_frames(&self) -> u64 {
        match self {
            Self::Create { .. } => 0,
            Self::Full { saved_frames, .. } | Self::Write { saved_frames, .. } => *saved_frames,
        }
    }

    pub(crate) fn new(name: &str, saved_frames: u64, source: io::Error) -> Self {
        let name = name.to_string();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { name, saved_frames },
            _ => Self::Write { name, saved_frames, source },
        }
    }
}

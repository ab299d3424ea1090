//! What a voice is told to be, what it is, and how it went wrong.

use std::fmt;

/// What a voice does when its frames come late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LatePolicy {
    /// Goes on where it stopped: its voice frames stand still while frames are missing.
    Hold,
    /// Stays on the time line: its voice frames go on, and the frames that come too late are shed.
    #[default]
    Skip,
}

/// How a Reader behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReaderConfig {
    /// What happens when frames come late.
    pub policy: LatePolicy,
    /// Length of every fade in frames; clamped to 1..=capacity.
    pub crossfade_frames: u32,
}

impl Default for ReaderConfig {
    /// `skip`, as voices that ask for nothing else, and 240 frames (5 ms at 48 kHz).
    fn default() -> Self {
        Self { policy: LatePolicy::default(), crossfade_frames: 240 }
    }
}

/// What a voice does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u32)]
pub enum State {
    /// Waits for a start marker.
    #[default]
    Idle = 0,
    /// Plays.
    Playing = 1,
    /// Has run out of frames and waits for more.
    Starved = 2,
    /// Broke the protocol and is silent for good.
    Faulted = 3,
}

impl State {
    pub(crate) const fn from_word(word: u32) -> Self {
        match word {
            1 => Self::Playing,
            2 => Self::Starved,
            3 => Self::Faulted,
            _ => Self::Idle,
        }
    }
}

/// How a producer broke the protocol. The voice fades and stays silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[repr(u32)]
pub enum Fault {
    /// `write` went back, or past `read + capacity`.
    Write = 1,
    /// `marker_write` went back, or past `marker_read + 8`.
    MarkerCount = 2,
    /// A marker of no known kind.
    MarkerKind = 3,
    /// A marker's `to` lies before its predecessor's, or more than a capacity beyond `write`.
    MarkerTo = 4,
    /// A marker's `at` (or its anchor) lies 2^30 frames or more away.
    MarkerAt = 5,
    /// A marker's `group` lies before its predecessor's.
    MarkerGroup = 6,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Write => "its write counter went back or past what it may fill",
            Self::MarkerCount => "its marker counter went back or past the queue",
            Self::MarkerKind => "it wrote a marker of no known kind",
            Self::MarkerTo => "a marker points outside the ring",
            Self::MarkerAt => "a marker's time is more than 2^30 frames away",
            Self::MarkerGroup => "a marker names an older group than the one before",
        })
    }
}

/// What [`crate::Reader::begin`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begun {
    /// What the voice does as the block begins.
    pub state: State,
    /// Frames that can be read without anything happening to the voice.
    pub calm_frames: u32,
}

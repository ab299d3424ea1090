//! Small values that several messages share.

use serde::{Deserialize, Serialize};

/// A way in which the memory of a session reaches its producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum HandOff {
    /// The descriptor rides on the reply line (SCM_RIGHTS).
    Scm,
    /// The producer opens the `path` of the reply, `/proc/<pid>/fd/<n>`, for reading and writing.
    Path,
}

/// One piece of shared memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct MemoryRef {
    /// How it is handed over: `scm` when the descriptor rides on this very line, else `path`.
    pub handoff: HandOff,
    /// Where it can be opened, `/proc/<pid>/fd/<n>`; valid while the session (or the voice) is open.
    pub path: String,
    /// Its size in bytes, which the producer checks.
    pub bytes: u64,
}

/// `"auto"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum LeadWord {
    /// The daemon chooses from the stalls that it measures.
    #[default]
    Auto,
}

/// A target lead: milliseconds, or `"auto"`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum LeadSetting {
    /// Fixed, in milliseconds, within [`crate::LEAD_MS_RANGE`].
    Ms(f64),
    /// Chosen by the daemon.
    Auto(LeadWord),
}

impl Default for LeadSetting {
    fn default() -> Self {
        Self::Auto(LeadWord::Auto)
    }
}

/// What becomes of frames that a voice missed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum LatePolicy {
    /// The voice resumes where it stopped.
    Hold,
    /// The voice stays on the time line: what it missed is skipped.
    #[default]
    Skip,
}

/// How a voice ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CloseMode {
    /// All committed frames are played first. The producer should have ended its newest future with a flush marker.
    Drain,
    /// Faded out within 20 ms.
    #[default]
    Fade,
}

/// A voice by its slot (of the same session) or by its name (of any session: all voices of that name;
/// `client/name` tells one client's from another's).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum VoiceRef {
    /// A slot of the session of this connection.
    Slot(u32),
    /// A name.
    Name(String),
}

/// Why a voice had no frames to play.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum UnderrunCause {
    /// The producer was late.
    ProducerLate,
    /// The producer is gone.
    ProducerDead,
}

/// Why the engine muted a voice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MuteReason {
    /// A counter or marker in shared memory can't be true. The voice is silent for good: close it.
    Counters,
    /// NaN, infinite or absurd samples. `voice.set` with `mute: false` lets it speak again.
    NotSound,
    /// A level far beyond full scale. `voice.set` with `mute: false` lets it speak again.
    Blast,
    /// A standing offset. `voice.set` with `mute: false` lets it speak again.
    DirectCurrent,
    /// Shed under overload; it comes back by itself.
    Overload,
}

/// Why a producer was thrown out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum EvictReason {
    /// It punched holes into shared memory, which makes the audio thread fault.
    Hole,
    /// It sent lines that are no requests, again and again.
    Garbage,
    /// It did not read what it was sent.
    NotReading,
    /// Its voices had absurd counters, again and again.
    Counters,
}

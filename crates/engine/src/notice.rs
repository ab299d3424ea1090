//! What the Renderer tells the control side: events as data, with who, when and why.

use dsp::guard::Blame;
use std::sync::Arc;
use units::FramePos;

/// A voice of one engine. Ids are not used twice: a late call with an old one is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VoiceId {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

impl VoiceId {
    /// Place in the sum order; equal for two voices only if one came after the other's end.
    pub const fn slot(self) -> usize {
        self.slot as usize
    }
}

/// A commit group of one engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GroupId(pub(crate) u32);

/// An event queue of one engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EventsId(pub(crate) u32);

/// Something that happened on the real-time side.
#[derive(Debug)]
pub struct Notice {
    /// Whom it concerns, by id and name; `None` where it is the whole engine.
    pub voice: Option<(VoiceId, Arc<str>)>,
    /// Engine frame at which it happened.
    pub frame: FramePos,
    /// What happened.
    pub kind: NoticeKind,
}

/// What happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum NoticeKind {
    /// The voice ran out of frames; it fades and is silent until more come.
    Underrun,
    /// The voice plays again after an underrun of so many frames.
    Resumed {
        /// Frames that were due and not there.
        frames: u64,
    },
    /// The voice was faded out and muted for what it wrote. [`crate::Engine::forgive`] lets it speak again.
    Muted(Blame),
    /// The counters or markers of the voice's ring are a lie; it is silent for good.
    Corrupt(ring::Fault),
    /// The voice is dropped under overload.
    Shed,
    /// The voice is back after an overload.
    Restored,
    /// Rendering the voice cost page faults: somebody takes its memory away.
    PageFaults {
        /// How many.
        faults: u64,
    },
    /// The voice has left the engine: here is what it consisted of. Its memory may be unmapped now.
    Returned(Box<Returned>),
    /// So many notices were lost because nobody polled.
    NoticesLost(u64),
}

/// What comes back from a voice that has left.
#[derive(Debug)]
pub struct Returned {
    /// The engine's end of the ring.
    pub reader: ring::Reader,
    /// The voice's last figures, exact to its last frame.
    pub stats: crate::VoiceStats,
}

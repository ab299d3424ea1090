//! What travels between the two halves, over one SPSC ring each way.
//!
//! Everything that owns memory crosses boxed or by handle and comes back as [`Trash`]: the Renderer neither allocates
//! nor frees.

use crate::notice::VoiceId;
use crate::renderer::events::EventSource;
use crate::voice::Voice;
use dsp::guard::{Blame, GuardLimits};

/// From the control side to the Renderer.
pub(crate) enum Command {
    /// Puts a voice into its slot, which is empty.
    AddVoice(Box<Voice>),
    /// A change of one voice; ignored when the voice has left.
    Voice(VoiceId, VoiceCommand),
    /// Puts a group into its empty place.
    AddGroup(u32, ring::Group),
    /// Takes a group out; its voices have left.
    RemoveGroup(u32),
    /// Puts an event queue into its empty place.
    AddEvents(u32, Box<EventSource>),
    /// Takes an event queue out.
    RemoveEvents(u32),
    /// Which voice a slot number of an event queue means from now on.
    MapEvents {
        source: u32,
        slot: u32,
        voice: Option<VoiceId>,
    },
    /// Silence for all voices, or its end.
    Hush(bool),
    /// The level that limiter and ceiling hold, if any, and how voices are guarded.
    Protect {
        level_db: Option<f32>,
        guard: GuardLimits,
    },
    TapMain(Box<ring::BroadcastWriter>),
    UntapMain,
}

/// What is to change of a voice's strip; `None` stays as it is. Changes that wait for their way are merged, so that
/// never more wait than there are voices.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StripChange {
    pub(crate) gain: Option<f32>,
    pub(crate) pan: Option<units::Pan>,
    pub(crate) mute: Option<bool>,
    pub(crate) solo: Option<bool>,
    pub(crate) priority: Option<u8>,
    /// Lets a voice that the guard muted speak again.
    pub(crate) forgive: bool,
}

impl StripChange {
    /// This change and a later one.
    pub(crate) fn and(self, later: Self) -> Self {
        Self {
            gain: later.gain.or(self.gain),
            pan: later.pan.or(self.pan),
            mute: later.mute.or(self.mute),
            solo: later.solo.or(self.solo),
            priority: later.priority.or(self.priority),
            forgive: later.forgive || self.forgive,
        }
    }
}

/// A change of one voice.
pub(crate) enum VoiceCommand {
    Strip(StripChange),
    /// The producer is gone: what runs dry from now on is not lateness.
    ProducerGone,
    /// Fades over so many frames, then sends the voice back.
    Remove(u32),
    Tap(Box<ring::BroadcastWriter>),
    Untap,
}

/// From the Renderer to the control side: what is to be freed or handed back there.
pub(crate) enum Trash {
    /// Never sent: fills the ring once, so that its pages are there.
    Nothing,
    Voice(Box<Voice>),
    Group(#[allow(dead_code, reason = "it is dropped where it arrives")] ring::Group),
    Events(#[allow(dead_code, reason = "it is dropped where it arrives")] Box<EventSource>),
    Tap(#[allow(dead_code, reason = "it is dropped where it arrives")] Box<ring::BroadcastWriter>),
}

/// From the Renderer to the control side: what happened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawNotice {
    pub(crate) voice: VoiceId,
    pub(crate) frame: u64,
    pub(crate) kind: RawKind,
}

impl RawNotice {
    /// One that is never told.
    pub(crate) fn never() -> Self {
        Self { voice: VoiceId { slot: 0, generation: 0 }, frame: 0, kind: RawKind::Shed }
    }
}

/// What happened, as plain values.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RawKind {
    Underrun,
    Resumed(u64),
    Muted(Blame),
    Corrupt(ring::Fault),
    Shed,
    Restored,
    PageFaults(u64),
}

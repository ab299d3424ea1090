//! What the control side knows of a producer and its voices.

use std::collections::BTreeMap;

use engine::{EventsId, GroupId, VoiceId};
use protocol::{HandOff, LatePolicy, LeadSetting, MuteReason, VoiceOpen};
use session::Host;

use crate::drain::DrainMeter;
use crate::faults::FaultMeter;
use crate::stalls::{LeadControl, StallWatch};

/// How a voice is on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaving {
    /// It plays what it has; at this engine frame at the latest it goes.
    PlaysOut {
        /// Engine frame.
        until: u64,
    },
    /// The engine was told to let it go.
    Told,
}

/// A voice as the control side knows it.
#[derive(Debug)]
pub(crate) struct VoiceRecord {
    pub(crate) id: VoiceId,
    pub(crate) name: String,
    pub(crate) channels: u32,
    pub(crate) capacity_frames: u32,
    pub(crate) policy: LatePolicy,
    pub(crate) strip: Strip,
    /// Its own wish; `None`: the producer's.
    pub(crate) lead: Option<LeadSetting>,
    pub(crate) target_frames: u32,
    pub(crate) stall: StallWatch,
    pub(crate) drain: DrainMeter,
    pub(crate) leaving: Option<Leaving>,
    /// Engine frame at which it was opened.
    pub(crate) opened: u64,
    pub(crate) silenced: Silenced,
    /// `produced` when the bell last rang for it, and the turn's engine frame.
    pub(crate) rung: (u64, u64),
}

impl VoiceRecord {
    /// A voice that was just opened, at engine frame `now`.
    pub(crate) fn new(
        id: VoiceId,
        open: &VoiceOpen,
        capacity_frames: u32,
        target_frames: u32,
        now: u64,
    ) -> Self {
        let (gain_db, pan, priority) = (open.gain_db, open.pan, open.priority);
        Self {
            id,
            name: open.name.clone(),
            channels: open.channels,
            capacity_frames,
            policy: open.policy,
            strip: Strip { gain_db, pan, mute: false, solo: false, priority },
            lead: open.lead_ms,
            target_frames,
            stall: StallWatch::default(),
            drain: DrainMeter::default(),
            leaving: None,
            opened: now,
            silenced: Silenced::default(),
            rung: (0, now),
        }
    }
}

/// Why the engine keeps a voice silent. Each cause comes and goes by itself.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Silenced {
    /// For good: its counters can't be true.
    pub(crate) corrupt: bool,
    /// By the guard, until it is forgiven.
    pub(crate) guard: Option<MuteReason>,
    /// While the engine is overloaded.
    pub(crate) shed: bool,
}

impl Silenced {
    /// The cause that lasts longest; `None`: the engine lets it sound.
    pub(crate) fn reason(self) -> Option<MuteReason> {
        let corrupt = self.corrupt.then_some(MuteReason::Counters);
        corrupt.or(self.guard).or(self.shed.then_some(MuteReason::Overload))
    }

    pub(crate) fn add(&mut self, reason: MuteReason) {
        match reason {
            MuteReason::Counters => self.corrupt = true,
            MuteReason::Overload => self.shed = true,
            guard => self.guard = Some(guard),
        }
    }
}

/// The strip of a voice as people set it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Strip {
    pub(crate) gain_db: f64,
    pub(crate) pan: f64,
    pub(crate) mute: bool,
    pub(crate) solo: bool,
    pub(crate) priority: u8,
}

/// A producer: a session, with or (once it is dead) without its connection.
pub(crate) struct Producer {
    pub(crate) session: u32,
    pub(crate) client: String,
    pub(crate) pid: u32,
    /// `None`: it is gone; its voices play out.
    pub(crate) connection: Option<u64>,
    /// How memory is handed to it.
    pub(crate) way: HandOff,
    pub(crate) host: Host,
    /// Its places in the engine, taken with its first voice: a session without one costs the Renderer nothing, and leaves
    /// nothing in the queue of a Renderer that rests.
    pub(crate) places: Option<(GroupId, EventsId)>,
    pub(crate) lead: LeadControl,
    /// By slot.
    pub(crate) voices: BTreeMap<usize, VoiceRecord>,
    pub(crate) speed: SpeedMeter,
    /// Page faults that it cost the audio thread.
    pub(crate) faults: FaultMeter,
    /// Voices of it that were muted for their counters.
    pub(crate) corrupt: u32,
}

impl Producer {
    /// Whether it is gone with all of its voices.
    pub(crate) fn is_over(&self) -> bool {
        self.connection.is_none() && self.voices.is_empty()
    }

    /// The open voice of this name that is not on its way out.
    pub(crate) fn slot_named(&self, name: &str) -> Option<usize> {
        self.voices
            .iter()
            .find(|(_, voice)| voice.leaving.is_none() && voice.name == name)
            .map(|(slot, _)| *slot)
    }
}

/// How fast a producer renders, from what it tells about itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct SpeedMeter {
    /// Per slot: what it had told when last looked at.
    told: BTreeMap<usize, (u32, u32)>,
    frames: BTreeMap<usize, u64>,
    busy_us: u64,
    window_began: u64,
    speed: Option<f64>,
}

impl SpeedMeter {
    /// Takes what a voice tells: frames rendered and microseconds spent, both wrapping.
    pub(crate) fn add(&mut self, slot: usize, frames_rendered: u32, busy_us: u32) {
        let (frames, busy) = self.told.insert(slot, (frames_rendered, busy_us)).unwrap_or_default();
        *self.frames.entry(slot).or_default() += u64::from(frames_rendered.wrapping_sub(frames));
        self.busy_us += u64::from(busy_us.wrapping_sub(busy));
    }

    /// Forgets a voice.
    pub(crate) fn remove(&mut self, slot: usize) {
        self.told.remove(&slot);
        self.frames.remove(&slot);
    }

    /// Draws the sum once a second, if anything was rendered in it.
    pub(crate) fn pass(&mut self, now: u64, rate_hz: u32) {
        if now.saturating_sub(self.window_began) < u64::from(rate_hz) {
            return;
        }
        self.window_began = now;
        let frames = self.frames.values().copied().max().unwrap_or(0);
        if frames > 0 && self.busy_us > 0 {
            self.speed = Some(frames as f64 / f64::from(rate_hz) / (self.busy_us as f64 / 1e6));
        }
        self.frames.clear();
        self.busy_us = 0;
    }

    /// Voices rendered side by side, as a multiple of real time; `None` until it tells.
    pub(crate) fn speed(&self) -> Option<f64> {
        self.speed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever words a producer writes into its stats, its speed is none or a number above 0.
    #[test]
    fn speed_of_a_liar() {
        let mut meter = SpeedMeter::default();
        let mut random = 1_u64;
        for turn in 1..10_000_u64 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (slot, words) = ((random >> 58) as usize, [random >> 32, random >> 16]);
            let [frames, busy_us] = words.map(|word| if turn % 7 == 0 { 0 } else { word as u32 });
            meter.add(slot, frames, busy_us);
            if turn % 11 == 0 {
                meter.remove(slot);
            }
            meter.pass(turn * 9_600, 48_000);
            assert!(meter.speed().is_none_or(|speed| speed.is_finite() && speed > 0.0));
        }
    }

    /// Two voices that take 100 ms of a second each run at five times real time, across the wrap of what is told.
    #[test]
    fn speed_of_two_voices() {
        let mut meter = SpeedMeter::default();
        meter.add(0, u32::MAX - 9, u32::MAX - 9);
        meter.add(1, 0, 0);
        meter.pass(48_000, 48_000);
        meter.add(0, 47_990, 99_990);
        meter.add(1, 48_000, 100_000);
        meter.pass(96_000, 48_000);
        assert!((meter.speed().unwrap() - 5.0).abs() < 1e-9);
        meter.pass(144_000, 48_000);
        assert!((meter.speed().unwrap() - 5.0).abs() < 1e-9, "a pause is no slowness");
    }

    /// The causes of silence come and go by themselves; the one that lasts longest is told.
    #[test]
    fn silence_has_causes() {
        let mut silenced = Silenced::default();
        assert_eq!(silenced.reason(), None);
        silenced.add(MuteReason::Overload);
        silenced.add(MuteReason::Blast);
        assert_eq!(silenced.reason(), Some(MuteReason::Blast));
        silenced.shed = false;
        assert_eq!(silenced.reason(), Some(MuteReason::Blast), "an overload that ends forgives nobody");
        silenced.add(MuteReason::Overload);
        silenced.guard = None;
        assert_eq!(silenced.reason(), Some(MuteReason::Overload), "who is forgiven may still be shed");
        silenced.add(MuteReason::Counters);
        assert_eq!(silenced.reason(), Some(MuteReason::Counters));
    }
}

//! What the control side knows of a producer and its voices.

use std::collections::BTreeMap;

use engine::{EventsId, GroupId, VoiceId};
use protocol::{HandOff, LatePolicy, LeadSetting, MuteReason, VoiceOpen};
use session::Host;

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
    pub(crate) fault: Option<MuteReason>,
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
            fault: None,
            rung: (0, now),
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
    pub(crate) group: GroupId,
    pub(crate) events: EventsId,
    pub(crate) lead: LeadControl,
    /// By slot.
    pub(crate) voices: BTreeMap<usize, VoiceRecord>,
    pub(crate) speed: SpeedMeter,
    /// Page faults that it cost the audio thread.
    pub(crate) page_faults: u64,
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

/// How fast a lead falls, and whether its future is too young to judge.
#[derive(Clone, Debug, Default)]
pub(crate) struct DrainMeter {
    began: u64,
    lead_then: u32,
    /// Frames of lead lost per frame of time over the last window; 0 when it grew.
    pub(crate) rate: f64,
    superseded: u64,
    underruns: u64,
    was_idle: bool,
    /// Until this engine frame a future is refilling.
    refilling_until: u64,
}

/// Frames over which a drain is measured, as a part of a second.
const DRAIN_WINDOW_PARTS: u64 = 5;

impl DrainMeter {
    pub(crate) fn look(&mut self, now: u64, rate_hz: u64, target_frames: u32, stats: &engine::VoiceStats) {
        let ledger = &stats.ledger;
        let idle = stats.state == ring::State::Idle;
        let began_anew = self.was_idle && !idle;
        let changed = ledger.superseded != self.superseded || ledger.underruns != self.underruns;
        if began_anew || changed {
            // A producer that renders at twice real time is back at its target after this.
            self.refilling_until = now + u64::from(target_frames);
        }
        (self.was_idle, self.superseded, self.underruns) = (idle, ledger.superseded, ledger.underruns);
        let passed = now.saturating_sub(self.began);
        if passed >= rate_hz / DRAIN_WINDOW_PARTS {
            let lost = f64::from(self.lead_then) - f64::from(stats.lead_frames);
            self.rate = (lost / passed as f64).max(0.0);
            (self.began, self.lead_then) = (now, stats.lead_frames);
        }
    }

    pub(crate) fn is_refilling(&self, now: u64) -> bool {
        now < self.refilling_until
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

    /// Voices rendered side by side, as a multiple of real time.
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

    /// A lead that falls in real time drains at 1; a splice makes it `refilling` for its target.
    #[test]
    fn drain_and_refill() {
        let stats = |lead_frames, superseded| engine::VoiceStats {
            lead_frames,
            state: ring::State::Playing,
            ledger: ring::Ledger { superseded, ..ring::Ledger::default() },
            ..engine::VoiceStats::default()
        };
        let mut drain = DrainMeter::default();
        drain.look(48_000, 48_000, 10_000, &stats(30_000, 0));
        drain.look(58_000, 48_000, 10_000, &stats(20_000, 0));
        assert!((drain.rate - 1.0).abs() < 1e-9);
        assert!(!drain.is_refilling(58_000));
        drain.look(58_100, 48_000, 10_000, &stats(3_000, 17_000));
        assert!(drain.is_refilling(60_000) && !drain.is_refilling(68_100));
    }
}

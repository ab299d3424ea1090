//! A strip: what happens to a voice between its ring and main. Gain and pan (the engine's times the producer's), and
//! a gate that closes for every reason a voice can be silent for. Every change is a ramp.

use dsp::mix::{Gains, Lines};
use dsp::pan::Sides;
use dsp::ramp::{Ramp, Ramps};
use dsp::route::Route;
use ring::{Params, Reader};
use units::Pan;

/// Reasons for silence; a voice sounds when it has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Silence(u16);

impl Silence {
    /// Muted by the control side.
    pub(crate) const MUTE: Self = Self(1);
    /// Muted by its producer.
    pub(crate) const PRODUCER_MUTE: Self = Self(2);
    /// Another voice is soloed and this one is not.
    pub(crate) const NOT_SOLO: Self = Self(4);
    /// Muted by the guard.
    pub(crate) const GUARD: Self = Self(8);
    /// Dropped under overload.
    pub(crate) const SHED: Self = Self(16);
    /// Everything is hushed.
    pub(crate) const HUSH: Self = Self(32);
    /// On its way out.
    pub(crate) const LEAVING: Self = Self(64);
    /// Has not sounded yet and will fade in.
    pub(crate) const BEFORE_FADE_IN: Self = Self(128);

    pub(crate) const fn has(self, reason: Self) -> bool {
        self.0 & reason.0 != 0
    }

    /// Whether there is no reason beside this one.
    pub(crate) const fn is_none_but(self, reason: Self) -> bool {
        self.0 & !reason.0 == 0
    }

    const fn with(self, reason: Self, on: bool) -> Self {
        Self(if on { self.0 | reason.0 } else { self.0 & !reason.0 })
    }
}

/// The real-time half of a strip.
pub(crate) struct Strip {
    /// Sides times gate; holds from `settled_at` on.
    steady: Sides,
    /// The largest of them on this route.
    loudest: f32,
    /// Frame from which nothing moves.
    settled_at: u64,
    /// What the producer's words said last, as they were.
    seen: [u32; 3],
    silence: Silence,
    pub(crate) solo: bool,
    sides: Ramps<3>,
    gate: Ramp,
    /// The engine's own gain and pan.
    gain: f32,
    pan: Pan,
    /// What the producer wants, by its words or by a timed event, whichever came last.
    asked: Params,
    /// Length of a ramp that nothing else is said about.
    ramp_frames: u32,
}

impl Strip {
    /// `[control]`
    pub(crate) fn new(spec: &crate::VoiceSpec, route: &Route, ramp_frames: u32) -> Self {
        let asked = spec.reader.params();
        let silence = Silence::default()
            .with(Silence::MUTE, spec.mute)
            .with(Silence::PRODUCER_MUTE, asked.mute)
            .with(Silence::BEFORE_FADE_IN, spec.fade_in_frames > 0);
        let mut strip = Self {
            steady: [0.0; 3],
            loudest: 0.0,
            settled_at: 0,
            seen: spec.reader.raw_params(),
            silence,
            solo: false,
            sides: Ramps::steady([0.0; 3]),
            gate: Ramp::steady(f32::from(u8::from(silence == Silence::default()))),
            gain: checked_gain(spec.gain),
            pan: spec.pan,
            asked,
            ramp_frames,
        };
        strip.sides = Ramps::steady(strip.wanted(route));
        strip.settle(route);
        strip
    }

    pub(crate) fn silence(&self) -> Silence {
        self.silence
    }

    /// The length of an ordinary ramp.
    pub(crate) fn ramp_frames(&self) -> u32 {
        self.ramp_frames
    }

    /// The gains of a stretch that begins at `frame` and lies before [`Strip::boundary`].
    #[inline]
    pub(crate) fn gains(&self, frame: u64) -> Gains {
        if frame >= self.settled_at {
            Gains::Steady(self.steady)
        } else {
            Gains::Moving(Lines { sides: self.sides.line(frame), gate: self.gate.line(frame) })
        }
    }

    /// The largest gain of a stretch from `frame` to `end`.
    #[inline]
    pub(crate) fn loudest(&self, route: &Route, frame: u64, end: u64) -> f32 {
        if frame >= self.settled_at {
            return self.loudest;
        }
        let at = |frame| route.loudest(&self.sides.values(frame)) * self.gate.value(frame);
        at(frame).max(at(end))
    }

    /// The first frame in `frame..end` at which a ramp begins or ends, or `end`.
    #[inline]
    pub(crate) fn boundary(&self, frame: u64, end: u64) -> u64 {
        if frame >= self.settled_at {
            return end;
        }
        let turns = [self.sides.end(), self.gate.start(), self.gate.end()];
        turns.into_iter().filter(|at| *at > frame).fold(end, u64::min)
    }

    /// Whether the gate is shut for good from `frame` on.
    pub(crate) fn is_silent_from(&self, frame: u64) -> bool {
        self.gate.target() == 0.0 && self.gate.is_over(frame)
    }

    /// Frame at which the gate has arrived.
    pub(crate) fn gate_end(&self) -> u64 {
        self.gate.end()
    }

    /// Takes over the producer's words when they have changed.
    #[inline]
    pub(crate) fn heed(&mut self, reader: &Reader, route: &Route, frame: u64) {
        let words = reader.raw_params();
        if words != self.seen {
            self.seen = words;
            self.ask(reader.params(), route, frame, self.ramp_frames);
        }
    }

    /// Goes to what the producer wants now.
    pub(crate) fn ask(&mut self, asked: Params, route: &Route, frame: u64, ramp_frames: u32) {
        let mute = asked.mute;
        self.asked = asked;
        self.turn_sides(route, frame, ramp_frames);
        self.set_silence(Silence::PRODUCER_MUTE, mute, route, frame, ramp_frames);
    }

    /// The gains from `frame` on, if nothing moves any more.
    #[inline]
    pub(crate) fn steady(&self, frame: u64) -> Option<(Sides, f32)> {
        (frame >= self.settled_at).then_some((self.steady, self.loudest))
    }

    /// What the producer wants.
    pub(crate) fn asked(&self) -> Params {
        self.asked
    }

    pub(crate) fn set_gain(&mut self, gain: f32, route: &Route, frame: u64) {
        self.gain = checked_gain(gain);
        self.turn_sides(route, frame, self.ramp_frames);
    }

    pub(crate) fn set_pan(&mut self, pan: Pan, route: &Route, frame: u64) {
        self.pan = pan;
        self.turn_sides(route, frame, self.ramp_frames);
    }

    fn wanted(&self, route: &Route) -> Sides {
        route.sides(self.gain * self.asked.gain, Pan::new(self.pan.get() + self.asked.pan.get()))
    }

    fn turn_sides(&mut self, route: &Route, frame: u64, ramp_frames: u32) {
        let wanted = self.wanted(route);
        if wanted != *self.sides.targets() {
            self.sides.turn(frame, wanted, ramp_frames);
            self.settle(route);
        }
    }

    /// Adds or takes away a reason for silence; the gate follows over `ramp_frames`. A second reason on top of a slow
    /// fade-out makes it as fast as the faster of the two.
    pub(crate) fn set_silence(
        &mut self,
        reason: Silence,
        on: bool,
        route: &Route,
        frame: u64,
        ramp_frames: u32,
    ) {
        self.silence = self.silence.with(reason, on);
        let target = f32::from(u8::from(self.silence == Silence::default()));
        let hurries = on && target == 0.0 && self.gate.end() > frame + u64::from(ramp_frames);
        if target != self.gate.target() || hurries {
            self.gate.turn(frame, target, ramp_frames);
            self.settle(route);
        }
    }

    /// Works out what will hold once nothing moves.
    fn settle(&mut self, route: &Route) {
        self.settled_at = self.sides.end().max(self.gate.end());
        self.steady = self.sides.targets().map(|side| side * self.gate.target());
        self.loudest = route.loudest(&self.steady);
    }
}

/// A strip's own gain: 0 to what a producer may ask for, too.
fn checked_gain(gain: f32) -> f32 {
    if gain.is_nan() { 0.0 } else { gain.clamp(0.0, ring::MAX_GAIN) }
}

#[cfg(test)]
#[path = "strip_tests.rs"]
mod tests;

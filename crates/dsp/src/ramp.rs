//! Ramps: every change of a gain is a straight line over some frames, computed from the absolute frame.
//!
//! Nothing is accumulated from sample to sample, so the values do not depend on how time is cut into blocks, and
//! no rounding error grows.

/// The longest ramp, in frames: 2^24, up to where an `f32` counts frames exactly (349 s at 48 kHz).
pub const MAX_RAMP_FRAMES: u32 = 1 << 24;

/// The time axis of a ramp: where it starts and how long it takes. Several values may share one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// First frame of the ramp; its value there is still the old one.
    start: u64,
    /// 0 (steady) to [`MAX_RAMP_FRAMES`].
    frames: u32,
    /// `1 / frames`; 0 when steady.
    step: f32,
}

impl Span {
    /// No ramp: the target holds everywhere.
    pub const STEADY: Self = Self { start: 0, frames: 0, step: 0.0 };

    /// A ramp that leaves its old value at frame `start` and reaches its target `frames` later. Longer ones than
    /// [`MAX_RAMP_FRAMES`] are cut to that.
    pub fn new(start: u64, frames: u32) -> Self {
        let frames = frames.min(MAX_RAMP_FRAMES);
        let step = if frames == 0 { 0.0 } else { 1.0 / frames as f32 };
        Self { start, frames, step }
    }

    /// The frame from which the target holds.
    pub const fn end(&self) -> u64 {
        self.start.saturating_add(self.frames as u64)
    }

    /// The frame at which the old value is left.
    pub const fn start(&self) -> u64 {
        self.start
    }

    /// Whether the target holds at `frame`.
    pub const fn is_over(&self, frame: u64) -> bool {
        frame >= self.end()
    }

    /// Frames since the start; only meaningful while the ramp is not over.
    pub const fn elapsed(&self, frame: u64) -> u32 {
        frame.saturating_sub(self.start) as u32
    }

    /// The part of the way that is done after `elapsed` frames, 0.0 to 1.0.
    #[inline(always)]
    pub const fn progress(&self, elapsed: u32) -> f32 {
        elapsed as f32 * self.step
    }

    /// `1 / frames`, or 0 when steady.
    pub const fn step(&self) -> f32 {
        self.step
    }
}

/// One value on its way to a target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ramp {
    from: f32,
    to: f32,
    span: Span,
}

impl Ramp {
    /// A value that stands still.
    pub const fn steady(value: f32) -> Self {
        Self { from: value, to: value, span: Span::STEADY }
    }

    /// The value at `frame`, exactly the target from the end on.
    pub fn value(&self, frame: u64) -> f32 {
        if self.span.is_over(frame) {
            self.to
        } else {
            self.from + (self.to - self.from) * self.span.progress(self.span.elapsed(frame))
        }
    }

    /// Where the ramp goes.
    pub const fn target(&self) -> f32 {
        self.to
    }

    /// The frame at which the old value is left.
    pub const fn start(&self) -> u64 {
        self.span.start()
    }

    /// The frame from which the target holds.
    pub const fn end(&self) -> u64 {
        self.span.end()
    }

    /// Whether the target holds at `frame`.
    pub const fn is_over(&self, frame: u64) -> bool {
        self.span.is_over(frame)
    }

    /// Turns towards `to` from the value at `frame`, to be there `frames` later. Continuous whatever it interrupts.
    pub fn turn(&mut self, frame: u64, to: f32, frames: u32) {
        *self = Self { from: self.value(frame), to, span: Span::new(frame, frames) };
    }

    /// The ramp as a kernel wants it: from `frame` on, as a [`Line`] that is valid up to [`Ramp::start`] or
    /// [`Ramp::end`], whichever comes next.
    pub fn line(&self, frame: u64) -> Line<1> {
        Line::new([self.from], [self.to], &self.span, frame)
    }
}

/// `N` values that move together, for instance the gains of the sides of a strip.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ramps<const N: usize> {
    from: [f32; N],
    to: [f32; N],
    span: Span,
}

impl<const N: usize> Ramps<N> {
    /// Values that stand still.
    pub const fn steady(values: [f32; N]) -> Self {
        Self { from: values, to: values, span: Span::STEADY }
    }

    /// The values at `frame`.
    pub fn values(&self, frame: u64) -> [f32; N] {
        if self.span.is_over(frame) {
            return self.to;
        }
        let progress = self.span.progress(self.span.elapsed(frame));
        std::array::from_fn(|i| self.from[i] + (self.to[i] - self.from[i]) * progress)
    }

    /// Where the ramps go.
    pub const fn targets(&self) -> &[f32; N] {
        &self.to
    }

    /// The frame from which the targets hold.
    pub const fn end(&self) -> u64 {
        self.span.end()
    }

    /// Whether the targets hold at `frame`.
    pub const fn is_over(&self, frame: u64) -> bool {
        self.span.is_over(frame)
    }

    /// Turns towards `to` from the values at `frame`, to be there `frames` later.
    pub fn turn(&mut self, frame: u64, to: [f32; N], frames: u32) {
        *self = Self { from: self.values(frame), to, span: Span::new(frame, frames) };
    }

    /// The ramps as a kernel wants them; see [`Ramp::line`].
    pub fn line(&self, frame: u64) -> Line<N> {
        Line::new(self.from, self.to, &self.span, frame)
    }
}

/// A stretch of a ramp for a kernel, all of it before the ramp's start, inside the ramp, or behind its end: value `i` at the `k`-th frame is `from + delta * ((elapsed + k) * step)`, the
/// same arithmetic as [`Ramp::value`]. Before and behind the ramp it is level.
#[derive(Clone, Copy, Debug)]
pub struct Line<const N: usize> {
    /// The value at the ramp's start.
    pub from: [f32; N],
    /// Target minus start; 0 on a level line.
    pub delta: [f32; N],
    /// Frames of the ramp that lie behind the first frame of this stretch.
    pub elapsed: i32,
    /// `1 / ramp length`.
    pub step: f32,
}

impl<const N: usize> Line<N> {
    fn new(from: [f32; N], to: [f32; N], span: &Span, frame: u64) -> Self {
        if span.is_over(frame) {
            return Self { from: to, delta: [0.0; N], elapsed: 0, step: 0.0 };
        }
        if frame < span.start() {
            return Self { from, delta: [0.0; N], elapsed: 0, step: 0.0 };
        }
        let delta = std::array::from_fn(|i| to[i] - from[i]);
        Self { from, delta, elapsed: span.elapsed(frame) as i32, step: span.step() }
    }

    /// Value `i` at the `k`-th frame of the stretch.
    #[inline(always)]
    pub fn at(&self, i: usize, k: i32) -> f32 {
        self.from[i] + self.delta[i] * ((self.elapsed + k) as f32 * self.step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ramp starts at the old value, ends exactly at the new one, and no step is larger than its share.
    #[test]
    fn reaches_its_target_in_equal_steps() {
        let mut ramp = Ramp::steady(0.25);
        ramp.turn(1000, 1.0, 480);
        assert_eq!(ramp.value(0), 0.25);
        assert_eq!(ramp.value(1000), 0.25);
        assert_eq!(ramp.value(1480), 1.0);
        for frame in 1000..1480 {
            let step = ramp.value(frame + 1) - ramp.value(frame);
            assert!(step > 0.0 && step < 0.75 / 480.0 + 1e-6, "{frame}: {step}");
        }
    }

    /// Interrupting a ramp at any frame never makes a step.
    #[test]
    fn turning_is_continuous() {
        for interrupt in [1u64, 7, 99, 100, 101, 500] {
            let mut ramp = Ramp::steady(1.0);
            ramp.turn(0, 0.0, 100);
            let before = ramp.value(interrupt);
            ramp.turn(interrupt, 0.7, 64);
            assert_eq!(ramp.value(interrupt), before);
            assert_eq!(ramp.value(interrupt + 64), 0.7);
        }
    }

    /// Zero frames is an immediate change, and an absurd length is cut, not overflowed.
    #[test]
    fn ends_of_the_length() {
        let mut ramp = Ramp::steady(0.0);
        ramp.turn(5, 1.0, 0);
        assert_eq!(ramp.value(5), 1.0);
        ramp.turn(5, 0.0, u32::MAX);
        assert_eq!(ramp.end(), 5 + u64::from(MAX_RAMP_FRAMES));
        assert_eq!(ramp.value(u64::MAX), 0.0);
    }

    /// A kernel's line gives the very same bits as the ramp itself, wherever a block begins.
    #[test]
    fn line_and_value_agree() {
        let mut ramps = Ramps::steady([0.1, 0.9]);
        ramps.turn(77, [0.8, 0.3], 333);
        for first in 77..410u64 {
            let line = ramps.line(first);
            for k in 0..(410 - first) {
                let values = ramps.values(first + k);
                assert_eq!(line.at(0, k as i32).to_bits(), values[0].to_bits());
                assert_eq!(line.at(1, k as i32).to_bits(), values[1].to_bits());
            }
        }
        assert_eq!(ramps.line(500).at(1, 3), 0.3);
    }
}

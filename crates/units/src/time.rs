//! Frames, positions on a time line, sample rates.

use std::fmt;
use std::num::NonZeroU32;
use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

/// A length of time in frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Frames(pub u64);

/// A point on a time line, in frames since its start. 64 bits: 192 kHz for three million years.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FramePos(pub u64);

impl FramePos {
    /// The low word, as it stands in shared memory.
    pub const fn low(self) -> u32 {
        self.0 as u32
    }

    /// The position nearest to `self` whose low word is `low`: how a wrapping 32-bit counter is widened.
    /// Exact while the true distance is below 2^31 frames; saturates at 0.
    pub const fn nearest(self, low: u32) -> Self {
        Self(self.0.saturating_add_signed(wrapped_distance(self.low(), low)))
    }
}

/// The way from one low word to another, forward or back, whichever is shorter: what a wrapping counter that reads `to`
/// is away from one that reads `from`.
pub const fn wrapped_distance(from: u32, to: u32) -> i64 {
    to.wrapping_sub(from) as i32 as i64
}

impl Add<Frames> for FramePos {
    type Output = Self;
    fn add(self, rhs: Frames) -> Self {
        Self(self.0 + rhs.0)
    }
}

impl AddAssign<Frames> for FramePos {
    fn add_assign(&mut self, rhs: Frames) {
        self.0 += rhs.0;
    }
}

impl Add for Frames {
    type Output = Self;
    fn add(self, rhs: Self) -> Self {
        Self(self.0 + rhs.0)
    }
}

impl Sub for Frames {
    type Output = Self;
    fn sub(self, rhs: Self) -> Self {
        Self(self.0 - rhs.0)
    }
}

/// Frames per second, 1 Hz to 1 MHz.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SampleRate(NonZeroU32);

/// A sample rate outside 1 Hz to 1 MHz.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SampleRateError(pub u32);

impl fmt::Display for SampleRateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} Hz is no sample rate: give 1 to {} Hz, usually 44100 or 48000",
            self.0,
            SampleRate::MAX_HZ
        )
    }
}

impl std::error::Error for SampleRateError {}

impl SampleRate {
    /// The highest rate taken.
    pub const MAX_HZ: u32 = 1_000_000;
    /// The rate that is used where nothing says otherwise.
    pub const DEFAULT: Self = Self(NonZeroU32::new(48_000).expect("not zero"));

    /// Takes `hz` frames per second.
    ///
    /// # Errors
    /// When `hz` is 0 or above [`SampleRate::MAX_HZ`].
    pub const fn new(hz: u32) -> Result<Self, SampleRateError> {
        match NonZeroU32::new(hz) {
            Some(hz) if hz.get() <= Self::MAX_HZ => Ok(Self(hz)),
            _ => Err(SampleRateError(hz)),
        }
    }

    /// Frames per second.
    pub const fn hz(self) -> u32 {
        self.0.get()
    }

    /// The frames in `duration`, rounded to the nearest.
    pub fn frames(self, duration: Duration) -> Frames {
        let scaled = duration.as_nanos() * u128::from(self.hz());
        Frames(((scaled + 500_000_000) / 1_000_000_000) as u64)
    }

    /// The frames in `ms` milliseconds, rounded to the nearest; negative or not finite counts as 0.
    pub fn frames_in_ms(self, ms: f64) -> Frames {
        let frames = ms / 1e3 * f64::from(self.hz());
        Frames(if frames.is_finite() { frames.round() as u64 } else { 0 })
    }

    /// How long `frames` last, rounded down to a nanosecond.
    pub fn duration(self, frames: Frames) -> Duration {
        let hz = u64::from(self.hz());
        let rest_ns = u128::from(frames.0 % hz) * 1_000_000_000 / u128::from(hz);
        Duration::new(frames.0 / hz, rest_ns as u32)
    }

    /// How many milliseconds `frames` last.
    pub fn ms(self, frames: Frames) -> f64 {
        frames.0 as f64 * 1e3 / f64::from(self.hz())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A low word is widened to the nearest position, on both sides of a wrap.
    #[test]
    fn nearest_crosses_the_wrap() {
        let near = FramePos((1 << 32) - 10);
        assert_eq!(near.nearest(5), FramePos((1 << 32) + 5));
        assert_eq!(FramePos((1 << 32) + 5).nearest(u32::MAX), FramePos((1 << 32) - 1));
        assert_eq!(FramePos(3).nearest(u32::MAX), FramePos(0));
    }

    /// Durations and frames agree both ways, without drift over days.
    #[test]
    fn durations() {
        let rate = SampleRate::new(44_100).unwrap();
        assert_eq!(rate.frames(Duration::from_secs(86_400)), Frames(44_100 * 86_400));
        assert_eq!(rate.duration(Frames(44_100 * 86_400)), Duration::from_secs(86_400));
        assert_eq!(SampleRate::DEFAULT.frames_in_ms(20.0), Frames(960));
        for no_time in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0] {
            assert_eq!(SampleRate::DEFAULT.frames_in_ms(no_time), Frames(0));
        }
    }

    /// A rate that can't be is refused with a sentence.
    #[test]
    fn absurd_rates() {
        assert!(SampleRate::new(0).unwrap_err().to_string().starts_with("0 Hz is no sample rate"));
        assert!(SampleRate::new(u32::MAX).is_err());
    }
}

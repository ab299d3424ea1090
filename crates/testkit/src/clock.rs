//! Time that passes when a test says so.

use units::{FramePos, Frames, SampleRate};

/// A clock of frames. Everything in a test that needs time gets it from here: nothing sleeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VirtualClock {
    rate: SampleRate,
    now: FramePos,
}

impl VirtualClock {
    /// A clock that stands at `first`.
    pub const fn new(rate: SampleRate, first: FramePos) -> Self {
        Self { rate, now: first }
    }

    /// Frames per second.
    pub const fn rate(&self) -> SampleRate {
        self.rate
    }

    /// Where it stands.
    pub const fn now(&self) -> FramePos {
        self.now
    }

    /// Lets `frames` pass.
    pub fn advance(&mut self, frames: Frames) {
        self.now += frames;
    }

    /// Nanoseconds since frame 0, rounded down.
    pub fn now_ns(&self) -> u128 {
        u128::from(self.now.0) * 1_000_000_000 / u128::from(self.rate.hz())
    }
}

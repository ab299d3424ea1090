//! The mix: a stretch of a voice, through its strip's gains, onto the running sum of a bus.
//!
//! The samples have passed the guard's door ([`crate::guard::Watch::admit`]). The sum is added to in call order, so a bus
//! that is fed in slot order has the same bits on every machine.

use crate::pan::{LEFT, RIGHT, Sides};
use crate::ramp::Line;
use crate::route::{Route, Shape};
use crate::simd::{self, Cpu};

/// Gains that move: the sides of a strip, times its gate (fades, mute, solo, guard).
#[derive(Clone, Copy, Debug)]
pub struct Lines {
    /// The three side gains.
    pub sides: Line<3>,
    /// One factor for all of them.
    pub gate: Line<1>,
}

impl Lines {
    /// The side gains at the `k`-th frame of the stretch.
    #[inline(always)]
    pub fn at(&self, k: i32) -> Sides {
        let gate = self.gate.at(0, k);
        [self.sides.at(0, k) * gate, self.sides.at(1, k) * gate, self.sides.at(2, k) * gate]
    }
}

/// The gains of one stretch.
#[derive(Clone, Copy, Debug)]
pub enum Gains {
    /// The same for all its frames.
    Steady(Sides),
    /// At least one of them moves.
    Moving(Lines),
}

impl Gains {
    /// The side gains at the `k`-th frame of the stretch.
    #[inline(always)]
    pub fn at(&self, k: i32) -> Sides {
        match self {
            Self::Steady(sides) => *sides,
            Self::Moving(lines) => lines.at(k),
        }
    }
}

/// Adds a stretch of a voice to a bus, weighted with `gains`.
///
/// `voice` is interleaved with the route's source channels, `bus` with its target channels; both hold the same number
/// of frames.
#[inline]
pub fn add(cpu: Cpu, route: &Route, gains: &Gains, voice: &[f32], bus: &mut [f32]) {
    debug_assert_eq!(voice.len() / route.from_channels(), bus.len() / route.to_channels());
    match (route.shape(), gains) {
        (Shape::MonoToStereo, Gains::Steady(sides)) => {
            simd::mono(cpu, voice, bus, sides[LEFT], sides[RIGHT]);
        }
        (Shape::MonoToStereo, Gains::Moving(lines)) => simd::mono_ramped(cpu, voice, bus, lines),
        (Shape::Stereo, gains) => simd::stereo(cpu, voice, bus, gains),
        (Shape::Matrix, gains) => simd::matrix(cpu, voice, bus, route, gains),
    }
}

#[cfg(test)]
#[path = "mix_tests.rs"]
mod tests;

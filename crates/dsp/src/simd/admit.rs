//! The door of the mix: what a voice brings is measured, and repaired where it is not fit for the sum.
//!
//! Nearly always it is fit, so it is only measured, and what the measurements show says whether it was: NaN and
//! infinity end in the energy, too loud ones in the extremes, denormals in the least magnitude. Else the samples are
//! repaired in place and measured again.

use super::LANES;
use super::fold::{self, higher, lower};
use crate::guard::{HUGE, Watch};

/// A magnitude less one, as bits, below which a sample is denormal; zero wraps to the very top.
const TINY: u32 = f32::MIN_POSITIVE.to_bits() - 1;

/// Measurements of a stretch, one per lane; lane `i` belongs to channel `i % channels`.
#[derive(Clone, Copy)]
struct Lanes {
    low: [f32; LANES],
    high: [f32; LANES],
    energy: [f32; LANES],
    /// The least magnitude but zero: its bits, less one.
    least: [u32; LANES],
}

impl Lanes {
    #[inline(always)]
    fn new() -> Self {
        Self {
            low: [f32::INFINITY; LANES],
            high: [f32::NEG_INFINITY; LANES],
            energy: [0.0; LANES],
            least: [u32::MAX; LANES],
        }
    }

    /// Measures one sample.
    #[inline(always)]
    fn take(&mut self, lane: usize, x: f32) {
        self.low[lane] = lower(self.low[lane], x);
        self.high[lane] = higher(self.high[lane], x);
        self.energy[lane] += x * x;
        let magnitude = (x.to_bits() & 0x7fff_ffff).wrapping_sub(1);
        self.least[lane] = if magnitude < self.least[lane] { magnitude } else { self.least[lane] };
    }

    /// Measures whole groups of samples of one channel or two.
    #[inline(always)]
    fn of_groups(groups: &[[f32; LANES]]) -> Self {
        let mut lanes = Self::new();
        for group in groups {
            for (lane, x) in group.iter().enumerate() {
                lanes.take(lane, *x);
            }
        }
        lanes
    }

    /// Measures frames of any number of channels, a lane each. Rare, hence not tuned.
    fn of_frames(x: &[f32], channels: usize) -> Self {
        let mut lanes = Self::new();
        for frame in x.chunks_exact(channels) {
            for (channel, x) in frame.iter().enumerate() {
                lanes.take(channel, *x);
            }
        }
        lanes
    }
}

/// What was seen of a stretch, folded in a fixed order onto two lanes.
#[derive(Clone, Copy)]
struct Seen {
    low: [f32; 2],
    high: [f32; 2],
    energy: f32,
    tiny: bool,
}

impl Seen {
    #[inline(always)]
    fn of(lanes: &Lanes) -> Self {
        let [even, odd] = fold::energy(&lanes.energy);
        Self {
            low: fold::min(&lanes.low),
            high: fold::max(&lanes.high),
            energy: even + odd,
            tiny: fold::any_below(&lanes.least, TINY),
        }
    }

    /// A look at a stretch of one channel or two.
    #[inline(always)]
    fn at(x: &[f32]) -> Self {
        match x.as_chunks() {
            (groups, []) => Self::of(&Lanes::of_groups(groups)),
            _ => Self::at_any(x),
        }
    }

    /// The same, also where groups are not full. Apart from it, so that there the lanes stay in registers.
    #[inline(never)]
    fn at_any(x: &[f32]) -> Self {
        let (groups, rest) = x.as_chunks();
        let mut lanes = Lanes::of_groups(groups);
        for (lane, x) in rest.iter().enumerate() {
            lanes.take(lane, *x);
        }
        Self::of(&lanes)
    }

    /// Whether all of it may be mixed as it is.
    #[inline(always)]
    fn is_fit(&self, blast: f32) -> bool {
        let peak = higher(higher(self.high[0], self.high[1]), -lower(self.low[0], self.low[1]));
        !self.tiny & (peak <= blast) & (self.energy < f32::INFINITY)
    }
}

/// Makes a stretch fit, and counts what was wrong with it.
#[cold]
#[inline(never)]
fn repair(x: &mut [f32], blast: f32, watch: &mut Watch) {
    watch.count_lost(x);
    for x in x {
        let is_sound = x.abs() >= f32::MIN_POSITIVE && x.abs() < HUGE;
        *x = if is_sound { x.clamp(-blast, blast) } else { 0.0 };
    }
}

/// What there is to see of one channel or two once they are fit. (With one way out what was seen stays in registers.)
#[inline(always)]
fn admitted(x: &mut [f32], blast: f32, watch: &mut Watch) -> Seen {
    let mut seen = Seen::at(x);
    if !seen.is_fit(blast) {
        repair(x, blast, watch);
        seen = Seen::at_any(x);
    }
    seen
}

/// One channel.
#[inline(always)]
pub(super) fn mono_body(x: &mut [f32], blast: f32, watch: &mut Watch) {
    let seen = admitted(x, blast, watch);
    watch.merge(0, lower(seen.low[0], seen.low[1]), higher(seen.high[0], seen.high[1]));
    watch.add_energy(seen.energy);
}

/// Two channels, interleaved.
#[inline(always)]
pub(super) fn stereo_body(x: &mut [f32], blast: f32, watch: &mut Watch) {
    let seen = admitted(x, blast, watch);
    watch.merge(0, seen.low[0], seen.high[0]);
    watch.merge(1, seen.low[1], seen.high[1]);
    watch.add_energy(seen.energy);
}

/// Any number of channels, interleaved.
#[inline(always)]
pub(super) fn many_body(x: &mut [f32], channels: usize, blast: f32, watch: &mut Watch) {
    let mut lanes = Lanes::of_frames(x, channels);
    if !Seen::of(&lanes).is_fit(blast) {
        repair(x, blast, watch);
        lanes = Lanes::of_frames(x, channels);
    }
    for channel in 0..channels {
        watch.merge(channel, lanes.low[channel], lanes.high[channel]);
    }
    watch.add_energy(lanes.energy.iter().sum());
}

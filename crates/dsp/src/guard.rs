//! The guard of a voice: what is measured while it is mixed, and when it counts as faulty.
//!
//! All decisions rest on values that do not depend on the order or grouping of the samples (maxima, minima), so a voice is
//! muted at the same frame whatever the block size and CPU.

use crate::simd::fold::{higher, lower};
use crate::simd::{self, Cpu};
use units::MAX_CHANNELS;

/// Samples of this magnitude and above are no sound (+60 dB over full scale): they are replaced by 0 and blamed.
pub const HUGE: f32 = 1024.0;
/// The highest [`GuardLimits::blast`], +36 dB over full scale.
pub const MAX_BLAST: f32 = 64.0;
/// Guards and meters look at a voice once per cell: a stretch of the engine's time line this long, on its grid.
pub const CELL_FRAMES: usize = 64;

/// Why a voice is silenced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Blame {
    /// NaN, infinity, or a magnitude of [`HUGE`] and more.
    NotSound,
    /// Louder than [`GuardLimits::blast`].
    Blast,
    /// Stuck beside zero for a whole [`GuardLimits::dc_window_cells`].
    Dc,
}

impl std::fmt::Display for Blame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NotSound => "wrote NaN, infinity or an absurd number",
            Self::Blast => "blasted far above full scale",
            Self::Dc => "stood still beside zero (DC)",
        })
    }
}

/// What is still sound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GuardLimits {
    /// Samples are clipped to this magnitude before the strip; a voice that gets there is blamed. Linear, up to
    /// [`MAX_BLAST`]; 8.0 (+18 dB over full scale) by default.
    pub blast: f32,
    /// A voice whose middle over the window (half-way between lowest and highest) is at least this far from zero, and which
    /// swings by no more than that, is stuck. Linear; 0.25 by default. What swings around or down to zero is never blamed.
    pub dc_middle: f32,
    /// Whether a voice that is blamed is silenced.
    pub mutes: bool,
    /// Length of the DC window in cells of [`CELL_FRAMES`]; 375 by default (0.5 s at 48 kHz).
    pub dc_window_cells: u32,
}

impl GuardLimits {
    /// The same without a guard: nobody is silenced, and only what is no number or beyond [`MAX_BLAST`] is cut.
    pub const fn off(self) -> Self {
        Self { blast: MAX_BLAST, mutes: false, ..self }
    }
}

impl Default for GuardLimits {
    fn default() -> Self {
        Self { blast: 8.0, dc_middle: 0.25, mutes: true, dc_window_cells: 375 }
    }
}

/// What one channel did since the last DC window began.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C)]
struct ChannelWatch {
    low: f32,
    high: f32,
}

impl ChannelWatch {
    const NEW: Self = Self { low: f32::INFINITY, high: f32::NEG_INFINITY };
}

/// The measurements of one voice, filled by the mix kernels.
#[derive(Clone, Debug, PartialEq)]
#[repr(C)]
pub struct Watch {
    /// Samples of the running cell that were replaced: not a number or huge.
    bad: u32,
    /// Denormals of the running cell, replaced by 0.
    denormal: u32,
    peak: f32,
    energy: f32,
    channels: [ChannelWatch; MAX_CHANNELS],
}

/// What a voice did in one cell (or the part of it that was mixed).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CellMeasure {
    /// Samples that were no sound and were replaced by 0.
    pub bad: u32,
    /// Denormals that were replaced by 0.
    pub denormal: u32,
    /// Largest magnitude of what was left, before the strip.
    pub peak: f32,
    /// Sum of squares over all channels, before the strip.
    pub energy: f32,
}

impl Default for Watch {
    fn default() -> Self {
        Self { bad: 0, denormal: 0, peak: 0.0, energy: 0.0, channels: [ChannelWatch::NEW; MAX_CHANNELS] }
    }
}

impl Watch {
    /// Takes the measurements of the running cell out and begins a new one.
    #[inline]
    pub fn close_cell(&mut self) -> CellMeasure {
        let cell =
            CellMeasure { bad: self.bad, denormal: self.denormal, peak: self.peak, energy: self.energy };
        (self.bad, self.denormal, self.peak, self.energy) = (0, 0, 0.0, 0.0);
        cell
    }

    /// Ends the DC window of a voice with `channels` channels: whether one of them stood still beside zero all the time.
    pub fn close_window(&mut self, channels: usize, limits: &GuardLimits) -> bool {
        let stuck = self.channels[..channels].iter().any(|channel| {
            let (low, high) = (f64::from(channel.low), f64::from(channel.high));
            let middle = (0.5 * (low + high)).abs();
            middle >= f64::from(limits.dc_middle) && high - low <= middle
        });
        self.channels[..channels].fill(ChannelWatch::NEW);
        stuck
    }

    /// Measures a stretch of a voice, interleaved with `channels` channels, and makes it fit for the mix, in place: NaN,
    /// infinite, [`HUGE`] and denormal samples become 0, the rest is clipped to `blast`.
    #[inline]
    pub fn admit(&mut self, cpu: Cpu, samples: &mut [f32], channels: usize, blast: f32) {
        match channels {
            1 => simd::admit_mono(cpu, samples, blast, self),
            2 => simd::admit_stereo(cpu, samples, blast, self),
            _ => simd::admit_many(cpu, samples, channels, blast, self),
        }
    }

    /// Adds the extremes that a kernel saw in one channel.
    #[inline(always)]
    pub(crate) fn merge(&mut self, channel: usize, low: f32, high: f32) {
        let watch = &mut self.channels[channel];
        // Zeros lose their sign here: which of two a kernel saw last depends on the machine.
        watch.low = lower(watch.low, low) + 0.0;
        watch.high = higher(watch.high, high) + 0.0;
        self.peak = higher(higher(self.peak, high), -low);
    }

    /// Counts what is no sound in `samples`. Off the fast path: only called where something is wrong.
    #[cold]
    #[inline(never)]
    pub(crate) fn count_lost(&mut self, samples: &[f32]) {
        for x in samples {
            let magnitude = x.abs();
            self.bad += u32::from(magnitude.is_nan() || magnitude >= HUGE);
            self.denormal += u32::from(magnitude.is_subnormal());
        }
    }

    /// Adds the sum of squares that a kernel saw.
    #[inline(always)]
    pub(crate) fn add_energy(&mut self, energy: f32) {
        self.energy += energy;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(samples: impl Iterator<Item = f32>) -> bool {
        let mut watch = Watch::default();
        samples.for_each(|x| watch.merge(0, x, x));
        watch.close_window(1, &GuardLimits::default())
    }

    /// A constant is blamed, and so is a small wobble far beside zero; silence, sines, a narrow pulse and a one-sided
    /// sine are not.
    #[test]
    fn stuck_is_told_from_sound() {
        let sine = |k: u32| (k as f32 * 0.01).sin();
        assert!(window((0..4800).map(|_| 0.9)));
        assert!(window((0..4800).map(|k| -0.8 + 0.1 * sine(k))));
        assert!(!window((0..4800).map(|_| 0.0)));
        assert!(!window((0..4800).map(sine)));
        assert!(!window((0..4800).map(|k| if k % 100 < 97 { 0.9 } else { -0.9 })));
        assert!(!window((0..4800).map(|k| 0.5 + 0.5 * sine(k))));
    }

    /// Each window begins anew.
    #[test]
    fn windows_are_independent() {
        let mut watch = Watch::default();
        watch.merge(0, 0.9, 0.9);
        assert!(watch.close_window(1, &GuardLimits::default()));
        assert!(!watch.close_window(1, &GuardLimits::default()));
    }
}

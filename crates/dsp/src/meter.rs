//! Peak and RMS.
//!
//! The real-time half only measures: a [`Level`] per block. How a needle falls is the business of whoever shows it:
//! [`PeakHold`].

use units::{Decibels, Frames, SampleRate};

/// What some samples were like: the largest, and the sum of their squares.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Level {
    /// The largest absolute sample.
    pub peak: f32,
    /// The sum of all samples squared.
    pub sum_squares: f64,
    /// How many samples that were.
    pub samples: u64,
}

impl Level {
    /// Measures `samples` of one or of all channels. Samples that are no number count as silence. `[rt]`
    pub fn of(samples: &[f32]) -> Self {
        const LANES: usize = 16;
        let mut peaks = [0.0_f32; LANES];
        let mut sum_squares = 0.0_f64;
        // f32 lanes over at most 1024 samples, then f64: an hour-long sum stays exact enough and vectorises.
        for part in samples.chunks(1024) {
            let mut sums = [0.0_f32; LANES];
            let (strides, rest) = part.as_chunks::<LANES>();
            for stride in strides {
                for lane in 0..LANES {
                    let x = if stride[lane].is_nan() { 0.0 } else { stride[lane].abs() };
                    peaks[lane] = if x > peaks[lane] { x } else { peaks[lane] };
                    sums[lane] += x * x;
                }
            }
            for (lane, x) in rest.iter().enumerate() {
                let x = if x.is_nan() { 0.0 } else { x.abs() };
                peaks[lane] = if x > peaks[lane] { x } else { peaks[lane] };
                sums[lane] += x * x;
            }
            sum_squares += sums.iter().map(|sum| f64::from(*sum)).sum::<f64>();
        }
        let peak = peaks.iter().fold(0.0, |most: f32, x| most.max(*x));
        Self { peak, sum_squares, samples: samples.len() as u64 }
    }

    /// Both together. `[rt]`
    pub fn merged(self, other: Self) -> Self {
        Self {
            peak: self.peak.max(other.peak),
            sum_squares: self.sum_squares + other.sum_squares,
            samples: self.samples + other.samples,
        }
    }

    /// The root of the mean square; 0.0 of nothing. `[any]`
    pub fn rms(self) -> f32 {
        if self.samples == 0 { 0.0 } else { (self.sum_squares / self.samples as f64).sqrt() as f32 }
    }
}

/// What a peak display shows: rises at once, holds, then falls at a steady rate. `[any]`
#[derive(Clone, Debug)]
pub struct PeakHold {
    rate: SampleRate,
    hold_frames: u64,
    fall_db_per_second: f64,
    shown_db: f64,
    held: u64,
}

impl PeakHold {
    /// Holds for `hold_ms`, then falls by `fall_db_per_second`.
    pub fn new(rate: SampleRate, hold_ms: f64, fall_db_per_second: f64) -> Self {
        let hold_frames = rate.frames_in_ms(hold_ms).0;
        let fall_db_per_second = fall_db_per_second.max(0.0);
        Self { rate, hold_frames, fall_db_per_second, shown_db: f64::NEG_INFINITY, held: 0 }
    }

    /// The usual: 1 s of hold, 20 dB/s of fall.
    pub fn usual(rate: SampleRate) -> Self {
        Self::new(rate, 1000.0, 20.0)
    }

    /// Takes the peak (linear) of the last `passed` frames and returns what to show.
    pub fn show(&mut self, peak: f32, passed: Frames) -> Decibels {
        let before_hold_ends = self.hold_frames.saturating_sub(self.held);
        self.held = self.held.saturating_add(passed.0);
        let falling = passed.0.saturating_sub(before_hold_ends);
        let fall_db = falling as f64 / f64::from(self.rate.hz()) * self.fall_db_per_second;
        self.shown_db = if self.shown_db - fall_db > f64::from(Decibels::FLOOR_DB) {
            self.shown_db - fall_db
        } else {
            f64::NEG_INFINITY
        };
        let now_db = f64::from(Decibels::of(peak).0);
        if now_db >= self.shown_db {
            self.shown_db = now_db;
            self.held = 0;
        }
        Decibels(self.shown_db as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(samples: usize) -> Vec<f32> {
        (0..samples).map(|i| 0.5 * (std::f32::consts::TAU * i as f32 / 48.0).sin()).collect()
    }

    /// Peak and RMS of a sine are its amplitude and amplitude / sqrt 2, at any length and offset.
    #[test]
    fn level_of_a_sine() {
        let samples = sine(48_000);
        let level = Level::of(&samples);
        assert!((level.peak - 0.5).abs() < 1e-6);
        assert!((level.rms() - 0.5 / 2.0_f32.sqrt()).abs() < 1e-5);
        let parts = samples.chunks(997).fold(Level::default(), |sum, part| sum.merged(Level::of(part)));
        assert_eq!((parts.peak, parts.samples), (level.peak, level.samples));
        assert!((parts.rms() - level.rms()).abs() < 1e-6);
    }

    /// The peak is found at every place of the last stride, negative ones too, and NaN neither hides nor is one.
    #[test]
    fn peak_anywhere() {
        for len in 1..70 {
            for at in 0..len {
                let mut samples = vec![0.1; len];
                samples[0] = f32::NAN;
                samples[at] = -0.75;
                assert_eq!(Level::of(&samples).peak, 0.75, "{at} of {len}");
            }
        }
        assert_eq!(Level::of(&[]).rms(), 0.0);
        assert_eq!(Level::of(&[f32::NAN; 40]).rms(), 0.0);
    }

    /// The display rises at once, holds one second, falls 20 dB in the next, and ends in silence.
    #[test]
    fn display_holds_and_falls() {
        let second = Frames(48_000);
        let mut hold = PeakHold::usual(SampleRate::DEFAULT);
        assert_eq!(hold.show(0.0, second), Decibels::SILENCE);
        assert_eq!(hold.show(1.0, second), Decibels::UNITY);
        assert_eq!(hold.show(0.5, second), Decibels::UNITY);
        let fallen = (0..10).map(|_| hold.show(0.0, Frames(4800))).last().unwrap();
        assert!((fallen.0 + 20.0).abs() < 1e-3, "{fallen:?}");
        assert_eq!(hold.show(0.5, second), Decibels::of(0.5));
        assert_eq!(hold.show(0.0, Frames(48_000 * 10)), Decibels::SILENCE);
    }
}

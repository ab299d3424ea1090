//! Telling that sound is right: bits where the path is exact, else a sine fit and a search for discontinuities.

use std::f64::consts::TAU;
use std::fmt;

/// Where two recordings first differ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// Index of the first sample that differs, or the shorter length where one is longer.
    pub at: usize,
    /// The sample of the first recording there.
    pub left: Option<f32>,
    /// The sample of the second recording there.
    pub right: Option<f32>,
    /// How many samples differ in all, missing ones included.
    pub count: usize,
    /// The largest absolute difference among the samples that both have.
    pub most: f32,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, left, right, count, most } = self;
        write!(f, "{count} samples differ by up to {most:e}, first at {at}: {left:?} and {right:?}")
    }
}

/// Compares bits: NaN equals the same NaN, 0.0 does not equal -0.0. `None` when all are equal.
pub fn difference(left: &[f32], right: &[f32]) -> Option<Difference> {
    let both = left.len().min(right.len());
    let differs = |i: &usize| left[*i].to_bits() != right[*i].to_bits();
    let missing = left.len().max(right.len()) - both;
    let first = (0..both).find(differs).or((missing > 0).then_some(both))?;
    let unequal = (first..both).filter(differs);
    let (count, most) = unequal.fold((0, 0.0_f32), |(count, most), i| {
        let distance = (left[i] - right[i]).abs();
        (count + 1, if distance > most { distance } else { most })
    });
    let (left, right) = (left.get(first).copied(), right.get(first).copied());
    Some(Difference { at: first, left, right, count: count + missing, most })
}

/// Asserts that two recordings have the same bits.
///
/// # Panics
/// With the first difference, where they have not.
#[track_caller]
pub fn assert_same_bits(left: &[f32], right: &[f32]) {
    if let Some(difference) = difference(left, right) {
        panic!("not the same bits: {difference}");
    }
}

/// One channel of interleaved frames.
pub fn channel(frames: &[f32], channels: usize, channel: usize) -> Vec<f32> {
    frames.iter().skip(channel).step_by(channels).copied().collect()
}

/// The sound without the silence (exact zeros in all channels) before its first frame.
pub fn from_first_sound(frames: &[f32], channels: usize) -> &[f32] {
    let first = frames.iter().position(|x| *x != 0.0).unwrap_or(frames.len());
    &frames[first - first % channels..]
}

/// A sine fitted to a recording.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SineFit {
    /// The frequency found, in Hz.
    pub hz: f64,
    /// The amplitude found, linear.
    pub amplitude: f64,
    /// The phase at the first sample, in turns from -0.5 to 0.5, of a sine (not cosine).
    pub phase_turns: f64,
    /// Power of the sine over the power of all else but DC, in dB.
    pub sinad_db: f64,
}

/// Fits a sine near `near_hz` (within about one cycle over the recording's length) to `samples` of one channel by
/// least squares: frequency, amplitude, phase and what is left over.
pub fn fit_sine(samples: &[f32], near_hz: f64, rate_hz: f64) -> SineFit {
    let mut hz = near_hz;
    let mut fit = linear_fit(samples, hz, rate_hz);
    // Gauss-Newton on the frequency: the fit's own slope over time says by how much it is off.
    for _ in 0..20 {
        let step = frequency_error(samples, &fit, hz, rate_hz);
        let limit = rate_hz / samples.len() as f64;
        hz += step.clamp(-limit, limit);
        fit = linear_fit(samples, hz, rate_hz);
        if step.abs() < 1e-9 * hz {
            break;
        }
    }
    let (mut rest, mut signal) = (0.0, 0.0);
    for (i, x) in samples.iter().enumerate() {
        let fitted = fit.sine_at(i, hz, rate_hz);
        signal += fitted * fitted;
        rest += (f64::from(*x) - fit.dc - fitted).powi(2);
    }
    SineFit {
        hz,
        amplitude: fit.sin.hypot(fit.cos),
        phase_turns: fit.cos.atan2(fit.sin) / TAU,
        sinad_db: 10.0 * (signal / rest).log10(),
    }
}

struct Linear {
    sin: f64,
    cos: f64,
    dc: f64,
}

impl Linear {
    fn sine_at(&self, i: usize, hz: f64, rate_hz: f64) -> f64 {
        let (s, c) = angle(i, hz, rate_hz).sin_cos();
        self.sin * s + self.cos * c
    }
}

fn angle(i: usize, hz: f64, rate_hz: f64) -> f64 {
    TAU * (hz * i as f64 / rate_hz).fract()
}

/// Least squares over sine, cosine and DC of a known frequency.
fn linear_fit(samples: &[f32], hz: f64, rate_hz: f64) -> Linear {
    let rows = samples.iter().enumerate().map(|(i, x)| {
        let (s, c) = angle(i, hz, rate_hz).sin_cos();
        ([s, c, 1.0], f64::from(*x))
    });
    let [sin, cos, dc] = solve(rows);
    Linear { sin, cos, dc }
}

/// By how many Hz the frequency is off: the least-squares weight of the fit's derivative over frequency.
fn frequency_error(samples: &[f32], fit: &Linear, hz: f64, rate_hz: f64) -> f64 {
    let middle = samples.len() as f64 / 2.0;
    let rows = samples.iter().enumerate().map(|(i, x)| {
        let (s, c) = angle(i, hz, rate_hz).sin_cos();
        let slope = TAU * (i as f64 - middle) / rate_hz * (fit.sin * c - fit.cos * s);
        let quadrature = fit.sin * c - fit.cos * s;
        ([slope, quadrature, fit.sin * s + fit.cos * c], f64::from(*x) - fit.dc)
    });
    solve(rows)[0]
}

/// Solves three-column least squares by its normal equations, with Cramer's rule.
fn solve(rows: impl Iterator<Item = ([f64; 3], f64)>) -> [f64; 3] {
    let (mut a, mut b) = ([[0.0; 3]; 3], [0.0; 3]);
    for (row, x) in rows {
        for i in 0..3 {
            b[i] += row[i] * x;
            (0..3).for_each(|j| a[i][j] += row[i] * row[j]);
        }
    }
    let det = |m: &[[f64; 3]; 3]| {
        m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0])
            + m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0])
    };
    let whole = det(&a);
    [0, 1, 2].map(|column| {
        let mut replaced = a;
        (0..3).for_each(|i| replaced[i][column] = b[i]);
        if whole.abs() > f64::MIN_POSITIVE { det(&replaced) / whole } else { 0.0 }
    })
}

/// A place where a recording breaks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Discontinuity {
    /// Index of the sample after the break.
    pub at: usize,
    /// The second difference there.
    pub size: f64,
}

/// Samples of one channel whose second difference exceeds `bound`. A sine of amplitude `a` has one of at most
/// `a * (2 pi hz / rate)^2`: see [`sine_bend`].
pub fn discontinuities(samples: &[f32], bound: f64) -> Vec<Discontinuity> {
    let bend = |w: &[f32]| f64::from(w[2]) - 2.0 * f64::from(w[1]) + f64::from(w[0]);
    let sizes = samples.windows(3).enumerate().map(|(i, w)| Discontinuity { at: i + 2, size: bend(w) });
    sizes.filter(|found| found.size.is_nan() || found.size.abs() > bound).collect()
}

/// The largest second difference that a sine has by itself.
pub fn sine_bend(amplitude: f64, hz: f64, rate_hz: f64) -> f64 {
    amplitude * (TAU * hz / rate_hz).powi(2)
}

/// The largest step from one sample to the next in one channel.
pub fn largest_step(samples: &[f32]) -> f32 {
    samples.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max)
}

/// How far a sine of known frequency leaves its phase, in turns: each sample window of `window` frames is fitted
/// and compared with the phase that the first one promises. Continuous sound stays within rounding.
pub fn phase_drift_turns(samples: &[f32], hz: f64, rate_hz: f64, window: usize) -> f64 {
    let phase = |start: usize| {
        let fit = linear_fit(&samples[start..start + window], hz, rate_hz);
        fit.cos.atan2(fit.sin) / TAU - hz * start as f64 / rate_hz
    };
    let first = phase(0);
    let starts = (0..samples.len().saturating_sub(window)).step_by(window);
    starts
        .map(|start| {
            let off = phase(start) - first;
            (off - off.round()).abs()
        })
        .fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(hz: f64, amplitude: f64, phase_turns: f64, samples: usize) -> Vec<f32> {
        let at = |i: usize| amplitude * (TAU * (hz * i as f64 / 48_000.0 + phase_turns)).sin();
        (0..samples).map(|i| at(i) as f32).collect()
    }

    /// Equal bits pass, one bit does not, nor a missing sample, nor a lost sign of zero.
    #[test]
    fn bits() {
        let a = [0.0, 1.0, f32::NAN];
        assert_eq!(difference(&a, &a), None);
        assert_eq!(difference(&a, &a[..2]).unwrap().at, 2);
        assert_eq!(difference(&[0.0], &[-0.0]).unwrap().count, 1);
        let found = difference(&[1.0, 2.0, 3.0], &[1.0, 2.5, 3.25]).unwrap();
        assert_eq!((found.at, found.count, found.most), (1, 2, 0.5));
        assert!(found.to_string().starts_with("2 samples differ by up to 5e-1, first at 1"));
    }

    /// Silence in front goes frame by frame, so channels stay in order.
    #[test]
    fn first_sound() {
        assert_eq!(from_first_sound(&[0.0, 0.0, 0.0, 0.5, 0.25, 0.0], 2), &[0.0, 0.5, 0.25, 0.0]);
        assert!(from_first_sound(&[0.0; 8], 2).is_empty());
        assert_eq!(channel(&[1.0, 2.0, 3.0, 4.0], 2, 1), [2.0, 4.0]);
    }

    /// A clean sine is found to a millionth though the guess was off; added noise at -60 dB shows as such.
    #[test]
    fn sine_is_found() {
        let mut samples = sine(440.37, 0.25, 0.1, 24_000);
        let fit = fit_sine(&samples, 440.0, 48_000.0);
        assert!((fit.hz - 440.37).abs() < 1e-4, "{fit:?}");
        assert!((fit.amplitude - 0.25).abs() < 1e-6 && (fit.phase_turns - 0.1).abs() < 1e-5, "{fit:?}");
        assert!(fit.sinad_db > 130.0, "{fit:?}");
        for (i, x) in samples.iter_mut().enumerate() {
            *x += (0.25e-3 * (TAU * 5_000.0 * i as f64 / 48_000.0).sin()) as f32;
        }
        let noisy = fit_sine(&samples, 440.37, 48_000.0);
        assert!((noisy.sinad_db - 60.0).abs() < 0.1, "{noisy:?}");
    }

    /// A clean sine has no discontinuity; one dropped sample, a small step and a NaN are each found where they are.
    #[test]
    fn breaks_are_found() {
        let bound = 1.01 * sine_bend(0.5, 440.0, 48_000.0) + 1e-6;
        let clean = sine(440.0, 0.5, 0.0, 4800);
        assert!(discontinuities(&clean, bound).is_empty());
        let mut dropped = clean.clone();
        dropped.remove(1090);
        assert_eq!(discontinuities(&dropped, bound)[0].at, 1090);
        let mut stepped = clean.clone();
        stepped[2000..].iter_mut().for_each(|x| *x += 0.01);
        assert_eq!(discontinuities(&stepped, bound)[0].at, 2000);
        let mut broken = clean.clone();
        broken[3000] = f32::NAN;
        assert_eq!(discontinuities(&broken, bound)[0].at, 3000);
        assert!(largest_step(&stepped) < 0.5 * 0.0577 + 0.01);
    }

    /// The phase of a continuous sine stays; a jump of a hundredth of a turn is seen as one.
    #[test]
    fn phase_is_watched() {
        let clean = sine(997.0, 0.5, 0.3, 48_000);
        assert!(phase_drift_turns(&clean, 997.0, 48_000.0, 480) < 1e-7);
        let mut jumped = clean[..24_000].to_vec();
        jumped.extend_from_slice(&sine(997.0, 0.5, 0.31, 48_000)[24_000..]);
        let drift = phase_drift_turns(&jumped, 997.0, 48_000.0, 480);
        assert!((drift - 0.01).abs() < 1e-3, "{drift}");
    }
}

//! Changing the sample rate between the engine and something that runs at another: a device, a file.
//!
//! A wrapper of rubato's asynchronous sinc resampler with a pull interface: whoever needs `n` output frames asks
//! for exactly those, and the resampler asks its source for exactly the input frames that they take. No queue
//! lies between, so it adds no latency but the filter's own.

use crate::room::touched;
use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Async, FixedAsync, Resampler as _, Resizable, SincInterpolationParameters, WindowFunction};
use units::{ChannelCount, SampleRate};

/// How much arithmetic a [`Resampler`] spends on a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Quality {
    /// 64 points: for devices and live sources; flat to about 16 kHz at 44.1 kHz, 0.7 ms of delay.
    Live,
    /// 256 points: for files and main outputs; flat to about 20 kHz, 2.7 ms of delay.
    #[default]
    Fine,
}

impl Quality {
    const fn points(self) -> usize {
        match self {
            Self::Live => 64,
            Self::Fine => 256,
        }
    }
}

/// The ratio stays the nominal one.
const TRIM: f64 = 1.0;
/// Most frames that come out of one pass of the filter.
const PASS: usize = 512;

/// Converts interleaved frames from one rate to another, on demand.
pub struct Resampler {
    inner: Async<f32>,
    channels: usize,
    nominal: f64,
    input: Box<[f32]>,
}

impl Resampler {
    /// Builds a resampler from `from` to `to` frames per second; all memory is taken, and touched, here. `[control]`
    pub fn new(from: SampleRate, to: SampleRate, channels: ChannelCount, quality: Quality) -> Self {
        let nominal = f64::from(to.hz()) / f64::from(from.hz());
        let parameters = SincInterpolationParameters::new(quality.points(), WindowFunction::BlackmanHarris2)
            .oversampling_factor(256);
        let channels = channels.get();
        let mut inner = Async::new_sinc(nominal, TRIM, &parameters, PASS, channels, FixedAsync::Output)
            .expect("two rates that are not 0 give a ratio above 0");
        let most = inner.input_frames_max() + quality.points();
        // It fills its own room with silence, and so touches it.
        inner.reset();
        Self { inner, channels, nominal, input: touched(most * channels) }
    }

    /// How many *output* frames the filter delays the sound. `[any]`
    pub fn latency_frames(&self) -> usize {
        self.inner.output_delay()
    }

    /// Fills all of `out` (interleaved), calling `source` for exactly the input frames that takes: `source` must
    /// fill what it is given. Neither allocates nor waits unless `source` does. Trailing samples that make no
    /// whole frame become 0.0. `[rt]`
    pub fn pull(&mut self, out: &mut [f32], mut source: impl FnMut(&mut [f32])) {
        let whole = out.len() - out.len() % self.channels;
        let (frames, tail) = out.split_at_mut(whole);
        tail.fill(0.0);
        for pass in frames.chunks_mut(PASS * self.channels) {
            self.pass(pass, &mut source);
        }
    }

    fn pass(&mut self, out: &mut [f32], source: &mut impl FnMut(&mut [f32])) {
        let frames = out.len() / self.channels;
        let sized = self.inner.set_chunk_size(frames);
        debug_assert!(sized.is_ok(), "a pass has 1 to {PASS} frames");
        let wanted = self.inner.input_frames_next();
        let input = &mut self.input[..wanted * self.channels];
        if wanted > 0 {
            source(input);
        }
        let from = InterleavedSlice::new(input, self.channels, wanted);
        let to = InterleavedSlice::new_mut(out, self.channels, frames);
        let (Ok(from), Ok(mut to)) = (from, to) else {
            debug_assert!(false, "both slices have the length that is said");
            return;
        };
        let done = self.inner.process_into_buffer(&from, &mut to, None);
        debug_assert!(done.is_ok(), "all sizes were asked for just before: {done:?}");
    }
}

impl std::fmt::Debug for Resampler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resampler").field("ratio", &self.nominal).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    fn rate(hz: u32) -> SampleRate {
        SampleRate::new(hz).unwrap()
    }

    /// A source that plays a sine of `hz` at `from` on every channel, and counts the frames it gave.
    fn sine(hz: f64, from: u32, channels: usize) -> impl FnMut(&mut [f32], &mut u64) {
        move |out, given| {
            for frame in out.chunks_mut(channels) {
                frame.fill((TAU * hz * *given as f64 / f64::from(from)).sin() as f32 * 0.5);
                *given += 1;
            }
        }
    }

    /// Power outside the sine of `hz` relative to it, in dB, by a least-squares fit of that sine.
    fn thd_n_db(samples: &[f64], hz: f64, rate: f64) -> f64 {
        let (mut ss, mut cc, mut sc, mut xs, mut xc) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for (i, x) in samples.iter().enumerate() {
            let (s, c) = (TAU * hz * i as f64 / rate).sin_cos();
            (ss, cc, sc, xs, xc) = (ss + s * s, cc + c * c, sc + s * c, xs + x * s, xc + x * c);
        }
        let det = ss * cc - sc * sc;
        let (a, b) = ((xs * cc - xc * sc) / det, (xc * ss - xs * sc) / det);
        let (mut signal, mut rest) = (0.0, 0.0);
        for (i, x) in samples.iter().enumerate() {
            let (s, c) = (TAU * hz * i as f64 / rate).sin_cos();
            let fitted = a * s + b * c;
            (signal, rest) = (signal + fitted * fitted, rest + (x - fitted) * (x - fitted));
        }
        10.0 * (rest / signal).log10()
    }

    fn converted(hz: f64, from: u32, to: u32, quality: Quality, pull_frames: usize) -> Vec<f64> {
        let mut resampler = Resampler::new(rate(from), rate(to), ChannelCount::STEREO, quality);
        let (mut play, mut given) = (sine(hz, from, 2), 0);
        let mut out = vec![0.0; 2 * 24_000];
        for part in out.chunks_mut(2 * pull_frames) {
            resampler.pull(part, |input| play(input, &mut given));
        }
        out.chunks(2).skip(2048).map(|frame| f64::from(frame[0])).collect()
    }

    /// THD+N of a sine through usual pairs of rates: below -120 dB for `Fine`, below -80 dB for `Live`.
    #[test]
    fn clean() {
        for (from, to) in [(48_000, 44_100), (44_100, 48_000), (48_000, 96_000), (96_000, 48_000)] {
            for (quality, goal) in [(Quality::Fine, -120.0), (Quality::Live, -80.0)] {
                for hz in [997.0, 10_007.0] {
                    let found = thd_n_db(&converted(hz, from, to, quality, 64), hz, f64::from(to));
                    assert!(found < goal, "{from} -> {to}, {hz} Hz, {quality:?}: {found:.1} dB");
                }
            }
        }
    }

    /// What comes out depends on the time line only, not on how it is asked for: 1, 17, 64 or 5000 at once.
    #[test]
    fn any_pull_size() {
        let whole = converted(440.0, 44_100, 48_000, Quality::Fine, 24_000);
        for frames in [1, 17, 64, 5000] {
            let cut = converted(440.0, 44_100, 48_000, Quality::Fine, frames);
            let most = whole.iter().zip(&cut).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(most < 1e-6, "{frames}: {most}");
        }
    }

    /// Over ten seconds the source gives what the ratio says, to the filter's length.
    #[test]
    fn takes_what_the_ratio_says() {
        let mut resampler = Resampler::new(rate(44_100), rate(48_000), ChannelCount::MONO, Quality::Live);
        let mut given = 0;
        for _ in 0..1000 {
            resampler.pull(&mut [0.0; 480], |input| {
                given += input.len();
                input.fill(0.0);
            });
        }
        assert!((given as f64 - 441_000.0).abs() < 70.0, "{given}");
    }

    /// Eight channels stay apart and in order; extreme ratios work in both directions.
    #[test]
    fn channels_and_extremes() {
        for (from, to) in [(8_000, 192_000), (192_000, 8_000), (48_000, 48_000)] {
            let eight = ChannelCount::new(8).unwrap();
            let mut resampler = Resampler::new(rate(from), rate(to), eight, Quality::Live);
            let mut out = vec![0.0; 8 * 4000];
            resampler.pull(&mut out, |input| {
                for frame in input.chunks_mut(8) {
                    frame.iter_mut().enumerate().for_each(|(channel, x)| *x = channel as f32 / 8.0);
                }
            });
            for (channel, x) in out[8 * 3999..].iter().enumerate() {
                assert!((x - channel as f32 / 8.0).abs() < 1e-3, "{from} -> {to}: {channel} has {x}");
            }
        }
    }
}

//! A source at another rate, offline: FFT resampling at a fixed ratio.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler, WindowFunction};
use units::{ChannelCount, SampleRate};

use crate::{DecodeError, FrameSource};

/// Gives the frames of a source at another rate: no shift in time, as many frames as last as long. At the same
/// rate the frames pass untouched.
pub struct Converted<S> {
    source: S,
    rate: SampleRate,
    work: Option<Work>,
}

struct Work {
    fft: Fft<f32>,
    input: Vec<f32>,
    output: Vec<f32>,
    /// Samples of `output` that are still to give, from `at` on.
    at: usize,
    /// Frames at the start that are the filter's delay.
    skip: usize,
    read_frames: u64,
    made_frames: u64,
    ended: bool,
}

/// Frames that one FFT takes in, about: long enough for a steep filter, short enough to start quickly.
const CHUNK: usize = 1024;

impl<S: FrameSource> Converted<S> {
    /// Converts `source` to `rate`.
    pub fn new(source: S, rate: SampleRate) -> Self {
        let work = (source.rate() != rate).then(|| Work::new(source.rate(), rate, source.channels()));
        Self { source, rate, work }
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

impl Work {
    fn new(from: SampleRate, to: SampleRate, channels: ChannelCount) -> Self {
        let (from, to, channels) = (from.hz() as usize, to.hz() as usize, channels.get());
        let window = WindowFunction::BlackmanHarris2;
        // The least block of the ratio, an even number of times: the filter's middle then is a whole frame, in and
        // out, and its delay is exactly the one that is skipped.
        let block = from / gcd(from, to);
        let chunk = block * CHUNK.div_ceil(block).next_multiple_of(2);
        let fft = Fft::new_custom(from, to, chunk, 1, channels, window, FixedSync::Both)
            .expect("checked rates, a chunk and channels above 0 make a resampler");
        let skip = fft.output_delay();
        Self {
            input: vec![0.0; fft.input_frames_max() * channels],
            output: Vec::with_capacity(fft.output_frames_max() * channels),
            fft,
            at: 0,
            skip,
            read_frames: 0,
            made_frames: 0,
            ended: false,
        }
    }

    /// Reads a chunk and converts it; false when everything was given.
    fn next_chunk(
        &mut self,
        source: &mut impl FrameSource,
        from: SampleRate,
        to: SampleRate,
    ) -> Result<bool, DecodeError> {
        let channels = source.channels().get();
        let whole = self.fft.input_frames_next() * channels;
        let mut filled = 0;
        while filled < whole && !self.ended {
            let frames = source.read(&mut self.input[filled..whole])?;
            self.ended = frames == 0;
            self.read_frames += frames as u64;
            filled += frames * channels;
        }
        let goal =
            (u128::from(self.read_frames) * u128::from(to.hz())).div_ceil(u128::from(from.hz())) as u64;
        if self.ended && self.made_frames >= goal {
            return Ok(false);
        }
        self.input[filled..whole].fill(0.0);
        let frames = self.fft.output_frames_next();
        self.output.resize(frames * channels, 0.0);
        let input = InterleavedSlice::new(&self.input[..whole], channels, whole / channels);
        let output = InterleavedSlice::new_mut(&mut self.output, channels, frames);
        let (Ok(input), Ok(mut output)) = (input, output) else { unreachable!("both lengths were just set") };
        self.fft
            .process_into_buffer(&input, &mut output, None)
            .expect("all sizes were asked for just before");
        let skipped = self.skip.min(frames);
        self.skip -= skipped;
        let keep = if self.ended {
            (goal - self.made_frames).min((frames - skipped) as u64)
        } else {
            (frames - skipped) as u64
        };
        self.made_frames += keep;
        self.output.truncate((skipped + keep as usize) * channels);
        self.at = skipped * channels;
        Ok(true)
    }
}

impl<S: FrameSource> FrameSource for Converted<S> {
    fn rate(&self) -> SampleRate {
        self.rate
    }

    fn channels(&self) -> ChannelCount {
        self.source.channels()
    }

    fn frames(&self) -> Option<u64> {
        let (from, to) = (u128::from(self.source.rate().hz()), u128::from(self.rate.hz()));
        self.source.frames().map(|frames| (u128::from(frames) * to).div_ceil(from) as u64)
    }

    fn read(&mut self, out: &mut [f32]) -> Result<usize, DecodeError> {
        let Some(work) = &mut self.work else { return self.source.read(out) };
        let channels = self.source.channels().get();
        let whole = out.len() - out.len() % channels;
        let mut filled = 0;
        while filled < whole {
            if work.at == work.output.len() {
                let from = self.source.rate();
                if !work.next_chunk(&mut self.source, from, self.rate)? {
                    break;
                }
            }
            let n = (whole - filled).min(work.output.len() - work.at);
            out[filled..filled + n].copy_from_slice(&work.output[work.at..work.at + n]);
            filled += n;
            work.at += n;
        }
        Ok(filled / channels)
    }

    fn remark(&self) -> Option<String> {
        self.source.remark()
    }
}

impl<S: std::fmt::Debug> std::fmt::Debug for Converted<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Converted").field("source", &self.source).field("rate", &self.rate).finish()
    }
}

//! The last two things on the main path: a look-ahead limiter and a ceiling that nothing passes.
//!
//! The limiter delays its input by a fixed look-ahead and lowers the gain *before* a loud frame comes out, so
//! that there is no clipping and no step. All channels share one gain: the picture does not move. Gains are
//! 30-bit fixed point, so sums never drift: the gain is exactly 1.0 again after a peak, and while it is 1.0 the
//! output is the input, delayed, bit for bit. Behind it a plain clamp holds whatever happens: rounding, a
//! changed threshold, infinities, NaN.
//!
//! The gain for one frame is a chain of three simple steps over the linked peak:
//! the least gain wanted within the look-ahead, an envelope that falls at once and rises slowly (release), and
//! two moving averages that together are as long as the look-ahead. Every average then covers only values at or
//! below what the frame needs, which is the whole proof that the limiter meets its threshold.
//!
//! It measures sample peaks. A wave between the samples may be higher: leave head room with the threshold where
//! a lossy encoder follows.

use crate::room::touched;
use units::{ChannelCount, Decibels, SampleRate};

/// 1.0 in the limiter's fixed point.
const ONE: u32 = 1 << 30;
/// An envelope that is this near to its goal (-120 dB) has arrived.
const ARRIVED: u32 = 1 << 10;

/// The ceiling where nothing limits: what is no number is above it.
pub const UNLIMITED: f32 = f32::MAX;

/// What a [`Limiter`] starts with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LimiterConfig {
    /// Frames per second of what it limits.
    pub rate: SampleRate,
    /// Channels of a frame; they share one gain.
    pub channels: ChannelCount,
    /// How far the limiter looks ahead, in milliseconds; also its delay. 0.1 to 50.
    pub lookahead_ms: f32,
    /// The level that limiting holds.
    pub threshold_db: f32,
    /// How fast the gain returns: the time constant of its rise, in milliseconds. 1 to 10000.
    pub release_ms: f32,
    /// The sample value that nothing passes, ever.
    pub ceiling_db: f32,
}

impl LimiterConfig {
    /// The look-ahead where nothing else is said: 64 frames at 48 kHz.
    pub const LOOKAHEAD_MS: f32 = 4.0 / 3.0;
    /// The ceiling where nothing else is said. 0.3 dB below full scale keeps converters, and the rounding of a
    /// 16-bit format with dither, from clipping.
    pub const CEILING_DB: f32 = -0.3;

    /// The usual: 1.33 ms ahead, threshold and ceiling at -0.3 dBFS, 80 ms release.
    pub fn new(rate: SampleRate, channels: ChannelCount) -> Self {
        Self {
            rate,
            channels,
            lookahead_ms: Self::LOOKAHEAD_MS,
            threshold_db: Self::CEILING_DB,
            release_ms: 80.0,
            ceiling_db: Self::CEILING_DB,
        }
    }
}

/// A look-ahead limiter and a ceiling for 1 to 8 linked channels, interleaved. All methods are `[rt]` except
/// [`Limiter::new`]: no allocation, bounded work; the result does not depend on how frames are cut into blocks.
#[derive(Clone, Debug)]
pub struct Limiter {
    channels: usize,
    lookahead: usize,
    rate: SampleRate,
    threshold: f32,
    ceiling: f32,
    /// A ceiling that is lower than that, and in how many frames it holds: when all that was measured against the old
    /// threshold has come out.
    lower: Option<(f32, usize)>,
    /// Per frame, share of the way to the goal; 32-bit fraction.
    release: u64,
    /// The last `lookahead` frames.
    delayed: Box<[f32]>,
    delay_at: usize,
    least: SlidingMin,
    envelope: u32,
    first: Average<u32>,
    second: Average<u64>,
    /// The least gain since it was last asked for.
    deepest: f32,
}

impl Limiter {
    /// Builds a limiter; all memory that it will ever use is taken here.
    pub fn new(config: LimiterConfig) -> Self {
        let ms = f64::from(in_range(config.lookahead_ms, 0.1, 50.0, LimiterConfig::LOOKAHEAD_MS));
        let lookahead = (config.rate.frames_in_ms(ms).0 as usize).max(2);
        let ceiling = ceiling_of(config.ceiling_db);
        // Both averages together reach back `a + b - 2` frames: exactly the look-ahead.
        let (a, b) = (lookahead / 2 + 1, lookahead - lookahead / 2 + 1);
        let mut limiter = Self {
            channels: config.channels.get(),
            lookahead,
            rate: config.rate,
            threshold: ceiling,
            ceiling,
            lower: None,
            release: 0,
            delayed: touched(lookahead * config.channels.get()),
            delay_at: 0,
            least: SlidingMin::new(lookahead + 1),
            envelope: ONE,
            first: Average::new(a, ONE),
            second: Average::new(b, u64::from(ONE) * a as u64),
            deepest: 1.0,
        };
        limiter.set_threshold_db(config.threshold_db);
        limiter.set_release_ms(config.release_ms);
        limiter
    }

    /// How many frames later a frame comes out.
    pub fn latency_frames(&self) -> usize {
        self.lookahead
    }

    /// The level that limiting holds from the next frame in; above the ceiling it is the ceiling. NaN is ignored.
    pub fn set_threshold_db(&mut self, threshold_db: f32) {
        if !threshold_db.is_nan() {
            self.threshold = Decibels(threshold_db).amplitude().clamp(1e-6, self.ceiling);
        }
    }

    /// Lets threshold and ceiling stand at this level, 0 to -60 dB, from the next frame in; `None`: neither limits anything any
    /// more, only what is no number is still kept out. The delay stays the same, and there is no step: the gain moves as it
    /// does for any peak. NaN is ignored.
    pub fn set_level_db(&mut self, level_db: Option<f32>) {
        let level = match level_db {
            Some(db) if db.is_nan() => return,
            Some(db) => ceiling_of(db),
            None => UNLIMITED,
        };
        self.threshold = level;
        self.lower = (level < self.ceiling).then_some((level, self.lookahead));
        self.ceiling = self.ceiling.max(level);
    }

    /// The time constant of the gain's return, 1 to 10000 ms. NaN is ignored.
    pub fn set_release_ms(&mut self, release_ms: f32) {
        if !release_ms.is_nan() {
            let frames = f64::from(release_ms.clamp(1.0, 10_000.0)) / 1e3 * f64::from(self.rate.hz());
            self.release = ((1.0 - (-1.0 / frames).exp()) * 4_294_967_296.0) as u64;
        }
    }

    /// The sample value that no output passes: a higher one is in force at once, a lower one when the look-ahead has brought
    /// the gain down to it. [`UNLIMITED`] where nothing limits.
    pub fn ceiling(&self) -> f32 {
        self.ceiling
    }

    /// The least gain (linear, 1.0 = untouched) since the last call: what a reduction meter shows.
    pub fn take_deepest_gain(&mut self) -> f32 {
        std::mem::replace(&mut self.deepest, 1.0)
    }

    /// Limits interleaved `frames` in place: what comes out is what went in
    /// [`latency_frames`](Self::latency_frames) earlier. Trailing samples that make no whole frame stay as they are.
    pub fn process(&mut self, frames: &mut [f32]) {
        let whole = frames.len() - frames.len() % self.channels;
        let mut rest = &mut frames[..whole];
        while !rest.is_empty() {
            let calm = if self.is_calm() { self.leading_calm(rest) } else { 0 };
            self.come_down(calm.max(self.channels) / self.channels);
            let (now, later) = rest.split_at_mut(if calm > 0 { calm } else { self.channels });
            if calm > 0 {
                self.delay(now)
            } else {
                self.limit_frame(now)
            }
            rest = later;
        }
    }

    /// Brings a lower ceiling nearer by so many frames.
    fn come_down(&mut self, frames: usize) {
        match &mut self.lower {
            Some((level, left)) if *left < frames => {
                self.ceiling = *level;
                self.lower = None;
            }
            Some((_, left)) => *left -= frames,
            None => {}
        }
    }

    /// True while the gain is exactly 1.0 and nothing inside will change that.
    fn is_calm(&self) -> bool {
        self.envelope == ONE
            && self.least.is_empty()
            && self.second.is_full(u64::from(ONE) * self.first.len() as u64)
    }

    /// Samples of the leading frames that need no limiting, found in strides that vectorise.
    fn leading_calm(&self, samples: &[f32]) -> usize {
        let stride = self.channels * 16;
        let limit = self.threshold;
        let is_calm = |part: &[f32]| part.iter().fold(true, |calm, x| calm & (x.abs() <= limit));
        let strides = samples.chunks(stride).take_while(|part| is_calm(part)).count();
        let calm = (strides * stride).min(samples.len());
        let frames = samples[calm..].chunks_exact(self.channels).take_while(|frame| is_calm(frame)).count();
        calm + frames * self.channels
    }

    /// The calm path: a delay and nothing else.
    fn delay(&mut self, samples: &mut [f32]) {
        self.least.advance((samples.len() / self.channels) as u64);
        let mut rest = samples;
        while !rest.is_empty() {
            let n = rest.len().min(self.delayed.len() - self.delay_at);
            let (now, later) = rest.split_at_mut(n);
            now.swap_with_slice(&mut self.delayed[self.delay_at..][..n]);
            self.delay_at = (self.delay_at + n) % self.delayed.len();
            rest = later;
        }
    }

    /// One frame through the whole chain.
    fn limit_frame(&mut self, frame: &mut [f32]) {
        let mut peak = 0.0_f32;
        for x in frame.iter_mut() {
            if !x.is_finite() {
                *x = 0.0;
            }
            peak = if x.abs() > peak { x.abs() } else { peak };
        }
        let gain = self.next_gain(self.wanted(peak));
        let inside = &mut self.delayed[self.delay_at..][..frame.len()];
        frame.swap_with_slice(inside);
        self.delay_at = (self.delay_at + frame.len()) % self.delayed.len();
        for x in frame {
            // Multiplying by 1.0 would flush denormals where the processor is told to: the calm path does not.
            *x = held_below(if gain == 1.0 { *x } else { *x * gain }, self.ceiling);
        }
    }

    /// The fixed-point gain at which `peak` just meets the threshold, rounded down.
    fn wanted(&self, peak: f32) -> u32 {
        if peak > self.threshold {
            (f64::from(self.threshold) / f64::from(peak) * f64::from(ONE)) as u32
        } else {
            ONE
        }
    }

    /// Moves all averages on by one frame and returns the gain of the frame that now comes out.
    fn next_gain(&mut self, wanted: u32) -> f32 {
        let goal = self.least.push(wanted);
        self.envelope = if goal.saturating_sub(self.envelope) <= ARRIVED {
            goal
        } else {
            let rise = (u64::from(goal - self.envelope) * self.release) >> 32;
            self.envelope + (rise as u32).max(1)
        };
        let sum = self.first.push(self.envelope);
        let sum = self.second.push(sum);
        let full = u64::from(ONE) * (self.first.len() * self.second.len()) as u64;
        if sum == full {
            return 1.0;
        }
        let gain = (sum as f64 / full as f64) as f32;
        self.deepest = self.deepest.min(gain);
        gain
    }
}

/// The ceiling alone, for what was limited and then changed again: a resampled wave swings beyond its samples. `[rt]`
pub fn hold_below(samples: &mut [f32], ceiling: f32) {
    for x in samples {
        *x = held_below(*x, ceiling);
    }
}

/// `x` within `-ceiling..=ceiling`. Written with comparisons so that a denormal passes as it is; what is no
/// number becomes 0.0.
fn held_below(x: f32, ceiling: f32) -> f32 {
    if x > ceiling {
        ceiling
    } else if x < -ceiling {
        -ceiling
    } else if x.is_nan() {
        0.0
    } else {
        x
    }
}

fn in_range(value: f32, least: f32, most: f32, otherwise: f32) -> f32 {
    if value.is_nan() { otherwise } else { value.clamp(least, most) }
}

fn ceiling_of(db: f32) -> f32 {
    Decibels(in_range(db, -60.0, 0.0, LimiterConfig::CEILING_DB)).amplitude()
}

/// The least of the last `window` values; values of [`ONE`] are the ground and are not kept.
#[derive(Clone, Debug)]
struct SlidingMin {
    /// A queue of rising values with the frame at which each came, in a circle.
    queue: Box<[(u32, u64)]>,
    front: usize,
    len: usize,
    now: u64,
}

impl SlidingMin {
    fn new(window: usize) -> Self {
        Self { queue: vec![(ONE, 0); window].into(), front: 0, len: 0, now: 0 }
    }

    fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn advance(&mut self, frames: u64) {
        self.now += frames;
    }

    fn slot(&self, nth: usize) -> usize {
        (self.front + nth) % self.queue.len()
    }

    fn push(&mut self, value: u32) -> u32 {
        self.now += 1;
        if self.len > 0 && self.now - self.queue[self.front].1 >= self.queue.len() as u64 {
            self.front = self.slot(1);
            self.len -= 1;
        }
        while self.len > 0 && self.queue[self.slot(self.len - 1)].0 >= value {
            self.len -= 1;
        }
        if value < ONE {
            let back = self.slot(self.len);
            self.queue[back] = (value, self.now);
            self.len += 1;
        }
        if self.len > 0 { self.queue[self.front].0 } else { ONE }
    }
}

/// The exact sum of the last `len` whole numbers.
#[derive(Clone, Debug)]
struct Average<T> {
    last: Box<[T]>,
    at: usize,
    sum: u64,
}

impl<T: Copy + Into<u64>> Average<T> {
    fn new(len: usize, value: T) -> Self {
        Self { last: vec![value; len].into(), at: 0, sum: value.into() * len as u64 }
    }

    fn len(&self) -> usize {
        self.last.len()
    }

    fn is_full(&self, value: u64) -> bool {
        self.sum == value * self.last.len() as u64
    }

    fn push(&mut self, value: T) -> u64 {
        self.sum = self.sum + value.into() - self.last[self.at].into();
        self.last[self.at] = value;
        self.at = if self.at + 1 == self.last.len() { 0 } else { self.at + 1 };
        self.sum
    }
}

#[cfg(test)]
mod tests;

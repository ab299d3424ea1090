//! Test signals: what a sample is depends on its place alone, so that any part of a recording can be checked.

use std::f64::consts::TAU;

/// The sample of a channel at a frame.
pub type Signal = Box<dyn Fn(u64, usize) -> f32 + Send>;

/// A sine of `hz` at `rate_hz`, the same on all channels.
pub fn sine(hz: f64, amplitude: f64, rate_hz: f64) -> Signal {
    Box::new(move |frame, _| (amplitude * (TAU * (hz * frame as f64 / rate_hz).fract()).sin()) as f32)
}

/// White noise within -0.125..0.125 whose every sample is exact in 24 bits, so that sums of some voices are too.
pub fn noise(seed: u32) -> Signal {
    Box::new(move |frame, channel| noise_at(seed, frame, channel))
}

/// The sample of [`noise`] at one place.
pub fn noise_at(seed: u32, frame: u64, channel: usize) -> f32 {
    let mut x = frame ^ (u64::from(seed) << 40) ^ ((channel as u64) << 32) ^ 0x9E37_79B9_7F4A_7C15;
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^= x >> 31;
    ((x >> 40) as i32 - (1 << 23)) as f32 / (1 << 26) as f32
}

/// The same value for ever: shows gains and fades as they are.
pub fn constant(value: f32) -> Signal {
    Box::new(move |_, _| value)
}

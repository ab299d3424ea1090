//! What cpal calls.

use crate::backend::MAX_PERIOD_FRAMES;
use crate::pump::{Pump, Timing};
use crate::render::Format;
use cpal::{Data, FromSample, SampleFormat, SizedSample};
use dsp::room::touched;
use std::time::Duration;
use units::{Frames, SampleRate};

/// A device that is this far ahead of real time (or four periods) is no hardware: it is held back.
const MOST_AHEAD: Duration = Duration::from_millis(500);

/// What cpal's thread owns.
pub(super) struct Callback {
    pump: Pump,
    channels: usize,
    /// Interleaved frames, where the device takes no f32.
    frames: Box<[f32]>,
    governor: Governor,
}

impl Callback {
    pub(super) fn new(pump: Pump, format: Format) -> Self {
        let channels = format.channels.get();
        let frames = touched(MAX_PERIOD_FRAMES * channels);
        Self { pump, channels, frames, governor: Governor::new(format.rate) }
    }

    /// One callback. `[rt]`, after the first
    pub(super) fn cycle(&mut self, out: &mut Data) {
        self.pump.keep_stack();
        self.governor.hold_back(out.len() / self.channels);
        match out.sample_format() {
            SampleFormat::F32 => {
                if let Some(out) = out.as_slice_mut::<f32>() {
                    self.pump.cycle(out, Timing::Interval);
                }
            }
            SampleFormat::F64 => self.convert(out, f64::from),
            SampleFormat::I32 => self.convert(out, whole::<i32>),
            SampleFormat::I24 => self.convert(out, whole::<cpal::I24>),
            SampleFormat::I16 => self.convert(out, whole::<i16>),
            SampleFormat::U8 => self.convert(out, whole::<u8>),
            SampleFormat::U16 => self.convert(out, whole::<u16>),
            // Formats that no device of today has as its only one stay as cpal prepared them: silent.
            _ => {}
        }
    }

    fn convert<T: SizedSample>(&mut self, out: &mut Data, convert: impl Fn(f32) -> T) {
        let Some(out) = out.as_slice_mut::<T>() else { return };
        for part in out.chunks_mut(self.frames.len()) {
            let frames = &mut self.frames[..part.len()];
            self.pump.cycle(frames, Timing::Interval);
            for (sample, frame) in part.iter_mut().zip(frames) {
                *sample = convert(*frame);
            }
        }
    }
}

/// As a whole number. These reach to just below 1.0: 1.0 itself would wrap to the lowest value in 24 bits.
fn whole<T: FromSample<f32>>(sample: f32) -> T {
    const LARGEST_BELOW_ONE: f32 = 1.0 - f32::EPSILON / 2.0;
    T::from_sample_(sample.clamp(-1.0, LARGEST_BELOW_ONE))
}

/// Keeps devices at real time that have no clock of their own (ALSA's `null` and `file` plugins would take 68,000 periods a
/// second). Hardware is never ahead by more than it holds, and so is never held.
struct Governor {
    rate: SampleRate,
    start_ns: u64,
    frames: u64,
}

impl Governor {
    fn new(rate: SampleRate) -> Self {
        Self { rate, start_ns: 0, frames: 0 }
    }

    fn hold_back(&mut self, frames: usize) {
        let four = self.rate.duration(Frames(4 * frames as u64));
        let most_ahead_ns = four.max(MOST_AHEAD).as_nanos() as u64;
        let now_ns = rt::monotonic_ns();
        if self.start_ns == 0 {
            self.start_ns = now_ns;
        }
        let due_ns = self.start_ns + self.rate.duration(Frames(self.frames)).as_nanos() as u64;
        self.frames += frames as u64;
        if due_ns > now_ns + most_ahead_ns {
            rt::sleep_until_ns(due_ns - most_ahead_ns);
        } else if now_ns > due_ns + most_ahead_ns {
            // It stood still for a while: the account starts anew.
            self.start_ns += now_ns - due_ns;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cpal::I24;

    /// Full scale and what is above stay at the top of whole numbers, on their side; what is no number is silence.
    #[test]
    fn whole_numbers_do_not_wrap() {
        for sample in [1.0, 1.5, f32::INFINITY, 1e30] {
            assert_eq!(whole::<I24>(sample), I24::new((1 << 23) - 1).unwrap());
            assert_eq!(whole::<I24>(-sample), I24::new(-(1 << 23)).unwrap());
            assert_eq!((whole::<i16>(sample), whole::<i16>(-sample)), (i16::MAX, i16::MIN));
            assert!(whole::<i32>(sample) > i32::MAX - 256);
            assert_eq!((whole::<u8>(sample), whole::<u16>(-sample)), (u8::MAX, 0));
        }
        assert_eq!((whole::<I24>(0.5), whole::<i16>(f32::NAN)), (I24::new(1 << 22).unwrap(), 0));
    }
}

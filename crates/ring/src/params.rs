//! Latest-value parameters of a voice, checked as they leave the producer's words.

use crate::sync::Ordering;
use crate::words::ProducerWords;
use units::Pan;

/// The highest gain that a producer's word can ask for: +24 dB.
pub const MAX_GAIN: f32 = 15.848_932;

/// The bit of a producer's flags that asks for silence.
pub const FLAG_MUTE: u32 = 1;

/// What a producer wants its voice to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Params {
    /// Linear amplitude, 0 to [`MAX_GAIN`].
    pub gain: f32,
    /// Place between left and right.
    pub pan: Pan,
    /// Whether the voice is silent.
    pub mute: bool,
}

impl Params {
    /// Reads and checks the words: a gain that is no number is silence, others are clamped; a pan that is no
    /// number is the centre.
    #[inline]
    pub(crate) fn load(words: &ProducerWords) -> Self {
        let gain = f32::from_bits(words.gain.load(Ordering::Relaxed));
        Self {
            gain: if gain.is_nan() { 0.0 } else { gain.clamp(0.0, MAX_GAIN) },
            pan: Pan::new(f32::from_bits(words.pan.load(Ordering::Relaxed))),
            mute: words.flags.load(Ordering::Relaxed) & FLAG_MUTE != 0,
        }
    }
}

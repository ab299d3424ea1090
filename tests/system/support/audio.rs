//! Looking at recorded sound, bit by bit.

use std::path::Path;

/// A recording: one row of samples per channel.
#[derive(Clone, Debug)]
pub(crate) struct Recording {
    pub(crate) rate_hz: u32,
    pub(crate) channels: Vec<Vec<f32>>,
}

impl Recording {
    /// Reads a float WAV.
    pub(crate) fn read(path: &Path) -> Self {
        let mut reader = hound::WavReader::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let spec = reader.spec();
        assert_eq!((spec.sample_format, spec.bits_per_sample), (hound::SampleFormat::Float, 32));
        let mut channels = vec![Vec::new(); usize::from(spec.channels)];
        for (index, sample) in reader.samples::<f32>().enumerate() {
            channels[index % usize::from(spec.channels)].push(sample.expect("a whole file"));
        }
        Self { rate_hz: spec.sample_rate, channels }
    }

    /// One channel from its first sample that is not silent to its last.
    pub(crate) fn sounding(&self, channel: usize) -> &[f32] {
        let samples = &self.channels[channel];
        let first = samples.iter().position(|s| *s != 0.0).unwrap_or(samples.len());
        let last = samples.iter().rposition(|s| *s != 0.0).map_or(first, |last| last + 1);
        &samples[first..last]
    }
}

/// Panics with the first frame where the bits differ.
pub(crate) fn assert_same_bits(what: &str, got: &[f32], want: &[f32]) {
    assert_eq!(got.len(), want.len(), "{what}: lengths differ");
    if let Some(at) = got.iter().zip(want).position(|(a, b)| a.to_bits() != b.to_bits()) {
        panic!("{what}: frame {at} of {} is {:?}, not {:?}", got.len(), got[at], want[at]);
    }
}

/// The test signal of `tests/programs/noise`: frame `n` of voice `voice`, within 0.125, exact in 24 bits.
pub(crate) fn noise(voice: u32, n: u32) -> f32 {
    let mut x = n.wrapping_mul(0x9E37_79B1).wrapping_add((voice + 1).wrapping_mul(0x85EB_CA77));
    x ^= x >> 15;
    x = x.wrapping_mul(0x2C1B_3C6D);
    x ^= x >> 12;
    ((x >> 8) as i32 - (1 << 23)) as f32 / (1 << 26) as f32
}

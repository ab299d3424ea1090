//! The bytes before the first sample.

use units::{ChannelCount, SampleRate};

use super::WavFormat;

/// Everything of a header but the sizes.
#[derive(Debug)]
pub(super) struct Header {
    rate: SampleRate,
    channels: ChannelCount,
    format: WavFormat,
}

/// Payload of the chunk that is JUNK in a small file and `ds64` in a large one.
const DS64_BYTES: u32 = 28;
/// The constant tail of every sub-format GUID.
const GUID_TAIL: [u8; 14] = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71];

impl Header {
    pub(super) fn new(rate: SampleRate, channels: ChannelCount, format: WavFormat) -> Self {
        Self { rate, channels, format }
    }

    /// True where sizes do not fit 32 bits.
    pub(super) fn is_rf64(&self, data_bytes: u64) -> bool {
        data_bytes + self.header_bytes() > u64::from(u32::MAX) - 1
    }

    fn header_bytes(&self) -> u64 {
        let fact = if self.format == WavFormat::F32 { 12 } else { 0 };
        12 + 8 + u64::from(DS64_BYTES) + 8 + u64::from(self.fmt_bytes()) + fact + 8
    }

    /// More than two channels need to be told their places, more than 16 bits their width.
    fn is_extensible(&self) -> bool {
        self.channels.get() > 2 || self.format == WavFormat::S24
    }

    fn fmt_bytes(&self) -> u32 {
        match (self.is_extensible(), self.format) {
            (true, _) => 40,
            (false, WavFormat::F32) => 18,
            (false, _) => 16,
        }
    }

    /// The header of a file with `data_bytes` bytes of samples. Its length never depends on them.
    pub(super) fn bytes(&self, data_bytes: u64, frames: u64) -> Vec<u8> {
        let riff_bytes = self.header_bytes() - 8 + data_bytes + data_bytes % 2;
        let is_rf64 = self.is_rf64(data_bytes);
        let short = |size: u64| if is_rf64 { u32::MAX } else { size as u32 };
        let mut out = Vec::with_capacity(self.header_bytes() as usize);
        out.extend_from_slice(if is_rf64 { b"RF64" } else { b"RIFF" });
        out.extend_from_slice(&short(riff_bytes).to_le_bytes());
        out.extend_from_slice(b"WAVE");
        out.extend_from_slice(if is_rf64 { b"ds64" } else { b"JUNK" });
        out.extend_from_slice(&DS64_BYTES.to_le_bytes());
        for size in [riff_bytes, data_bytes, frames] {
            out.extend_from_slice(&(if is_rf64 { size } else { 0 }).to_le_bytes());
        }
        out.extend_from_slice(&0_u32.to_le_bytes()); // no table of further long chunks
        self.fmt(&mut out);
        if self.format == WavFormat::F32 {
            out.extend_from_slice(b"fact");
            out.extend_from_slice(&4_u32.to_le_bytes());
            out.extend_from_slice(&u32::try_from(frames).unwrap_or(u32::MAX).to_le_bytes());
        }
        out.extend_from_slice(b"data");
        out.extend_from_slice(&short(data_bytes).to_le_bytes());
        out
    }

    fn fmt(&self, out: &mut Vec<u8>) {
        let channels = self.channels.get() as u16;
        let sample_bytes = self.format.sample_bytes() as u16;
        let tag: u16 = if self.format == WavFormat::F32 { 3 } else { 1 };
        out.extend_from_slice(b"fmt ");
        out.extend_from_slice(&self.fmt_bytes().to_le_bytes());
        out.extend_from_slice(&(if self.is_extensible() { 0xfffe } else { tag }).to_le_bytes());
        out.extend_from_slice(&channels.to_le_bytes());
        out.extend_from_slice(&self.rate.hz().to_le_bytes());
        out.extend_from_slice(&(self.rate.hz() * u32::from(channels * sample_bytes)).to_le_bytes());
        out.extend_from_slice(&(channels * sample_bytes).to_le_bytes());
        out.extend_from_slice(&(sample_bytes * 8).to_le_bytes());
        if self.is_extensible() {
            out.extend_from_slice(&22_u16.to_le_bytes());
            out.extend_from_slice(&(sample_bytes * 8).to_le_bytes());
            out.extend_from_slice(&self.places().to_le_bytes());
            out.extend_from_slice(&tag.to_le_bytes());
            out.extend_from_slice(&GUID_TAIL);
        } else if self.format == WavFormat::F32 {
            out.extend_from_slice(&0_u16.to_le_bytes());
        }
    }

    /// The loudspeakers of the usual layouts: mono, stereo, 3.0, quad, 5.0, 5.1, 6.1, 7.1.
    fn places(&self) -> u32 {
        [0x4, 0x3, 0x7, 0x33, 0x37, 0x3f, 0x70f, 0x63f][self.channels.get() - 1]
    }
}

//! Reading RF64 and BW64: WAV with 64-bit sizes, which the decoder library does not know.

use std::io::{self, Read, Take};

use units::{ChannelCount, SampleRate};

use crate::{DecodeError, FrameSource, PcmFormat, PcmReader};

/// True for the first four bytes of a file that [`open`] reads.
pub(crate) fn is_magic(magic: [u8; 4]) -> bool {
    &magic == b"RF64" || &magic == b"BW64"
}

/// Where the bytes come from: a file or a pipe.
pub(crate) type Bytes = Box<dyn Read + Send>;

/// The samples of one RF64 file.
pub(crate) struct Rf64 {
    samples: PcmReader<Take<Bytes>>,
    /// `None` where the header does not say: who wrote it into a pipe could not know.
    frames: Option<u64>,
}

struct Fmt {
    format: PcmFormat,
    rate: SampleRate,
    channels: ChannelCount,
}

/// Reads the header, whose magic ([`is_magic`]) was read already, and stops at the first frame.
pub(crate) fn open(mut file: Bytes, name: &str) -> Result<Rf64, DecodeError> {
    let broken = |reason: &str| DecodeError::Broken {
        name: name.to_string(),
        at_frame: 0,
        reason: reason.to_string(),
    };
    let read = |source| DecodeError::Read { name: name.to_string(), at_frame: 0, source };
    // The size of the whole, which is told elsewhere, and the word WAVE.
    skip(&mut file, 8).map_err(read)?;
    let (mut data_bytes, mut fmt) = (None, None);
    loop {
        let mut head = [0; 8];
        if file.read_exact(&mut head).is_err() {
            return Err(broken("it ends before its samples begin"));
        }
        let bytes = u32_at(&head, 4);
        match &head[..4] {
            b"data" => {
                let fmt: Fmt = fmt.ok_or_else(|| broken("its samples come before their format"))?;
                // A size of all ones stands for the 64-bit one; without it, whatever is there.
                let bytes = if bytes == u32::MAX { data_bytes } else { Some(u64::from(bytes)) };
                let frame_bytes = (fmt.format.sample_bytes() * fmt.channels.get()) as u64;
                let samples = file.take(bytes.unwrap_or(u64::MAX));
                let samples = PcmReader::new(samples, name, fmt.format, fmt.rate, fmt.channels);
                return Ok(Rf64 { samples, frames: bytes.map(|bytes| bytes / frame_bytes) });
            }
            b"ds64" | b"fmt " if (16..=1 << 20).contains(&bytes) => {
                let mut chunk = vec![0; bytes as usize + bytes as usize % 2];
                file.read_exact(&mut chunk).map_err(|_| broken("its header is cut short"))?;
                if &head[..4] == b"ds64" {
                    let bytes = u64::from(u32_at(&chunk, 8)) | u64::from(u32_at(&chunk, 12)) << 32;
                    data_bytes = Some(bytes).filter(|bytes| !matches!(*bytes, 0 | u64::MAX));
                } else {
                    fmt = Some(parse_fmt(&chunk, name)?);
                }
            }
            _ => skip(&mut file, u64::from(bytes) + u64::from(bytes % 2)).map_err(read)?,
        }
    }
}

fn skip(file: &mut Bytes, bytes: u64) -> io::Result<()> {
    io::copy(&mut file.take(bytes), &mut io::sink()).map(drop)
}

fn parse_fmt(chunk: &[u8], name: &str) -> Result<Fmt, DecodeError> {
    let name = || name.to_string();
    let channels = usize::from(u16_at(chunk, 2));
    let channels =
        ChannelCount::new(channels).map_err(|source| DecodeError::Channels { name: name(), source })?;
    let rate =
        SampleRate::new(u32_at(chunk, 4)).map_err(|source| DecodeError::Rate { name: name(), source })?;
    let tag = match u16_at(chunk, 0) {
        // Extensible: the true tag begins the sub-format.
        0xfffe if chunk.len() >= 26 => u16_at(chunk, 24),
        tag => tag,
    };
    let bits = u16_at(chunk, 14);
    let format = if matches!(tag, 1 | 3) { PcmFormat::wave(tag == 3, bits) } else { None };
    let codec = || format!("wave format {tag} with {bits} bits");
    let format = format.ok_or_else(|| DecodeError::UnknownCodec { name: name(), codec: codec() })?;
    Ok(Fmt { format, rate, channels })
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

impl FrameSource for Rf64 {
    fn rate(&self) -> SampleRate {
        self.samples.rate()
    }

    fn channels(&self) -> ChannelCount {
        self.samples.channels()
    }

    fn frames(&self) -> Option<u64> {
        self.frames
    }

    fn read(&mut self, out: &mut [f32]) -> Result<usize, DecodeError> {
        self.samples.read(out)
    }
}

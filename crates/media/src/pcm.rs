//! Raw samples: formats by name, and a reader that takes them from a pipe.

use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;

use units::{ChannelCount, SampleRate};

use crate::{DecodeError, FrameSource};

/// How a raw sample lies in memory, named as ffmpeg names it: `s16le`, `f32be`, `u8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PcmFormat {
    kind: Kind,
    bytes: usize,
    big_endian: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Signed,
    Unsigned,
    Float,
}

/// A format name that means nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PcmFormatError(pub String);

impl fmt::Display for PcmFormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}' is no sample format; give one of: {}", self.0, PcmFormat::NAMES.join(", "))
    }
}

impl std::error::Error for PcmFormatError {}

impl PcmFormat {
    /// Signed 16 bit, little endian: what most programs mean by raw PCM.
    pub const S16LE: Self = Self { kind: Kind::Signed, bytes: 2, big_endian: false };
    /// 32-bit float, little endian.
    pub const F32LE: Self = Self { kind: Kind::Float, bytes: 4, big_endian: false };
    /// All names. Without `le` or `be` a name means little endian.
    pub const NAMES: [&str; 12] = [
        "s16le", "s24le", "s32le", "f32le", "f64le", "u8", "s8", "s16be", "s24be", "s32be", "f32be", "f64be",
    ];

    pub(crate) fn wave(float: bool, bits: u16) -> Option<Self> {
        let (kind, bytes) = match (float, bits) {
            (false, 8) => (Kind::Unsigned, 1),
            (false, 16 | 24 | 32) | (true, 32 | 64) => {
                (if float { Kind::Float } else { Kind::Signed }, usize::from(bits / 8))
            }
            _ => return None,
        };
        Some(Self { kind, bytes, big_endian: false })
    }

    /// Bytes of one sample.
    pub const fn sample_bytes(self) -> usize {
        self.bytes
    }

    /// Converts whole samples of `raw` into `out`, full scale to 1.0; both have the same number of samples.
    /// Floats pass as they are, NaN included: what is played is checked at the engine's door.
    pub fn convert(self, raw: &[u8], out: &mut [f32]) {
        for (raw, out) in raw.chunks_exact(self.bytes).zip(out) {
            let mut word = [0_u8; 8];
            word[..self.bytes].copy_from_slice(raw);
            if self.big_endian {
                word[..self.bytes].reverse();
            }
            // The sample's top bit moves to the top of an i64; the rest below is 0.
            let high = (u64::from_le_bytes(word) << (64 - 8 * self.bytes)) as i64;
            *out = match (self.kind, self.bytes) {
                (Kind::Float, 4) => f32::from_bits((high >> 32) as u32),
                (Kind::Float, _) => f64::from_bits(high as u64) as f32,
                (Kind::Unsigned, _) => (high ^ i64::MIN) as f32 / FULL_SCALE,
                (Kind::Signed, _) => high as f32 / FULL_SCALE,
            };
        }
    }
}

/// 2^63: the place just above the largest positive value.
const FULL_SCALE: f32 = 9_223_372_036_854_775_808.0;

impl FromStr for PcmFormat {
    type Err = PcmFormatError;

    fn from_str(name: &str) -> Result<Self, PcmFormatError> {
        let lower = name.to_ascii_lowercase();
        let lower = lower.strip_prefix("pcm_").unwrap_or(&lower);
        let (base, big_endian) = match lower.strip_suffix("be") {
            Some(base) => (base, true),
            None => (lower.strip_suffix("le").unwrap_or(lower), false),
        };
        let (kind, bytes) = match base {
            "u8" => (Kind::Unsigned, 1),
            "s8" => (Kind::Signed, 1),
            "s16" => (Kind::Signed, 2),
            "s24" => (Kind::Signed, 3),
            "s32" => (Kind::Signed, 4),
            "f32" => (Kind::Float, 4),
            "f64" => (Kind::Float, 8),
            _ => return Err(PcmFormatError(name.to_string())),
        };
        Ok(Self { kind, bytes, big_endian })
    }
}

impl fmt::Display for PcmFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Signed => 's',
            Kind::Unsigned => 'u',
            Kind::Float => 'f',
        };
        let end = match (self.bytes, self.big_endian) {
            (1, _) => "",
            (_, true) => "be",
            (_, false) => "le",
        };
        write!(f, "{kind}{}{end}", self.bytes * 8)
    }
}

/// Raw samples from anything that can be read: a pipe, a file, a socket.
#[derive(Debug)]
pub struct PcmReader<R> {
    from: R,
    name: String,
    format: PcmFormat,
    rate: SampleRate,
    channels: ChannelCount,
    raw: Vec<u8>,
    /// Bytes of a frame that is not whole yet, at the start of `raw`.
    begun: usize,
    frames: u64,
}

impl<R: Read> PcmReader<R> {
    /// Reads samples of `format`; `name` is what errors call it ("stdin", a path).
    pub fn new(from: R, name: &str, format: PcmFormat, rate: SampleRate, channels: ChannelCount) -> Self {
        Self { from, name: name.to_string(), format, rate, channels, raw: Vec::new(), begun: 0, frames: 0 }
    }
}

impl<R: Read> FrameSource for PcmReader<R> {
    fn rate(&self) -> SampleRate {
        self.rate
    }

    fn channels(&self) -> ChannelCount {
        self.channels
    }

    fn frames(&self) -> Option<u64> {
        None
    }

    /// Returns as soon as there is a frame: a pipe that trickles is not waited for longer than needed.
    fn read(&mut self, out: &mut [f32]) -> Result<usize, DecodeError> {
        let frame_bytes = self.format.bytes * self.channels.get();
        let wanted = out.len() / self.channels.get();
        if wanted == 0 {
            return Ok(0);
        }
        self.raw.resize((wanted * frame_bytes).max(self.begun), 0);
        while self.begun < frame_bytes {
            match self.from.read(&mut self.raw[self.begun..wanted * frame_bytes]) {
                Ok(0) => return Ok(0),
                Ok(bytes) => self.begun += bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => {
                    return Err(DecodeError::Read { name: self.name.clone(), at_frame: self.frames, source });
                }
            }
        }
        let frames = self.begun / frame_bytes;
        let whole = frames * frame_bytes;
        self.format.convert(&self.raw[..whole], &mut out[..frames * self.channels.get()]);
        self.raw.copy_within(whole..self.begun, 0);
        self.begun -= whole;
        self.frames += frames as u64;
        Ok(frames)
    }

    /// Bytes at the end that made no whole frame are a sign that format or channels are wrong.
    fn remark(&self) -> Option<String> {
        (self.begun > 0).then(|| {
            format!(
                "{}: its last {} bytes are no whole frame; is it {} with {} channels?",
                self.name,
                self.begun,
                self.format,
                self.channels.get()
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Full scale, silence and the least step of every format land where they should, in both byte orders.
    #[test]
    fn scales() {
        let cases: [(&str, &[u8], f32); 14] = [
            ("u8", &[0], -1.0),
            ("u8", &[128], 0.0),
            ("s8", &[0x80], -1.0),
            ("s16le", &[0x00, 0x80], -1.0),
            ("s16", &[0xff, 0x7f], 32767.0 / 32768.0),
            ("S16BE", &[0x40, 0x00], 0.5),
            ("s24le", &[0x00, 0x00, 0x80], -1.0),
            ("s24be", &[0x00, 0x00, 0x01], 1.0 / 8_388_608.0),
            ("pcm_s24le", &[0xff, 0xff, 0xff], -1.0 / 8_388_608.0),
            ("s32le", &[0, 0, 0, 0x40], 0.5),
            ("s32be", &[0x80, 0, 0, 0], -1.0),
            ("f32le", &[0, 0, 0x80, 0x3f], 1.0),
            ("f32be", &[0xbf, 0x80, 0, 0], -1.0),
            ("f64le", &[0, 0, 0, 0, 0, 0, 0xe0, 0x3f], 0.5),
        ];
        for (name, raw, wanted) in cases {
            let mut out = [9.0];
            name.parse::<PcmFormat>().unwrap().convert(raw, &mut out);
            assert_eq!(out[0], wanted, "{name} {raw:?}");
        }
    }

    /// Every name that is offered is known, prints as itself, and nothing else is known.
    #[test]
    fn names() {
        for name in PcmFormat::NAMES {
            assert_eq!(name.parse::<PcmFormat>().unwrap().to_string(), name);
        }
        let error = "s17".parse::<PcmFormat>().unwrap_err().to_string();
        assert!(error.starts_with("'s17' is no sample format; give one of: s16le, s24le"));
    }

    /// A pipe that gives one to seven bytes at a time loses and shifts nothing; a torn last frame is reported.
    #[test]
    fn trickle() {
        struct Trickle(Vec<u8>, usize);
        impl Read for Trickle {
            fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                self.1 += 1;
                let n = (self.1 % 7 + 1).min(buf.len()).min(self.0.len());
                buf[..n].copy_from_slice(&self.0[..n]);
                self.0.drain(..n);
                Ok(n)
            }
        }
        let samples: Vec<i16> = (0..2000).collect();
        let mut raw: Vec<u8> = samples.iter().flat_map(|x| x.to_le_bytes()).collect();
        raw.extend([1, 2, 3]);
        let trickle = Trickle(raw, 0);
        let rate = SampleRate::DEFAULT;
        let mut reader = PcmReader::new(trickle, "pipe", PcmFormat::S16LE, rate, ChannelCount::STEREO);
        let (mut got, mut out) = (Vec::new(), [0.0; 64]);
        loop {
            let frames = reader.read(&mut out).unwrap();
            if frames == 0 {
                break;
            }
            got.extend_from_slice(&out[..2 * frames]);
        }
        let wanted: Vec<f32> = samples.iter().map(|x| f32::from(*x) / 32768.0).collect();
        assert_eq!(got, wanted);
        let remark = reader.remark().unwrap();
        assert!(remark.contains("last 3 bytes") && remark.contains("s16le with 2 channels"), "{remark}");
    }
}

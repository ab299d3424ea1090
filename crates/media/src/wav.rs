//! Writing WAV so that it survives: the header is patched as the file grows.

mod header;

use std::fs::File;
use std::io::{Seek, Write};
use std::path::Path;

use units::{ChannelCount, SampleRate};

use crate::error::WriteError;
use crate::growing::Growing;
use header::Header;

/// How samples are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WavFormat {
    /// 32-bit float: exactly what was heard, above full scale too.
    #[default]
    F32,
    /// Signed 16 bit, rounded to the nearest, clamped at full scale, without dither.
    S16,
    /// Signed 24 bit, rounded to the nearest, clamped at full scale.
    S24,
}

impl WavFormat {
    /// Bytes of one sample.
    pub const fn sample_bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::S16 => 2,
            Self::S24 => 3,
        }
    }

    fn encode(self, samples: &[f32], out: &mut Vec<u8>) {
        match self {
            Self::F32 => samples.iter().for_each(|x| out.extend_from_slice(&x.to_le_bytes())),
            Self::S16 => {
                samples.iter().for_each(|x| out.extend_from_slice(&whole(*x, 15).to_le_bytes()[..2]))
            }
            Self::S24 => {
                samples.iter().for_each(|x| out.extend_from_slice(&whole(*x, 23).to_le_bytes()[..3]))
            }
        }
    }
}

/// The nearest whole number where 1.0 is `2^bits`, clamped; NaN is 0.
pub(crate) fn whole(x: f32, bits: u32) -> i32 {
    let full = f64::from(1_u32 << bits);
    (f64::from(x) * full).round_ties_even().clamp(-full, full - 1.0) as i32
}

/// What a finished file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WavSummary {
    /// Frames in it.
    pub frames: u64,
    /// Its whole length.
    pub file_bytes: u64,
    /// True where it grew beyond 4 GiB and is an RF64 file now.
    pub is_rf64: bool,
}

/// Writes interleaved frames to a WAV file. The header always describes whole frames that are in the file: it is
/// patched after each half second of sound, so a file left by a kill, a crash or a full disk is readable up to
/// there. Beyond 4 GiB the file becomes RF64 (EBU Tech 3306), whose room was kept from the start.
///
/// Dropping the writer finishes the file and ignores errors: call [`finish`](Self::finish) to see them.
#[derive(Debug)]
pub struct WavWriter<W: Write + Seek = File> {
    file: Growing<W>,
    name: String,
    format: WavFormat,
    header: Header,
    frame_bytes: usize,
    patch_bytes: usize,
    finished: bool,
}

impl WavWriter<File> {
    /// Makes or replaces the file at `path`.
    ///
    /// # Errors
    /// [`WriteError::Create`] when it can't be made, [`WriteError::Full`] when its header finds no room.
    pub fn create(
        path: &Path,
        rate: SampleRate,
        channels: ChannelCount,
        format: WavFormat,
    ) -> Result<Self, WriteError> {
        let name = path.display().to_string();
        match File::create(path) {
            Ok(file) => Self::new(file, &name, rate, channels, format),
            Err(source) => Err(WriteError::Create { name, source }),
        }
    }
}

impl<W: Write + Seek> WavWriter<W> {
    /// Writes a WAV file from the cursor's place 0 of `to`; `name` is what errors call it.
    ///
    /// # Errors
    /// When the header can't be written.
    pub fn new(
        to: W,
        name: &str,
        rate: SampleRate,
        channels: ChannelCount,
        format: WavFormat,
    ) -> Result<Self, WriteError> {
        let frame_bytes = format.sample_bytes() * channels.get();
        let patch_bytes = (rate.hz() as usize / 2).max(1) * frame_bytes;
        let header = Header::new(rate, channels, format);
        let pending = Vec::with_capacity(patch_bytes + frame_bytes * 1024);
        let file = Growing::begin(to, &header.bytes(0, 0), pending)
            .map_err(|error| WriteError::new(name, 0, error))?;
        let name = name.to_string();
        Ok(Self { file, name, format, header, frame_bytes, patch_bytes, finished: false })
    }

    /// Frames that were taken so far.
    pub fn frames(&self) -> u64 {
        (self.file.written_bytes + self.file.pending.len() as u64) / self.frame_bytes as u64
    }

    /// Bytes that are in the file.
    pub fn file_bytes(&self) -> u64 {
        self.file.file_bytes()
    }

    fn written_frames(&self) -> u64 {
        self.file.written_bytes / self.frame_bytes as u64
    }

    /// Adds interleaved frames. Trailing samples that make no whole frame are left out.
    ///
    /// # Errors
    /// The file stays readable with the frames that the error names; later calls fail too.
    pub fn write(&mut self, frames: &[f32]) -> Result<(), WriteError> {
        let samples = self.frame_bytes / self.format.sample_bytes();
        let whole = &frames[..frames.len() - frames.len() % samples];
        // In parts, so that one huge call patches as often as many small ones and needs no more memory.
        for part in whole.chunks(samples * 4096) {
            self.format.encode(part, &mut self.file.pending);
            if self.file.pending.len() >= self.patch_bytes {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Brings everything that was taken into the file and its header now.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn flush(&mut self) -> Result<(), WriteError> {
        let was_broken = self.file.is_broken();
        let done = self.file.append();
        // Also after an error: the header then covers what still found room.
        let patched = if was_broken { Ok(()) } else { self.patch() };
        done.and(patched).map_err(|error| WriteError::new(&self.name, self.written_frames(), error))
    }

    /// Overwrites the header with one for the whole frames that are in the file.
    fn patch(&mut self) -> std::io::Result<()> {
        let frames = self.written_frames();
        let bytes = self.header.bytes(frames * self.frame_bytes as u64, frames);
        self.file.patch(&bytes)
    }

    /// Writes the rest and the final header.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn finish(mut self) -> Result<WavSummary, WriteError> {
        self.close()?;
        Ok(WavSummary {
            frames: self.written_frames(),
            file_bytes: self.file.file_bytes(),
            is_rf64: self.header.is_rf64(self.written_frames() * self.frame_bytes as u64),
        })
    }

    fn close(&mut self) -> Result<(), WriteError> {
        if std::mem::replace(&mut self.finished, true) {
            return Ok(());
        }
        self.flush()?;
        if self.file.written_bytes % 2 == 1 {
            // RIFF chunks have even lengths: an odd one is followed by a byte that nobody counts.
            let frames = self.written_frames();
            self.file.pending.push(0);
            self.file.append().map_err(|error| WriteError::new(&self.name, frames, error))?;
        }
        Ok(())
    }
}

impl<W: Write + Seek> Drop for WavWriter<W> {
    fn drop(&mut self) {
        // Nobody is left to be told: the header of the last patch holds.
        let _ = self.close();
    }
}

#[cfg(test)]
mod tests;

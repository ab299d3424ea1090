//! Writing FLAC, 24 bit: lossless for what a converter can play, at about half the size of its samples.

mod bits;
mod block;
mod subframe;

use std::fs::File;
use std::io::{Seek, Write};
use std::path::Path;

use md5::{Digest, Md5};
use units::{ChannelCount, SampleRate};

use crate::error::WriteError;
use crate::growing::{Growing, Shorten};
use crate::wav::whole;
use crate::writer::SoundSummary;

/// Bits of a sample.
const BITS: u32 = 24;
/// Frames that are encoded together: 85 ms at 48 kHz.
const BLOCK_FRAMES: usize = 4096;
/// Writes interleaved frames to a FLAC file of 24 bits a sample: rounded to the nearest, clamped at full scale.
///
/// The file is a stream of blocks from the start: one left by a kill or a crash is readable up to its last whole block, only
/// its head does not know the length. [`finish`](Self::finish), and a full disk, write length and checksum into it.
///
/// Dropping the writer finishes the file and ignores errors: call [`finish`](Self::finish) to see them.
pub struct FlacWriter<W: Write + Seek + Shorten = File> {
    file: Growing<W>,
    name: String,
    rate: SampleRate,
    channels: ChannelCount,
    /// Quantised, less than a block.
    samples: Vec<i32>,
    /// Blocks and frames that are in the file, and the checksum of their samples.
    blocks: u32,
    written_frames: u64,
    md5: Md5,
    finished: bool,
}

impl FlacWriter<File> {
    /// Makes or replaces the file at `path`.
    ///
    /// # Errors
    /// [`WriteError::Create`] when it can't be made, [`WriteError::Full`] when its head finds no room.
    pub fn create(path: &Path, rate: SampleRate, channels: ChannelCount) -> Result<Self, WriteError> {
        let name = path.display().to_string();
        match File::create(path) {
            Ok(file) => Self::new(file, &name, rate, channels),
            Err(source) => Err(WriteError::Create { name, source }),
        }
    }
}

impl<W: Write + Seek + Shorten> FlacWriter<W> {
    /// Writes a FLAC file from the cursor's place 0 of `to`; `name` is what errors call it.
    ///
    /// # Errors
    /// When the head can't be written.
    pub fn new(to: W, name: &str, rate: SampleRate, channels: ChannelCount) -> Result<Self, WriteError> {
        let file = Growing::begin(to, &head(rate, channels, None), Vec::new())
            .map_err(|error| WriteError::new(name, 0, error))?;
        Ok(Self {
            file,
            name: name.to_string(),
            rate,
            channels,
            samples: Vec::with_capacity(BLOCK_FRAMES * channels.get()),
            blocks: 0,
            written_frames: 0,
            md5: Md5::new(),
            finished: false,
        })
    }

    /// Frames that were taken so far.
    pub fn frames(&self) -> u64 {
        self.written_frames + (self.samples.len() / self.channels.get()) as u64
    }

    /// Bytes that are in the file.
    pub fn file_bytes(&self) -> u64 {
        self.file.file_bytes()
    }

    /// Adds interleaved frames. Trailing samples that make no whole frame are left out.
    ///
    /// # Errors
    /// The file stays readable with the frames that the error names; later calls fail too.
    pub fn write(&mut self, frames: &[f32]) -> Result<(), WriteError> {
        let channels = self.channels.get();
        let mut rest = &frames[..frames.len() - frames.len() % channels];
        while !rest.is_empty() {
            let room = BLOCK_FRAMES * channels - self.samples.len();
            let (now, later) = rest.split_at(room.min(rest.len()));
            self.samples.extend(now.iter().map(|x| whole(*x, BITS - 1)));
            if self.samples.len() == BLOCK_FRAMES * channels {
                self.write_block()?;
            }
            rest = later;
        }
        Ok(())
    }

    /// Encodes what there is as one block and appends it. Only the last block of a file may be a short one.
    fn write_block(&mut self) -> Result<(), WriteError> {
        let channels = self.channels.get();
        let whole_bytes = self.file.written_bytes;
        self.file.pending = block::encode(&self.samples, channels, self.rate.hz(), self.blocks);
        let appended = self.file.append();
        if appended.is_ok() {
            let bytes: Vec<u8> =
                self.samples.iter().flat_map(|sample| sample.to_le_bytes().into_iter().take(3)).collect();
            self.md5.update(bytes);
            self.blocks += 1;
            self.written_frames += (self.samples.len() / channels) as u64;
        }
        self.samples.clear();
        appended.map_err(|error| {
            // What fails here leaves a torn block at the end, which players pass over.
            let _ = self.file.shorten(whole_bytes).and_then(|()| self.patch());
            WriteError::new(&self.name, self.written_frames, error)
        })
    }

    /// Writes length and checksum of the whole blocks into the head.
    fn patch(&mut self) -> std::io::Result<()> {
        let told = (self.written_frames, self.md5.clone().finalize().into());
        self.file.patch(&head(self.rate, self.channels, Some(told)))
    }

    /// Writes the rest and the final head.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn finish(mut self) -> Result<SoundSummary, WriteError> {
        self.close()?;
        Ok(SoundSummary { frames: self.written_frames, file_bytes: self.file.file_bytes() })
    }

    fn close(&mut self) -> Result<(), WriteError> {
        if std::mem::replace(&mut self.finished, true) {
            return Ok(());
        }
        if !self.samples.is_empty() {
            self.write_block()?;
        }
        self.patch().map_err(|error| WriteError::new(&self.name, self.written_frames, error))
    }
}

impl<W: Write + Seek + Shorten> Drop for FlacWriter<W> {
    fn drop(&mut self) {
        // Nobody is left to be told: what is in the file is readable.
        let _ = self.close();
    }
}

impl<W: Write + Seek + Shorten> std::fmt::Debug for FlacWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FlacWriter")
            .field("name", &self.name)
            .field("frames", &self.frames())
            .finish_non_exhaustive()
    }
}

/// The bytes before the first block: the magic and STREAMINFO, with the number of frames and the MD5 of their samples where
/// these are known.
fn head(rate: SampleRate, channels: ChannelCount, told: Option<(u64, [u8; 16])>) -> Vec<u8> {
    const LAST_BLOCK: u8 = 0x80;
    const STREAMINFO_BYTES: u8 = 34;
    let (frames, md5) = told.unwrap_or_default();
    let mut out = b"fLaC".to_vec();
    out.extend_from_slice(&[LAST_BLOCK, 0, 0, STREAMINFO_BYTES]);
    // Least and greatest block size, the last block apart; sizes in bytes: unknown.
    [BLOCK_FRAMES; 2].iter().for_each(|frames| out.extend_from_slice(&(*frames as u16).to_be_bytes()));
    out.extend_from_slice(&[0; 6]);
    // 20 bits of rate, 3 of channels less one, 5 of bits less one, 36 of frames (0: unknown).
    const MOST_FRAMES: u64 = (1 << 36) - 1;
    let frames = if frames > MOST_FRAMES { 0 } else { frames };
    let packed =
        u64::from(rate.hz()) << 44 | (channels.get() as u64 - 1) << 41 | u64::from(BITS - 1) << 36 | frames;
    out.extend_from_slice(&packed.to_be_bytes());
    out.extend_from_slice(&md5);
    out
}

#[cfg(test)]
mod tests;

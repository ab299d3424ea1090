//! Compressed and plain files through symphonia, a packet at a time.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::{MediaSource, MediaSourceStream};
use symphonia::core::meta::MetadataOptions;
use units::{ChannelCount, SampleRate};

use crate::{DecodeError, FrameSource};

/// An incremental decoder of one file.
pub(crate) struct Decoder {
    name: String,
    reader: Box<dyn FormatReader>,
    decoder: Box<dyn AudioDecoder>,
    track: u32,
    format: &'static str,
    rate: SampleRate,
    channels: ChannelCount,
    total: Option<u64>,
    /// Decoded samples that were not taken yet, from `taken` on.
    decoded: Vec<f32>,
    taken: usize,
    given_frames: u64,
    damaged: Option<String>,
}

impl Decoder {
    /// Finds the format, the first audio track and its decoder, and decodes up to the first sound.
    pub(crate) fn new(
        source: Box<dyn MediaSource>,
        name: &str,
        extension: Option<&str>,
    ) -> Result<Self, DecodeError> {
        let mut hint = Hint::new();
        extension.map(|extension| hint.with_extension(extension));
        let stream = MediaSourceStream::new(source, Default::default());
        let (options, meta) = (FormatOptions::default(), MetadataOptions::default());
        let probe = || symphonia::default::get_probe().probe(&hint, stream, options, meta);
        let reader = caught(name, 0, probe)?
            .map_err(|error| trouble(name, 0, error, DecodeError::UnknownFormat { name: name.into() }))?;
        let (track, decoder, total) = audio_of(reader.as_ref(), name)?;
        let format = short_name(reader.format_info().short_name);
        let mut this = Self {
            name: name.to_string(),
            reader,
            decoder,
            track,
            format,
            rate: SampleRate::DEFAULT,
            channels: ChannelCount::MONO,
            total,
            decoded: Vec::new(),
            taken: 0,
            given_frames: 0,
            damaged: None,
        };
        // What a file really has is known from its first packet, not always from its header.
        match this.next_packet()? {
            Some((rate, channels)) => (this.rate, this.channels) = (rate, channels),
            None => (this.rate, this.channels) = this.said_by_header()?,
        }
        Ok(this)
    }

    /// What kind of file it is.
    pub(crate) fn format(&self) -> &'static str {
        self.format
    }

    /// Rate and channels of a file without a single frame.
    fn said_by_header(&self) -> Result<(SampleRate, ChannelCount), DecodeError> {
        let parameters = self.decoder.codec_params();
        let channels = parameters.channels.as_ref().map_or(0, |channels| channels.count());
        self.checked(parameters.sample_rate.unwrap_or(0), channels)
    }

    fn checked(&self, hz: u32, channels: usize) -> Result<(SampleRate, ChannelCount), DecodeError> {
        let name = || self.name.clone();
        let rate = SampleRate::new(hz).map_err(|source| DecodeError::Rate { name: name(), source })?;
        let channels =
            ChannelCount::new(channels).map_err(|source| DecodeError::Channels { name: name(), source })?;
        Ok((rate, channels))
    }

    /// Decodes packets until one has frames; `None` at the end. A damaged packet is skipped: the rest of the file
    /// is worth more than its end.
    fn next_packet(&mut self) -> Result<Option<(SampleRate, ChannelCount)>, DecodeError> {
        loop {
            let (name, at_frame) = (&self.name, self.given_frames);
            let packet = match caught(name, at_frame, || self.reader.next_packet())? {
                Ok(Some(packet)) => packet,
                Ok(None) => return self.end(),
                Err(Error::IoError(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return self.end();
                }
                Err(Error::ResetRequired) => {
                    (self.track, self.decoder, _) = audio_of(self.reader.as_ref(), &self.name)?;
                    continue;
                }
                Err(error) => return Err(self.broken(error)),
            };
            if packet.track_id != self.track {
                continue;
            }
            match caught(name, at_frame, || self.decoder.decode(&packet))? {
                Ok(buffer) if buffer.frames() == 0 => {}
                Ok(buffer) => {
                    let (hz, channels) = (buffer.spec().rate(), buffer.spec().channels().count());
                    buffer.copy_to_vec_interleaved(&mut self.decoded);
                    self.taken = 0;
                    return self.checked(hz, channels).map(Some);
                }
                Err(Error::DecodeError(reason)) => self.damaged = Some(reason.to_string()),
                Err(Error::ResetRequired) => self.decoder.reset(),
                Err(Error::IoError(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return self.end();
                }
                Err(error) => return Err(self.broken(error)),
            }
        }
    }

    /// The end, unless nothing but damage was found before it.
    fn end<T>(&mut self) -> Result<Option<T>, DecodeError> {
        match self.damaged.take() {
            Some(reason) if self.given_frames == 0 => {
                Err(DecodeError::Broken { name: self.name.clone(), at_frame: 0, reason })
            }
            _ => Ok(None),
        }
    }

    fn broken(&self, error: Error) -> DecodeError {
        let reason = error.to_string();
        let otherwise = DecodeError::Broken { name: self.name.clone(), at_frame: self.given_frames, reason };
        trouble(&self.name, self.given_frames, error, otherwise)
    }
}

impl FrameSource for Decoder {
    fn rate(&self) -> SampleRate {
        self.rate
    }

    fn channels(&self) -> ChannelCount {
        self.channels
    }

    fn frames(&self) -> Option<u64> {
        self.total
    }

    fn read(&mut self, out: &mut [f32]) -> Result<usize, DecodeError> {
        let channels = self.channels.get();
        let whole = out.len() - out.len() % channels;
        let mut filled = 0;
        while filled < whole {
            if self.taken == self.decoded.len() {
                match self.next_packet()? {
                    None => break,
                    Some(found) if found != (self.rate, self.channels) => {
                        let reason = format!(
                            "it goes on with {} Hz and {} channels; split it there",
                            found.0.hz(),
                            found.1.get()
                        );
                        self.decoded.clear();
                        self.taken = 0;
                        let at_frame = self.given_frames + (filled / channels) as u64;
                        return Err(DecodeError::Broken { name: self.name.clone(), at_frame, reason });
                    }
                    Some(_) => {}
                }
            }
            let n = (whole - filled).min(self.decoded.len() - self.taken);
            out[filled..filled + n].copy_from_slice(&self.decoded[self.taken..self.taken + n]);
            filled += n;
            self.taken += n;
        }
        self.given_frames += (filled / channels) as u64;
        Ok(filled / channels)
    }
}

type Audio = (u32, Box<dyn AudioDecoder>, Option<u64>);

/// The first audio track that has a decoder.
fn audio_of(reader: &dyn FormatReader, name: &str) -> Result<Audio, DecodeError> {
    let unknown = |codec: String| DecodeError::UnknownCodec { name: name.to_string(), codec };
    let track = reader.default_track(TrackType::Audio).or_else(|| reader.tracks().first());
    let track = track.ok_or_else(|| unknown("no sound in it".to_string()))?;
    let parameters = track.codec_params.as_ref().and_then(|parameters| parameters.audio());
    let parameters = parameters.ok_or_else(|| unknown("no sound that is known".to_string()))?;
    let decoder = symphonia::default::get_codecs()
        .make_audio_decoder(parameters, &AudioDecoderOptions::default())
        .map_err(|error| unknown(error.to_string()))?;
    Ok((track.id, decoder, track.num_frames))
}

/// Runs a step of the decoder library. On some damaged files it panics: that is the end of the file, not of the
/// program.
fn caught<T>(name: &str, at_frame: u64, step: impl FnOnce() -> T) -> Result<T, DecodeError> {
    catch_unwind(AssertUnwindSafe(step)).map_err(|_| DecodeError::Broken {
        name: name.to_string(),
        at_frame,
        reason: "the decoder can't go on; the file is damaged".to_string(),
    })
}

/// An error of the system as such, anything else as `otherwise`.
fn trouble(name: &str, at_frame: u64, error: Error, otherwise: DecodeError) -> DecodeError {
    match error {
        Error::IoError(source) if source.kind() != io::ErrorKind::UnexpectedEof => {
            DecodeError::Read { name: name.to_string(), at_frame, source }
        }
        _ => otherwise,
    }
}

fn short_name(symphonia: &str) -> &'static str {
    match symphonia {
        "wave" | "wav" => "WAV",
        "flac" => "FLAC",
        "ogg" => "Ogg",
        "mp3" | "mp2" | "mp1" | "mpa" => "MP3",
        _ => "sound",
    }
}

//! Changing the future: one commit over any number of voices.

use std::time::{Duration, Instant};

use ring::MarkerKind;
use ring::words::MARKERS;
use thiserror::Error;

use crate::future::is_after;
use crate::session::Session;
use crate::voice::{Voice, WriteError};

/// Why a change was not made. Nothing was written: keep the newest wish and try again next turn.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SpliceError {
    /// The session is over, or a voice muted for good.
    #[error("{0}")]
    Voice(#[from] WriteError),
    /// The voice does not play, so it has no future to change: start it instead.
    #[error("voice {0:?} does not play: start it instead")]
    NotPlaying(String),
    /// The present future is too short to reach the change.
    #[error(
        "voice {name:?} has {lead_frames} frames of lead, the change is {wanted_frames} frames away: write more first"
    )]
    TooShallow {
        /// The voice.
        name: String,
        /// Its lead.
        lead_frames: u32,
        /// The lead that the change needs.
        wanted_frames: u32,
    },
    /// The frame lies before the present future of the voice: before an earlier change, or before its beginning.
    #[error("voice {0:?} has changed or begun after this frame: pick a later one")]
    BeforeEarlier(String),
    /// Less than a cross-fade of new frames.
    #[error(
        "the change of voice {name:?} brings {frames} frames, less than a cross-fade of {crossfade_frames}"
    )]
    CoverTooShort {
        /// The voice.
        name: String,
        /// What it brings.
        frames: u32,
        /// What it needs at least.
        crossfade_frames: u32,
    },
    /// Eight changes wait, or the ring has no room for the cover.
    #[error("voice {0:?} has no room for another change: try again when the engine has moved on")]
    NoRoom(String),
}

enum What {
    Start,
    Splice,
    Flush,
}

/// One voice's part in a change.
pub struct Part<'a> {
    voice: &'a mut Voice,
    /// Engine frame.
    at: u32,
    frames: &'a [f32],
    what: What,
}

impl<'a> Part<'a> {
    /// From engine frame `at` on, the voice plays `frames` (interleaved, its first one belongs to `at`) instead of what
    /// was written. Bring the cover: what must survive a stall right after the change, at least 50 ms.
    pub fn splice(voice: &'a mut Voice, at: u32, frames: &'a [f32]) -> Self {
        Self { voice, at, frames, what: What::Splice }
    }

    /// At engine frame `at` the voice begins (anew) with `frames`.
    pub fn start(voice: &'a mut Voice, at: u32, frames: &'a [f32]) -> Self {
        Self { voice, at, frames, what: What::Start }
    }

    /// At engine frame `at` the voice fades out and is idle.
    pub fn flush(voice: &'a mut Voice, at: u32) -> Self {
        Self { voice, at, frames: &[], what: What::Flush }
    }

    fn check(&mut self, crossfade_frames: u32) -> Result<(), SpliceError> {
        let voice = &mut *self.voice;
        let name = || voice.name().to_owned();
        let engine = voice.writer.engine();
        voice.check(&engine)?;
        let frames = (self.frames.len() / voice.channels()) as u32;
        let waiting = voice.writer.marker_count().wrapping_sub(engine.marker_read) as usize;
        if waiting >= MARKERS {
            return Err(SpliceError::NoRoom(name()));
        }
        if matches!(self.what, What::Start) {
            return if voice.writer.space_frames() < frames {
                Err(SpliceError::NoRoom(voice.name().into()))
            } else {
                Ok(())
            };
        }
        let Some(future) = voice.future.filter(|_| !voice.flushed) else {
            return Err(SpliceError::NotPlaying(name()));
        };
        let at = self.at.wrapping_sub(voice.anchor(&engine));
        if is_after(future.voice_frame(future.to, &engine), at) {
            return Err(SpliceError::BeforeEarlier(name()));
        }
        let end = future.voice_frame(voice.writer.position(), &engine);
        if is_after(at.wrapping_add(crossfade_frames), end) {
            let wanted = at.wrapping_add(crossfade_frames).wrapping_sub(engine.voice_frame);
            return Err(SpliceError::TooShallow {
                lead_frames: voice.lead_frames(),
                wanted_frames: wanted,
                name: name(),
            });
        }
        if matches!(self.what, What::Splice) {
            if frames < crossfade_frames {
                return Err(SpliceError::CoverTooShort { name: name(), frames, crossfade_frames });
            }
            if voice.writer.space_frames() < frames {
                return Err(SpliceError::NoRoom(voice.name().into()));
            }
        }
        Ok(())
    }

    fn write(&mut self, group: u32) -> Result<(), WriteError> {
        let voice = &mut *self.voice;
        let engine = voice.writer.engine();
        let at_voice = self.at.wrapping_sub(voice.anchor(&engine));
        match self.what {
            What::Start => voice.mark(MarkerKind::Start, self.at, group, &engine)?,
            What::Splice => {
                let clock = voice.clock_at(self.at).unwrap_or(0);
                voice.mark(MarkerKind::Splice, at_voice, group, &engine)?;
                voice.clock_end = clock;
            }
            What::Flush => voice.mark(MarkerKind::Flush, at_voice, group, &engine)?,
        }
        voice.append(self.frames);
        Ok(())
    }
}

impl Session {
    /// The soonest engine frame at which all of `voices` can change, when rendering the change takes `render`: that
    /// time and two blocks from now, after every earlier change, before the end of every lead.
    ///
    /// # Errors
    /// When a voice does not play, or its lead is too short: write more first.
    pub fn soonest_change(&self, voices: &[&Voice], render: Duration) -> Result<u32, SpliceError> {
        let (now, block) = self.shared.clock();
        let crossfade = self.crossfade_frames();
        let mut at = now.wrapping_add(2 * block).wrapping_add(self.rate().frames(render).0 as u32);
        for voice in voices {
            let engine = voice.writer.engine();
            let Some(future) = voice.future.filter(|_| !voice.flushed) else {
                return Err(SpliceError::NotPlaying(voice.name().into()));
            };
            if future.is_pending(&engine) {
                let free = future.at.wrapping_add(voice.anchor(&engine)).wrapping_add(crossfade);
                if is_after(free, at) {
                    at = free;
                }
            }
        }
        for voice in voices {
            let engine = voice.writer.engine();
            let Some(future) = voice.future else { continue };
            let anchor = voice.anchor(&engine);
            let end = future.voice_frame(voice.writer.position(), &engine).wrapping_add(anchor);
            if is_after(at.wrapping_add(crossfade), end) {
                let wanted_frames = at.wrapping_add(crossfade).wrapping_sub(now);
                let (name, lead_frames) = (voice.name().into(), voice.lead_frames());
                return Err(SpliceError::TooShallow { name, lead_frames, wanted_frames });
            }
        }
        Ok(at)
    }

    /// Low word of the engine frame at a moment that has passed.
    fn engine_frame_then(&self, then: Instant) -> u32 {
        let passed = self.rate().frames(then.elapsed()).0;
        self.engine_frame().wrapping_sub(passed.min(u64::from(u32::MAX)) as u32)
    }

    /// Makes a change: all parts on their frames, or none. `triggered` is when it was wished for; the time since then
    /// is told to the daemon as this producer's change latency.
    ///
    /// Every part is checked before anything is written. Then, for each: marker, frames; and after the last the one
    /// commit that lets all of them count. Whoever dies in between has changed nothing.
    ///
    /// # Errors
    /// When a part is not possible. Nothing was written.
    pub fn commit(&self, parts: &mut [Part<'_>], triggered: Instant) -> Result<(), SpliceError> {
        let mut commit = self.shared.commit();
        for part in parts.iter_mut() {
            part.check(self.crossfade_frames())?;
        }
        let wished = self.engine_frame_then(triggered);
        for part in parts.iter_mut() {
            part.write(commit.next())?;
        }
        commit.bump();
        let cover = parts
            .iter()
            .filter(|part| matches!(part.what, What::Splice))
            .map(|part| (part.frames.len() / part.voice.channels()) as u32);
        if let Some(cover_frames) = cover.min() {
            let guard = parts.iter().map(|part| part.at.wrapping_sub(wished)).min().unwrap_or(0);
            let change_us = triggered.elapsed().as_micros().min(u128::from(u32::MAX)) as u32;
            self.shared.tell_pacing(|pacing| {
                pacing.splices = pacing.splices.wrapping_add(1);
                pacing.change_us = change_us;
                pacing.guard_frames = guard;
                pacing.cover_frames = cover_frames;
            });
        }
        Ok(())
    }
}

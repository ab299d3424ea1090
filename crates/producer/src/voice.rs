//! A voice: frames go in, the engine plays them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::{CloseMode, VoiceClose};
use ring::{EngineSide, Marker, MarkerKind, MarkerQueueFull, State, Writer};
use session::RenderStats;
use thiserror::Error;
use units::{Decibels, SampleRate};

use crate::future::{Future, is_after};
use crate::session::Shared;

/// The shortest time between now and a start, beside two blocks.
const START_GUARD: Duration = Duration::from_millis(2);
/// No wait is longer than this without a look at the ring.
const LONGEST_WAIT: Duration = Duration::from_millis(200);
/// No wait is shorter.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

/// Why frames were not (all) taken.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The connection is gone; what is in the ring plays out.
    #[error("the connection to the daemon is closed ({0}): connect again")]
    Closed(String),
    /// The engine muted the voice because its counters can't be true; open another.
    #[error("the engine muted voice {name:?} (fault {fault}): close it and open another")]
    Faulted {
        /// The voice.
        name: String,
        /// The code in the engine words.
        fault: u32,
    },
    /// Eight markers wait to be taken: the engine does not move.
    #[error("{0}")]
    Markers(#[from] MarkerQueueFull),
    /// The time that was given is over.
    #[error("voice {name:?} does not end: the engine does not move")]
    Timeout {
        /// The voice.
        name: String,
    },
}

/// How a voice stands. Frames, from counters that the engine wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VoiceStats {
    /// Frames written and not yet played.
    pub lead_frames: u32,
    /// What the daemon asks for.
    pub target_lead_frames: u32,
    /// What the voice does.
    pub state: State,
    /// How often it ran dry.
    pub underruns: u32,
    /// Frames that were missing in all.
    pub concealed_frames: u32,
    /// Frames that newer futures replaced.
    pub superseded_frames: u32,
    /// Frames that were too late.
    pub shed_frames: u32,
}

/// An open voice. Send, not Sync: one thread writes it. It fades out when dropped.
pub struct Voice {
    pub(crate) shared: Arc<Shared>,
    slot: u32,
    name: String,
    pub(crate) writer: Writer,
    pub(crate) future: Option<Future>,
    /// The newest future ends in a flush: what follows needs a start.
    pub(crate) flushed: bool,
    /// Frames of the voice's own sound, at the end of the newest future.
    pub(crate) clock_end: u64,
    /// No deeper than this, whatever the daemon asks for.
    shallow: Option<u32>,
    start_at: Option<u32>,
    /// How often the doorbell had rung when it was last listened to.
    heard_bells: u64,
    told: RenderStats,
    pub(crate) closed: bool,
}

impl Voice {
    pub(crate) fn new(shared: Arc<Shared>, slot: u32, name: String, writer: Writer) -> Self {
        Self {
            shared,
            slot,
            name,
            writer,
            future: None,
            flushed: false,
            clock_end: 0,
            shallow: None,
            start_at: None,
            heard_bells: 0,
            told: RenderStats::default(),
            closed: false,
        }
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Its slot in the session.
    pub fn slot(&self) -> u32 {
        self.slot
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Samples per frame.
    pub fn channels(&self) -> usize {
        self.writer.shape().channels.get()
    }

    /// Frames per second.
    pub fn rate(&self) -> SampleRate {
        self.shared.guest.rate()
    }

    /// Frames that the ring holds.
    pub fn capacity_frames(&self) -> u32 {
        self.writer.shape().capacity_frames
    }

    /// How it stands.
    pub fn stats(&self) -> VoiceStats {
        let engine = self.writer.engine();
        VoiceStats {
            lead_frames: self.lead(&engine),
            target_lead_frames: engine.target_lead,
            state: engine.state,
            underruns: engine.underruns,
            concealed_frames: engine.concealed,
            superseded_frames: engine.superseded,
            shed_frames: engine.shed,
        }
    }

    /// Frames written and not yet played.
    pub fn lead_frames(&self) -> u32 {
        self.lead(&self.writer.engine())
    }

    pub(crate) fn lead(&self, engine: &EngineSide) -> u32 {
        self.future.as_ref().map_or(0, |future| future.lead(self.writer.position(), engine))
    }

    /// Keeps the lead at no more than `frames`, whatever the daemon asks for; `None` ends it. For while many changes are
    /// made in a second: refilling a deep lead after each would cost much, and the ring would have no room.
    pub fn keep_shallow(&mut self, frames: Option<u32>) {
        self.shallow = frames;
    }

    fn target(&self, engine: &EngineSide) -> u32 {
        engine.target_lead.min(self.shallow.unwrap_or(u32::MAX)).min(self.capacity_frames())
    }

    /// Frames to write now to be at the target lead; never more than the ring has room for.
    pub fn wanted_frames(&mut self) -> u32 {
        let engine = self.writer.engine();
        let target = self.target(&engine);
        target.saturating_sub(self.lead(&engine)).min(self.writer.space_frames())
    }

    /// Frames of this voice's own sound up to the end of what is written: what to render next. A splice turns it back; a
    /// new start (after a flush, or after an underrun so long that the engine gave the voice up) goes on from here.
    pub fn clock_frames(&self) -> u64 {
        self.clock_end
    }

    /// Frames of this voice's own sound up to engine frame `at`: from where to render a change. `None` before its
    /// beginning, or while it does not play.
    pub fn clock_at(&self, at: u32) -> Option<u64> {
        let (future, engine) = (self.future.as_ref()?, self.writer.engine());
        let end = future.voice_frame(self.writer.position(), &engine);
        let left = end.wrapping_sub(at.wrapping_sub(self.anchor(&engine))) as i32;
        self.clock_end.checked_add_signed(-i64::from(left))
    }

    /// The anchor, also of a voice that will start on time.
    pub(crate) fn anchor(&self, engine: &EngineSide) -> u32 {
        let starts = self.future.is_some_and(|future| future.anchor.is_none() && future.is_pending(engine));
        if starts { 0 } else { engine.anchor }
    }

    /// Makes the first frames that are written next begin at this engine frame. Without it they begin at once.
    pub fn start_at(&mut self, engine_frame: u32) {
        self.start_at = Some(engine_frame);
    }

    /// Whether the next frames need a start marker: a new voice, a flushed one, or one that starved for so long that
    /// the engine gave it up.
    fn needs_start(&self, engine: &EngineSide) -> bool {
        let Some(future) = &self.future else { return true };
        self.flushed || self.start_at.is_some() || (engine.state == State::Idle && !future.is_pending(engine))
    }

    /// Writes all of `interleaved` (whole frames), up to the target lead: waits while the voice is as far ahead as it
    /// should be, and never skips a frame. Begins the voice where that is due; the chunk that begins it should have
    /// 20 ms or more.
    ///
    /// # Errors
    /// When the session is over or the voice muted for good; what was written so far plays out.
    pub fn write(&mut self, interleaved: &[f32]) -> Result<(), WriteError> {
        let channels = self.channels();
        let mut rest = &interleaved[..interleaved.len() / channels * channels];
        while !rest.is_empty() {
            let taken = self.try_write(rest)?;
            rest = &rest[taken * channels..];
            if !rest.is_empty() {
                self.wait_for_room((rest.len() / channels) as u32);
            }
        }
        Ok(())
    }

    /// Writes as many frames as there is room for under the target lead, and says how many; never waits.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn try_write(&mut self, interleaved: &[f32]) -> Result<usize, WriteError> {
        let engine = self.writer.engine();
        self.check(&engine)?;
        if interleaved.len() < self.channels() {
            return Ok(0);
        }
        if self.needs_start(&engine) {
            return self.start(interleaved, &engine);
        }
        let room = self.wanted_frames() as usize * self.channels();
        Ok(self.append(&interleaved[..interleaved.len().min(room)]))
    }

    /// Appends to the newest future what the ring takes.
    pub(crate) fn append(&mut self, interleaved: &[f32]) -> usize {
        let taken = self.writer.write(interleaved);
        self.clock_end += taken as u64;
        taken
    }

    pub(crate) fn check(&self, engine: &EngineSide) -> Result<(), WriteError> {
        if let Some(why) = self.shared.console.closed() {
            return Err(WriteError::Closed(why));
        }
        if engine.state == State::Faulted {
            return Err(WriteError::Faulted { name: self.name.clone(), fault: engine.fault });
        }
        Ok(())
    }

    /// Marker, frames, commit.
    fn start(&mut self, interleaved: &[f32], engine: &EngineSide) -> Result<usize, WriteError> {
        let shared = self.shared.clone();
        let mut commit = shared.commit();
        let at = self.start_at.unwrap_or_else(|| self.soonest_start(engine));
        self.mark(MarkerKind::Start, at, commit.next(), engine)?;
        let taken = self.append(interleaved);
        commit.bump();
        Ok(taken)
    }

    /// The first engine frame at which a start marker that is written now is seen in time; after the end of a flush.
    fn soonest_start(&self, engine: &EngineSide) -> u32 {
        let (now, block) = self.shared.clock();
        let guard = self.rate().frames(START_GUARD).0 as u32;
        let soonest = now.wrapping_add(2 * block + guard);
        match &self.future {
            Some(future) if self.flushed => {
                let end = future.voice_frame(self.writer.position(), engine).wrapping_add(engine.anchor);
                let silent = end.wrapping_add(self.shared.guest.crossfade_frames());
                if is_after(silent, soonest) { silent } else { soonest }
            }
            _ => soonest,
        }
    }

    /// Puts a marker for what is appended next; `at` is an engine frame for a start, else a voice frame.
    pub(crate) fn mark(
        &mut self,
        kind: MarkerKind,
        at: u32,
        group: u32,
        engine: &EngineSide,
    ) -> Result<(), MarkerQueueFull> {
        let (to, marker, anchor) = (self.writer.position(), self.writer.marker_count(), self.anchor(engine));
        let is_start = kind == MarkerKind::Start;
        self.writer.mark(Marker { at, to, group, anchor: if is_start { 0 } else { anchor }, kind })?;
        self.future = Some(Future { marker, to, at, anchor: (!is_start).then_some(anchor) });
        self.flushed = kind == MarkerKind::Flush;
        if is_start {
            self.start_at = None;
        }
        Ok(())
    }

    /// Sleeps until there should be room for `frames` under the target lead; the doorbell wakes early.
    fn wait_for_room(&mut self, frames: u32) {
        let engine = self.writer.engine();
        let target = self.target(&engine);
        // Not for each frame that is played, but not so long that the lead falls far either.
        let piece = frames.min((target / 8).max(1));
        let over = self.lead(&engine).saturating_add(piece).saturating_sub(target);
        self.sleep(over);
    }

    /// Sleeps while `frames` frames are played, measures by how much that was too long, and tells the daemon.
    pub(crate) fn sleep(&mut self, frames: u32) {
        let plan = self.rate().duration(units::Frames(frames.into())).clamp(SHORTEST_WAIT, LONGEST_WAIT);
        let link = &self.shared.console.link;
        let before = Instant::now();
        // A bell that rang since the last sleep counts: this one is short then.
        link.wait(self.heard_bells, plan);
        self.heard_bells = link.bells();
        let late_us = before.elapsed().saturating_sub(plan).as_micros().min(u128::from(u32::MAX)) as u32;
        self.shared.tell_pacing(|pacing| {
            pacing.turns = pacing.turns.wrapping_add(1);
            if late_us >= 1000 {
                pacing.last_stall_us = late_us;
                pacing.worst_stall_us = pacing.worst_stall_us.max(late_us);
            }
        });
    }

    /// Tells the daemon that rendering `frames` frames took `busy`: shown to people as the speed of this producer.
    pub fn tell_render(&mut self, frames: u32, busy: Duration) {
        let busy_us = busy.as_micros().min(u128::from(u32::MAX)) as u32;
        self.told.frames_rendered = self.told.frames_rendered.wrapping_add(frames);
        self.told.busy_us = self.told.busy_us.wrapping_add(busy_us);
        self.told.longest_chunk_us = self.told.longest_chunk_us.max(busy_us);
        self.told.chunk_frames = frames;
        self.shared.guest.tell_render(self.slot, &self.told);
    }

    /// Asks for a gain; the engine ramps to it. Multiplied with timed gains and the gain of the strip.
    pub fn set_gain_db(&mut self, gain_db: f32) {
        self.writer.set_gain(Decibels(gain_db).amplitude());
    }

    /// Asks for a place from -1 (left) to 1 (right); the engine ramps to it.
    pub fn set_pan(&mut self, pan: f32) {
        self.writer.set_pan(pan);
    }

    /// Asks for silence or an end of it; the engine ramps. Frames are played on.
    pub fn set_mute(&mut self, mute: bool) {
        self.writer.set_mute(mute);
    }
}

impl Drop for Voice {
    fn drop(&mut self) {
        if !self.closed {
            let close = VoiceClose { slot: self.slot, mode: CloseMode::Fade };
            let _daemon_is_gone = self.shared.console.link.tell(&close);
        }
    }
}

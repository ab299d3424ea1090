//! The engine's end of a ring.

mod fade;
mod follow;
mod intake;
mod ledger;
mod queue;
mod run;
mod state;

pub use ledger::{Ledger, Resume, Underrun};
pub use state::{Begun, Fault, LatePolicy, ReaderConfig, State};

use crate::memory::{RingMemory, RingShape};
use crate::params::Params;
use crate::samples::{Frames, prefetch_line, prefetch_line_to_write};
use crate::sync::Ordering;
use crate::words::{EngineWords, Link, ProducerWords};
use fade::Fade;
use ledger::Tally;
use queue::Queue;
use std::fmt;
use units::MAX_CHANNELS;

/// The end that the engine reads from. \[rt\]
///
/// Per block: [`Reader::begin`], [`Reader::read`] (or [`Reader::skip`]) for as many frames as the block has, in as
/// many pieces as the engine likes, [`Reader::finish`]. It never allocates, waits, panics or follows a counter that it
/// has not checked; whatever the producer does, a call takes time in proportion to its frames.
///
/// Positions and frames are `i64` inside: the 32-bit words are widened as they come in, so nothing wraps later.
#[repr(C, align(64))]
pub struct Reader {
    // What every block touches: two cache lines, in the order of use.
    producer: Link<ProducerWords>,
    samples: Frames,
    /// The producer's `write`, checked.
    write: i64,
    /// Frames from `position` on that need no decision: no marker, no fade, no end before them.
    calm_frames: i64,
    /// Engine frame of the next frame that is read.
    now: i64,
    /// The next frame to play. At most the end of the future that plays.
    position: i64,

    engine: Link<EngineWords>,
    /// Engine frame minus voice frame.
    anchor: i64,
    /// The producer's `marker_write`, as far as it was copied.
    marker_seen: u32,
    committed: u32,
    state: State,
    policy: LatePolicy,
    /// Playing, no fade, no marker waiting: `begin` has only to look at the counters.
    calm: bool,
    /// The counters that follow from decisions have changed since they were published.
    changed: bool,
    /// The last frame that was heard.
    last: [f32; MAX_CHANNELS],

    // What decisions need.
    /// What the producer was last told it may fill from; while calm that is `position` itself.
    published: i64,
    crossfade_frames: i64,
    queue: Queue,
    fade: Option<Fade>,
    /// Frames that are missed but not yet written: what is written up to here is shed.
    debt: i64,
    /// Where the voice frame stands while it does not advance.
    rest_frame: i64,
    tally: Tally,
    fault: Option<Fault>,
    /// Keeps what `producer`, `engine` and `samples` point to.
    memory: RingMemory,
}

impl Reader {
    /// Takes the engine's end of a ring and puts every shared word to its first value: attach the Reader before the
    /// Writer. At most one Reader of a ring may be in use at a time. \[control\]
    pub fn attach(memory: RingMemory, config: ReaderConfig) -> Self {
        memory.reset();
        let shape = memory.shape;
        let first = i64::from(shape.first);
        // SAFETY: `memory` is kept in the same struct.
        let (producer, engine, samples) =
            unsafe { (memory.producer.link(), memory.engine.link(), memory.samples.link()) };
        Self {
            producer,
            engine,
            samples,
            position: first,
            calm_frames: 0,
            write: first,
            now: 0,
            anchor: 0,
            calm: false,
            changed: false,
            marker_seen: memory.first_marker,
            published: first,
            last: [0.0; MAX_CHANNELS],
            state: State::Idle,
            policy: config.policy,
            crossfade_frames: i64::from(config.crossfade_frames.clamp(1, shape.capacity_frames)),
            committed: 0,
            queue: Queue::default(),
            fade: None,
            debt: 0,
            rest_frame: 0,
            tally: Tally::new(first),
            fault: None,
            memory,
        }
    }

    /// Looks at the producer's counters and markers, once for the whole block. \[rt\]
    ///
    /// `committed` is the session's [`crate::Group::load`] of this block. `engine_frame` is the frame of the first
    /// frame that will be read. Over a gap since the last block a voice with `skip` stays on the time line, unheard, and
    /// what it had then is shed; one with `hold` stands still.
    #[inline]
    pub fn begin(&mut self, committed: u32, engine_frame: u64) -> Begun {
        // In the reverse order of publication: what is seen of the frames is seen of the markers before them.
        let write = self.producer.write.load(Ordering::Acquire);
        let marker_write = self.producer.marker_write.load(Ordering::Acquire);
        let fresh = i64::from(write.wrapping_sub(self.write as u32));
        let fits = self.calm_frames + fresh <= i64::from(self.samples.capacity_frames());
        if self.calm && fits && marker_write == self.marker_seen && engine_frame as i64 == self.now {
            self.committed = committed;
            self.write += fresh;
            self.calm_frames += fresh;
        } else {
            self.take_in(write, marker_write, committed, engine_frame as i64);
        }
        Begun { state: self.state, calm_frames: self.calm_frames as u32 }
    }

    /// Fills `out` with `frames` interleaved frames: the voice, its fades, or silence. \[rt\]
    ///
    /// # Panics
    /// When `out` holds fewer than `frames` frames.
    #[inline]
    pub fn read(&mut self, out: &mut [f32], frames: usize) {
        let channels = self.samples.channels();
        let out = &mut out[..frames * channels];
        if frames as i64 <= self.calm_frames {
            if frames > 0 {
                self.copy_calm(out, frames as i64);
            }
        } else {
            self.run(Some(out), frames as i64);
        }
    }

    #[inline]
    fn copy_calm(&mut self, out: &mut [f32], frames: i64) {
        self.samples.copy_out(self.position as u32, out);
        self.keep_last(out);
        self.position += frames;
        self.calm_frames -= frames;
        self.now += frames;
    }

    /// Remembers the last frame of `out`, where the next fade may have to begin.
    #[inline]
    fn keep_last(&mut self, out: &[f32]) {
        // The usual counts by hand: a call of memcpy costs as much as the rest of a calm read's bookkeeping.
        match (self.samples.channels(), out) {
            (1, [.., only]) => self.last[0] = *only,
            (2, [.., left, right]) => (self.last[0], self.last[1]) = (*left, *right),
            (channels, _) => self.last[..channels].copy_from_slice(&out[out.len() - channels..]),
        }
    }

    /// Lets `frames` frames pass unheard: they count as shed, markers take effect as usual. \[rt\]
    pub fn skip(&mut self, frames: usize) {
        self.run(None, frames as i64);
    }

    /// Tells the producer how far the voice is. Once, after the last read of the block. \[rt\]
    #[inline]
    pub fn finish(&mut self) {
        let (mut voice_frame, mut oldest) = (self.now - self.anchor, self.position);
        if !self.calm || self.changed {
            self.publish_decisions();
            (voice_frame, oldest) = (self.voice_frame(), self.oldest_needed());
            self.published = oldest;
        }
        self.engine.voice_frame.store(voice_frame as u32, Ordering::Release);
        self.engine.read.store(oldest as u32, Ordering::Release);
    }

    /// Asks for the cache lines of the next `frames` frames and of the words of both sides. \[rt\] Call it a few voices
    /// ahead of [`Reader::begin`].
    #[inline]
    pub fn prefetch(&self, frames: u32) {
        prefetch_line((&raw const *self.producer).cast());
        prefetch_line_to_write((&raw const *self.engine).cast());
        self.samples.prefetch(self.position as u32, frames);
    }

    /// What the producer wants its voice to be, checked. \[rt\]
    #[inline]
    pub fn params(&self) -> Params {
        Params::load(&self.producer)
    }

    /// The words behind [`Reader::params`] as they are: cheap to compare with those of the last block. `[rt]`
    #[inline]
    pub fn raw_params(&self) -> [u32; 3] {
        let words = &*self.producer;
        [&words.gain, &words.pan, &words.flags].map(|word| word.load(Ordering::Relaxed))
    }

    /// The size of the ring.
    pub fn shape(&self) -> RingShape {
        self.memory.shape
    }

    /// What the voice does.
    #[inline]
    pub fn state(&self) -> State {
        self.state
    }

    /// How the producer broke the protocol, if it did.
    #[inline]
    pub fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// Whether a fade runs.
    #[inline]
    pub fn is_fading(&self) -> bool {
        self.fade.is_some()
    }

    /// Where the voice is, in frames of its own; its low word is what the producer sees.
    #[inline]
    fn voice_frame(&self) -> i64 {
        match self.state {
            State::Playing | State::Starved => self.now - self.anchor,
            State::Idle | State::Faulted => self.rest_frame,
        }
    }

    /// What became of every frame so far.
    pub fn ledger(&self) -> Ledger {
        self.tally.ledger(self.position, self.write)
    }

    /// Whether reading `frames` frames now would run past what is written of a future that is still open: what a render
    /// that is bound to no clock waits for. Looks at the producer's counters as they are now. \[rt\]
    pub fn awaits(&self, frames: u32) -> bool {
        let written = self.producer.write.load(Ordering::Acquire).wrapping_sub(self.position as u32);
        let changes =
            self.producer.marker_write.load(Ordering::Acquire) != self.marker_seen || !self.queue.is_empty();
        matches!(self.state, State::Playing | State::Starved) && !changes && written < frames
    }

    /// How many markers have come in sight, counted like the producer's `marker_write`.
    pub fn marker_count(&self) -> u32 {
        self.marker_seen
    }

    /// The underrun that began since the last call, if one did. \[rt\]
    #[inline]
    pub fn take_underrun(&mut self) -> Option<Underrun> {
        self.tally.underrun.take()
    }

    /// The end of an underrun since the last call, if one ended. \[rt\]
    #[inline]
    pub fn take_resume(&mut self) -> Option<Resume> {
        self.tally.resume.take()
    }

    /// The engine frame at which a start marker was taken since the last call, if one was. \[rt\]
    #[inline]
    pub fn take_start(&mut self) -> Option<u64> {
        self.tally.start.take()
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("state", &self.state)
            .field("position", &self.position)
            .field("write", &self.write)
            .field("voice_frame", &self.voice_frame())
            .field("anchor", &self.anchor)
            .field("debt", &self.debt)
            .field("queue", &self.queue)
            .field("fade", &self.fade)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::mem::offset_of;

    /// Both ends may move to other threads.
    #[test]
    fn ends_are_send() {
        fn send<T: Send>() {}
        send::<Reader>();
        send::<crate::Writer>();
        send::<crate::BroadcastReader>();
        send::<crate::EventWriter>();
    }

    /// What every block touches fills two cache lines, the first of them all that `begin` needs.
    #[test]
    fn two_lines() {
        assert_eq!(offset_of!(Reader, engine), 64);
        assert_eq!(offset_of!(Reader, published), 128);
    }
}

//! The producer's end of a ring.

use crate::marker::Marker;
use crate::memory::{RingMemory, RingShape};
use crate::params::FLAG_MUTE;
use crate::reader::State;
use crate::sync::Ordering;
use crate::words::MARKERS;
use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;

/// The end that a producer writes to. It never waits: a full ring takes fewer frames, a full queue no marker.
///
/// Send, not Sync: one thread writes. Dropping it publishes nothing; the frames that are in the ring play out.
/// ```compile_fail
/// fn shared<T: Sync>() {}
/// shared::<forebay_ring::Writer>();
/// ```
pub struct Writer {
    memory: RingMemory,
    /// Own copy of the `write` word.
    write: u32,
    /// Own copy of the `marker_write` word.
    marker_write: u32,
    /// The engine's `read` word when it was last looked at; it only grows.
    read: u32,
    not_sync: PhantomData<Cell<()>>,
}

/// What the engine last said about the ring. Words are read one by one: each is whole, together they may span a
/// block border.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineSide {
    /// Oldest position still needed.
    pub read: u32,
    /// Lower bound of where the voice is.
    pub voice_frame: u32,
    /// Engine frame minus voice frame.
    pub anchor: u32,
    /// How many markers are done with.
    pub marker_read: u32,
    /// Position minus voice frame in the future that plays.
    pub offset: u32,
    /// What the voice does.
    pub state: State,
    /// Frames by which markers were late, summed.
    pub late: u32,
    /// Frames replaced by newer futures.
    pub superseded: u32,
    /// Frames consumed without being played.
    pub shed: u32,
    /// Frames that were due and not there.
    pub concealed: u32,
    /// How many times the ring ran dry.
    pub underruns: u32,
    /// Frames of the last underrun.
    pub last_stall: u32,
    /// Lead that the daemon wants.
    pub target_lead: u32,
    /// 0, or the code of the fault that muted the voice.
    pub fault: u32,
}

/// All eight markers are waiting; nothing was changed. Keep only the newest wish and try again next turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarkerQueueFull;

impl fmt::Display for MarkerQueueFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{MARKERS} markers are waiting: keep the newest wish and try again")
    }
}

impl std::error::Error for MarkerQueueFull {}

impl Writer {
    /// Takes the producer's end of a ring whose [`crate::Reader`] is already attached, where its predecessor left
    /// it or at the beginning.
    ///
    /// At most one Writer of a ring may be in use at a time: the copies of a second one race with those of the first, and the
    /// sound of this ring is garbled. (In which process the other one is no type can tell.)
    pub fn attach(memory: RingMemory) -> Self {
        let write = memory.producer.write.load(Ordering::Relaxed);
        let marker_write = memory.producer.marker_write.load(Ordering::Relaxed);
        let read = memory.engine.read.load(Ordering::Acquire);
        Self { memory, write, marker_write, read, not_sync: PhantomData }
    }

    /// The size of the ring.
    pub fn shape(&self) -> RingShape {
        self.memory.shape
    }

    /// Position one past the last published frame.
    pub fn position(&self) -> u32 {
        self.write
    }

    /// How many markers were ever published.
    pub fn marker_count(&self) -> u32 {
        self.marker_write
    }

    /// How many frames [`Writer::write`] takes now.
    pub fn space_frames(&mut self) -> u32 {
        self.read = self.memory.engine.read.load(Ordering::Acquire);
        self.known_space()
    }

    fn known_space(&self) -> u32 {
        self.memory.shape.capacity_frames.saturating_sub(self.write.wrapping_sub(self.read))
    }

    /// Publishes as many of the frames as there is room for, and says how many that were. `interleaved` holds whole
    /// frames; an incomplete one at the end is left.
    #[inline]
    pub fn write(&mut self, interleaved: &[f32]) -> usize {
        let channels = self.memory.samples.channels();
        let wanted = if channels == 1 { interleaved.len() } else { interleaved.len() / channels };
        let mut space = self.known_space() as usize;
        if space < wanted {
            space = self.space_frames() as usize;
        }
        let frames = wanted.min(space);
        self.memory.samples.copy_in(self.write, &interleaved[..frames * channels]);
        self.write = self.write.wrapping_add(frames as u32);
        self.memory.producer.write.store(self.write, Ordering::Release);
        frames
    }

    /// Puts a marker into the queue. It does nothing until the group it names is committed.
    ///
    /// # Errors
    /// When eight markers are waiting. Nothing was changed.
    pub fn mark(&mut self, marker: Marker) -> Result<(), MarkerQueueFull> {
        let waiting = self.marker_write.wrapping_sub(self.memory.engine.marker_read.load(Ordering::Acquire));
        if waiting as usize >= MARKERS {
            return Err(MarkerQueueFull);
        }
        marker.store(&self.memory.markers[self.marker_write as usize % MARKERS]);
        self.marker_write = self.marker_write.wrapping_add(1);
        self.memory.producer.marker_write.store(self.marker_write, Ordering::Release);
        Ok(())
    }

    /// What the engine last said.
    pub fn engine(&self) -> EngineSide {
        let words = &*self.memory.engine;
        let get = |word: &crate::sync::AtomicU32| word.load(Ordering::Acquire);
        EngineSide {
            marker_read: get(&words.marker_read),
            state: State::from_word(get(&words.state)),
            voice_frame: get(&words.voice_frame),
            anchor: get(&words.anchor),
            read: get(&words.read),
            offset: get(&words.offset),
            late: get(&words.late),
            superseded: get(&words.superseded),
            shed: get(&words.shed),
            concealed: get(&words.concealed),
            underruns: get(&words.underruns),
            last_stall: get(&words.last_stall),
            target_lead: get(&words.target_lead),
            fault: get(&words.fault),
        }
    }

    /// Asks for a linear amplitude; the engine ramps to it.
    pub fn set_gain(&mut self, amplitude: f32) {
        self.memory.producer.gain.store(amplitude.to_bits(), Ordering::Relaxed);
    }

    /// Asks for a place from -1 (left) to 1 (right); the engine ramps to it.
    pub fn set_pan(&mut self, pan: f32) {
        self.memory.producer.pan.store(pan.to_bits(), Ordering::Relaxed);
    }

    /// Asks for silence or an end of it; the engine ramps.
    pub fn set_mute(&mut self, mute: bool) {
        let flags = if mute { FLAG_MUTE } else { 0 };
        self.memory.producer.flags.store(flags, Ordering::Relaxed);
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("position", &self.write).finish_non_exhaustive()
    }
}

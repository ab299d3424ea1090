//! The producer's side of a session.

use ring::{Commit, EventWriter, RingMemory, RingShape, Writer};
use thiserror::Error;
use units::{SampleRate, SampleRateError};

use crate::control::{Control, stats_word};
use crate::layout::{self, SLOTS, header, pacing, stats};
use crate::memory::{Memory, MemoryError};
use crate::stats::{Pacing, RenderStats};

/// Why a producer does not use what it was handed. Nothing is mapped then.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GuestError {
    /// The memory itself is wrong.
    #[error("{0}")]
    Memory(#[from] MemoryError),
    /// It is no control memory.
    #[error("this is no control memory of forebay (magic {0:#010x})")]
    Magic(u32),
    /// The daemon has another layout.
    #[error(
        "the daemon has layout version {0}, this program {version}: update the older of the two (`forebay restart` replaces an old daemon that still runs)",
        version = layout::LAYOUT_VERSION
    )]
    Version(u32),
    /// The header contradicts its own version.
    #[error("the header of the control memory says {found} {what}, layout version 1 has {expected}")]
    Header {
        /// Which field.
        what: &'static str,
        /// What it says.
        found: u32,
        /// What it must say.
        expected: u32,
    },
    /// The header has an impossible rate.
    #[error("the header of the control memory has an impossible rate: {0}")]
    Rate(#[from] SampleRateError),
    /// No such slot, or the ring does not fit its shape.
    #[error("slot {slot}: {reason}")]
    Slot {
        /// Which.
        slot: u32,
        /// Why.
        reason: String,
    },
}

/// The producer's side: it checks what it was handed, and owns the producer's words.
#[derive(Debug)]
pub struct Guest {
    control: Control,
    rate: SampleRate,
}

impl Guest {
    /// Takes the control memory once it is what the layout says.
    ///
    /// # Errors
    /// When size, magic, version or header are not those of this layout.
    pub fn new(memory: Memory) -> Result<Self, GuestError> {
        let control = Control::new(memory)?;
        let magic = control.load(layout::HEADER + header::MAGIC);
        if magic != layout::MAGIC {
            return Err(GuestError::Magic(magic));
        }
        let version = control.load(layout::HEADER + header::LAYOUT_VERSION);
        if version != layout::LAYOUT_VERSION {
            return Err(GuestError::Version(version));
        }
        for (what, field, expected) in [
            ("total bytes", header::TOTAL_BYTES, layout::CONTROL_BYTES as u32),
            ("slots", header::SLOTS, SLOTS as u32),
            ("timed events", header::EVENT_CAPACITY, layout::EVENTS as u32),
        ] {
            let found = control.load(layout::HEADER + field);
            if found != expected {
                return Err(GuestError::Header { what, found, expected });
            }
        }
        let rate = SampleRate::new(control.load(layout::HEADER + header::RATE_HZ))?;
        Ok(Self { control, rate })
    }

    /// Rate of the engine.
    pub fn rate(&self) -> SampleRate {
        self.rate
    }

    /// The number of the session.
    pub fn session_id(&self) -> u32 {
        self.control.load(layout::HEADER + header::SESSION_ID)
    }

    /// Length of a cross-fade.
    pub fn crossfade_frames(&self) -> u32 {
        self.control.load(layout::HEADER + header::CROSSFADE_FRAMES)
    }

    /// Low word of the engine frame of the next block.
    pub fn engine_frame(&self) -> u32 {
        self.control.load(layout::CLOCK + layout::clock::ENGINE_FRAME)
    }

    /// Frames of the latest block, 0 before the first.
    pub fn block_frames(&self) -> u32 {
        self.control.load(layout::CLOCK + layout::clock::BLOCK_FRAMES)
    }

    /// The commit word. Take it once per session: two of them would undo each other.
    pub fn commit(&self) -> Commit {
        Commit::attach(self.control.group())
    }

    /// The queue of timed events. Take it once per session.
    pub fn events(&self) -> EventWriter {
        EventWriter::attach(self.control.events())
    }

    /// The ring of a slot whose samples were handed over.
    ///
    /// # Errors
    /// When there is no such slot, or the samples do not fit the shape.
    pub fn ring(&self, slot: u32, samples: &Memory, shape: RingShape) -> Result<RingMemory, GuestError> {
        let wrong = |reason: String| GuestError::Slot { slot, reason };
        if slot as usize >= SLOTS {
            return Err(wrong(format!("a session has slots 0 to {}", SLOTS - 1)));
        }
        if samples.bytes() != shape.sample_bytes() {
            let (found, expected) = (samples.bytes(), shape.sample_bytes());
            return Err(wrong(format!("the ring has {found} bytes, its shape needs {expected}")));
        }
        self.control.ring(slot as usize, samples, shape).map_err(|error| wrong(error.to_string()))
    }

    /// The writing end of a ring of this session.
    ///
    /// # Errors
    /// Those of [`Self::ring`].
    pub fn writer(&self, slot: u32, samples: &Memory, shape: RingShape) -> Result<Writer, GuestError> {
        Ok(Writer::attach(self.ring(slot, samples, shape)?))
    }

    /// Tells the daemon how the pacing goes.
    pub fn tell_pacing(&self, told: &Pacing) {
        for (field, value) in [
            (pacing::LAST_STALL_US, told.last_stall_us),
            (pacing::WORST_STALL_US, told.worst_stall_us),
            (pacing::SPLICES, told.splices),
            (pacing::CHANGE_US, told.change_us),
            (pacing::GUARD_FRAMES, told.guard_frames),
            (pacing::COVER_FRAMES, told.cover_frames),
            (pacing::TURNS, told.turns),
        ] {
            self.control.store(layout::PACING + field, value);
        }
    }

    /// Tells the daemon how the rendering of a voice goes. No-op for a slot above 63.
    pub fn tell_render(&self, slot: u32, told: &RenderStats) {
        let slot = slot as usize;
        if slot >= SLOTS {
            return;
        }
        for (field, value) in [
            (stats::BUSY_US, told.busy_us),
            (stats::LONGEST_CHUNK_US, told.longest_chunk_us),
            (stats::CHUNK_FRAMES, told.chunk_frames),
            (stats::FRAMES_RENDERED, told.frames_rendered),
        ] {
            self.control.store(stats_word(slot, field), value);
        }
    }
}

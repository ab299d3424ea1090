//! The daemon's side of a session. \[control\]

use std::sync::Weak;

use ring::{EventMemory, GroupMemory, RingMemory, RingShape};
use thiserror::Error;
use units::{ChannelCount, SampleRate};

use crate::control::{Control, stats_word};
use crate::layout::{self, SLOTS, header, pacing, stats};
use crate::memory::{Memory, MemoryError};
use crate::os::Mapping;
use crate::stats::{Pacing, RenderStats};

/// What a session is made with.
#[derive(Clone, Copy, Debug)]
pub struct HostConfig {
    /// Its number, for people; not 0.
    pub session_id: u32,
    /// Rate of the engine.
    pub rate: SampleRate,
    /// Length of a cross-fade.
    pub crossfade_frames: u32,
    /// Where the counters of each ring begin; 0 but in tests of their wrap.
    pub first: u32,
}

/// Why a slot can't be opened. Nothing is left behind.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenSlotError {
    /// All slots are open, or the engine has not let go of them.
    #[error("all {SLOTS} slots of the session are taken: close a voice first")]
    Full,
    /// The capacity is not possible.
    #[error("{0}")]
    Shape(#[from] ring::MemoryError),
    /// No memory.
    #[error("{0}")]
    Memory(#[from] MemoryError),
}

/// What became of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotState {
    /// Free.
    Free,
    /// Open.
    Open,
    /// Closed; the engine still holds its ring.
    Leaving,
}

#[derive(Debug, Default)]
enum Slot {
    #[default]
    Free,
    Open(OpenRing),
    Leaving {
        mapping: Weak<Mapping>,
        bytes: usize,
    },
}

#[derive(Debug)]
struct OpenRing {
    samples: Memory,
    ring: RingMemory,
}

/// The daemon's side: it makes all memory, and owns the engine's words.
///
/// Invariant: a slot is reused only after the last [`RingMemory`] of it is gone (the engine gave its
/// `ring::Reader` back) and its samples are unmapped. The mapping itself tells, so nothing has to be remembered.
#[derive(Debug)]
pub struct Host {
    control: Control,
    slots: [Slot; SLOTS],
    config: HostConfig,
}

impl Host {
    /// Makes the control memory of a session and writes its header.
    ///
    /// # Errors
    /// [`MemoryError::System`].
    pub fn new(config: HostConfig) -> Result<Self, MemoryError> {
        let control = Control::new(Memory::create("forebay-control", layout::CONTROL_BYTES)?)?;
        for (field, value) in [
            (header::LAYOUT_VERSION, layout::LAYOUT_VERSION),
            (header::TOTAL_BYTES, layout::CONTROL_BYTES as u32),
            (header::SLOTS, SLOTS as u32),
            (header::RATE_HZ, config.rate.hz()),
            (header::CROSSFADE_FRAMES, config.crossfade_frames),
            (header::SESSION_ID, config.session_id),
            (header::EVENT_CAPACITY, layout::EVENTS as u32),
            (header::MAGIC, layout::MAGIC),
        ] {
            control.store(layout::HEADER + field, value);
        }
        Ok(Self { control, slots: std::array::from_fn(|_| Slot::Free), config })
    }

    /// The number of the session.
    pub fn session_id(&self) -> u32 {
        self.config.session_id
    }

    /// The control memory, to hand over.
    pub fn control(&self) -> &Memory {
        self.control.memory()
    }

    /// Commit and clock, for the engine's `ring::Group`.
    pub fn group(&self) -> GroupMemory {
        self.control.group()
    }

    /// The timed events, for the engine's `ring::EventReader`.
    pub fn events(&self) -> EventMemory {
        self.control.events()
    }

    /// Takes the lowest free slot and makes a ring for it. The engine attaches its Reader to [`Self::ring`].
    ///
    /// # Errors
    /// When there is no slot, no memory, or no such capacity.
    pub fn open_slot(
        &mut self,
        channels: ChannelCount,
        capacity_frames: u32,
    ) -> Result<usize, OpenSlotError> {
        let shape = RingShape { channels, capacity_frames, first: self.config.first };
        shape.check()?;
        self.collect();
        let slot =
            self.slots.iter().position(|slot| matches!(slot, Slot::Free)).ok_or(OpenSlotError::Full)?;
        let samples = Memory::create("forebay-ring", shape.sample_bytes())?;
        let ring = self.control.ring(slot, &samples, shape)?;
        for field in [stats::FRAMES_RENDERED, stats::BUSY_US, stats::LONGEST_CHUNK_US, stats::CHUNK_FRAMES] {
            self.control.store(stats_word(slot, field), 0);
        }
        self.slots[slot] = Slot::Open(OpenRing { samples, ring });
        Ok(slot)
    }

    /// The ring of an open slot.
    pub fn ring(&self, slot: usize) -> Option<&RingMemory> {
        self.open_ring(slot).map(|open| &open.ring)
    }

    /// The samples of an open slot, to hand over.
    pub fn samples(&self, slot: usize) -> Option<&Memory> {
        self.open_ring(slot).map(|open| &open.samples)
    }

    fn open_ring(&self, slot: usize) -> Option<&OpenRing> {
        match self.slots.get(slot) {
            Some(Slot::Open(open)) => Some(open),
            _ => None,
        }
    }

    /// Lets go of a slot: its descriptor is closed now, its memory unmapped when the engine lets go of it too, and
    /// then it is free. No-op for a slot that is not open.
    pub fn close_slot(&mut self, slot: usize) {
        if let Some(open) = self.open_ring(slot) {
            self.slots[slot] = Slot::Leaving { mapping: open.samples.watch(), bytes: open.samples.bytes() };
        }
    }

    /// What became of a slot; above 63 everything is free.
    pub fn slot_state(&mut self, slot: usize) -> SlotState {
        self.collect();
        match self.slots.get(slot) {
            None | Some(Slot::Free) => SlotState::Free,
            Some(Slot::Open(_)) => SlotState::Open,
            Some(Slot::Leaving { .. }) => SlotState::Leaving,
        }
    }

    /// Bytes of all rings that are still mapped.
    pub fn ring_bytes(&mut self) -> usize {
        self.collect();
        let bytes = |slot: &Slot| match slot {
            Slot::Free => 0,
            Slot::Open(open) => open.samples.bytes(),
            Slot::Leaving { bytes, .. } => *bytes,
        };
        self.slots.iter().map(bytes).sum()
    }

    fn collect(&mut self) {
        for slot in &mut self.slots {
            if matches!(slot, Slot::Leaving { mapping, .. } if mapping.strong_count() == 0) {
                *slot = Slot::Free;
            }
        }
    }

    /// Whether somebody took pages out of the session's memory, now: every page was made present before it was handed
    /// over, so a missing one was punched out.
    pub fn has_hole(&self) -> bool {
        let rings = self.slots.iter().filter_map(|slot| match slot {
            Slot::Open(open) => Some(&open.samples),
            _ => None,
        });
        std::iter::once(self.control.memory()).chain(rings).any(Memory::has_hole)
    }

    /// Tells the producer how deep to fill a slot.
    pub fn set_target_lead(&self, slot: usize, frames: u32) {
        if let Some(ring) = self.ring(slot) {
            ring.set_target_lead(frames);
        }
    }

    /// What the producer says about its pacing.
    pub fn pacing(&self) -> Pacing {
        let word = |field| self.control.load(layout::PACING + field);
        Pacing {
            turns: word(pacing::TURNS),
            last_stall_us: word(pacing::LAST_STALL_US),
            worst_stall_us: word(pacing::WORST_STALL_US),
            splices: word(pacing::SPLICES),
            change_us: word(pacing::CHANGE_US),
            guard_frames: word(pacing::GUARD_FRAMES),
            cover_frames: word(pacing::COVER_FRAMES),
        }
    }

    /// What the producer says about the rendering of a voice.
    ///
    /// # Panics
    /// For a slot above 63.
    pub fn render_stats(&self, slot: usize) -> RenderStats {
        assert!(slot < SLOTS, "slot {slot} of {SLOTS}");
        let word = |field| self.control.load(stats_word(slot, field));
        RenderStats {
            frames_rendered: word(stats::FRAMES_RENDERED),
            busy_us: word(stats::BUSY_US),
            longest_chunk_us: word(stats::LONGEST_CHUNK_US),
            chunk_frames: word(stats::CHUNK_FRAMES),
        }
    }
}

//! The control memory of a session by its words.

use ring::sync::{AtomicU32, Ordering};
use ring::{EventMemory, GroupMemory, Region, RingMemory, RingShape};

use crate::layout::{self, LINE_BYTES};
use crate::memory::{Memory, MemoryError};

/// A mapped control memory, on either side.
#[derive(Debug)]
pub(crate) struct Control {
    memory: Memory,
    region: Region,
}

/// Bytes of the marker queue of a slot.
const MARKER_BYTES: usize = layout::MARKERS * layout::ENTRY_BYTES;

impl Control {
    /// Takes memory that has [`layout::CONTROL_BYTES`].
    pub(crate) fn new(memory: Memory) -> Result<Self, MemoryError> {
        if memory.bytes() != layout::CONTROL_BYTES {
            let (expected, found) = (layout::CONTROL_BYTES as u64, memory.bytes() as u64);
            return Err(MemoryError::Size { expected, found });
        }
        let region = memory.region();
        Ok(Self { memory, region })
    }

    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    /// The word at `offset`. Any process of the session may write it at any time.
    pub(crate) fn word(&self, offset: usize) -> &AtomicU32 {
        assert!(
            offset.is_multiple_of(4) && offset < layout::CONTROL_BYTES,
            "an aligned word of the control memory"
        );
        // SAFETY: in bounds and aligned (checked, and mappings start on a page); the region lives as long as `self`;
        // everybody reaches these bytes by atomics.
        unsafe { AtomicU32::from_ptr(self.region.start().as_ptr().add(offset).cast()) }
    }

    pub(crate) fn load(&self, offset: usize) -> u32 {
        self.word(offset).load(Ordering::Acquire)
    }

    pub(crate) fn store(&self, offset: usize, value: u32) {
        self.word(offset).store(value, Ordering::Release);
    }

    fn line(&self, offset: usize) -> Region {
        self.region.slice(offset, LINE_BYTES)
    }

    /// Commit and clock of the session.
    pub(crate) fn group(&self) -> GroupMemory {
        GroupMemory::new(&self.line(layout::CLOCK), &self.line(layout::COMMIT)).expect("lines are aligned")
    }

    /// The timed events of the session.
    pub(crate) fn events(&self) -> EventMemory {
        let entries = self.region.slice(layout::EVENT_ENTRIES, layout::EVENTS * layout::ENTRY_BYTES);
        EventMemory::new(&self.line(layout::EVENT_WRITE), &self.line(layout::EVENT_READ), &entries)
            .expect("lines are aligned and the capacity is a power of two")
    }

    /// The ring of a slot below 64, with its samples in `samples`.
    pub(crate) fn ring(
        &self,
        slot: usize,
        samples: &Memory,
        shape: RingShape,
    ) -> Result<RingMemory, ring::MemoryError> {
        RingMemory::new(
            &self.line(layout::PRODUCER_WORDS + slot * LINE_BYTES),
            &self.line(layout::ENGINE_WORDS + slot * LINE_BYTES),
            &self.region.slice(layout::MARKER_WORDS + slot * MARKER_BYTES, MARKER_BYTES),
            &samples.region(),
            shape,
        )
    }
}

/// Offset of a word in the producer stats of a slot.
pub(crate) const fn stats_word(slot: usize, field: usize) -> usize {
    layout::PRODUCER_STATS + slot * LINE_BYTES + field
}

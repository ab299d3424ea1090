//! The commit word of a session: one store by which markers of many rings count together. And the session's clock.

#[cfg(not(loom))]
use crate::memory::MemoryError;
#[cfg(not(loom))]
use crate::region::Region;
use crate::sync::Ordering;
use crate::words::{ClockWords, CounterWord, Shared};

/// Where a group lives: a line of the engine (clock) and a line of the producer (commit).
#[derive(Clone)]
pub struct GroupMemory {
    clock: Shared<ClockWords>,
    commit: Shared<CounterWord>,
}

impl GroupMemory {
    /// A group in this process, at commit 0.
    pub fn heap() -> Self {
        Self { clock: Shared::new(ClockWords::default()), commit: Shared::new(CounterWord::default()) }
    }

    /// Lets the commit count start at `count` instead of 0, to test its wrap.
    #[doc(hidden)]
    pub fn with_count(self, count: u32) -> Self {
        self.commit.count.store(count, Ordering::Relaxed);
        self
    }

    /// A group over two regions of 64 bytes, aligned to 64.
    ///
    /// # Errors
    /// When a part is too small or not aligned.
    #[cfg(not(loom))]
    pub fn new(clock: &Region, commit: &Region) -> Result<Self, MemoryError> {
        Ok(Self { clock: Shared::over(clock, "clock")?, commit: Shared::over(commit, "group")? })
    }
}

/// The producer's side: it commits.
pub struct Commit {
    memory: GroupMemory,
    count: u32,
}

impl Commit {
    /// Takes the producer's side, where its predecessor left it.
    pub fn attach(memory: GroupMemory) -> Self {
        let count = memory.commit.count.load(Ordering::Relaxed);
        Self { memory, count }
    }

    /// The group that markers of the change in preparation name.
    pub fn next(&self) -> u32 {
        self.count.wrapping_add(1)
    }

    /// Lets every marker that names [`Commit::next`] count, in all rings at once; says the group that is now
    /// committed. All markers and frames of the change must have been written before.
    pub fn bump(&mut self) -> u32 {
        self.count = self.next();
        self.memory.commit.count.store(self.count, Ordering::Release);
        self.count
    }

    /// Low word of the engine frame of the next block, and the length of the last block in frames.
    pub fn clock(&self) -> (u32, u32) {
        let clock = &*self.memory.clock;
        (clock.engine_frame.load(Ordering::Acquire), clock.block_frames.load(Ordering::Relaxed))
    }
}

/// The engine's side: it looks once per block, before any ring of the session.
pub struct Group {
    memory: GroupMemory,
}

impl Group {
    /// Takes the engine's side.
    pub fn attach(memory: GroupMemory) -> Self {
        Self { memory }
    }

    /// The newest committed group. \[rt\] Load it once per block, *before* [`crate::Reader::begin`] of any ring of the
    /// session: then all rings see a commit or none does.
    #[inline]
    pub fn load(&self) -> u32 {
        self.memory.commit.count.load(Ordering::Acquire)
    }

    /// Publishes the engine frame of the next block and the length of this one in frames. \[rt\]
    #[inline]
    pub fn store_clock(&self, next_frame: u64, block_frames: u32) {
        let clock = &*self.memory.clock;
        clock.block_frames.store(block_frames, Ordering::Relaxed);
        clock.engine_frame.store(next_frame as u32, Ordering::Release);
    }
}

/// Both sides of a group.
pub fn group(memory: GroupMemory) -> (Commit, Group) {
    (Commit::attach(memory.clone()), Group::attach(memory))
}

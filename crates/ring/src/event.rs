//! Timed events of a session: a queue of small records, each for one engine frame.

#[cfg(not(loom))]
use crate::memory::MemoryError;
#[cfg(not(loom))]
use crate::region::Region;
use crate::sync::{AtomicU32, Ordering};
use crate::words::{CounterWord, Shared, SharedSlice, Words};
use std::fmt;

/// One event as it stands in memory. 32 bytes.
#[derive(Debug, Default)]
#[repr(C)]
pub struct EventWords {
    /// Low word of the engine frame.
    pub at: AtomicU32,
    /// Which slot of the session.
    pub slot: AtomicU32,
    /// 1 gain, 2 pan, 3 mute.
    pub kind: AtomicU32,
    /// The bits of an f32.
    pub value: AtomicU32,
    /// Over how many frames the value is reached.
    pub ramp_frames: AtomicU32,
    /// Zero.
    pub reserved: [AtomicU32; 3],
}

// SAFETY: repr(C), eight atomic words.
unsafe impl Words for EventWords {}

/// What an event sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum EventKind {
    /// Linear amplitude.
    Gain = 1,
    /// Place from -1 to 1.
    Pan = 2,
    /// Above 0.5: silent.
    Mute = 3,
}

/// A change of one voice at one engine frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimedEvent {
    /// Low word of the engine frame.
    pub at: u32,
    /// Which slot of the session; any value, the reader's owner checks it.
    pub slot: u32,
    /// What is set.
    pub kind: EventKind,
    /// To what; any bits, the reader's owner checks it.
    pub value: f32,
    /// Over how many frames.
    pub ramp_frames: u32,
}

/// Where an event ring lives.
#[derive(Clone)]
pub struct EventMemory {
    written: Shared<CounterWord>,
    taken: Shared<CounterWord>,
    events: SharedSlice<EventWords>,
}

impl EventMemory {
    /// A ring of `capacity` events in this process.
    ///
    /// # Panics
    /// When `capacity` is no power of two.
    pub fn heap(capacity: u32) -> Self {
        assert!(capacity.is_power_of_two(), "a capacity of {capacity} events is no power of two");
        Self {
            written: Shared::new(CounterWord::default()),
            taken: Shared::new(CounterWord::default()),
            events: SharedSlice::new((0..capacity).map(|_| EventWords::default()).collect()),
        }
    }

    /// A ring over regions: the producer's counter and the engine's (64 bytes each, aligned to 64), and the events,
    /// 32 bytes each, a power of two of them.
    ///
    /// # Errors
    /// When a part is too small or not aligned, or the number of events no power of two.
    #[cfg(not(loom))]
    pub fn new(written: &Region, taken: &Region, events: &Region) -> Result<Self, MemoryError> {
        let memory = Self {
            written: Shared::over(written, "event write")?,
            taken: Shared::over(taken, "event read")?,
            events: SharedSlice::over(events, "events")?,
        };
        if memory.capacity().is_power_of_two() {
            Ok(memory)
        } else {
            Err(MemoryError::Capacity(memory.capacity()))
        }
    }

    /// Lets the counters start at `count` instead of 0, to test their wrap.
    #[doc(hidden)]
    pub fn with_count(self, count: u32) -> Self {
        self.written.count.store(count, Ordering::Relaxed);
        self.taken.count.store(count, Ordering::Relaxed);
        self
    }

    fn capacity(&self) -> u32 {
        self.events.len() as u32
    }

    fn slot(&self, count: u32) -> &EventWords {
        &self.events[(count & (self.capacity() - 1)) as usize]
    }
}

/// The queue is full; nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventQueueFull;

impl fmt::Display for EventQueueFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the event queue is full: the engine takes events once per block, try again after one")
    }
}

impl std::error::Error for EventQueueFull {}

/// The producer's end. Send, one thread at a time.
pub struct EventWriter {
    memory: EventMemory,
    written: u32,
}

impl EventWriter {
    /// Takes the producer's end, where its predecessor left it.
    pub fn attach(memory: EventMemory) -> Self {
        let written = memory.written.count.load(Ordering::Relaxed);
        Self { memory, written }
    }

    /// Queues an event.
    ///
    /// # Errors
    /// When the queue is full. Nothing was changed.
    pub fn push(&mut self, event: TimedEvent) -> Result<(), EventQueueFull> {
        if self.written.wrapping_sub(self.memory.taken.count.load(Ordering::Acquire))
            >= self.memory.capacity()
        {
            return Err(EventQueueFull);
        }
        let words = self.memory.slot(self.written);
        words.at.store(event.at, Ordering::Relaxed);
        words.slot.store(event.slot, Ordering::Relaxed);
        words.kind.store(event.kind as u32, Ordering::Relaxed);
        words.value.store(event.value.to_bits(), Ordering::Relaxed);
        words.ramp_frames.store(event.ramp_frames, Ordering::Relaxed);
        self.written = self.written.wrapping_add(1);
        self.memory.written.count.store(self.written, Ordering::Release);
        Ok(())
    }
}

/// The engine's end. It never trusts the producer's counter further than the capacity.
pub struct EventReader {
    memory: EventMemory,
    taken: u32,
    /// The producer's counter, looked at by [`EventReader::begin`].
    written: u32,
    refused: u64,
}

impl EventReader {
    /// Takes the engine's end and empties the queue.
    pub fn attach(memory: EventMemory) -> Self {
        let taken = memory.written.count.load(Ordering::Acquire);
        memory.taken.count.store(taken, Ordering::Release);
        Self { memory, taken, written: taken, refused: 0 }
    }

    /// Looks once at what the producer has published; says how many events wait. \[rt\] A counter further ahead than
    /// the capacity is a lie: everything it claims is refused at once.
    #[inline]
    pub fn begin(&mut self) -> u32 {
        self.written = self.memory.written.count.load(Ordering::Acquire);
        let waiting = self.written.wrapping_sub(self.taken);
        if waiting > self.memory.capacity() {
            self.refused += 1;
            self.taken = self.written;
            return 0;
        }
        waiting
    }

    /// The next event in the order of writing, `None` when all that [`EventReader::begin`] saw are taken. \[rt\]
    /// Events of no known kind are skipped and counted.
    pub fn pop(&mut self) -> Option<TimedEvent> {
        while self.taken != self.written {
            let words = self.memory.slot(self.taken);
            self.taken = self.taken.wrapping_add(1);
            let kind = match words.kind.load(Ordering::Relaxed) {
                1 => EventKind::Gain,
                2 => EventKind::Pan,
                3 => EventKind::Mute,
                _ => {
                    self.refused += 1;
                    continue;
                }
            };
            return Some(TimedEvent {
                at: words.at.load(Ordering::Relaxed),
                slot: words.slot.load(Ordering::Relaxed),
                kind,
                value: f32::from_bits(words.value.load(Ordering::Relaxed)),
                ramp_frames: words.ramp_frames.load(Ordering::Relaxed),
            });
        }
        None
    }

    /// Gives the space of the taken events back to the producer. \[rt\]
    #[inline]
    pub fn finish(&mut self) {
        self.memory.taken.count.store(self.taken, Ordering::Release);
    }

    /// Lies and events of no known kind so far.
    pub fn refused(&self) -> u64 {
        self.refused
    }
}

/// Both ends of an event ring.
///
/// ```
/// use forebay_ring::{EventKind, EventMemory, TimedEvent, events};
///
/// let (mut writer, mut reader) = events(EventMemory::heap(16));
/// let event = TimedEvent { at: 4800, slot: 3, kind: EventKind::Gain, value: 0.5, ramp_frames: 240 };
/// writer.push(event)?;
///
/// assert_eq!(reader.begin(), 1); // once per block
/// assert_eq!(reader.pop(), Some(event));
/// assert_eq!(reader.pop(), None);
/// reader.finish();
/// # Ok::<(), forebay_ring::EventQueueFull>(())
/// ```
pub fn events(memory: EventMemory) -> (EventWriter, EventReader) {
    let reader = EventReader::attach(memory.clone());
    (EventWriter::attach(memory), reader)
}

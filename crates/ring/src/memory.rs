//! Where one ring lives: its words, its markers, its frames.

#[cfg(not(loom))]
use crate::region::Region;
use crate::samples::Samples;
use crate::sync::Ordering;
use crate::words::{EngineWords, MARKERS, MarkerWords, ProducerWords, Shared};
use std::fmt;
use units::ChannelCount;

/// The most frames that a ring holds: far below the window in which wrapping positions can be compared.
pub const MAX_CAPACITY_FRAMES: u32 = 1 << 26;

/// The size of a ring and where its counters start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingShape {
    /// Samples per frame.
    pub channels: ChannelCount,
    /// How many frames fit: a power of two from 2 to [`MAX_CAPACITY_FRAMES`].
    pub capacity_frames: u32,
    /// Position of the first frame ever written. Any value; positions wrap.
    pub first: u32,
}

impl RingShape {
    /// Bytes that the frames take: `channels * capacity_frames * 4`.
    pub fn sample_bytes(&self) -> usize {
        Samples::bytes(self.channels.get() as u32, self.capacity_frames)
    }

    /// Whether a ring can have this shape: ask before its memory is made.
    ///
    /// # Errors
    /// [`MemoryError::Capacity`].
    pub fn check(&self) -> Result<(), MemoryError> {
        let capacity = self.capacity_frames;
        if capacity.is_power_of_two() && (2..=MAX_CAPACITY_FRAMES).contains(&capacity) {
            Ok(())
        } else {
            Err(MemoryError::Capacity(capacity))
        }
    }
}

/// Why memory can't carry a ring. Nothing was touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MemoryError {
    /// A part has fewer bytes than it needs.
    TooSmall {
        /// Which part.
        part: &'static str,
        /// How many bytes it has.
        bytes: usize,
        /// How many it needs.
        wanted: usize,
    },
    /// A part does not start on the alignment of its words.
    Misaligned {
        /// Which part.
        part: &'static str,
    },
    /// The capacity is no power of two, or out of range.
    Capacity(u32),
}

impl fmt::Display for MemoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooSmall { part, bytes, wanted } => {
                write!(f, "the {part} part has {bytes} bytes and needs {wanted}")
            }
            Self::Misaligned { part } => write!(f, "the {part} part is not aligned to its words"),
            Self::Capacity(frames) => {
                write!(
                    f,
                    "a capacity of {frames} is not possible: give a power of two, 2 to {MAX_CAPACITY_FRAMES}"
                )
            }
        }
    }
}

impl std::error::Error for MemoryError {}

/// The memory of one ring. Clones are views of the same memory.
#[derive(Clone)]
pub struct RingMemory {
    pub(crate) producer: Shared<ProducerWords>,
    pub(crate) engine: Shared<EngineWords>,
    pub(crate) markers: Shared<[MarkerWords; MARKERS]>,
    pub(crate) samples: Samples,
    pub(crate) shape: RingShape,
    pub(crate) first_marker: u32,
}

impl RingMemory {
    /// A ring in this process.
    ///
    /// # Errors
    /// When the capacity is no power of two or out of range.
    pub fn heap(shape: RingShape) -> Result<Self, MemoryError> {
        shape.check()?;
        Ok(Self {
            producer: Shared::new(ProducerWords::default()),
            engine: Shared::new(EngineWords::default()),
            markers: Shared::new(Default::default()),
            samples: Samples::heap(shape.channels.get() as u32, shape.capacity_frames),
            shape,
            first_marker: 0,
        })
    }

    /// A ring over regions: `producer` and `engine` 64 bytes each, `markers` 8 * 32 bytes, `samples`
    /// [`RingShape::sample_bytes`]. Nothing is written until a [`crate::Reader`] is attached.
    ///
    /// # Errors
    /// When a part is too small or not aligned (words to 64, markers and samples to 4), or the capacity impossible.
    #[cfg(not(loom))]
    pub fn new(
        producer: &Region,
        engine: &Region,
        markers: &Region,
        samples: &Region,
        shape: RingShape,
    ) -> Result<Self, MemoryError> {
        shape.check()?;
        Ok(Self {
            producer: Shared::over(producer, "producer words")?,
            engine: Shared::over(engine, "engine words")?,
            markers: Shared::over(markers, "markers")?,
            samples: Samples::over(samples, shape.channels.get() as u32, shape.capacity_frames)?,
            shape,
            first_marker: 0,
        })
    }

    /// The size of the ring.
    pub fn shape(&self) -> RingShape {
        self.shape
    }

    /// The words of the producer. The engine side trusts none of them.
    pub fn producer_words(&self) -> &ProducerWords {
        &self.producer
    }

    /// The words of the engine. Only the [`crate::Reader`] writes them, but for `target_lead`.
    pub fn engine_words(&self) -> &EngineWords {
        &self.engine
    }

    /// The queue of markers.
    pub fn marker_words(&self) -> &[MarkerWords; MARKERS] {
        &self.markers
    }

    /// Tells the producer how many frames of lead are wanted. \[control\]
    pub fn set_target_lead(&self, frames: u32) {
        self.engine.target_lead.store(frames, Ordering::Relaxed);
    }

    /// Lets the marker counters start at `count` instead of 0, to test their wrap.
    #[doc(hidden)]
    pub fn with_first_marker(mut self, count: u32) -> Self {
        self.first_marker = count;
        self
    }

    /// Puts the words of both ends to their first value: counters at `first`, gain 1, pan centre, everything else 0. The
    /// target lead is the control side's, and markers are not read before they are counted: both stay.
    pub(crate) fn reset(&self) {
        let (producer, engine, first) = (&*self.producer, &*self.engine, self.shape.first);
        for word in [&producer.pan, &producer.flags].into_iter().chain(&producer.reserved) {
            word.store(0, Ordering::Relaxed);
        }
        producer.gain.store(1.0_f32.to_bits(), Ordering::Relaxed);
        for word in [
            &engine.voice_frame,
            &engine.anchor,
            &engine.late,
            &engine.superseded,
            &engine.state,
            &engine.underruns,
            &engine.concealed,
            &engine.shed,
            &engine.fault,
            &engine.last_stall,
            &engine.jumped,
        ]
        .into_iter()
        .chain(&engine.reserved)
        {
            word.store(0, Ordering::Relaxed);
        }
        engine.offset.store(first, Ordering::Relaxed);
        engine.marker_read.store(self.first_marker, Ordering::Relaxed);
        producer.marker_write.store(self.first_marker, Ordering::Relaxed);
        producer.write.store(first, Ordering::Release);
        engine.read.store(first, Ordering::Release);
    }
}

impl fmt::Debug for RingMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RingMemory").field("shape", &self.shape).finish_non_exhaustive()
    }
}

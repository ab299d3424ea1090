//! The words that two sides share, by owner. Their order is the layout of a session: it never changes within a
//! layout version.
//!
//! Every word is a 32-bit atomic, aligned and written whole, in the byte order of the machine. A word has one
//! writer; the lines of the two sides never share a cache line. The engine never reads back a word that it owns:
//! in shared memory a producer could have written it.

use crate::region::Keep;
#[cfg(not(loom))]
use crate::region::Region;
use crate::sync::AtomicU32;
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::Arc;

/// How many markers a ring's queue holds.
pub const MARKERS: usize = 8;

/// What the producer of one ring writes. 64 bytes, one cache line.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub struct ProducerWords {
    /// Position one past the last published frame. Any value, wrapping.
    pub write: AtomicU32,
    /// How many markers were ever published. Any value, wrapping.
    pub marker_write: AtomicU32,
    /// Wanted gain, the bits of a linear f32 amplitude.
    pub gain: AtomicU32,
    /// Wanted pan, the bits of an f32 from -1 (left) to 1 (right).
    pub pan: AtomicU32,
    /// Bit 0: mute.
    pub flags: AtomicU32,
    /// Zero.
    pub reserved: [AtomicU32; 11],
}

/// What the engine writes about one ring. 64 bytes, one cache line.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub struct EngineWords {
    /// Oldest position that the engine still needs: the producer may fill up to `read + capacity`.
    pub read: AtomicU32,
    /// Voice frame of the next frame to play; a stale lower bound to the producer.
    pub voice_frame: AtomicU32,
    /// Engine frame minus voice frame; constant while the voice plays.
    pub anchor: AtomicU32,
    /// How many markers the engine has done with.
    pub marker_read: AtomicU32,
    /// Frames by which markers were taken late, summed.
    pub late: AtomicU32,
    /// Frames that a newer future replaced.
    pub superseded: AtomicU32,
    /// 0 idle, 1 playing, 2 starved, 3 faulted.
    pub state: AtomicU32,
    /// How many times the voice ran out of frames.
    pub underruns: AtomicU32,
    /// Frames that were due and not there.
    pub concealed: AtomicU32,
    /// Frames consumed without being played: too late under `skip`, or dropped under overload.
    pub shed: AtomicU32,
    /// 0, or the code of the fault that muted the voice.
    pub fault: AtomicU32,
    /// Lead in frames that the daemon wants. Written by its control side.
    pub target_lead: AtomicU32,
    /// Length of the last underrun in frames.
    pub last_stall: AtomicU32,
    /// Position minus voice frame in the future that plays: maps the producer's frames to voice frames exactly,
    /// also after the engine has re-based a marker.
    pub offset: AtomicU32,
    /// Voice frames that `hold` jumped over because the old future ended before the marker was due.
    pub jumped: AtomicU32,
    /// Zero.
    pub reserved: [AtomicU32; 1],
}

/// One marker in the queue of a ring, written by the producer. 32 bytes.
#[derive(Debug, Default)]
#[repr(C)]
pub struct MarkerWords {
    /// When: a voice frame (splice, flush) or an engine frame (start).
    pub at: AtomicU32,
    /// Where the new future begins: a ring position.
    pub to: AtomicU32,
    /// Counts once the session's group word has reached this.
    pub group: AtomicU32,
    /// The anchor that `at` was computed with.
    pub anchor: AtomicU32,
    /// 1 start, 2 splice, 3 flush.
    pub kind: AtomicU32,
    /// Zero.
    pub reserved: [AtomicU32; 3],
}

/// The clock of a session, written by the engine once per block. 64 bytes, one cache line.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub struct ClockWords {
    /// Low word of the engine frame of the next block.
    pub engine_frame: AtomicU32,
    /// Frames in the last block.
    pub block_frames: AtomicU32,
    /// Zero.
    pub reserved: [AtomicU32; 14],
}

/// One counter on a line of its own: the commit of a session, or an end of an event ring. 64 bytes.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub struct CounterWord {
    /// The count, wrapping.
    pub count: AtomicU32,
    /// Zero.
    pub reserved: [AtomicU32; 15],
}

/// A type that is nothing but atomic words: any bytes are a valid value and anyone may write them at any time.
///
/// # Safety
/// Only for `repr(C)` structs whose every field is an atomic integer or an array of them, without padding.
pub(crate) unsafe trait Words: Send + Sync + 'static {}

// SAFETY: repr(C), sixteen atomic words.
unsafe impl Words for ProducerWords {}
// SAFETY: repr(C), sixteen atomic words.
unsafe impl Words for EngineWords {}
// SAFETY: repr(C), eight atomic words.
unsafe impl Words for MarkerWords {}
// SAFETY: repr(C), sixteen atomic words.
unsafe impl Words for ClockWords {}
// SAFETY: repr(C), sixteen atomic words.
unsafe impl Words for CounterWord {}
// SAFETY: an array of such structs has no padding either.
unsafe impl<T: Words, const N: usize> Words for [T; N] {}

/// A reference to words that keeps their memory alive.
pub(crate) struct Shared<T: Words> {
    words: NonNull<T>,
    keep: Keep,
}

// SAFETY: only `&T` is handed out, and `T: Sync`.
unsafe impl<T: Words> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Words> Sync for Shared<T> {}

impl<T: Words> Shared<T> {
    /// Words of their own on the heap.
    pub(crate) fn new(words: T) -> Self {
        let owner = Arc::new(words);
        Self { words: NonNull::from(&*owner), keep: owner }
    }

    /// The words at the start of `region`.
    #[cfg(not(loom))]
    pub(crate) fn over(region: &Region, part: &'static str) -> Result<Self, crate::MemoryError> {
        if region.len() < size_of::<T>() {
            return Err(crate::MemoryError::TooSmall { part, bytes: region.len(), wanted: size_of::<T>() });
        }
        let words = region.start().cast::<T>();
        if !words.is_aligned() {
            return Err(crate::MemoryError::Misaligned { part });
        }
        Ok(Self { words, keep: region.keep() })
    }
}

impl<T: Words> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self { words: self.words, keep: self.keep.clone() }
    }
}

impl<T: Words> Deref for Shared<T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: `keep` keeps the memory; its size and alignment were checked; any bytes are valid atomics.
        unsafe { self.words.as_ref() }
    }
}

/// A bare reference to words, for a struct that holds their [`Shared`] as well and uses the words all the time: one
/// pointer beside its other hot fields.
#[derive(Clone, Copy)]
pub(crate) struct Link<T: Words>(NonNull<T>);

// SAFETY: only `&T` is handed out, and `T: Sync`.
unsafe impl<T: Words> Send for Link<T> {}
// SAFETY: as above.
unsafe impl<T: Words> Sync for Link<T> {}

impl<T: Words> Shared<T> {
    /// The same words without keeping them.
    ///
    /// # Safety
    /// The link may only be used while this value, or a clone of it, lives.
    pub(crate) unsafe fn link(&self) -> Link<T> {
        Link(self.words)
    }
}

impl<T: Words> Deref for Link<T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the maker of the link keeps the memory; any bytes are valid atomics.
        unsafe { self.0.as_ref() }
    }
}

/// A run of such words that keeps its memory alive.
pub(crate) struct SharedSlice<T: Words> {
    first: NonNull<T>,
    len: usize,
    keep: Keep,
}

// SAFETY: only `&T` is handed out, and `T: Sync`.
unsafe impl<T: Words> Send for SharedSlice<T> {}
// SAFETY: as above.
unsafe impl<T: Words> Sync for SharedSlice<T> {}

impl<T: Words> SharedSlice<T> {
    /// Words of their own on the heap.
    pub(crate) fn new(words: Box<[T]>) -> Self {
        let owner = Arc::new(words);
        Self { first: NonNull::from(&**owner).cast(), len: owner.len(), keep: owner }
    }

    /// As many as fit into `region`.
    #[cfg(not(loom))]
    pub(crate) fn over(region: &Region, part: &'static str) -> Result<Self, crate::MemoryError> {
        let first = Shared::<T>::over(region, part)?.words;
        Ok(Self { first, len: region.len() / size_of::<T>(), keep: region.keep() })
    }
}

impl<T: Words> Clone for SharedSlice<T> {
    fn clone(&self) -> Self {
        Self { first: self.first, len: self.len, keep: self.keep.clone() }
    }
}

impl<T: Words> Deref for SharedSlice<T> {
    type Target = [T];
    #[inline]
    fn deref(&self) -> &[T] {
        // SAFETY: `keep` keeps `len` of them; size and alignment were checked; any bytes are valid atomics.
        unsafe { NonNull::slice_from_raw_parts(self.first, self.len).as_ref() }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::mem::offset_of;

    /// The layout that producers in other languages write by byte offset.
    #[test]
    fn layout() {
        assert_eq!((size_of::<ProducerWords>(), align_of::<ProducerWords>()), (64, 64));
        assert_eq!((size_of::<EngineWords>(), align_of::<EngineWords>()), (64, 64));
        assert_eq!((size_of::<MarkerWords>(), align_of::<MarkerWords>()), (32, 4));
        assert_eq!((size_of::<ClockWords>(), size_of::<CounterWord>()), (64, 64));
        assert_eq!((offset_of!(ProducerWords, marker_write), offset_of!(ProducerWords, flags)), (4, 16));
        assert_eq!((offset_of!(EngineWords, state), offset_of!(EngineWords, last_stall)), (24, 48));
        assert_eq!((offset_of!(EngineWords, offset), offset_of!(EngineWords, jumped)), (52, 56));
        assert_eq!((offset_of!(MarkerWords, anchor), offset_of!(MarkerWords, kind)), (12, 16));
    }
}

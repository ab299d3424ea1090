//! An owned range of bytes, whoever allocated it.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::any::Any;
use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;

/// What keeps a range of bytes alive: the allocation, or the mapping of a session.
pub(crate) type Keep = Arc<dyn Any + Send + Sync>;

/// A range of bytes that lives as long as any clone of it does.
///
/// The bytes may be shared with other threads and other processes. Nothing reads or writes them through a Rust
/// reference to plain data: words are atomics, samples are copied in and out through raw pointers.
#[derive(Clone)]
pub struct Region {
    start: NonNull<u8>,
    len: usize,
    keep: Keep,
}

// SAFETY: a Region only hands out a pointer; what is behind it is reached through atomics and raw copies, and `keep`
// is itself Send and Sync.
unsafe impl Send for Region {}
// SAFETY: as above; no method of Region reads or writes the bytes.
unsafe impl Sync for Region {}

impl Region {
    /// The alignment of every region that this crate allocates: one cache line.
    pub const ALIGN_BYTES: usize = 64;

    /// Allocates `bytes` zeroed bytes, aligned to a cache line and already touched, so that no page fault is left
    /// for the thread that reads them first.
    ///
    /// # Panics
    /// When `bytes` is 0 or above `isize::MAX`.
    pub fn heap(bytes: usize) -> Self {
        assert!(bytes > 0, "a region has at least one byte");
        let layout = Layout::from_size_align(bytes, Self::ALIGN_BYTES).expect("a possible size");
        // SAFETY: the layout has a size above zero.
        let Some(start) = NonNull::new(unsafe { alloc(layout) }) else { handle_alloc_error(layout) };
        // SAFETY: `start` is the start of `bytes` freshly allocated bytes that nobody else knows.
        unsafe { start.write_bytes(0, bytes) };
        Self { start, len: bytes, keep: Arc::new(HeapBytes { start, layout }) }
    }

    /// Takes bytes that something else allocated or mapped.
    ///
    /// # Safety
    /// `start..start + len` must stay mapped, readable and writable until `keep` is dropped, and nothing in this
    /// process may hold a Rust reference to plain (not atomic) memory in it.
    pub unsafe fn foreign(start: NonNull<u8>, len: usize, keep: Arc<dyn Any + Send + Sync>) -> Self {
        Self { start, len, keep }
    }

    /// The `len` bytes from `offset` on, kept alive by the same owner.
    ///
    /// # Panics
    /// When they reach past the end of this region.
    pub fn slice(&self, offset: usize, len: usize) -> Self {
        let end = offset.checked_add(len).expect("a possible range");
        assert!(end <= self.len, "bytes {offset}..{end} of a region of {}", self.len);
        // SAFETY: `offset` is within the allocation, checked above.
        let start = unsafe { self.start.add(offset) };
        Self { start, len, keep: self.keep.clone() }
    }

    /// How many bytes there are.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Where the bytes start. Valid as long as a clone of this region lives.
    pub const fn start(&self) -> NonNull<u8> {
        self.start
    }

    #[cfg_attr(loom, allow(dead_code))]
    pub(crate) fn keep(&self) -> Keep {
        self.keep.clone()
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Region of {} bytes", self.len)
    }
}

struct HeapBytes {
    start: NonNull<u8>,
    layout: Layout,
}

// SAFETY: the bytes are owned by this value alone and only freed by its drop.
unsafe impl Send for HeapBytes {}
// SAFETY: no method reads or writes the bytes.
unsafe impl Sync for HeapBytes {}

impl Drop for HeapBytes {
    fn drop(&mut self) {
        // SAFETY: allocated in `Region::heap` with this layout and freed only here.
        unsafe { dealloc(self.start.as_ptr(), self.layout) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A slice keeps the bytes of its region alive and starts where it says.
    #[test]
    fn a_slice_outlives_its_region() {
        let region = Region::heap(256);
        assert_eq!(region.start().as_ptr() as usize % Region::ALIGN_BYTES, 0);
        let slice = region.slice(64, 128);
        assert_eq!(slice.start().as_ptr() as usize, region.start().as_ptr() as usize + 64);
        drop(region);
        // SAFETY: the slice keeps the allocation alive; nobody else has it.
        assert_eq!(unsafe { slice.start().add(127).read() }, 0);
    }

    /// A slice past the end is refused, also where offset + length would overflow.
    #[test]
    fn no_slice_past_the_end() {
        for (offset, len) in [(0, 257), (256, 1), (usize::MAX, 2)] {
            assert!(std::panic::catch_unwind(move || Region::heap(256).slice(offset, len)).is_err());
        }
    }
}

//! The frames of a ring: interleaved f32 in a power-of-two number of frames, copied in and out in bulk.
//!
//! The copies are plain, as fast as memory is: the protocol keeps the two sides apart. A peer that breaks it, by its words
//! or by a second [`crate::Writer`], makes a copy race with another one. Rust calls that undefined, whoever it is; what
//! machines do is tear. That is the one place where this crate relies on the machine: a copy goes through raw pointers
//! into private memory, nothing is read twice, and every bit pattern is an f32, so all that is spoilt is that ring's sound.

use crate::region::Keep;
#[cfg(not(loom))]
use crate::region::Region;
use std::ops::Deref;
use std::ptr::NonNull;

/// Frames whose memory is kept alive.
#[derive(Clone)]
pub(crate) struct Samples {
    frames: Frames,
    #[allow(dead_code, reason = "held for its drop")]
    keep: Keep,
}

impl Deref for Samples {
    type Target = Frames;
    #[inline]
    fn deref(&self) -> &Frames {
        &self.frames
    }
}

/// Where interleaved frames lie: frame `p` at index `p & mask`. Used only by a struct that also holds their [`Samples`].
#[derive(Clone, Copy)]
pub(crate) struct Frames {
    cells: NonNull<Cell>,
    mask: u32,
    channels: u32,
    /// All samples: `(mask + 1) * channels`.
    len: u32,
}

#[cfg(not(loom))]
type Cell = f32;
#[cfg(loom)]
type Cell = modelled::Cell;

// SAFETY: the cells are only reached through raw copies.
unsafe impl Send for Frames {}
// SAFETY: which side may touch which frames is the ring's protocol; a peer that breaks it spoils its own sound only.
unsafe impl Sync for Frames {}

impl Samples {
    /// Silence on the heap, already touched.
    pub(crate) fn heap(channels: u32, capacity_frames: u32) -> Self {
        #[cfg(not(loom))]
        return Self::over(&Region::heap(Self::bytes(channels, capacity_frames)), channels, capacity_frames)
            .expect("a region of this size");
        #[cfg(loom)]
        {
            let cells: Box<[Cell]> = (0..channels * capacity_frames).map(|_| Cell::default()).collect();
            let len = channels * capacity_frames;
            let keep = std::sync::Arc::new(cells);
            let first = NonNull::from(&keep[0]);
            Self { frames: Frames { cells: first, mask: capacity_frames - 1, channels, len }, keep }
        }
    }

    /// Bytes that the frames take.
    pub(crate) fn bytes(channels: u32, capacity_frames: u32) -> usize {
        channels as usize * capacity_frames as usize * size_of::<f32>()
    }

    /// The frames at the start of `region`.
    #[cfg(not(loom))]
    pub(crate) fn over(
        region: &Region,
        channels: u32,
        capacity_frames: u32,
    ) -> Result<Self, crate::MemoryError> {
        let part = "samples";
        let wanted = Self::bytes(channels, capacity_frames);
        if region.len() < wanted {
            return Err(crate::MemoryError::TooSmall { part, bytes: region.len(), wanted });
        }
        let cells = region.start().cast::<Cell>();
        let len = channels * capacity_frames;
        if !cells.is_aligned() {
            return Err(crate::MemoryError::Misaligned { part });
        }
        Ok(Self { frames: Frames { cells, mask: capacity_frames - 1, channels, len }, keep: region.keep() })
    }

    /// The same frames without keeping them.
    ///
    /// # Safety
    /// They may only be used while this value, or a clone of it, lives.
    pub(crate) unsafe fn link(&self) -> Frames {
        self.frames
    }
}

impl Frames {
    #[inline]
    pub(crate) fn channels(&self) -> usize {
        self.channels as usize
    }

    #[inline]
    pub(crate) fn capacity_frames(&self) -> u32 {
        self.mask + 1
    }

    /// Where frame `position` lies, and how many samples there are from it to the wrap.
    #[inline]
    fn place(&self, position: u32) -> (NonNull<Cell>, usize) {
        let index = (position & self.mask) as usize * self.channels as usize;
        // SAFETY: the frame's index is at most the mask, and there are `len` = (mask + 1) * channels cells.
        (unsafe { self.cells.add(index) }, self.len as usize - index)
    }

    /// Copies the frames from `position` on into `out` (interleaved, whole frames, at most one capacity).
    #[inline]
    pub(crate) fn copy_out(&self, position: u32, out: &mut [f32]) {
        let (cell, before_wrap) = self.place(position);
        if out.len() <= before_wrap {
            // SAFETY: `out` fits before the wrap.
            unsafe { self.load(cell, out) }
        } else {
            let (head, tail) = out.split_at_mut(before_wrap);
            let most = tail.len().min(self.len as usize);
            // SAFETY: `head` reaches to the wrap; the rest is at most all cells, from the first one on.
            unsafe {
                self.load(cell, head);
                self.load(self.cells, &mut tail[..most]);
            }
        }
    }

    /// Copies `frames` (interleaved, whole frames, at most one capacity) to `position` and on.
    #[inline]
    pub(crate) fn copy_in(&self, position: u32, frames: &[f32]) {
        let (cell, before_wrap) = self.place(position);
        if frames.len() <= before_wrap {
            // SAFETY: as in `copy_out`.
            unsafe { self.store(cell, frames) }
        } else {
            let (head, tail) = frames.split_at(before_wrap);
            let most = tail.len().min(self.len as usize);
            // SAFETY: as in `copy_out`.
            unsafe {
                self.store(cell, head);
                self.store(self.cells, &tail[..most]);
            }
        }
    }

    /// Asks for the cache lines of `frames` frames from `position` on.
    #[inline]
    pub(crate) fn prefetch(&self, position: u32, frames: u32) {
        let bytes = frames.min(self.capacity_frames()) as usize * self.channels() * size_of::<f32>();
        let (cell, before_wrap) = self.place(position);
        let first = bytes.min(before_wrap * size_of::<f32>());
        prefetch_lines(cell.as_ptr().cast(), first);
        if first < bytes {
            prefetch_lines(self.cells.as_ptr().cast(), bytes - first);
        }
    }
}

/// Hints that `bytes` bytes from `at` on will be read soon.
#[inline]
fn prefetch_lines(at: *const u8, bytes: usize) {
    const LINE_BYTES: usize = 64;
    let mut done = 0;
    while done < bytes {
        prefetch_line(at.wrapping_add(done));
        done += LINE_BYTES;
    }
}

/// Hints that the line at `at` will be written soon: the other side's copy is called off early. Any address will do.
#[inline]
pub(crate) fn prefetch_line_to_write(at: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch never faults, whatever the address; CPUs that do not know this one take it for nothing.
    unsafe {
        std::arch::asm!("prefetchw [{at}]", at = in(reg) at, options(nostack, preserves_flags, readonly));
    }
    #[cfg(not(target_arch = "x86_64"))]
    prefetch_line(at);
}

/// Hints that the line at `at` will be read soon. Any address will do.
#[inline]
pub(crate) fn prefetch_line(at: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch never faults, whatever the address.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(at.cast());
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: a prefetch never faults, whatever the address.
    unsafe {
        std::arch::asm!("prfm pldl1keep, [{at}]", at = in(reg) at, options(nostack, preserves_flags, readonly));
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = at;
}

#[cfg(not(loom))]
impl Frames {
    /// Copies cells into private memory.
    ///
    /// # Safety
    /// `out.len()` cells from `from` on must be mapped.
    #[inline]
    unsafe fn load(&self, from: NonNull<Cell>, out: &mut [f32]) {
        // SAFETY: mapped as the caller says; `out` is private, so nothing overlaps. The peer leaves these frames alone
        // until it is told that they are read; one that does not is spoken of at the head of this file.
        unsafe { from.as_ptr().copy_to_nonoverlapping(out.as_mut_ptr(), out.len()) }
    }

    /// Copies private memory into cells.
    ///
    /// # Safety
    /// `frames.len()` cells from `to` on must be mapped.
    #[inline]
    unsafe fn store(&self, to: NonNull<Cell>, frames: &[f32]) {
        // SAFETY: mapped as the caller says; `frames` is private, so nothing overlaps. The peer does not read these frames
        // before it is told that they are written; one that does is spoken of at the head of this file.
        unsafe { to.as_ptr().copy_from_nonoverlapping(frames.as_ptr(), frames.len()) }
    }
}

/// The same copies for loom, sample by sample, with a guard that reports a read which a write is not ordered against.
#[cfg(loom)]
mod modelled {
    use super::{Frames, NonNull};
    use crate::sync::{AtomicU32, Ordering};
    use loom::cell::UnsafeCell;

    #[derive(Default)]
    pub(super) struct Cell {
        bits: AtomicU32,
        guard: UnsafeCell<()>,
    }

    // SAFETY: the guard holds nothing; loom reports accesses to it that are not ordered.
    unsafe impl Sync for Cell {}

    impl Frames {
        pub(super) unsafe fn load(&self, from: NonNull<Cell>, out: &mut [f32]) {
            for (index, sample) in out.iter_mut().enumerate() {
                // SAFETY: in range as the caller says.
                let cell = unsafe { from.add(index).as_ref() };
                cell.guard.with(|_| ());
                *sample = f32::from_bits(cell.bits.load(Ordering::Relaxed));
            }
        }

        pub(super) unsafe fn store(&self, to: NonNull<Cell>, frames: &[f32]) {
            for (index, sample) in frames.iter().enumerate() {
                // SAFETY: in range as the caller says.
                let cell = unsafe { to.add(index).as_ref() };
                cell.guard.with_mut(|_| ());
                cell.bits.store(sample.to_bits(), Ordering::Relaxed);
            }
        }
    }
}

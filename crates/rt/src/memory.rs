//! Memory that must not page: locked within the limit, in the order asked for; the rest at least touched.
//!
//! `mlockall(MCL_FUTURE)` is never used: under the 8 MiB that ordinary users have it succeeds, and later mappings and
//! thread starts fail.

use std::sync::atomic::{AtomicU64, Ordering};

/// A piece of memory, by address. Only its residence is asked for; it is neither read nor changed.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    address: usize,
    bytes: usize,
}

impl Part {
    /// The memory of `value` itself (not what it points to).
    pub fn of<T: ?Sized>(value: &T) -> Self {
        Self { address: std::ptr::from_ref(value).cast::<u8>() as usize, bytes: size_of_val(value) }
    }

    /// `bytes` bytes from `address` on. A range that is not mapped is refused by the kernel and stays as it is.
    pub fn range(address: *const u8, bytes: usize) -> Self {
        Self { address: address as usize, bytes }
    }

    /// First byte and length of the whole pages that hold the part.
    fn pages(self) -> (usize, usize) {
        let page = page_bytes();
        let first = self.address / page * page;
        let end = (self.address + self.bytes).div_ceil(page) * page;
        (first, end - first)
    }
}

/// How resident a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch {
    /// Locked: it never leaves memory.
    Locked,
    /// In memory now; the system may take it away when short.
    Touched,
    /// The kernel knows neither way (or the range is not mapped).
    Refused,
}

static WANTED: AtomicU64 = AtomicU64::new(0);
static LOCKED: AtomicU64 = AtomicU64::new(0);

/// What [`keep_resident`] was asked for and reached in this process, in bytes of whole pages, without what was
/// [`release`]d.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryTotals {
    /// Asked to stay in memory.
    pub wanted_bytes: u64,
    /// Of that, locked.
    pub locked_bytes: u64,
}

/// The totals so far, for `doctor`. `[any]`
pub fn memory_totals() -> MemoryTotals {
    MemoryTotals {
        wanted_bytes: WANTED.load(Ordering::Relaxed),
        locked_bytes: LOCKED.load(Ordering::Relaxed),
    }
}

/// Touches `part` and locks it if the limit allows. Call it in the order of importance: the real-time stack, the
/// Renderer, counters, rings. `[control]`
pub fn keep_resident(part: Part) -> Touch {
    if part.bytes == 0 {
        return Touch::Locked;
    }
    let (first, bytes) = part.pages();
    let touch = pretouch(part);
    WANTED.fetch_add(bytes as u64, Ordering::Relaxed);
    if imp::lock(first, bytes) {
        LOCKED.fetch_add(bytes as u64, Ordering::Relaxed);
        return Touch::Locked;
    }
    touch
}

/// Takes back a [`keep_resident`] that gave `touch`, before the memory is freed: its pages count against the limit no
/// longer. `[control]`
pub fn release(part: Part, touch: Touch) {
    if part.bytes == 0 {
        return;
    }
    let (first, bytes) = part.pages();
    WANTED.fetch_sub(bytes as u64, Ordering::Relaxed);
    if touch == Touch::Locked {
        imp::unlock(first, bytes);
        LOCKED.fetch_sub(bytes as u64, Ordering::Relaxed);
    }
}

/// Brings `part` into memory, writable, without changing it: the first access costs no page fault. `[control]`
pub fn pretouch(part: Part) -> Touch {
    let (first, bytes) = part.pages();
    if part.bytes == 0 || imp::populate(first, bytes) { Touch::Touched } else { Touch::Refused }
}

pub(crate) fn page_bytes() -> usize {
    imp::page_bytes()
}

#[cfg(target_os = "linux")]
mod imp {
    pub(super) fn page_bytes() -> usize {
        // SAFETY: sysconf has no preconditions.
        match unsafe { libc::sysconf(libc::_SC_PAGESIZE) } {
            bytes if bytes > 0 => bytes as usize,
            _ => 4096,
        }
    }

    pub(super) fn lock(first: usize, bytes: usize) -> bool {
        // SAFETY: mlock changes no contents and checks the range itself.
        unsafe { libc::mlock(first as *const libc::c_void, bytes) == 0 }
    }

    pub(super) fn unlock(first: usize, bytes: usize) {
        // SAFETY: as for mlock.
        unsafe { libc::munlock(first as *const libc::c_void, bytes) };
    }

    pub(super) fn populate(first: usize, bytes: usize) -> bool {
        // SAFETY: MADV_POPULATE_WRITE (Linux 5.14) faults pages in as a write would and keeps their contents; the
        // range is checked by the kernel. Before 5.14 it answers EINVAL and does nothing.
        unsafe { libc::madvise(first as *mut libc::c_void, bytes, libc::MADV_POPULATE_WRITE) == 0 }
    }
}

#[cfg(not(target_os = "linux"))]
mod imp {
    pub(super) fn page_bytes() -> usize {
        4096
    }

    pub(super) fn lock(_: usize, _: usize) -> bool {
        false
    }

    pub(super) fn unlock(_: usize, _: usize) {}

    pub(super) fn populate(_: usize, _: usize) -> bool {
        false
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// Touched memory is there: writing all of it faults no page any more, and its contents are as before.
    #[test]
    fn touched_memory_does_not_fault() {
        let mut memory = vec![0_u8; 8 << 20];
        memory[5_000_000] = 7;
        assert_ne!(keep_resident(Part::of(memory.as_slice())), Touch::Refused);
        let before = crate::minor_faults();
        for page in memory.chunks_mut(4096) {
            page[0] = std::hint::black_box(3);
        }
        assert_eq!(crate::minor_faults(), before);
        assert_eq!(memory[5_000_000], 7);
    }

    /// The totals count whole pages and come back; nothing and a hole in the address space are no trouble.
    #[test]
    fn nothing_and_nowhere() {
        assert_eq!(keep_resident(Part::of::<[u8]>(&[])), Touch::Locked);
        assert_eq!(pretouch(Part::range(4096 as *const u8, 10)), Touch::Refused);
        assert_eq!(Part::range((10 * page_bytes() - 1) as *const u8, 2).pages().1, 2 * page_bytes());
    }
}

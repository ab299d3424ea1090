//! The door.

use crate::flush::FlushToZero;
use std::cell::Cell;

thread_local! {
    static OPEN: Cell<bool> = const { Cell::new(false) };
}

/// Shuts the door on the way out, also while unwinding.
struct Inside {
    was_open: bool,
}

impl Inside {
    fn new() -> Self {
        Self { was_open: OPEN.replace(true) }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        OPEN.set(self.was_open);
    }
}

/// Runs `code` as real-time code: denormals are flushed to zero, and with the feature `no-alloc` (and
/// `AllocDisabler` as the global allocator) an allocation aborts the program. Both are as before afterwards,
/// also when `code` unwinds. Doors nest. `[rt]`
///
/// It neither changes the thread's priority nor waits: see [`crate::promote_current_thread`] for the former.
///
/// ```
/// let tiny = f32::MIN_POSITIVE;
/// let halved = forebay_rt::enter(|| std::hint::black_box(tiny) * 0.5);
/// # #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
/// assert_eq!(halved, 0.0);
/// assert_ne!(std::hint::black_box(tiny) * 0.5, 0.0);
/// ```
#[inline]
pub fn enter<T>(code: impl FnOnce() -> T) -> T {
    let _inside = Inside::new();
    let _flush = FlushToZero::set();
    guarded(code)
}

/// Whether the calling thread is inside [`enter`]. `[rt]`
pub fn door_is_open() -> bool {
    OPEN.get()
}

#[cfg(feature = "no-alloc")]
fn guarded<T>(code: impl FnOnce() -> T) -> T {
    assert_no_alloc::assert_no_alloc(code)
}

#[cfg(not(feature = "no-alloc"))]
#[inline]
fn guarded<T>(code: impl FnOnce() -> T) -> T {
    code()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The door closes behind nested calls and behind a panic.
    #[test]
    fn nests_and_unwinds() {
        assert!(!door_is_open());
        enter(|| {
            enter(|| assert!(door_is_open()));
            assert!(door_is_open());
        });
        assert!(std::panic::catch_unwind(|| enter(|| panic!("on purpose"))).is_err());
        assert!(!door_is_open());
    }
}

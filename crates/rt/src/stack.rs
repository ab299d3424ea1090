//! The stack of the calling thread.

use crate::memory::{Part, Touch, keep_resident, release};
use std::cell::Cell;

thread_local! {
    static KEPT: Cell<Option<Kept>> = const { Cell::new(None) };
}

/// A stack that is kept in memory until its thread ends.
struct Kept(Part, Touch);

impl Drop for Kept {
    fn drop(&mut self) {
        release(self.0, self.1);
    }
}

/// Keeps `bytes` of the calling thread's stack below its present depth in memory (less where the stack ends sooner), as long
/// as the thread lives. Call it first thing on a real-time thread; once more, and the new part counts instead of the old.
/// `[control]`
pub fn keep_stack_resident(bytes: usize) -> Touch {
    let Some(part) = imp::below(bytes) else { return Touch::Refused };
    drop(KEPT.take());
    let touch = keep_resident(part);
    KEPT.set(Some(Kept(part, touch)));
    touch
}

#[cfg(target_os = "linux")]
mod imp {
    use super::Part;
    use crate::memory::page_bytes;

    pub(super) fn below(bytes: usize) -> Option<Part> {
        let mark = 0_u8;
        let here = std::ptr::from_ref(&mark) as usize;
        let lowest = lowest_address()? + page_bytes();
        let first = here.saturating_sub(bytes).max(lowest);
        (first < here).then(|| Part::range(first as *const u8, here - first))
    }

    /// The lowest address of the calling thread's stack, guard pages excluded.
    fn lowest_address() -> Option<usize> {
        let mut attributes = std::mem::MaybeUninit::<libc::pthread_attr_t>::uninit();
        let mut address = std::ptr::null_mut();
        let mut bytes = 0;
        let mut guard = 0;
        // SAFETY: `attributes` is initialised by pthread_getattr_np, read only if that succeeded, and destroyed;
        // the out-pointers are valid.
        unsafe {
            if libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) != 0 {
                return None;
            }
            let found = libc::pthread_attr_getstack(attributes.as_ptr(), &mut address, &mut bytes);
            libc::pthread_attr_getguardsize(attributes.as_ptr(), &mut guard);
            libc::pthread_attr_destroy(attributes.as_mut_ptr());
            (found == 0).then(|| address as usize + guard)
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod imp {
    use super::Part;

    pub(super) fn below(_: usize) -> Option<Part> {
        None
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[inline(never)]
    fn deep(levels: usize) -> u64 {
        let pad = std::hint::black_box([levels as u64; 512]);
        if levels == 0 { pad[7] } else { deep(levels - 1).wrapping_add(pad[levels % 512]) }
    }

    /// After it, 64 KiB of stack cost no fault; asking for more than there is takes what there is.
    #[test]
    fn deep_calls_do_not_fault() {
        std::thread::spawn(|| {
            assert_ne!(keep_stack_resident(256 << 10), Touch::Refused);
            let before = crate::minor_faults();
            std::hint::black_box(deep(16));
            assert_eq!(crate::minor_faults(), before);
            assert_ne!(keep_stack_resident(1 << 40), Touch::Refused);
        })
        .join()
        .unwrap();
    }

    /// What is kept counts once however often it is asked for, and no longer when the thread has ended. In a process of its
    /// own: other threads' memory counts, too.
    #[test]
    fn kept_as_long_as_the_thread() {
        const ALONE: &str = "FOREBAY_RT_ALONE";
        if std::env::var_os(ALONE).is_none() {
            let mut command = std::process::Command::new(std::env::current_exe().unwrap());
            command.args(["stack::tests::kept_as_long_as_the_thread", "--exact"]).env(ALONE, "1");
            return assert!(command.status().unwrap().success());
        }
        let before = crate::memory_totals();
        let meanwhile = std::thread::spawn(|| {
            keep_stack_resident(64 << 10);
            keep_stack_resident(64 << 10);
            crate::memory_totals()
        });
        let grown = meanwhile.join().unwrap().wanted_bytes - before.wanted_bytes;
        assert!((64 << 10..=72 << 10).contains(&grown), "{grown}");
        assert_eq!(crate::memory_totals(), before);
    }
}

//! Denormals cost 20 to 66 times a normal operation: audio threads flush them to zero.

/// The thread's floating point mode, with denormal results and operands as zero until this is dropped; then as it
/// was before. x86_64 (FTZ and DAZ in MXCSR) and aarch64 (FZ in FPCR); elsewhere it does nothing. `[rt]`
#[must_use = "the mode lasts as long as this value"]
#[derive(Debug)]
pub struct FlushToZero {
    before: arch::Mode,
    // The mode belongs to the thread.
    _not_send: std::marker::PhantomData<*const ()>,
}

impl FlushToZero {
    /// Sets the mode.
    #[inline]
    pub fn set() -> Self {
        let before = arch::read();
        arch::write(before | arch::FLUSH);
        Self { before, _not_send: std::marker::PhantomData }
    }

    /// Whether the calling thread flushes denormals.
    pub fn is_set() -> bool {
        arch::FLUSH != 0 && arch::read() & arch::FLUSH == arch::FLUSH
    }
}

impl Drop for FlushToZero {
    #[inline]
    fn drop(&mut self) {
        arch::write(self.before);
    }
}

#[cfg(target_arch = "x86_64")]
mod arch {
    pub(super) type Mode = u32;
    /// FTZ (bit 15) and DAZ (bit 6).
    pub(super) const FLUSH: Mode = (1 << 15) | (1 << 6);

    #[inline]
    pub(super) fn read() -> Mode {
        let mut mode: Mode = 0;
        // SAFETY: stores the 32-bit MXCSR into `mode`, which is 4 aligned bytes; touches nothing else.
        unsafe {
            std::arch::asm!("stmxcsr [{}]", in(reg) &mut mode, options(nostack, preserves_flags));
        }
        mode
    }

    #[inline]
    pub(super) fn write(mode: Mode) {
        // SAFETY: loads MXCSR from 4 readable bytes; the value is one that was read from it, at most with the
        // defined bits FTZ and DAZ added, so no reserved bit is set and no exception unmasked.
        unsafe {
            std::arch::asm!("ldmxcsr [{}]", in(reg) &mode, options(nostack, preserves_flags, readonly));
        }
    }
}

#[cfg(target_arch = "aarch64")]
mod arch {
    pub(super) type Mode = u64;
    /// FZ (bit 24) covers operands and results.
    pub(super) const FLUSH: Mode = 1 << 24;

    #[inline]
    pub(super) fn read() -> Mode {
        let mode: Mode;
        // SAFETY: FPCR is readable at EL0; reading it has no effect.
        unsafe {
            std::arch::asm!("mrs {}, fpcr", out(reg) mode, options(nomem, nostack, preserves_flags));
        }
        mode
    }

    #[inline]
    pub(super) fn write(mode: Mode) {
        // SAFETY: FPCR is writable at EL0; the value was read from it, at most with FZ added.
        unsafe {
            std::arch::asm!("msr fpcr, {}", in(reg) mode, options(nomem, nostack, preserves_flags));
        }
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod arch {
    pub(super) type Mode = u32;
    pub(super) const FLUSH: Mode = 0;

    pub(super) fn read() -> Mode {
        0
    }

    pub(super) fn write(_: Mode) {}
}

#[cfg(all(test, any(target_arch = "x86_64", target_arch = "aarch64")))]
mod tests {
    use super::*;
    use std::hint::black_box;

    /// Denormal results and denormal operands both become zero, and only while the value lives.
    #[test]
    fn both_ways_and_back() {
        let denormal = f32::from_bits(1 << 20);
        {
            let _flush = FlushToZero::set();
            assert!(FlushToZero::is_set());
            assert_eq!(black_box(f32::MIN_POSITIVE) * black_box(0.25), 0.0);
            assert_eq!(black_box(denormal) * black_box(1e30), 0.0);
        }
        assert!(!FlushToZero::is_set());
        assert_ne!(black_box(denormal) * black_box(1e30), 0.0);
    }

    /// A thread that already flushed keeps flushing after an inner guard.
    #[test]
    fn keeps_what_was() {
        let _outer = FlushToZero::set();
        drop(FlushToZero::set());
        assert!(FlushToZero::is_set());
    }
}

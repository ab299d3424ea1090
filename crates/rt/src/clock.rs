//! The monotonic clock and sleeps to an absolute point of it.

/// Nanoseconds of the monotonic clock (on Linux CLOCK_MONOTONIC, the one that JACK and ALSA stamp with). `[rt]`
/// (on Linux a vDSO call, no system call).
pub fn monotonic_ns() -> u64 {
    imp::now()
}

/// Sleeps until the monotonic clock reads `at_ns`; returns at once when it already does. A signal does not cut
/// the sleep short. Absolute, so that pacing built on it does not drift. `[control]`
pub fn sleep_until_ns(at_ns: u64) {
    imp::sleep_until(at_ns);
}

#[cfg(target_os = "linux")]
mod imp {
    pub(super) fn now() -> u64 {
        let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `now` is a writable timespec; CLOCK_MONOTONIC always exists on Linux.
        unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now) };
        now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
    }

    pub(super) fn sleep_until(at_ns: u64) {
        let at = libc::timespec {
            tv_sec: (at_ns / 1_000_000_000) as libc::time_t,
            tv_nsec: (at_ns % 1_000_000_000) as _,
        };
        // SAFETY: `at` is a valid timespec (nanoseconds below 1e9); a null remainder is allowed and unused with
        // TIMER_ABSTIME.
        while unsafe {
            libc::clock_nanosleep(libc::CLOCK_MONOTONIC, libc::TIMER_ABSTIME, &at, std::ptr::null_mut())
        } == libc::EINTR
        {}
    }
}

#[cfg(not(target_os = "linux"))]
mod imp {
    use std::sync::OnceLock;
    use std::time::{Duration, Instant};

    static START: OnceLock<Instant> = OnceLock::new();

    pub(super) fn now() -> u64 {
        START.get_or_init(Instant::now).elapsed().as_nanos() as u64
    }

    pub(super) fn sleep_until(at_ns: u64) {
        let now = now();
        if at_ns > now {
            std::thread::sleep(Duration::from_nanos(at_ns - now));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sleep ends at or after its point, and a point in the past is no sleep (the clock has not yet reached a
    /// point an hour ahead afterwards).
    #[test]
    fn absolute() {
        let at = monotonic_ns() + 2_000_000;
        sleep_until_ns(at);
        let after = monotonic_ns();
        assert!(after >= at);
        sleep_until_ns(after - 1);
        assert!(monotonic_ns() < after + 3_600_000_000_000);
    }
}

//! The brake: a real-time thread that runs without ever waiting would freeze the machine. RLIMIT_RTTIME makes the
//! kernel send SIGXCPU after a while (and SIGKILL at its hard limit); the handler here drops the thread to
//! SCHED_OTHER and counts, so that the program lives on.

/// How often a thread of this process ran into its real-time limit and was dropped to ordinary scheduling. `[any]`
pub fn time_limit_hits() -> u64 {
    imp::hits()
}

#[cfg(target_os = "linux")]
pub(crate) use imp::{arm, enlist};

#[cfg(target_os = "linux")]
mod imp {
    use crate::limits;
    use std::sync::Once;
    use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

    static HITS: AtomicU64 = AtomicU64::new(0);
    /// The soft limit to put back after a hit, for the kernel raises it by a second at each.
    static SOFT_US: AtomicU64 = AtomicU64::new(libc::RLIM_INFINITY);
    /// Threads that were promoted here (0 = free place): who to drop when the signal reaches another thread. They
    /// are few and long-lived; one that finds no place is still dropped when the signal reaches itself.
    static PROMOTED: [AtomicI32; 64] = [const { AtomicI32::new(0) }; 64];

    pub(super) fn hits() -> u64 {
        HITS.load(Ordering::Relaxed)
    }

    /// Limits real-time threads to `soft_us` without a wait and installs the handler (once a process). The hard
    /// limit stays unless `hard_us` asks for a lower one: lowering cannot be undone. A lower limit of the user stays.
    pub(crate) fn arm(soft_us: u64, hard_us: Option<u64>) {
        install();
        let now = limits::get(libc::RLIMIT_RTTIME);
        let hard = hard_us.map_or(now.rlim_max, |hard| hard.min(now.rlim_max));
        let soft = soft_us.min(now.rlim_cur).min(hard);
        SOFT_US.store(soft, Ordering::Relaxed);
        limits::set_soft(libc::RLIMIT_RTTIME, libc::rlimit { rlim_cur: soft, rlim_max: hard });
    }

    /// Remembers a promoted thread.
    pub(crate) fn enlist(tid: i32) {
        if PROMOTED.iter().any(|place| place.load(Ordering::Relaxed) == tid) {
            return;
        }
        for place in &PROMOTED {
            if place.compare_exchange(0, tid, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                return;
            }
        }
        // Full: threads that have ended make room (signal 0 only asks whether the thread is there).
        for place in &PROMOTED {
            let old = place.load(Ordering::Relaxed);
            // SAFETY: tgkill with signal 0 delivers nothing.
            if unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), old, 0) } != 0
                && place.compare_exchange(old, tid, Ordering::Relaxed, Ordering::Relaxed).is_ok()
            {
                return;
            }
        }
    }

    fn install() {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            // SAFETY: a zeroed sigaction is valid; the handler makes only async-signal-safe calls and touches
            // only atomics.
            unsafe {
                let mut action: libc::sigaction = std::mem::zeroed();
                action.sa_sigaction = on_limit as extern "C" fn(libc::c_int) as libc::sighandler_t;
                action.sa_flags = libc::SA_RESTART;
                libc::sigemptyset(&mut action.sa_mask);
                libc::sigaction(libc::SIGXCPU, &action, std::ptr::null_mut());
            }
        });
    }

    extern "C" fn on_limit(_: libc::c_int) {
        // SAFETY: errno is thread-local and saved, since the interrupted code may be about to read it.
        let errno = unsafe { *libc::__errno_location() };
        if !drop_if_realtime(0) {
            for place in &PROMOTED {
                let tid = place.load(Ordering::Relaxed);
                if tid != 0 {
                    drop_if_realtime(tid);
                }
            }
        }
        let hard = limits::get(libc::RLIMIT_RTTIME).rlim_max;
        let soft = SOFT_US.load(Ordering::Relaxed);
        limits::set_soft(libc::RLIMIT_RTTIME, libc::rlimit { rlim_cur: soft, rlim_max: hard });
        // SAFETY: as above.
        unsafe { *libc::__errno_location() = errno };
    }

    /// Drops `tid` (0 = the calling thread) to SCHED_OTHER and counts it; false where it was not real-time.
    fn drop_if_realtime(tid: i32) -> bool {
        // SAFETY: plain system calls with valid arguments, safe in a signal handler (no libc state).
        unsafe {
            let policy = libc::syscall(libc::SYS_sched_getscheduler, tid) as i32 & !libc::SCHED_RESET_ON_FORK;
            if policy != libc::SCHED_FIFO && policy != libc::SCHED_RR {
                return false;
            }
            let none = libc::sched_param { sched_priority: 0 };
            if libc::syscall(
                libc::SYS_sched_setscheduler,
                tid,
                libc::SCHED_OTHER | libc::SCHED_RESET_ON_FORK,
                &none,
            ) != 0
            {
                // Leaving the flag in place needs no permission; clearing it would.
                libc::syscall(libc::SYS_sched_setscheduler, tid, libc::SCHED_OTHER, &none);
            }
        }
        HITS.fetch_add(1, Ordering::Relaxed);
        true
    }
}

#[cfg(not(target_os = "linux"))]
mod imp {
    pub(super) fn hits() -> u64 {
        0
    }
}

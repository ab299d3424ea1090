//! Real-time priority for a thread: by the limits, else through rtkit, else a refusal with its remedy.

use std::fmt;
use std::time::Duration;

/// How a thread is scheduled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// As any program.
    Ordinary,
    /// Real-time, SCHED_FIFO with this priority (1 to 99).
    Fifo(u8),
    /// Real-time, SCHED_RR with this priority (1 to 99).
    RoundRobin(u8),
    /// Real-time, SCHED_DEADLINE.
    Deadline,
}

impl Policy {
    /// Whether it goes before every ordinary thread.
    pub fn is_realtime(self) -> bool {
        self != Self::Ordinary
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ordinary => write!(f, "ordinary"),
            Self::Fifo(priority) => write!(f, "FIFO {priority}"),
            Self::RoundRobin(priority) => write!(f, "RR {priority}"),
            Self::Deadline => write!(f, "DEADLINE"),
        }
    }
}

/// What a thread wants.
#[derive(Clone, Copy, Debug)]
pub struct Want {
    /// SCHED_FIFO priority, 1 to 99. rtkit gives at most its own maximum (usually 20).
    pub priority: u8,
    /// How long the thread may run without a wait before it is dropped to ordinary scheduling.
    pub time_limit: Duration,
}

impl Want {
    /// Below the usual JACK and PipeWire servers (70 to 88), above everything ordinary.
    pub const AUDIO: Self = Self { priority: 60, time_limit: Duration::from_millis(200) };
}

/// How a thread came to its priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Promotion {
    /// By the limits of the user (or as root).
    Limits(Policy),
    /// Through rtkit.
    Rtkit(Policy),
    /// It was real-time before (libjack and libpipewire do that): left alone.
    Already(Policy),
    /// This system's audio threads are given their priority by the system.
    LeftToSystem,
}

impl fmt::Display for Promotion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limits(policy) => write!(f, "{policy} (by limits)"),
            Self::Rtkit(policy) => write!(f, "{policy} (through rtkit)"),
            Self::Already(policy) => write!(f, "{policy} (by the audio server's library)"),
            Self::LeftToSystem => write!(f, "by the system"),
        }
    }
}

/// Real-time priority was not given. The thread goes on as it was: sound plays, dropouts under load are likelier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no real-time priority ({reason}): sound may drop out under load; {remedy}")]
pub struct Refused {
    /// Who refused, and why.
    pub reason: String,
    /// What to do about it.
    pub remedy: String,
}

/// How the calling thread is scheduled. `[any]`
pub fn current_policy() -> Policy {
    imp::policy_of(0)
}

/// Asks for real-time priority for the calling thread: see [`promote_thread`]. `[control]`, before the thread
/// begins its real-time work: it may talk to D-Bus.
///
/// # Errors
/// [`Refused`], with the remedy; the thread is as before.
pub fn promote_current_thread(want: Want) -> Result<Promotion, Refused> {
    promote_thread(ThreadId::current(), want)
}

/// Names a thread of this process to [`promote_thread`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadId(pub(crate) i32);

impl ThreadId {
    /// The calling thread. `[rt]` (one system call: ask once, not every block)
    pub fn current() -> Self {
        Self(imp::current())
    }

    /// As a number, to hand over in an atomic.
    pub fn raw(self) -> i32 {
        self.0
    }

    /// The thread of which [`ThreadId::raw`] gave this number.
    pub fn from_raw(raw: i32) -> Self {
        Self(raw)
    }
}

/// The part of [`promote_thread`] that asks nobody: the thread is real-time already, or the limits allow it. `None` where
/// only rtkit may help, which may take long to answer. `[control]`
pub fn promote_at_once(thread: ThreadId, want: Want) -> Option<Promotion> {
    imp::promote_at_once(thread, want)
}

/// Asks for real-time priority for a thread of this process: one that is real-time already is left alone; else
/// SCHED_FIFO by the limits, else through rtkit. Limits how long it may run without a wait, with a handler that drops
/// it to ordinary scheduling instead of letting the kernel kill the program. `[control]`
///
/// Never for a thread that renders as fast as it can: it would stop the machine.
///
/// # Errors
/// [`Refused`], with the remedy; the thread is as before.
pub fn promote_thread(thread: ThreadId, want: Want) -> Result<Promotion, Refused> {
    imp::promote(thread, want)
}

#[cfg(target_os = "linux")]
mod imp {
    use super::{Policy, Promotion, Refused, ThreadId, Want};
    use crate::overrun;
    use std::io;

    pub(super) fn current() -> i32 {
        // SAFETY: gettid takes nothing and can't fail.
        unsafe { libc::syscall(libc::SYS_gettid) as i32 }
    }

    pub(super) fn policy_of(tid: i32) -> Policy {
        let mut param = libc::sched_param { sched_priority: 0 };
        // SAFETY: `param` is a writable sched_param; a wrong tid gives an error and leaves zeros.
        let policy = unsafe {
            libc::sched_getparam(tid, &mut param);
            libc::sched_getscheduler(tid) & !libc::SCHED_RESET_ON_FORK
        };
        match policy {
            libc::SCHED_FIFO => Policy::Fifo(param.sched_priority as u8),
            libc::SCHED_RR => Policy::RoundRobin(param.sched_priority as u8),
            libc::SCHED_DEADLINE => Policy::Deadline,
            _ => Policy::Ordinary,
        }
    }

    pub(super) fn promote_at_once(thread: ThreadId, want: Want) -> Option<Promotion> {
        by_limits(thread, want).ok()
    }

    pub(super) fn promote(thread: ThreadId, want: Want) -> Result<Promotion, Refused> {
        by_limits(thread, want).or_else(|limits| {
            through_rtkit(thread, priority(want), limit_us(want)).map_err(|rtkit| refused(&limits, &rtkit))
        })
    }

    fn by_limits(thread: ThreadId, want: Want) -> io::Result<Promotion> {
        let policy = policy_of(thread.0);
        if policy.is_realtime() {
            return Ok(Promotion::Already(policy));
        }
        overrun::arm(limit_us(want), None);
        // Enlisted first: from its first real-time moment the brake knows the thread.
        overrun::enlist(thread.0);
        set_fifo(thread.0, priority(want))?;
        Ok(Promotion::Limits(policy_of(thread.0)))
    }

    fn priority(want: Want) -> u8 {
        want.priority.clamp(1, 99)
    }

    fn limit_us(want: Want) -> u64 {
        want.time_limit.as_micros() as u64
    }

    fn set_fifo(tid: i32, priority: u8) -> io::Result<()> {
        let param = libc::sched_param { sched_priority: i32::from(priority) };
        // SAFETY: a valid sched_param; children of the thread do not inherit the priority.
        match unsafe { libc::sched_setscheduler(tid, libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK, &param) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    #[cfg(feature = "rtkit")]
    fn through_rtkit(thread: ThreadId, priority: u8, limit_us: u64) -> Result<Promotion, String> {
        crate::rtkit::promote(thread.0, priority, limit_us).map_err(|error| error.to_string())?;
        match policy_of(thread.0) {
            Policy::Ordinary => Err("rtkit agreed and changed nothing".into()),
            policy => Ok(Promotion::Rtkit(policy)),
        }
    }

    #[cfg(not(feature = "rtkit"))]
    fn through_rtkit(_: ThreadId, _: u8, _: u64) -> Result<Promotion, String> {
        Err("built without rtkit".into())
    }

    fn refused(limits: &io::Error, rtkit: &str) -> Refused {
        Refused {
            reason: format!("limits: {limits}; rtkit: {rtkit}"),
            remedy:
                "install and start rtkit, or allow it to your group in /etc/security/limits.d/audio.conf \
                     (@audio - rtprio 95, @audio - memlock unlimited), join the group and log in again"
                    .into(),
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod imp {
    use super::{Policy, Promotion, Refused, ThreadId, Want};

    pub(super) fn current() -> i32 {
        0
    }

    pub(super) fn policy_of(_: i32) -> Policy {
        Policy::Ordinary
    }

    pub(super) fn promote_at_once(_: ThreadId, _: Want) -> Option<Promotion> {
        Some(Promotion::LeftToSystem)
    }

    pub(super) fn promote(_: ThreadId, _: Want) -> Result<Promotion, Refused> {
        Ok(Promotion::LeftToSystem)
    }
}

//! The limits that decide what real-time code may have.

/// One resource limit as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// No limit.
    Unlimited,
    /// At most this many of the resource's unit.
    At(u64),
}

impl Limit {
    /// Whether `amount` is within the limit.
    pub fn allows(self, amount: u64) -> bool {
        match self {
            Self::Unlimited => true,
            Self::At(most) => amount <= most,
        }
    }
}

/// The process's soft limits, for `doctor`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The highest real-time priority that may be taken without asking anyone; 0 = none. Root and CAP_SYS_NICE
    /// may take any whatever stands here.
    pub rt_priority: Limit,
    /// How much memory may be locked, in bytes. Root and CAP_IPC_LOCK may lock any amount whatever stands here.
    pub locked_bytes: Limit,
    /// How long a real-time thread may run without a wait, in microseconds.
    pub rt_time_us: Limit,
}

impl Limits {
    /// Reads them. All unlimited where the system has no such limits.
    pub fn read() -> Self {
        imp::read()
    }
}

#[cfg(target_os = "linux")]
pub(crate) use imp::{get, set_soft};

#[cfg(target_os = "linux")]
mod imp {
    use super::{Limit, Limits};

    /// Soft and hard limit of `resource`.
    pub(crate) fn get(resource: libc::__rlimit_resource_t) -> libc::rlimit {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: `limit` is a writable rlimit; on failure it keeps its zeros, which mean "nothing allowed".
        unsafe { libc::getrlimit(resource, &mut limit) };
        limit
    }

    /// Sets both; false where it is refused. Async-signal-safe.
    pub(crate) fn set_soft(resource: libc::__rlimit_resource_t, limit: libc::rlimit) -> bool {
        // SAFETY: `limit` is a valid rlimit.
        unsafe { libc::setrlimit(resource, &limit) == 0 }
    }

    fn soft(resource: libc::__rlimit_resource_t) -> Limit {
        match get(resource).rlim_cur {
            libc::RLIM_INFINITY => Limit::Unlimited,
            most => Limit::At(most),
        }
    }

    pub(super) fn read() -> Limits {
        Limits {
            rt_priority: soft(libc::RLIMIT_RTPRIO),
            locked_bytes: soft(libc::RLIMIT_MEMLOCK),
            rt_time_us: soft(libc::RLIMIT_RTTIME),
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod imp {
    use super::{Limit, Limits};

    pub(super) fn read() -> Limits {
        Limits { rt_priority: Limit::Unlimited, locked_bytes: Limit::Unlimited, rt_time_us: Limit::Unlimited }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A limit allows up to and including itself.
    #[test]
    fn allows() {
        assert!(Limit::At(3).allows(3));
        assert!(!Limit::At(3).allows(4));
        assert!(Limit::Unlimited.allows(u64::MAX));
        assert_eq!(Limits::read(), Limits::read());
    }
}

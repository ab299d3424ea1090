//! How late this machine wakes a thread: the figure behind "which period can I use", for `doctor`.

use crate::promote::{Policy, Want, current_policy, promote_current_thread};
use crate::{monotonic_ns, sleep_until_ns};
use std::io;
use std::time::Duration;

/// What to measure.
#[derive(Clone, Copy, Debug)]
pub struct JitterProbe {
    /// Time between wake-ups.
    pub period: Duration,
    /// How long to measure. The probe takes this long and at most one more period and wake-up.
    pub length: Duration,
    /// Whether to ask for real-time priority first.
    pub realtime: bool,
}

impl Default for JitterProbe {
    /// 64 frames at 48 kHz for half a second, real-time.
    fn default() -> Self {
        Self { period: Duration::from_nanos(1_333_333), length: Duration::from_millis(500), realtime: true }
    }
}

/// How late the wake-ups came, in nanoseconds after the moment asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JitterReport {
    /// How the probing thread was scheduled.
    pub policy: Policy,
    /// How often it woke.
    pub wakes: u32,
    /// Half came at most this late.
    pub p50_ns: u64,
    /// 99 of 100 came at most this late.
    pub p99_ns: u64,
    /// 999 of 1000 came at most this late.
    pub p999_ns: u64,
    /// The latest.
    pub worst_ns: u64,
}

/// Measures on a thread of its own and waits for it. `[control]`
///
/// # Errors
/// When no thread can be started.
pub fn probe_wakeups(probe: JitterProbe) -> io::Result<JitterReport> {
    let thread = std::thread::Builder::new().name("forebay-jitter".into()).spawn(move || measure(probe))?;
    thread.join().map_err(|_| io::Error::other("the probing thread panicked"))
}

fn measure(probe: JitterProbe) -> JitterReport {
    if probe.realtime {
        // A refusal shows in the report's policy.
        let _ = promote_current_thread(Want::AUDIO);
    }
    let period_ns = (probe.period.as_nanos() as u64).max(50_000);
    let start_ns = monotonic_ns();
    let end_ns = start_ns + probe.length.as_nanos() as u64;
    let mut late_ns = Vec::with_capacity((probe.length.as_nanos() as u64 / period_ns + 2) as usize);
    let mut at_ns = start_ns + period_ns;
    while at_ns <= end_ns {
        sleep_until_ns(at_ns);
        let now_ns = monotonic_ns();
        late_ns.push(now_ns.saturating_sub(at_ns));
        // Wake-ups that are already past are not made up for: they would read as on time.
        at_ns += ((now_ns.saturating_sub(at_ns)) / period_ns + 1) * period_ns;
    }
    report(late_ns, current_policy())
}

fn report(mut late_ns: Vec<u64>, policy: Policy) -> JitterReport {
    late_ns.sort_unstable();
    let at = |of_1000: usize| {
        let rank = (late_ns.len() * of_1000).div_ceil(1000).max(1) - 1;
        late_ns.get(rank).copied().unwrap_or(0)
    };
    JitterReport {
        policy,
        wakes: late_ns.len() as u32,
        p50_ns: at(500),
        p99_ns: at(990),
        p999_ns: at(999),
        worst_ns: at(1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The quantiles are those of the sorted list; an empty one is all zero.
    #[test]
    fn quantiles() {
        let report = report((1..=1000).rev().collect(), Policy::Ordinary);
        assert_eq!((report.p50_ns, report.p99_ns, report.p999_ns, report.worst_ns), (500, 990, 999, 1000));
        assert_eq!(super::report(Vec::new(), Policy::Ordinary).worst_ns, 0);
    }

    /// A probe wakes at most as often as its length has periods, and at least once.
    #[test]
    fn bounded() {
        let probe = JitterProbe {
            period: Duration::from_millis(1),
            length: Duration::from_millis(20),
            realtime: false,
        };
        let report = probe_wakeups(probe).unwrap();
        assert!((1..=20).contains(&report.wakes));
        assert!(report.p50_ns <= report.p99_ns && report.p99_ns <= report.worst_ns);
        assert_eq!(report.policy, Policy::Ordinary);
    }
}

//! What the machine allows: priority, locked memory, wake-ups.

use std::io;
use std::time::Duration;

use rt::{JitterProbe, JitterReport, Limit, Limits, Policy, Promotion, Want};

use super::Finding;

/// Whether an audio thread gets real-time priority, tried on a thread of its own.
pub(crate) fn priority() -> Finding {
    const ABOUT: &str = "priority";
    let limits = Limits::read();
    let tried = std::thread::spawn(|| rt::promote_current_thread(Want::AUDIO)).join();
    match tried {
        Ok(Ok(promotion)) => {
            let by = match promotion {
                Promotion::Rtkit(_) => "through rtkit",
                _ => "by the limits",
            };
            let policy = match promotion {
                Promotion::Limits(policy) | Promotion::Rtkit(policy) => policy.to_string(),
                other => format!("{other:?}"),
            };
            Finding::good(
                ABOUT,
                format!("the audio thread gets {policy} {by} (rtprio limit {})", plain(limits.rt_priority)),
            )
        }
        Ok(Err(refused)) => {
            Finding::weak(ABOUT, format!("no real-time priority: {}", refused.reason), refused.remedy)
        }
        Err(_) => Finding::fault(ABOUT, "the trial thread failed", "report this with the output of doctor"),
    }
}

/// How much memory may be locked against paging.
pub(crate) fn locked_memory() -> Finding {
    const ABOUT: &str = "memory";
    let limit = Limits::read().locked_bytes;
    let totals = rt::memory_totals();
    let found = format!(
        "{} of {} locked on behalf of a trial engine, limit {}",
        size(totals.locked_bytes),
        size(totals.wanted_bytes),
        match limit {
            Limit::Unlimited => "none".to_owned(),
            Limit::At(bytes) => size(bytes),
        }
    );
    if totals.locked_bytes >= totals.wanted_bytes {
        return Finding::good(ABOUT, found);
    }
    let remedy = "put '@audio - memlock 262144' into /etc/security/limits.d/audio.conf and log in again; what is not \
                  locked is touched beforehand, so this matters only where memory is scarce";
    Finding::weak(ABOUT, found, remedy)
}

/// How late threads are woken.
pub(crate) fn wakeups() -> Finding {
    match rt::probe_wakeups(JitterProbe { length: Duration::from_millis(700), ..JitterProbe::default() }) {
        Ok(report) => judge(&report),
        Err(error) => cannot_probe(&error),
    }
}

fn cannot_probe(error: &io::Error) -> Finding {
    Finding::fault(
        "wake-ups",
        format!("can't be measured: {error}"),
        "is the limit of threads (ulimit -u) reached?",
    )
}

/// A period is usable when the 99.9th percentile of lateness leaves half of it for the work.
fn judge(report: &JitterReport) -> Finding {
    let half_period_ns = |frames: u64| frames * 1_000_000_000 / 48_000 / 2;
    let usable =
        [64, 128, 256, 512, 1024, 2048].into_iter().find(|frames| half_period_ns(*frames) >= report.p999_ns);
    let found = format!(
        "{} wakes as {}: p50 {}, p99 {}, p99.9 {}, worst {}; {}",
        report.wakes,
        report.policy,
        micros(report.p50_ns),
        micros(report.p99_ns),
        micros(report.p999_ns),
        micros(report.worst_ns),
        usable.map_or("no period up to 2048 frames is safe".to_owned(), |frames| {
            format!("periods from {frames} frames on are safe")
        }),
    );
    let remedy = match report.policy {
        Policy::Ordinary => {
            "get real-time priority (see above); until then ask for the period that is said to be safe"
        }
        _ => {
            "ask for the period that is said to be safe; power saving, virtual machines and some drivers wake late"
        }
    };
    match usable {
        Some(..=256) => Finding::good("wake-ups", found),
        Some(_) => Finding::weak("wake-ups", found, remedy),
        None => Finding::fault("wake-ups", found, remedy),
    }
}

fn plain(limit: Limit) -> String {
    match limit {
        Limit::Unlimited => "none".to_owned(),
        Limit::At(most) => most.to_string(),
    }
}

fn micros(ns: u64) -> String {
    if ns < 10_000_000 { format!("{} us", ns / 1000) } else { format!("{} ms", ns / 1_000_000) }
}

/// Bytes for people.
pub(crate) fn size(bytes: u64) -> String {
    if bytes < 1 << 20 {
        format!("{} KiB", bytes >> 10)
    } else {
        format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Mark;

    fn report(p999_ns: u64) -> JitterReport {
        JitterReport {
            policy: Policy::Ordinary,
            wakes: 500,
            p50_ns: 50_000,
            p99_ns: 60_000,
            p999_ns,
            worst_ns: p999_ns,
        }
    }

    /// The period called safe is the shortest of which lateness leaves half; the marks follow.
    #[test]
    fn safe_periods() {
        let good = judge(&report(600_000));
        assert_eq!(good.mark, Mark::Good);
        assert!(good.found.contains("from 64 frames on"), "{}", good.found);
        let weak = judge(&report(4_000_000));
        assert_eq!(weak.mark, Mark::Weak);
        assert!(weak.found.contains("from 512 frames on"), "{}", weak.found);
        assert_eq!(judge(&report(100_000_000)).mark, Mark::Fault);
    }
}

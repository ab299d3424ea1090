//! What a device did, as counters that its callback writes and anyone reads.

use crate::sync::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// Buckets per factor of two: a quantile is at most 1/16 too high.
const STEPS: usize = 16;
/// Factors of two: 1 us to 2^24 us (16 s).
const OCTAVES: usize = 24;

/// How late, how often: counts in logarithmic buckets.
#[derive(Debug)]
pub struct Histogram {
    buckets: Box<[AtomicU32]>,
    worst_ns: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            buckets: (0..=STEPS * OCTAVES).map(|_| AtomicU32::new(0)).collect(),
            worst_ns: AtomicU64::new(0),
        }
    }
}

impl Histogram {
    /// Counts one. `[rt]`
    pub fn add(&self, ns: u64) {
        self.buckets[bucket(ns)].fetch_add(1, Relaxed);
        self.worst_ns.fetch_max(ns, Relaxed);
    }

    /// The upper end of the bucket below which `per_mille` of a thousand lie, in ns; 0 where nothing was counted. `[any]`
    pub fn quantile_ns(&self, per_mille: u32) -> u64 {
        let counts: Vec<u64> = self.buckets.iter().map(|count| u64::from(count.load(Relaxed))).collect();
        let all: u64 = counts.iter().sum();
        let rank = (all * u64::from(per_mille)).div_ceil(1000);
        let mut below = 0;
        for (index, count) in counts.iter().enumerate() {
            below += count;
            if below >= rank && below > 0 {
                return upper_ns(index).min(self.worst_ns());
            }
        }
        0
    }

    /// The largest value counted, in ns. `[any]`
    pub fn worst_ns(&self) -> u64 {
        self.worst_ns.load(Relaxed)
    }

    /// How many were counted. `[any]`
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|count| u64::from(count.load(Relaxed))).sum()
    }
}

/// Bucket 0 is below 1 us; then [`STEPS`] equal steps within each factor of two.
fn bucket(ns: u64) -> usize {
    let us16 = ns.saturating_mul(STEPS as u64) / 1000;
    if us16 < STEPS as u64 {
        return 0;
    }
    let octave = us16.ilog2() - STEPS.ilog2();
    let step = (us16 >> octave) as usize - STEPS;
    (1 + octave as usize * STEPS + step).min(STEPS * OCTAVES)
}

fn upper_ns(bucket: usize) -> u64 {
    if bucket == 0 {
        return 1000;
    }
    let (octave, step) = ((bucket - 1) / STEPS, (bucket - 1) % STEPS);
    (((STEPS + step + 1) as u64) << octave) * 1000 / STEPS as u64
}

/// Counters of one opened device. Written by its callback (and its notifications), never waited for.
#[derive(Debug, Default)]
pub struct Counters {
    /// Callbacks so far. A device whose number stands still does not move.
    pub cycles: AtomicU64,
    /// Frames that the device asked for, at its rate. = `rendered_frames` + `silent_frames`.
    pub asked_frames: AtomicU64,
    /// Of these, from the Renderer.
    pub rendered_frames: AtomicU64,
    /// Of these, silence, since the seat was not to be had.
    pub silent_frames: AtomicU64,
    /// Frames that the device played without asking (xruns with a known length), at its rate: ledger cause `device`.
    pub lost_frames: AtomicU64,
    /// Deadlines that the device missed, by its own word (or, self-paced, by its own clock).
    pub xruns: AtomicU64,
    /// Blocks that took longer to render than they last: ledger cause `engine late`.
    pub engine_late: AtomicU64,
    /// Time spent rendering, in ns.
    pub busy_ns: AtomicU64,
    /// Time of the last render relative to its block's length, as f32 bits.
    pub load_bits: AtomicU32,
    /// The worst of these, as f32 bits.
    pub worst_load_bits: AtomicU32,
    /// Frames of the last callback.
    pub period_frames: AtomicU32,
    /// The callback's thread (see `rt::ThreadId`), 0 until the first one.
    pub thread: AtomicU32,
    /// How long after its moment a callback began.
    pub lateness: Histogram,
}

impl Counters {
    /// Time of the last render relative to its block's length; 0 offline. `[any]`
    pub fn load(&self) -> f32 {
        f32::from_bits(self.load_bits.load(Relaxed))
    }

    /// The highest load so far. `[any]`
    pub fn worst_load(&self) -> f32 {
        f32::from_bits(self.worst_load_bits.load(Relaxed))
    }

    /// A copy of all of it. `[any]`
    pub fn snapshot(&self) -> DeviceFigures {
        DeviceFigures {
            cycles: self.cycles.load(Relaxed),
            asked_frames: self.asked_frames.load(Relaxed),
            rendered_frames: self.rendered_frames.load(Relaxed),
            silent_frames: self.silent_frames.load(Relaxed),
            lost_frames: self.lost_frames.load(Relaxed),
            xruns: self.xruns.load(Relaxed),
            engine_late: self.engine_late.load(Relaxed),
            busy_ns: self.busy_ns.load(Relaxed),
            load: self.load(),
            worst_load: self.worst_load(),
            late_p50_ns: self.lateness.quantile_ns(500),
            late_p999_ns: self.lateness.quantile_ns(999),
            late_worst_ns: self.lateness.worst_ns(),
        }
    }
}

/// [`Counters`] at one moment; the sum over several devices where a supervisor gives it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DeviceFigures {
    /// Callbacks.
    pub cycles: u64,
    /// Frames asked for = rendered + silent.
    pub asked_frames: u64,
    /// Frames from the Renderer.
    pub rendered_frames: u64,
    /// Frames of silence for want of the seat.
    pub silent_frames: u64,
    /// Frames lost in xruns of known length.
    pub lost_frames: u64,
    /// Missed deadlines.
    pub xruns: u64,
    /// Blocks that took longer to render than they last.
    pub engine_late: u64,
    /// Time spent rendering, ns.
    pub busy_ns: u64,
    /// Load of the last block.
    pub load: f32,
    /// Highest load.
    pub worst_load: f32,
    /// Half of the callbacks began at most this late, ns.
    pub late_p50_ns: u64,
    /// 999 of 1000 callbacks began at most this late, ns.
    pub late_p999_ns: u64,
    /// The latest callback, ns.
    pub late_worst_ns: u64,
}

impl DeviceFigures {
    /// Adds what an earlier device counted; load and lateness stay those of `self`.
    pub fn after(self, earlier: Self) -> Self {
        Self {
            cycles: self.cycles + earlier.cycles,
            asked_frames: self.asked_frames + earlier.asked_frames,
            rendered_frames: self.rendered_frames + earlier.rendered_frames,
            silent_frames: self.silent_frames + earlier.silent_frames,
            lost_frames: self.lost_frames + earlier.lost_frames,
            xruns: self.xruns + earlier.xruns,
            engine_late: self.engine_late + earlier.engine_late,
            busy_ns: self.busy_ns + earlier.busy_ns,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every value lies at or below its bucket's upper end, above the one before, and at most 1/16 below.
    #[test]
    fn buckets_are_tight() {
        for exponent in 0..340 {
            let ns = (1000.0 * 1.05_f64.powi(exponent)) as u64;
            let index = bucket(ns);
            if index == STEPS * OCTAVES {
                continue;
            }
            assert!(ns <= upper_ns(index) && ns >= upper_ns(index - 1).saturating_sub(1), "{ns} in {index}");
            assert!(upper_ns(index) as f64 <= ns as f64 * 1.0626 + 63.0, "{ns}: {}", upper_ns(index));
        }
        assert_eq!(bucket(u64::MAX), STEPS * OCTAVES);
    }

    /// Quantiles of a known set, and of none.
    #[test]
    fn quantiles() {
        let histogram = Histogram::default();
        assert_eq!(histogram.quantile_ns(999), 0);
        for us in 1..=1000 {
            histogram.add(us * 1000);
        }
        assert_eq!(histogram.count(), 1000);
        assert!((500_000..=532_000).contains(&histogram.quantile_ns(500)));
        assert!((999_000..=1_000_000).contains(&histogram.quantile_ns(999)));
        assert_eq!(histogram.quantile_ns(1000), 1_000_000);
        assert_eq!(histogram.worst_ns(), 1_000_000);
    }
}

//! A clock of our own: absolute deadlines on a thread, for backends that no hardware paces.

use crate::priority::Priority;
use crate::pump::{Pump, STACK_BYTES, Timing};
use crate::stats::Counters;
use crate::sync::Ordering::Relaxed;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use units::{Frames, SampleRate};

/// Being further behind than this is not made up for: the clock goes on from now, and the frames in between are lost.
const MOST_BEHIND_NS: u64 = 100_000_000;

/// Due times of equal blocks, without drift: each is counted from the start.
pub(crate) struct Pace {
    start_ns: u64,
    rate: SampleRate,
    frames: u64,
}

impl Pace {
    pub(crate) fn new(rate: SampleRate) -> Self {
        Self { start_ns: rt::monotonic_ns(), rate, frames: 0 }
    }

    /// When the block after the frames so far is due.
    fn due_ns(&self) -> u64 {
        self.start_ns + self.rate.duration(Frames(self.frames)).as_nanos() as u64
    }

    /// Sleeps until the next block of `frames` is due, and says when that was. Being late by more than the block is an
    /// xrun; by more than [`MOST_BEHIND_NS`], the clock starts anew and the frames in between are counted as lost.
    pub(crate) fn wait(&mut self, frames: usize, counters: &Counters) -> Timing {
        let at_ns = self.due_ns();
        rt::sleep_until_ns(at_ns);
        let late_ns = rt::monotonic_ns().saturating_sub(at_ns);
        self.frames += frames as u64;
        let length_ns = self.rate.duration(Frames(frames as u64)).as_nanos() as u64;
        if late_ns > length_ns.max(MOST_BEHIND_NS) {
            let lost = self.rate.frames(std::time::Duration::from_nanos(late_ns));
            counters.lost_frames.fetch_add(lost.0, Relaxed);
            counters.xruns.fetch_add(1, Relaxed);
            self.start_ns += late_ns;
        } else if late_ns > length_ns {
            counters.xruns.fetch_add(1, Relaxed);
        }
        Timing::Due { at_ns }
    }
}

/// What a rendering thread does before its first block: its stack, the pump's memory, its priority.
pub(crate) fn settle(pump: &mut Pump, priority: &Priority) {
    rt::keep_stack_resident(STACK_BYTES);
    pump.settle();
    priority.ask_for(rt::ThreadId::current());
}

/// Tells a thread to end.
pub(crate) type Stop = Arc<AtomicBool>;

//! What became of every frame.

use super::Reader;
use crate::sync::Ordering;

/// The account of one ring, in frames since it was attached. At every block border, exactly:
/// `produced == delivered + superseded + shed + in_ring`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Written by the producer.
    pub produced: u64,
    /// Heard.
    pub delivered: u64,
    /// Replaced by a newer future.
    pub superseded: u64,
    /// Consumed unheard: too late under `skip`, or dropped under overload.
    pub shed: u64,
    /// Written and not yet consumed.
    pub in_ring: u64,
    /// Due and not there: what was heard instead is a fade or silence.
    pub concealed: u64,
    /// Frames by which markers were taken late, summed.
    pub late: u64,
    /// Voice frames that `hold` jumped over because the old future ended before a marker was due.
    pub jumped: u64,
    /// How many times the ring ran dry.
    pub underruns: u64,
}

/// A ring ran dry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Underrun {
    /// Engine frame at which the fade to silence begins.
    pub engine_frame: u64,
}

/// A voice that had run dry sounds again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resume {
    /// Engine frame at which it fades in.
    pub engine_frame: u64,
    /// How many frames were missing.
    pub missed_frames: u64,
}

/// The counters behind the ledger.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tally {
    first: i64,
    pub(super) superseded: i64,
    pub(super) shed: i64,
    pub(super) concealed: i64,
    pub(super) late: i64,
    pub(super) jumped: i64,
    pub(super) underruns: i64,
    /// Frames missed in the underrun that runs, or in the last one.
    pub(super) stall: i64,
    /// The voice ran dry and has not sounded since, also when it was given up meanwhile.
    pub(super) dry: bool,
    pub(super) underrun: Option<Underrun>,
    pub(super) resume: Option<Resume>,
    /// Engine frame at which the last start was taken.
    pub(super) start: Option<u64>,
}

impl Tally {
    pub(super) fn new(first: i64) -> Self {
        Self {
            first,
            superseded: 0,
            shed: 0,
            concealed: 0,
            late: 0,
            jumped: 0,
            underruns: 0,
            stall: 0,
            dry: false,
            underrun: None,
            resume: None,
            start: None,
        }
    }

    /// Frames up to `position` are consumed: what was neither replaced nor shed was heard.
    pub(super) fn ledger(&self, position: i64, write: i64) -> Ledger {
        Ledger {
            produced: (write - self.first) as u64,
            delivered: (position - self.first - self.superseded - self.shed) as u64,
            superseded: self.superseded as u64,
            shed: self.shed as u64,
            in_ring: (write - position) as u64,
            concealed: self.concealed as u64,
            late: self.late as u64,
            jumped: self.jumped as u64,
            underruns: self.underruns as u64,
        }
    }
}

impl Reader {
    /// Publishes the words that only change with a decision.
    #[cold]
    pub(super) fn publish_decisions(&mut self) {
        if !self.changed {
            return;
        }
        self.changed = false;
        let (engine, tally) = (&*self.engine, &self.tally);
        let offset = self.position + self.debt - self.voice_frame();
        engine.anchor.store(self.anchor as u32, Ordering::Release);
        engine.offset.store(offset as u32, Ordering::Release);
        engine.late.store(tally.late as u32, Ordering::Release);
        engine.superseded.store(tally.superseded as u32, Ordering::Release);
        engine.underruns.store(tally.underruns as u32, Ordering::Release);
        engine.concealed.store(tally.concealed as u32, Ordering::Release);
        engine.shed.store(tally.shed as u32, Ordering::Release);
        engine.last_stall.store(tally.stall as u32, Ordering::Release);
        engine.jumped.store(tally.jumped as u32, Ordering::Release);
        engine.fault.store(self.fault.map_or(0, |fault| fault as u32), Ordering::Release);
        engine.state.store(self.state as u32, Ordering::Release);
        let done = self.marker_seen.wrapping_sub(self.queue.len() as u32);
        engine.marker_read.store(done, Ordering::Release);
    }
}

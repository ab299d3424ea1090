//! Which future the voice plays, and when it changes over.

use super::fade::{Fade, Old};
use super::ledger::{Resume, Underrun};
use super::queue::Pending;
use super::{LatePolicy, Reader, State};
use crate::marker::MarkerKind;

impl Reader {
    /// Where future `index` ends: 0 is the one that plays, `i` the one that marker `i - 1` begins.
    fn end_of(&self, index: usize) -> i64 {
        self.queue.get(index).map_or(self.write, |next| next.to)
    }

    /// Frames left in the future that plays.
    #[inline]
    pub(super) fn available(&self) -> i64 {
        self.end_of(0) - self.position
    }

    /// Engine frame at which marker `index` is due.
    fn due(&self, index: usize, marker: &Pending) -> i64 {
        match marker.kind {
            MarkerKind::Start | MarkerKind::Splice => marker.at,
            // Behind a start that waits, a flush counts in the frames that this start begins.
            MarkerKind::Flush if self.queue.start_within(index).is_some() => marker.at,
            MarkerKind::Flush => marker.at + self.anchor,
        }
    }

    /// Where the voice would enter marker `index`'s future at engine frame `when`, not before it is due.
    fn entry(&self, index: usize, marker: &Pending, when: i64) -> i64 {
        let late = (when - self.due(index, marker)).max(0);
        match marker.kind {
            MarkerKind::Flush => marker.to,
            MarkerKind::Start if self.policy == LatePolicy::Hold => marker.to,
            MarkerKind::Start | MarkerKind::Splice => marker.to + late,
        }
    }

    /// Whether marker `index`, taken at `when`, has a whole fade of frames.
    fn covered(&self, index: usize, marker: &Pending, when: i64) -> bool {
        marker.kind == MarkerKind::Flush
            || self.end_of(index + 1) - self.entry(index, marker, when) >= self.crossfade_frames
    }

    /// The committed markers with their indices.
    fn committed(&self) -> impl DoubleEndedIterator<Item = (usize, &Pending)> {
        self.queue.iter().take(self.queue.committed(self.committed)).enumerate()
    }

    /// The newest committed marker that is due and covered.
    fn newest_ready(&self, only: Option<MarkerKind>) -> Option<usize> {
        let ready = |&(index, marker): &(usize, &Pending)| {
            only.is_none_or(|kind| kind == marker.kind)
                && self.now >= self.due(index, marker)
                && self.covered(index, marker, self.now)
        };
        self.committed().rev().find(ready).map(|(index, _)| index)
    }

    /// Frames until a marker becomes due and covered, if one will: where a calm stretch is split.
    fn next_switch(&self) -> Option<i64> {
        let waits = |(index, marker): (usize, &Pending)| {
            let due = self.due(index, marker);
            (due >= self.now && self.covered(index, marker, due)).then_some(due - self.now)
        };
        self.committed().filter_map(waits).min()
    }

    /// Frames until the time of any committed marker that still lies ahead.
    fn next_due(&self) -> Option<i64> {
        self.committed()
            .map(|(index, marker)| self.due(index, marker) - self.now)
            .filter(|&frames| frames > 0)
            .min()
    }

    /// Whether the oldest marker is committed and can be taken `frames` from now although it is not covered:
    /// when the old future has ended there is nothing to wait for but, with `skip` or for a start, the time itself.
    fn oldest_takeable_in(&self, frames: i64) -> bool {
        self.committed().next().is_some_and(|(index, marker)| {
            let waits = self.policy == LatePolicy::Skip || marker.kind == MarkerKind::Start;
            !waits || self.now + frames >= self.due(index, marker)
        })
    }

    /// Decides what the next frame is, given that `wanted` frames are to be read. True when something changed, and
    /// another decision may follow from it. Each true takes a marker, or begins a fade that has frames to play, or
    /// goes idle: so there are never more in a row than markers in the queue and two.
    pub(super) fn decide(&mut self, wanted: i64) -> bool {
        if self.fade.is_some() {
            if self.state != State::Playing || self.available() > 0 {
                return false;
            }
            // The new sound ended inside its fade-in. What is heard now is where the next fade begins.
            self.fade = None;
        }
        match self.state {
            State::Faulted => false,
            State::Idle => self.decide_idle(),
            State::Playing | State::Starved => {
                if let Some(index) = self.newest_ready(None) {
                    self.take(index);
                    return true;
                }
                if self.is_stuck() && self.oldest_takeable_in(0) {
                    self.take(0);
                    return true;
                }
                if self.state == State::Starved { self.decide_starved() } else { self.decide_ending(wanted) }
            }
        }
    }

    /// The future that plays has ended, or what is left of it is too short to come back in.
    fn is_stuck(&self) -> bool {
        let left = self.available();
        !self.queue.is_empty()
            && (left == 0 || (self.state == State::Starved && left < self.crossfade_frames))
    }

    /// An idle voice only begins at a start; anything else has nothing to change over from, and falls.
    fn decide_idle(&mut self) -> bool {
        let oldest = self.committed().next().map(|(_, marker)| marker.kind);
        let due = self.oldest_takeable_in(0);
        match (self.newest_ready(Some(MarkerKind::Start)), oldest) {
            (Some(index), _) => self.take(index),
            (None, Some(MarkerKind::Start)) if due => self.take(0),
            (None, Some(MarkerKind::Splice | MarkerKind::Flush)) => {
                self.queue.drop_oldest(1);
                self.changed = true;
            }
            _ => return false,
        }
        self.drop_unreachable();
        true
    }

    fn decide_starved(&mut self) -> bool {
        if self.debt == 0 && self.available() >= self.crossfade_frames {
            self.end_underrun();
            self.state = State::Playing;
            self.fade = Some(Fade::from(Old::Silence));
            return true;
        }
        let capacity = i64::from(self.samples.capacity_frames());
        if self.policy == LatePolicy::Skip && self.tally.stall >= capacity {
            self.rest();
            return true;
        }
        false
    }

    /// Fades out in time when the frames will not last for what is wanted.
    fn decide_ending(&mut self, wanted: i64) -> bool {
        if !self.runs_dry(wanted) || self.available() > self.crossfade_frames {
            return false;
        }
        let old = if self.available() > 0 { Old::Ending } else { Old::Held(self.last) };
        self.fade = Some(Fade::from(old));
        self.state = State::Starved;
        self.tally.underruns += 1;
        self.tally.stall = 0;
        self.tally.dry = true;
        self.tally.underrun = Some(Underrun { engine_frame: self.now as u64 });
        self.changed = true;
        true
    }

    /// Whether the future ends within `wanted` frames with nothing to go on with.
    fn runs_dry(&self, wanted: i64) -> bool {
        let left = self.available();
        wanted > left
            && self.next_switch().is_none_or(|frames| frames > left)
            && !self.oldest_takeable_in(left)
    }

    /// Changes over to marker `index`; older ones fall with it.
    fn take(&mut self, index: usize) {
        let Some(&marker) = self.queue.get(index) else { return };
        let due = self.due(index, &marker);
        let entry = self.entry(index, &marker, self.now);
        let start = entry.min(self.end_of(index + 1));
        let left = self.available();
        let old = match self.state {
            State::Playing if left > 0 => Old::Left { position: self.position, left },
            State::Playing => Old::Held(self.last),
            _ => Old::Silence,
        };
        if marker.kind == MarkerKind::Flush {
            // It was stopped: nothing comes back.
            self.tally.dry = false;
        } else if self.tally.dry {
            self.end_underrun();
        }
        if self.now > due {
            self.tally.late += self.now - due;
        } else if self.now < due {
            // `hold`: the old future is over, so the voice frame jumps to where the new one begins.
            self.tally.jumped += due - self.now;
            self.anchor -= due - self.now;
        }
        if marker.kind == MarkerKind::Start {
            self.tally.start = Some(self.now as u64);
            self.anchor = if self.policy == LatePolicy::Hold { self.now - due } else { 0 };
        }
        self.tally.superseded += start - self.position;
        self.position = start;
        self.debt = entry - start;
        self.queue.drop_oldest(index + 1);
        self.fade = Some(Fade::from(old));
        self.changed = true;
        if marker.kind == MarkerKind::Flush {
            self.rest();
            if matches!(old, Old::Silence) {
                self.fade = None;
            }
        } else {
            self.state = State::Playing;
        }
    }

    /// The voice is idle from here on.
    fn rest(&mut self) {
        self.rest_frame = self.now - self.anchor;
        self.state = State::Idle;
        self.debt = 0;
        self.drop_unreachable();
        self.changed = true;
    }

    fn end_underrun(&mut self) {
        let missed_frames = self.tally.stall as u64;
        self.tally.dry = false;
        self.tally.resume = Some(Resume { engine_frame: self.now as u64, missed_frames });
        self.changed = true;
    }

    /// How many of `wanted` frames follow before anything has to be decided. At least one.
    pub(super) fn stretch(&self, wanted: i64) -> i64 {
        let left = self.available();
        let most = match (&self.fade, self.state) {
            (Some(fade), _) => {
                let old = match fade.old {
                    Old::Left { left, .. } => left,
                    Old::Ending if left > 0 => left,
                    _ => i64::MAX,
                };
                let new = if self.state == State::Playing { left } else { i64::MAX };
                old.min(new).min(self.crossfade_frames - fade.done)
            }
            (None, State::Playing) => {
                let end = if self.runs_dry(wanted) { left - self.crossfade_frames } else { left };
                end.min(self.next_switch().unwrap_or(i64::MAX))
            }
            (None, State::Starved) => {
                let capacity = i64::from(self.samples.capacity_frames());
                let idle =
                    if self.policy == LatePolicy::Skip { capacity - self.tally.stall } else { i64::MAX };
                idle.min(self.next_due().unwrap_or(i64::MAX))
            }
            (None, State::Idle) => self.next_due().unwrap_or(i64::MAX),
            (None, State::Faulted) => i64::MAX,
        };
        most.clamp(1, wanted)
    }

    /// Works out how many frames the next read may copy without asking.
    pub(super) fn find_calm(&mut self) {
        self.calm_frames = 0;
        self.calm = false;
        if self.state == State::Playing && self.fade.is_none() {
            self.calm = self.queue.is_empty();
            self.calm_frames = self.available().min(self.next_ready_in());
        }
    }

    /// Frames until a marker can be taken: 0 when one already can.
    fn next_ready_in(&self) -> i64 {
        if self.queue.is_empty() {
            i64::MAX
        } else if self.newest_ready(None).is_some() {
            0
        } else {
            self.next_switch().unwrap_or(i64::MAX)
        }
    }

    /// Frames of lead: from the voice frame to the end of the newest committed future.
    pub fn lead_frames(&self) -> u32 {
        let newest = self.committed().next_back();
        let frames = match newest {
            None if self.state == State::Idle => 0,
            None => self.available() - self.debt,
            Some((index, marker)) => {
                let length =
                    if marker.kind == MarkerKind::Flush { 0 } else { self.end_of(index + 1) - marker.to };
                self.due(index, marker) - self.now + length
            }
        };
        frames.clamp(0, i64::from(u32::MAX)) as u32
    }

    /// The oldest position that may still be read.
    pub(super) fn oldest_needed(&self) -> i64 {
        match self.fade {
            Some(Fade { old: Old::Left { position, .. }, .. }) => position.min(self.position),
            _ => self.position,
        }
    }
}

//! Checking what the producer published: everything here was written by someone who may lie.

use super::queue::Pending;
use super::{Fade, Fault, LatePolicy, Reader, State};
use crate::marker::{Marker, MarkerKind};
use crate::words::MARKERS;
use units::wrapped_distance;

/// Times further away than this are lies: beyond it wrapping words can't be compared.
const WINDOW: i64 = 1 << 30;

/// The value nearest to `near` whose low word is `low`; unlike a [`units::FramePos`] it may lie before 0.
pub(super) fn widen(near: i64, low: u32) -> i64 {
    near + wrapped_distance(near as u32, low)
}

impl Reader {
    /// What [`Reader::begin`] does when anything but plain frames has come.
    #[cold]
    #[inline(never)]
    pub(super) fn take_in(&mut self, write: u32, marker_write: u32, committed: u32, engine_frame: i64) {
        self.committed = committed;
        if self.calm {
            self.published = self.position;
        }
        self.pass_to(engine_frame);
        if self.state != State::Faulted
            && let Err(fault) = self.check(write, marker_write)
        {
            self.mute(fault);
        }
        self.settle();
        self.find_calm();
    }

    /// Time passed without a read: with `skip` the voice goes on unheard, with `hold` it stands still.
    fn pass_to(&mut self, engine_frame: i64) {
        let gap = engine_frame - self.now;
        let skips = self.policy == LatePolicy::Skip && matches!(self.state, State::Playing | State::Starved);
        if gap > 0 && skips {
            self.run(None, gap);
        } else if gap != 0 {
            self.now = engine_frame;
            if self.state != State::Idle {
                self.anchor += gap;
            }
            self.changed = true;
        }
    }

    fn check(&mut self, write: u32, marker_write: u32) -> Result<(), Fault> {
        let capacity = i64::from(self.samples.capacity_frames());
        let fresh = i64::from(write.wrapping_sub(self.write as u32));
        if self.write + fresh > self.published + capacity {
            return Err(Fault::Write);
        }
        self.write += fresh;
        let unseen = marker_write.wrapping_sub(self.marker_seen) as usize;
        if unseen > MARKERS - self.queue.len() {
            return Err(Fault::MarkerCount);
        }
        for _ in 0..unseen {
            let words = &self.memory.markers[self.marker_seen as usize % MARKERS];
            let marker = Marker::load(words).ok_or(Fault::MarkerKind)?;
            let pending = self.check_marker(&marker)?;
            if pending.to > self.write {
                // Published between the two loads: its frames are not seen yet, so it waits for the next block.
                if pending.to > self.write + capacity {
                    return Err(Fault::MarkerTo);
                }
                break;
            }
            self.queue.push(pending);
            self.marker_seen = self.marker_seen.wrapping_add(1);
        }
        Ok(())
    }

    /// One marker against its predecessor and against the voice that it will find.
    fn check_marker(&self, marker: &Marker) -> Result<Pending, Fault> {
        let oldest = self.queue.newest().map_or(self.position, |before| before.to);
        let to = widen(self.write, marker.to);
        if to < oldest {
            return Err(Fault::MarkerTo);
        }
        if let Some(before) = self.queue.newest()
            && (marker.group.wrapping_sub(before.group) as i32) < 0
        {
            return Err(Fault::MarkerGroup);
        }
        // A marker behind a start counts in the voice frames that this start begins.
        let start = self.queue.start_within(self.queue.len());
        let (frame, anchor) = start.map_or((self.voice_frame(), self.anchor), |start| (start.at, 0));
        let (near, at) = match marker.kind {
            MarkerKind::Start => (self.now, widen(self.now, marker.at)),
            MarkerKind::Splice | MarkerKind::Flush => (frame, widen(frame, marker.at)),
        };
        let far = |from: i64, to: i64| (from - to).abs() >= WINDOW;
        if far(at, near) {
            return Err(Fault::MarkerAt);
        }
        if marker.kind != MarkerKind::Splice {
            return Ok(Pending { at, to, group: marker.group, kind: marker.kind });
        }
        let anchor = widen(anchor, marker.anchor);
        // At rest a splice only falls, so it does not matter how long ago its anchor was true.
        let falls = self.state == State::Idle && start.is_none();
        if !falls && far(at + anchor, self.now) {
            return Err(Fault::MarkerAt);
        }
        Ok(Pending { at: at + anchor, to, group: marker.group, kind: marker.kind })
    }

    /// Mutes the voice for good, from what was heard last.
    fn mute(&mut self, fault: Fault) {
        self.rest_frame = self.voice_frame();
        self.fault = Some(fault);
        self.state = State::Faulted;
        self.fade = Some(Fade::from_last(self.last));
        self.changed = true;
    }

    /// What new frames and markers change without any time passing.
    fn settle(&mut self) {
        if self.debt > 0 {
            let shed = self.debt.min(self.available());
            self.debt -= shed;
            self.position += shed;
            self.tally.shed += shed;
            self.changed |= shed > 0;
        }
        self.drop_unreachable();
    }

    /// An idle voice can only go on at a marker: what lies before the oldest is out of reach.
    pub(super) fn drop_unreachable(&mut self) {
        if self.state != State::Idle {
            return;
        }
        if let Some(to) = self.queue.get(0).map(|marker| marker.to) {
            self.tally.superseded += to - self.position;
            self.position = to;
            self.changed = true;
        }
    }
}

//! Timed events: taken from the sessions' rings in bounded numbers, kept in order, handed to voices at their frame.

use crate::notice::VoiceId;
use crate::voice::NO_EVENT;
use ring::{EventKind, EventReader, TimedEvent};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use units::FramePos;

/// Slots that an event queue can name.
pub(crate) const SOURCE_SLOTS: usize = 64;
/// Events of one source that wait in private memory; further ones stay in its ring.
const PENDING_EVENTS: usize = 1024;
/// Events that take effect in one block, over all sources; the rest is late.
const DUE_EVENTS: usize = 4096;
/// Events that are taken from one ring per block, beside one for every second frame.
const TAKEN_PER_BLOCK: usize = 32;

/// An event that waits, in the order of its frame, then of its writing.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Pending {
    frame: u64,
    written: u64,
    event: TimedEvent,
}

impl Eq for Pending {}

impl PartialOrd for Pending {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Pending {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.frame, self.written).cmp(&(other.frame, other.written))
    }
}

/// One session's events. Made and freed on the control side.
pub(crate) struct EventSource {
    reader: EventReader,
    voices: [Option<VoiceId>; SOURCE_SLOTS],
    pending: BinaryHeap<Reverse<Pending>>,
    written: u64,
    /// What of the reader's refusals is already counted.
    refused: u64,
}

impl EventSource {
    /// `[control]`
    pub(crate) fn new(reader: EventReader) -> Self {
        let event = TimedEvent { at: 0, slot: 0, kind: EventKind::Gain, value: 0.0, ramp_frames: 0 };
        let never = Reverse(Pending { frame: 0, written: 0, event });
        // Filled once, so that its pages are there.
        let mut pending = BinaryHeap::from(vec![never; PENDING_EVENTS]);
        std::hint::black_box(&mut pending).clear();
        Self { reader, voices: [None; SOURCE_SLOTS], pending, written: 0, refused: 0 }
    }

    fn map(&mut self, slot: u32, voice: Option<VoiceId>) {
        if let Some(place) = self.voices.get_mut(slot as usize) {
            *place = voice;
        }
    }

    /// Takes some of what waits in the ring into the pending queue.
    fn take_in(&mut self, now: u64, frames: usize) {
        if self.reader.begin() == 0 {
            return;
        }
        for _ in 0..TAKEN_PER_BLOCK + frames / 2 {
            if self.pending.len() == PENDING_EVENTS {
                break;
            }
            let Some(event) = self.reader.pop() else { break };
            let frame = FramePos(now).nearest(event.at).0;
            self.pending.push(Reverse(Pending { frame, written: self.written, event }));
            self.written += 1;
        }
        self.reader.finish();
    }
}

/// An event for this block, in a list per voice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Due {
    pub(crate) frame: u64,
    pub(crate) kind: EventKind,
    pub(crate) value: f32,
    pub(crate) ramp_frames: u32,
    pub(crate) next: u16,
}

/// All event sources, and what is due.
pub(crate) struct Events {
    sources: Box<[Option<Box<EventSource>>]>,
    /// Sources that are there.
    taken: usize,
    due: Vec<Due>,
    pub(crate) applied: u64,
    pub(crate) late: u64,
    pub(crate) refused: u64,
}

impl Events {
    /// `[control]`
    pub(crate) fn new(sources: usize) -> Self {
        let never = Due { frame: 0, kind: EventKind::Gain, value: 0.0, ramp_frames: 0, next: NO_EVENT };
        // Filled once, so that its pages are there.
        let mut due = vec![never; DUE_EVENTS];
        std::hint::black_box(&mut due).clear();
        Self { sources: (0..sources).map(|_| None).collect(), taken: 0, due, applied: 0, late: 0, refused: 0 }
    }

    /// Puts a source into a place or takes it out: what was there before.
    pub(crate) fn replace(
        &mut self,
        place: u32,
        source: Option<Box<EventSource>>,
    ) -> Option<Box<EventSource>> {
        let Some(place) = self.sources.get_mut(place as usize) else { return source };
        self.taken += usize::from(source.is_some());
        let old = std::mem::replace(place, source);
        self.taken -= usize::from(old.is_some());
        old
    }

    /// Says what a slot of a source means.
    pub(crate) fn map(&mut self, place: u32, slot: u32, voice: Option<VoiceId>) {
        if let Some(Some(source)) = self.sources.get_mut(place as usize) {
            source.map(slot, voice);
        }
    }

    /// Finds what is due in the `frames` frames from `now` on, and calls `list` with each voice and the place of its
    /// event: it links the event into the voice's list, or says that there is no such voice.
    pub(crate) fn find_due(
        &mut self,
        now: u64,
        frames: usize,
        mut list: impl FnMut(&mut [Due], VoiceId, u16) -> bool,
    ) {
        self.due.clear();
        if self.taken == 0 {
            return;
        }
        let end = now + frames as u64;
        for source in self.sources.iter_mut().flatten() {
            source.take_in(now, frames);
            let refused = source.reader.refused();
            self.refused += refused - source.refused;
            source.refused = refused;
            while let Some(Reverse(first)) = source.pending.peek() {
                if first.frame >= end || self.due.len() == DUE_EVENTS {
                    break;
                }
                let Some(Reverse(Pending { frame, event, .. })) = source.pending.pop() else { break };
                let voice = source.voices.get(event.slot as usize).copied().flatten();
                let place = self.due.len() as u16;
                self.due.push(Due {
                    frame: frame.max(now),
                    kind: event.kind,
                    value: event.value,
                    ramp_frames: event.ramp_frames,
                    next: NO_EVENT,
                });
                match voice {
                    Some(voice) if list(&mut self.due, voice, place) => {
                        self.applied += 1;
                        self.late += u64::from(frame < now);
                    }
                    _ => {
                        self.due.pop();
                        self.refused += 1;
                    }
                }
            }
        }
    }

    /// A due event by its place.
    pub(crate) fn get(&self, place: u16) -> Option<&Due> {
        self.due.get(usize::from(place))
    }
}

#[cfg(test)]
#[path = "events_tests.rs"]
mod tests;

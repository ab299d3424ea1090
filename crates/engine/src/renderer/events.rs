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
/// Room for the events that take effect in one block.
const DUE_EVENTS: usize = 4096;
/// Events that may take effect per frame of a block, and at least per block, over all sources: what a block has time for.
const EVENTS_PER_FRAME: usize = 16;
const LEAST_EVENTS: usize = 256;
/// What a source may have of them, however many share.
const LEAST_SHARE: usize = 16;
/// Events that are taken from one ring per block, beside one for every second frame.
const TAKEN_PER_BLOCK: usize = 32;

/// An event that waits, in the order of its frame, then of its writing.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Pending {
    frame: u64,
    written: u64,
    /// The voice that its slot meant when it came in: a later voice in that slot is none of its business.
    voice: VoiceId,
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
    /// Events that meant nothing and are not counted yet, and what of the reader's refusals is counted.
    refused: u64,
    reader_refused: u64,
}

impl EventSource {
    /// `[control]`
    pub(crate) fn new(reader: EventReader) -> Self {
        let event = TimedEvent { at: 0, slot: 0, kind: EventKind::Gain, value: 0.0, ramp_frames: 0 };
        let voice = VoiceId { slot: 0, generation: 0 };
        let never = Reverse(Pending { frame: 0, written: 0, voice, event });
        // Filled once, so that its pages are there.
        let mut pending = BinaryHeap::from(vec![never; PENDING_EVENTS]);
        std::hint::black_box(&mut pending).clear();
        Self { reader, voices: [None; SOURCE_SLOTS], pending, written: 0, refused: 0, reader_refused: 0 }
    }

    fn map(&mut self, slot: u32, voice: Option<VoiceId>) {
        if let Some(place) = self.voices.get_mut(slot as usize) {
            *place = voice;
        }
    }

    /// Takes some of what waits in the ring into the pending queue, at most `share`.
    fn take_in(&mut self, now: u64, frames: usize, share: usize) {
        if self.reader.begin() == 0 {
            return;
        }
        for _ in 0..share.min(TAKEN_PER_BLOCK + frames / 2) {
            if self.pending.len() == PENDING_EVENTS {
                break;
            }
            let Some(event) = self.reader.pop() else { break };
            let Some(voice) = self.voices.get(event.slot as usize).copied().flatten() else {
                self.refused += 1;
                continue;
            };
            let frame = FramePos(now).nearest(event.at).0;
            self.pending.push(Reverse(Pending { frame, written: self.written, voice, event }));
            self.written += 1;
        }
        self.reader.finish();
    }

    /// The next event before `end`.
    fn pop_due(&mut self, end: u64) -> Option<Pending> {
        self.pending.peek().filter(|Reverse(first)| first.frame < end)?;
        self.pending.pop().map(|Reverse(first)| first)
    }

    /// How many events were refused since the last call.
    fn take_refused(&mut self) -> u64 {
        let before = std::mem::replace(&mut self.reader_refused, self.reader.refused());
        std::mem::take(&mut self.refused) + self.reader_refused - before
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
    /// event: it links the event into the voice's list, or says that there is no such voice. New ones come in only where
    /// `slots_are_known`: a command that is still on its way may say what a slot means.
    pub(crate) fn find_due(
        &mut self,
        now: u64,
        frames: usize,
        slots_are_known: bool,
        mut list: impl FnMut(&mut [Due], VoiceId, u16) -> bool,
    ) {
        self.due.clear();
        if self.taken == 0 {
            return;
        }
        let (end, share) = (now + frames as u64, self.share(frames));
        for source in self.sources.iter_mut().flatten() {
            if slots_are_known {
                source.take_in(now, frames, share);
            }
            for _ in 0..share {
                let Some(Pending { frame, voice, event, .. }) = source.pop_due(end) else { break };
                let place = self.due.len() as u16;
                let TimedEvent { kind, value, ramp_frames, .. } = event;
                self.due.push(Due { frame: frame.max(now), kind, value, ramp_frames, next: NO_EVENT });
                if list(&mut self.due, voice, place) {
                    self.applied += 1;
                    self.late += u64::from(frame < now);
                } else {
                    self.due.pop();
                    self.refused += 1;
                }
            }
            self.refused += source.take_refused();
        }
    }

    /// How many events of each source a block of `frames` frames has time for. The shares of all fit into `due`; what a
    /// source has beyond its own waits for the next block, and delays nobody else.
    fn share(&self, frames: usize) -> usize {
        let all = (EVENTS_PER_FRAME * frames).clamp(LEAST_EVENTS, DUE_EVENTS);
        (all / self.taken.max(1)).max(LEAST_SHARE)
    }

    /// Where the room for due events and the table of sources lie.
    pub(super) fn memory(&self) -> [(*const u8, usize); 2] {
        let room = (self.due.as_ptr().cast(), self.due.capacity() * size_of::<Due>());
        [room, super::memory::place(&self.sources)]
    }

    /// A due event by its place.
    pub(crate) fn get(&self, place: u16) -> Option<&Due> {
        self.due.get(usize::from(place))
    }
}

#[cfg(test)]
#[path = "events_tests.rs"]
mod tests;

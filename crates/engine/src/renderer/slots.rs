//! Where the voices are: a table of boxes in sum order.

use crate::notice::VoiceId;
use crate::voice::Voice;
use dsp::simd::prefetch;

/// How far ahead the samples of a voice are asked for. One 1 s ring per voice never fits a cache.
const SAMPLES_AHEAD: usize = 4;
/// How far ahead a voice's own state is asked for: before its samples, whose place it knows.
const STATE_AHEAD: usize = 8;

/// The table of voices.
pub(crate) struct Slots {
    voices: Box<[Option<Box<Voice>>]>,
    /// No voice at this slot and above.
    top: usize,
    count: usize,
    /// Voices that have been asked to leave.
    pub(crate) leaving: usize,
}

impl Slots {
    /// `[control]`
    pub(crate) fn new(max_voices: usize) -> Self {
        Self { voices: (0..max_voices).map(|_| None).collect(), top: 0, count: 0, leaving: 0 }
    }

    pub(crate) fn top(&self) -> usize {
        self.top
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    #[inline]
    pub(crate) fn at_mut(&mut self, slot: usize) -> Option<&mut Voice> {
        self.voices.get_mut(slot)?.as_deref_mut()
    }

    /// The voice with this very id.
    pub(crate) fn get_mut(&mut self, id: VoiceId) -> Option<&mut Voice> {
        self.at_mut(id.slot()).filter(|voice| voice.id == id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Voice> {
        self.voices[..self.top].iter().filter_map(|slot| slot.as_deref())
    }

    pub(crate) fn iter_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut Voice> {
        self.voices[..self.top].iter_mut().filter_map(|slot| slot.as_deref_mut())
    }

    /// Puts a voice into its slot; gives it back when the slot is taken or none.
    pub(crate) fn insert(&mut self, voice: Box<Voice>) -> Result<(), Box<Voice>> {
        let slot = voice.id.slot();
        match self.voices.get_mut(slot) {
            Some(place @ None) => {
                *place = Some(voice);
                self.top = self.top.max(slot + 1);
                self.count += 1;
                Ok(())
            }
            _ => Err(voice),
        }
    }

    pub(crate) fn remove(&mut self, slot: usize) -> Option<Box<Voice>> {
        let voice = self.voices.get_mut(slot)?.take()?;
        self.count -= 1;
        while self.top > 0 && self.voices[self.top - 1].is_none() {
            self.top -= 1;
        }
        Some(voice)
    }

    /// Where the table lies.
    pub(super) fn memory(&self) -> (*const u8, usize) {
        super::memory::place(&self.voices)
    }

    /// Brings near what the voices behind `slot` will need.
    #[inline]
    pub(crate) fn prefetch(&self, slot: usize, frames: usize) {
        if let Some(Some(voice)) = self.voices.get(slot + STATE_AHEAD) {
            prefetch(&voice.reader);
            prefetch(&voice.strip);
            prefetch(&voice.watch);
            prefetch(&voice.meter);
            prefetch(&voice.due);
        }
        if let Some(Some(voice)) = self.voices.get(slot + SAMPLES_AHEAD) {
            voice.reader.prefetch(frames.min(1024) as u32);
        }
    }
}

//! Figures that leave the Renderer: pages that it writes now and then and anybody may read at any time.
//!
//! A page has two copies, written in turn: a writer that is kept off its core in the middle of one leaves the other whole,
//! so that readers never wait for it, nor it for them. Every figure comes from a counter.

use crate::ledger::{Loss, LossBook, LossCause};
use ring::sync::{AtomicU64, Ordering, fence};
use ring::{Ledger, State};
use units::FramePos;

/// Words of a snapshot. One writer.
pub(crate) struct Page<const WORDS: usize> {
    /// How many snapshots were begun, and how many are whole. Snapshot `n` is in copy `n % 2`.
    begun: AtomicU64,
    whole: AtomicU64,
    copies: [[AtomicU64; WORDS]; 2],
}

impl<const WORDS: usize> Page<WORDS> {
    pub(crate) fn new() -> Self {
        let copy = || std::array::from_fn(|_| AtomicU64::new(0));
        Self { begun: AtomicU64::new(0), whole: AtomicU64::new(0), copies: [copy(), copy()] }
    }

    fn copy(&self, snapshot: u64) -> &[AtomicU64; WORDS] {
        &self.copies[(snapshot % 2) as usize]
    }

    /// Replaces the snapshot. `[rt]` One thread at a time.
    pub(crate) fn write(&self, words: &[u64; WORDS]) {
        let snapshot = self.begun.load(Ordering::Relaxed) + 1;
        self.begun.store(snapshot, Ordering::Relaxed);
        fence(Ordering::Release);
        for (place, word) in self.copy(snapshot).iter().zip(words) {
            place.store(*word, Ordering::Relaxed);
        }
        self.whole.store(snapshot, Ordering::Release);
    }

    /// A snapshot that belongs together. `[any]` It tries again only when two new ones were begun while it looked.
    pub(crate) fn read(&self) -> [u64; WORDS] {
        loop {
            let snapshot = self.whole.load(Ordering::Acquire);
            let words = self.copy(snapshot).each_ref().map(|place| place.load(Ordering::Relaxed));
            fence(Ordering::Acquire);
            if self.begun.load(Ordering::Relaxed) <= snapshot + 1 {
                return words;
            }
        }
    }
}

/// A level as a meter shows it, linear. Before the meter's first window everything is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MeterStats {
    /// Largest magnitude of the last window (about 20 ms).
    pub peak: f32,
    /// Root of the mean square of the last window, over all channels.
    pub rms: f32,
    /// Largest magnitude of late: follows a peak at once and falls by about 20 dB a second.
    pub held_peak: f32,
}

/// Figures of one voice, as of the end of its last meter window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct VoiceStats {
    /// Engine frame of this snapshot.
    pub frame: FramePos,
    /// Level behind the strip: after gain, pan, mute and fades.
    pub meter: MeterStats,
    /// What the ring does.
    pub state: State,
    /// Frames written and not yet read.
    pub lead_frames: u32,
    /// What became of every frame.
    pub ledger: Ledger,
    /// Why frames were not heard.
    pub losses: LossBook,
    /// Whether the guard has muted the voice.
    pub muted_by_guard: bool,
    /// Whether the voice is dropped under overload.
    pub shed: bool,
    /// Samples that were no sound and were replaced.
    pub bad_samples: u64,
    /// Denormal samples that were replaced.
    pub denormals: u64,
    /// Page faults that rendering this voice cost, as far as they could be told apart.
    pub page_faults: u64,
}

const CAUSES: usize = LossCause::ALL.len();
pub(crate) const VOICE_WORDS: usize = 17 + 2 * CAUSES;
pub(crate) type VoicePage = Page<VOICE_WORDS>;

fn two(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

fn halves(word: u64) -> (u32, u32) {
    ((word >> 32) as u32, word as u32)
}

impl VoiceStats {
    pub(crate) fn to_words(self) -> [u64; VOICE_WORDS] {
        let mut words = [0; VOICE_WORDS];
        let ledger = &self.ledger;
        words[..17].copy_from_slice(&[
            self.frame.0,
            two(self.meter.peak.to_bits(), self.meter.rms.to_bits()),
            two(self.meter.held_peak.to_bits(), self.lead_frames),
            two(self.state as u32, u32::from(self.muted_by_guard) | u32::from(self.shed) << 1),
            ledger.produced,
            ledger.delivered,
            ledger.superseded,
            ledger.shed,
            ledger.in_ring,
            ledger.concealed,
            ledger.late,
            ledger.jumped,
            ledger.underruns,
            self.bad_samples,
            self.denormals,
            self.page_faults,
            0,
        ]);
        for (pair, cause) in words[17..].chunks_exact_mut(2).zip(LossCause::ALL) {
            let loss = self.losses.of(cause);
            pair.copy_from_slice(&[loss.frames, loss.last.0]);
        }
        words
    }

    pub(crate) fn from_words(words: &[u64; VOICE_WORDS]) -> Self {
        let (peak, rms) = halves(words[1]);
        let (held_peak, lead_frames) = halves(words[2]);
        let (state, flags) = halves(words[3]);
        let mut losses = [Loss::default(); CAUSES];
        for (loss, pair) in losses.iter_mut().zip(words[17..].chunks_exact(2)) {
            *loss = Loss { frames: pair[0], last: FramePos(pair[1]) };
        }
        Self {
            frame: FramePos(words[0]),
            meter: MeterStats {
                peak: f32::from_bits(peak),
                rms: f32::from_bits(rms),
                held_peak: f32::from_bits(held_peak),
            },
            state: state_of(state),
            lead_frames,
            ledger: Ledger {
                produced: words[4],
                delivered: words[5],
                superseded: words[6],
                shed: words[7],
                in_ring: words[8],
                concealed: words[9],
                late: words[10],
                jumped: words[11],
                underruns: words[12],
            },
            losses: LossBook::from_losses(losses),
            muted_by_guard: flags & 1 != 0,
            shed: flags & 2 != 0,
            bad_samples: words[13],
            denormals: words[14],
            page_faults: words[15],
        }
    }
}

fn state_of(word: u32) -> State {
    [State::Playing, State::Starved, State::Faulted]
        .into_iter()
        .find(|state| *state as u32 == word)
        .unwrap_or_default()
}

/// Figures of the whole engine, as of its last block.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MainStats {
    /// Engine frame of the next block.
    pub frame: FramePos,
    /// Blocks rendered.
    pub blocks: u64,
    /// Frames of the last block.
    pub block_frames: u32,
    /// Load that the device reported with the last block: time of a render as a part of its period.
    pub load: f32,
    /// Level of main as it went to the device.
    pub meter: MeterStats,
    /// Smallest gain of the limiter in the last meter window; 1.0 when it had nothing to do.
    pub limiter_gain: f32,
    /// Voices in the engine, leaving ones included.
    pub voices: u32,
    /// Voices that are dropped under overload.
    pub shed_voices: u32,
    /// Whether everything is hushed.
    pub hushed: bool,
    /// Whether voices are guarded: silenced where they blast or are no sound.
    pub guarded: bool,
    /// The sample value that no sample of main passes; [`dsp::limiter::UNLIMITED`] without protection.
    pub ceiling: f32,
    /// Timed events that took effect.
    pub events_applied: u64,
    /// Of these, the ones that came after their frame.
    pub events_late: u64,
    /// Timed events for no voice, from liars, or with absurd values.
    pub events_refused: u64,
    /// Page faults of the rendering thread inside blocks, where the device counts them.
    pub page_faults: u64,
    /// Notices that nobody took in time.
    pub notices_lost: u64,
}

pub(crate) const MAIN_WORDS: usize = 12;
pub(crate) type MainPage = Page<MAIN_WORDS>;

impl MainStats {
    pub(crate) fn to_words(self) -> [u64; MAIN_WORDS] {
        [
            self.frame.0,
            self.blocks,
            two(self.block_frames, self.load.to_bits()),
            two(self.meter.peak.to_bits(), self.meter.rms.to_bits()),
            two(self.meter.held_peak.to_bits(), self.limiter_gain.to_bits()),
            two(self.voices, self.shed_voices),
            two(self.ceiling.to_bits(), u32::from(self.hushed) | u32::from(self.guarded) << 1),
            self.events_applied,
            self.events_late,
            self.events_refused,
            self.page_faults,
            self.notices_lost,
        ]
    }

    pub(crate) fn from_words(words: &[u64; MAIN_WORDS]) -> Self {
        let (block_frames, load) = halves(words[2]);
        let (peak, rms) = halves(words[3]);
        let (held_peak, limiter_gain) = halves(words[4]);
        let (voices, shed_voices) = halves(words[5]);
        let (ceiling, flags) = halves(words[6]);
        Self {
            frame: FramePos(words[0]),
            blocks: words[1],
            block_frames,
            load: f32::from_bits(load),
            meter: MeterStats {
                peak: f32::from_bits(peak),
                rms: f32::from_bits(rms),
                held_peak: f32::from_bits(held_peak),
            },
            limiter_gain: f32::from_bits(limiter_gain),
            voices,
            shed_voices,
            hushed: flags & 1 != 0,
            guarded: flags & 2 != 0,
            ceiling: f32::from_bits(ceiling),
            events_applied: words[7],
            events_late: words[8],
            events_refused: words[9],
            page_faults: words[10],
            notices_lost: words[11],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every figure survives its way through the page.
    #[test]
    fn pages_carry_every_figure() {
        let mut losses = LossBook::default();
        losses.add(LossCause::Overload, 12, 77);
        let voice = VoiceStats {
            frame: FramePos(u64::MAX - 1),
            meter: MeterStats { peak: 0.5, rms: 0.25, held_peak: 0.75 },
            state: State::Starved,
            lead_frames: 480,
            ledger: Ledger {
                produced: 1,
                delivered: 2,
                superseded: 3,
                shed: 4,
                in_ring: 5,
                concealed: 6,
                late: 7,
                jumped: 8,
                underruns: 9,
            },
            losses,
            muted_by_guard: true,
            shed: true,
            bad_samples: 10,
            denormals: 11,
            page_faults: 12,
        };
        let page = VoicePage::new();
        page.write(&voice.to_words());
        assert_eq!(VoiceStats::from_words(&page.read()), voice);

        let main = MainStats {
            frame: FramePos(1),
            blocks: 2,
            block_frames: 3,
            load: 0.25,
            meter: voice.meter,
            limiter_gain: 0.5,
            voices: 4,
            shed_voices: 5,
            hushed: true,
            guarded: true,
            ceiling: 0.5,
            events_applied: 6,
            events_late: 7,
            events_refused: 8,
            page_faults: 9,
            notices_lost: 10,
        };
        assert_eq!(MainStats::from_words(&main.to_words()), main);
    }

    /// A reader never sees half of one snapshot and half of another.
    #[test]
    fn snapshots_are_whole() {
        let page = std::sync::Arc::new(Page::<8>::new());
        let writer = page.clone();
        let thread = std::thread::spawn(move || {
            for k in 0..200_000u64 {
                writer.write(&[k; 8]);
            }
        });
        while !thread.is_finished() {
            let words = page.read();
            assert!(words.iter().all(|word| *word == words[0]), "{words:?}");
        }
        thread.join().unwrap();
        assert_eq!(page.read(), [199_999; 8]);
    }
}

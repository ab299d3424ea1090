//! Overload: who is dropped when the engine does not meet its deadline, and when they come back.

use crate::config::{NEVER_SHED, SheddingConfig};
use units::SampleRate;

/// An overload lasts for this many cycles at least, however long they are: one late cycle is a thread that was kept off
/// its core, and dropping voices gives it nothing.
const SUSTAIN_CYCLES: u64 = 3;

/// Decides how many voices are dropped.
pub(crate) struct Shedder {
    over: f32,
    under: f32,
    sustain_frames: u64,
    calm_frames: u64,
    /// Late cycles less those in time, and their frames, from 0 up to what an overload takes: whether most cycles are late,
    /// and for how long.
    late: (u64, u64),
    /// An overload that has lasted, and to which no step has answered yet.
    pressed: bool,
    /// Since when the load has been low.
    calm_since: Option<u64>,
    /// How many voices are dropped.
    count: usize,
}

impl Shedder {
    pub(crate) fn new(config: &SheddingConfig, rate: SampleRate) -> Self {
        let frames = |ms: f32| rate.frames_in_ms(f64::from(ms)).0;
        Self {
            over: config.over,
            under: config.under,
            sustain_frames: frames(config.sustain_ms),
            calm_frames: frames(config.calm_ms),
            late: (0, 0),
            pressed: false,
            calm_since: None,
            count: 0,
        }
    }

    /// How many voices are dropped.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Takes the load of a cycle of `frames` frames. True when there is something to weigh: an overload that has lasted, or
    /// somebody to take back.
    pub(crate) fn feel(&mut self, load: f32, frames: usize) -> bool {
        let (cycles, late_frames) = self.late;
        self.late = if load >= self.over {
            (SUSTAIN_CYCLES.min(cycles + 1), self.sustain_frames.min(late_frames + frames as u64))
        } else {
            (cycles.saturating_sub(1), late_frames.saturating_sub(frames as u64))
        };
        self.pressed = load >= self.over && self.late == (SUSTAIN_CYCLES, self.sustain_frames);
        self.pressed || self.count > 0
    }

    /// Decides what follows from what was felt, at `frame`, when at most `most` voices may be dropped. Each step up waits for
    /// an overload of its own, which outlasts the fade of the step before.
    pub(crate) fn weigh(&mut self, load: f32, frame: u64, most: usize) {
        self.count = self.count.min(most);
        if std::mem::take(&mut self.pressed) {
            let part = if load >= 2.0 * self.over { 2 } else { 8 };
            self.count += (most - self.count).div_ceil(part);
            self.late = (0, 0);
        }
        if load < self.under && self.count > 0 {
            let since = *self.calm_since.get_or_insert(frame);
            if frame - since >= self.calm_frames {
                self.count -= self.count.div_ceil(4);
                self.calm_since = Some(frame);
            }
        } else {
            self.calm_since = None;
        }
    }
}

/// Where a voice stands in the order of dropping: the lowest first, and among equals the latest slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ShedRank(u16);

impl ShedRank {
    const COUNT: usize = 2 * NEVER_SHED as usize;

    /// The rank of a voice; `None` where nothing is won by dropping it: it may never be, or has nothing to play. Who is not
    /// heard anyway goes before whoever is.
    pub(crate) fn new(priority: u8, plays: bool, is_audible: bool) -> Option<Self> {
        let base = if is_audible { u16::from(NEVER_SHED) } else { 0 };
        (plays && priority != NEVER_SHED).then(|| Self(base + u16::from(priority)))
    }
}

/// How many voices there are of each rank.
pub(crate) struct Ranks {
    voices: [usize; ShedRank::COUNT],
    /// Somebody is heard who is never dropped.
    stays: bool,
}

impl Ranks {
    pub(crate) fn new() -> Self {
        Self { voices: [0; ShedRank::COUNT], stays: false }
    }

    /// Counts a voice; without a rank it may be one that is heard in any case.
    pub(crate) fn add(&mut self, rank: Option<ShedRank>, is_audible: bool) {
        match rank {
            Some(ShedRank(rank)) => self.voices[usize::from(rank)] += 1,
            None => self.stays |= is_audible,
        }
    }

    /// How many may be dropped: somebody always plays.
    pub(crate) fn most(&self) -> usize {
        let all: usize = self.voices.iter().sum();
        if self.stays { all } else { all.saturating_sub(1) }
    }

    /// The cut that drops `count` of them.
    pub(crate) fn cut(&self, count: usize) -> Cut {
        let mut left = count;
        for (rank, voices) in self.voices.iter().enumerate() {
            if left <= *voices {
                return Cut { below: rank, of_equal: left };
            }
            left -= voices;
        }
        Cut { below: ShedRank::COUNT, of_equal: 0 }
    }
}

/// Who is dropped.
pub(crate) struct Cut {
    /// Ranks below this are dropped...
    below: usize,
    /// ...and so many of exactly this, from the highest slot down.
    of_equal: usize,
}

impl Cut {
    /// Whether the next voice, coming from the highest slot down, is dropped.
    pub(crate) fn drops(&mut self, rank: Option<ShedRank>) -> bool {
        let Some(ShedRank(rank)) = rank else { return false };
        if usize::from(rank) == self.below && self.of_equal > 0 {
            self.of_equal -= 1;
            return true;
        }
        usize::from(rank) < self.below
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dropped(ranks: &[Option<ShedRank>], count: usize) -> Vec<usize> {
        let mut all = Ranks::new();
        ranks.iter().for_each(|rank| all.add(*rank, false));
        let mut cut = all.cut(count);
        (0..ranks.len()).rev().filter(|slot| cut.drops(ranks[*slot])).collect()
    }

    /// The lowest go first, the latest of equals before the earlier, and the highest never.
    #[test]
    fn order_of_shedding() {
        let ranks = [128, 10, 255, 128, 10, 200].map(|priority| ShedRank::new(priority, true, true));
        assert_eq!(dropped(&ranks, 0), [0usize; 0]);
        assert_eq!(dropped(&ranks, 1), [4]);
        assert_eq!(dropped(&ranks, 3), [4, 3, 1]);
        assert_eq!(dropped(&ranks, 5), [5, 4, 3, 1, 0]);
        assert_eq!(dropped(&ranks, 99), [5, 4, 3, 1, 0]);
    }

    /// Whoever is not heard goes first, whatever the priority; who has nothing to play is not counted.
    #[test]
    fn the_unheard_go_first() {
        let rank = ShedRank::new;
        let ranks =
            [rank(1, true, true), rank(254, true, false), rank(0, false, false), rank(254, true, true)];
        assert_eq!(dropped(&ranks, 1), [1]);
        assert_eq!(dropped(&ranks, 2), [1, 0]);
        assert_eq!(dropped(&ranks, 4), [3, 1, 0]);
    }

    fn shedder() -> Shedder {
        Shedder::new(&SheddingConfig::default(), SampleRate::DEFAULT)
    }

    /// Weighs one cycle as the Renderer does. True when the number of dropped voices changed.
    fn cycle(shedder: &mut Shedder, load: f32, frame: u64, frames: usize, most: usize) -> bool {
        let before = shedder.count();
        if shedder.feel(load, frames) {
            shedder.weigh(load, frame, most);
        }
        shedder.count() != before
    }

    /// Weighs cycles of 64 frames at one load; the frames at which something changed, and the count from there.
    fn cycles(
        shedder: &mut Shedder,
        load: f32,
        frames: std::ops::Range<u64>,
        most: usize,
    ) -> Vec<(u64, usize)> {
        let changes = |frame| cycle(shedder, load, frame, 64, most).then(|| (frame, shedder.count()));
        frames.step_by(64).filter_map(changes).collect()
    }

    /// A thread that is kept off its core for a while makes one cycle late, and the next ones catch up: nobody is dropped,
    /// whatever the length of cycles, not even where every third one is late or their length varies.
    #[test]
    fn a_late_cycle_is_no_overload() {
        for lengths in [[16, 16], [64, 64], [1024, 1024], [8192, 8192], [2048, 64]] {
            let (mut shedder, mut frame) = (shedder(), 0);
            for k in 0..10_000 {
                let frames = lengths[k % 2];
                let load = if k % 3 == 0 { 30.0 } else { 0.1 };
                assert!(!cycle(&mut shedder, load, frame, frames, 15), "{lengths:?}");
                frame += frames as u64;
            }
        }
    }

    /// An overload of 20 ms and three cycles is one, also where a few cycles among them are in time.
    #[test]
    fn an_overload_lasts() {
        assert_eq!(cycles(&mut shedder(), 1.0, 0..1_100, 15), [(896, 2)], "15 cycles of 64 frames");
        let mut long = shedder();
        let changes: Vec<_> = (0..7).map(|k| cycle(&mut long, 1.0, k * 8192, 8192, 15)).collect();
        assert_eq!(changes, [false, false, true, false, false, true, false]);
        let mut mixed = shedder();
        let loads = (0..100).map(|k| if k % 4 == 0 { 0.8 } else { 1.0 });
        assert!(loads.enumerate().any(|(k, load)| cycle(&mut mixed, load, 64 * k as u64, 64, 15)));
    }

    /// No more than what may be dropped, however long it lasts; and one step waits for the effect of the one before.
    #[test]
    fn steps_up() {
        let mut shedder = shedder();
        let steps = cycles(&mut shedder, 1.0, 0..48_000, 15);
        assert_eq!(steps[..2], [(896, 2), (1856, 4)]);
        assert_eq!(shedder.count(), 15);
        assert!(cycle(&mut shedder, 0.7, 48_000, 64, 2), "fewer voices");
        assert_eq!(shedder.count(), 2);
    }

    /// Voices come back only after the load has stayed low; a load between the marks changes nothing.
    #[test]
    fn hysteresis() {
        let mut shedder = shedder();
        assert_eq!(cycles(&mut shedder, 2.0, 0..1_000, 16), [(896, 8)]);
        assert_eq!(cycles(&mut shedder, 0.75, 1_000..200_000, 16), []);
        let counts = cycles(&mut shedder, 0.3, 200_000..400_000, 16);
        assert_eq!(counts[0], (224_000, 6));
        assert_eq!(counts.last().unwrap().1, 0);
        assert!(counts.windows(2).all(|pair| pair[1].0 - pair[0].0 >= 24_000));
    }
}

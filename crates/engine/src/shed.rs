//! Overload: who is dropped when the engine does not meet its deadline, and when they come back.

use crate::config::{NEVER_SHED, SheddingConfig};
use units::SampleRate;

/// An overload lasts for this many blocks at least, however long they are: one late block is a thread that was kept off
/// its core, and dropping voices gives it nothing.
const SUSTAIN_BLOCKS: u64 = 3;

/// Decides how many voices are dropped.
pub(crate) struct Shedder {
    over: f32,
    under: f32,
    sustain_frames: u64,
    calm_frames: u64,
    /// Frames of blocks that came too late, less those of blocks in time: whether most of them are late, and for how long.
    pressure: u64,
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
            pressure: 0,
            calm_since: None,
            count: 0,
        }
    }

    /// How many voices are dropped.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Takes the load of the last block. True when there is something to weigh: an overload that lasts, or somebody to
    /// take back.
    pub(crate) fn feel(&mut self, load: f32, block_frames: usize) -> bool {
        let (block, most) = (block_frames as u64, self.lasting(block_frames));
        self.pressure = if load >= self.over {
            (self.pressure + block).min(most)
        } else {
            self.pressure.saturating_sub(block)
        };
        self.count > 0 || self.pressure >= most
    }

    /// The pressure of an overload that lasts.
    fn lasting(&self, block_frames: usize) -> u64 {
        self.sustain_frames.max(SUSTAIN_BLOCKS * block_frames as u64).max(1)
    }

    /// Decides what follows from what was felt, at `frame`, when at most `most` voices may be dropped. True when the number
    /// of dropped voices changed. Each step up waits for pressure of its own: it outlasts the fade of the step before.
    pub(crate) fn weigh(&mut self, load: f32, frame: u64, block_frames: usize, most: usize) -> bool {
        let before = self.count;
        self.count = self.count.min(most);
        if self.pressure >= self.lasting(block_frames) {
            let part = if load >= 2.0 * self.over { 2 } else { 8 };
            self.count += (most - self.count).div_ceil(part);
            self.pressure = 0;
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
        self.count != before
    }
}

/// Who is dropped: the lowest priorities, and among equals the latest slots.
pub(crate) struct Cut {
    /// Priorities below this are dropped...
    below: u8,
    /// ...and so many of exactly this, from the highest slot down.
    of_equal: usize,
}

impl Cut {
    /// The cut that drops `count` of the voices with these `priorities`; [`NEVER_SHED`] ones do not count.
    pub(crate) fn new(priorities: impl Iterator<Item = u8>, count: usize) -> Self {
        let mut histogram = [0usize; NEVER_SHED as usize];
        for priority in priorities {
            if let Some(bin) = histogram.get_mut(usize::from(priority)) {
                *bin += 1;
            }
        }
        let mut left = count;
        for (priority, voices) in histogram.into_iter().enumerate() {
            if left <= voices {
                return Self { below: priority as u8, of_equal: left };
            }
            left -= voices;
        }
        Self { below: NEVER_SHED, of_equal: 0 }
    }

    /// Whether the next voice, coming from the highest slot down, is dropped.
    pub(crate) fn drops(&mut self, priority: u8) -> bool {
        if priority == self.below && self.of_equal > 0 {
            self.of_equal -= 1;
            return true;
        }
        priority < self.below
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dropped(priorities: &[u8], count: usize) -> Vec<usize> {
        let mut cut = Cut::new(priorities.iter().copied(), count);
        (0..priorities.len()).rev().filter(|slot| cut.drops(priorities[*slot])).collect()
    }

    /// The lowest go first, the latest of equals before the earlier, and the highest never.
    #[test]
    fn order_of_shedding() {
        let priorities = [128, 10, 255, 128, 10, 200];
        assert_eq!(dropped(&priorities, 0), [0usize; 0]);
        assert_eq!(dropped(&priorities, 1), [4]);
        assert_eq!(dropped(&priorities, 3), [4, 3, 1]);
        assert_eq!(dropped(&priorities, 5), [5, 4, 3, 1, 0]);
        assert_eq!(dropped(&priorities, 99), [5, 4, 3, 1, 0]);
    }

    fn shedder() -> Shedder {
        Shedder::new(&SheddingConfig::default(), SampleRate::DEFAULT)
    }

    /// Weighs one block as the Renderer does.
    fn block(shedder: &mut Shedder, load: f32, frame: u64, frames: usize, most: usize) -> bool {
        shedder.feel(load, frames) && shedder.weigh(load, frame, frames, most)
    }

    /// Weighs blocks of 64 frames at one load; the frames at which something changed, and the count from there.
    fn blocks(
        shedder: &mut Shedder,
        load: f32,
        frames: std::ops::Range<u64>,
        most: usize,
    ) -> Vec<(u64, usize)> {
        let changes = |frame| block(shedder, load, frame, 64, most).then(|| (frame, shedder.count()));
        frames.step_by(64).filter_map(changes).collect()
    }

    /// A thread that is kept off its core for a while makes one block late, and the next ones catch up: nobody is dropped,
    /// whatever the length of blocks, not even where every third one is late.
    #[test]
    fn a_late_block_is_no_overload() {
        for frames in [16, 64, 1024, 8192] {
            let mut shedder = shedder();
            for k in 0..10_000 {
                let load = if k % 3 == 0 { 30.0 } else { 0.1 };
                assert!(!block(&mut shedder, load, k * frames as u64, frames, 15), "{frames}");
            }
        }
    }

    /// An overload of 20 ms and three blocks is one, also where a few blocks among them are in time.
    #[test]
    fn an_overload_lasts() {
        assert_eq!(blocks(&mut shedder(), 1.0, 0..1_100, 15), [(896, 2)], "15 blocks of 64 frames");
        let mut long = shedder();
        let changes: Vec<_> = (0..7).map(|k| block(&mut long, 1.0, k * 8192, 8192, 15)).collect();
        assert_eq!(changes, [false, false, true, false, false, true, false]);
        let mut mixed = shedder();
        let loads = (0..100).map(|k| if k % 4 == 0 { 0.8 } else { 1.0 });
        assert!(loads.enumerate().any(|(k, load)| block(&mut mixed, load, 64 * k as u64, 64, 15)));
    }

    /// No more than what may be dropped, however long it lasts; and one step waits for the effect of the one before.
    #[test]
    fn steps_up() {
        let mut shedder = shedder();
        let steps = blocks(&mut shedder, 1.0, 0..48_000, 15);
        assert_eq!(steps[..2], [(896, 2), (1856, 4)]);
        assert_eq!(shedder.count(), 15);
        assert!(block(&mut shedder, 0.7, 48_000, 64, 2), "fewer voices");
        assert_eq!(shedder.count(), 2);
    }

    /// Voices come back only after the load has stayed low; a load between the marks changes nothing.
    #[test]
    fn hysteresis() {
        let mut shedder = shedder();
        assert_eq!(blocks(&mut shedder, 2.0, 0..1_000, 16), [(896, 8)]);
        assert_eq!(blocks(&mut shedder, 0.75, 1_000..200_000, 16), []);
        let counts = blocks(&mut shedder, 0.3, 200_000..400_000, 16);
        assert_eq!(counts[0], (224_000, 6));
        assert_eq!(counts.last().unwrap().1, 0);
        assert!(counts.windows(2).all(|pair| pair[1].0 - pair[0].0 >= 24_000));
    }
}

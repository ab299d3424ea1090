//! Overload: who is dropped when the engine does not meet its deadline, and when they come back.

use crate::config::{NEVER_SHED, SheddingConfig};

/// Decides how many voices are dropped.
pub(crate) struct Shedder {
    over: f32,
    under: f32,
    calm_frames: u64,
    /// Frames that a step needs to show its effect: a fade and a block.
    settle_frames: u64,
    /// No step before this frame.
    hold_until: u64,
    /// Since when the load has been low.
    calm_since: Option<u64>,
    /// How many voices are dropped.
    count: usize,
}

impl Shedder {
    pub(crate) fn new(config: &SheddingConfig, calm_frames: u64, fade_frames: u32) -> Self {
        Self {
            over: config.over,
            under: config.under,
            calm_frames,
            settle_frames: 2 * u64::from(fade_frames),
            hold_until: 0,
            calm_since: None,
            count: 0,
        }
    }

    /// How many voices are dropped.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Whether there is nothing to weigh: no overload, and nobody to take back.
    pub(crate) fn is_idle(&self, load: f32) -> bool {
        self.count == 0 && (load < self.over || load.is_nan())
    }

    /// Takes the load of the last block, at `frame`, when at most `most` voices may be dropped. True when the number of
    /// dropped voices changed.
    pub(crate) fn weigh(&mut self, load: f32, frame: u64, block_frames: usize, most: usize) -> bool {
        let before = self.count;
        self.count = self.count.min(most);
        if load >= self.over {
            self.calm_since = None;
            if frame >= self.hold_until {
                let part = if load >= 2.0 * self.over { 2 } else { 8 };
                self.count += (most - self.count).div_ceil(part);
                self.hold_until = frame + self.settle_frames + 2 * block_frames as u64;
            }
        } else if load < self.under && self.count > 0 {
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

    /// No more than what may be dropped, however long it lasts; and one step waits for the effect of the one before.
    #[test]
    fn steps_up() {
        let mut shedder = Shedder::new(&SheddingConfig::default(), 24_000, 240);
        assert!(shedder.weigh(1.0, 0, 64, 15));
        assert_eq!(shedder.count(), 2);
        assert!(!shedder.weigh(1.0, 64, 64, 15), "too early");
        for k in 1..100 {
            shedder.weigh(1.0, k * 1000, 64, 15);
        }
        assert_eq!(shedder.count(), 15);
        shedder.weigh(0.7, 200_000, 64, 2);
        assert_eq!(shedder.count(), 2, "fewer voices");
        assert!(!shedder.is_idle(0.0));
    }

    /// Voices come back only after the load has stayed low, a load between the marks changes nothing.
    #[test]
    fn hysteresis() {
        let mut shedder = Shedder::new(&SheddingConfig::default(), 24_000, 240);
        shedder.weigh(2.0, 0, 64, 16);
        assert_eq!(shedder.count(), 8);
        for frame in (1000..200_000).step_by(64) {
            assert!(!shedder.weigh(0.75, frame, 64, 16));
        }
        let mut counts = vec![];
        for frame in (200_000..400_000).step_by(64) {
            if shedder.weigh(0.3, frame, 64, 16) {
                counts.push((frame, shedder.count()));
            }
        }
        assert_eq!(counts[0], (224_000, 6));
        assert_eq!(counts.last().unwrap().1, 0);
        assert!(counts.windows(2).all(|pair| pair[1].0 - pair[0].0 >= 24_000));
    }
}

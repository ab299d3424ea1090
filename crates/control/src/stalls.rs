//! How long a producer stalls, and how deep it should therefore fill its rings.
//!
//! A stall is the time that a producer writes nothing although its lead has fallen below what its pacing lets it fall
//! to. It is measured in engine frames at the control side's turns, so it is exact to a turn (20 ms); what the
//! producer tells about itself is only shown.

use protocol::{LeadSetting, StallCount};
use units::SampleRate;

/// The shortest stall that counts: the length of a turn.
pub(crate) const SHORTEST_STALL_MS: f64 = 20.0;
/// Bars of the histogram: 20, 40, 80 ms and so on, the last one open.
const BARS: usize = 12;
/// The target lead where nothing was measured: 500 ms of pause are inaudible, with the pacing's own wake interval.
pub(crate) const START_MS: f64 = 680.0;
/// The automatic lead never goes below this: the promise of 500 ms and what pacing and blocks take.
const FLOOR_MS: f64 = 600.0;
/// Nor above this: one second beside the cover, in a ring of at least 1.2 s.
pub(crate) const CEILING_MS: f64 = 1_000.0;
/// The lead is this much of the worst stall of late, and [`MARGIN_MS`] more.
const FACTOR: f64 = 1.5;
const MARGIN_MS: f64 = 100.0;
/// "Of late": so many windows...
const WINDOWS: usize = 10;
/// ...of this length.
const WINDOW_MS: f64 = 60_000.0;

/// Stalls by length.
#[derive(Clone, Debug, Default)]
pub(crate) struct StallHistogram {
    bars: [u64; BARS],
    last_ms: f64,
    worst_ms: f64,
}

impl StallHistogram {
    fn add(&mut self, stall_ms: f64) {
        let bar = (stall_ms / SHORTEST_STALL_MS).log2().floor().clamp(0.0, (BARS - 1) as f64) as usize;
        self.bars[bar] += 1;
        self.last_ms = stall_ms;
        self.worst_ms = self.worst_ms.max(stall_ms);
    }

    pub(crate) fn last_ms(&self) -> f64 {
        self.last_ms
    }

    pub(crate) fn worst_ms(&self) -> f64 {
        self.worst_ms
    }

    /// The bars that are not empty.
    pub(crate) fn counts(&self) -> Vec<StallCount> {
        let bars = self.bars.iter().enumerate().filter(|(_, count)| **count > 0);
        bars.map(|(bar, &count)| StallCount { from_ms: SHORTEST_STALL_MS * f64::from(1 << bar), count })
            .collect()
    }
}

/// What is seen of one voice at a turn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Glance {
    /// Frames written so far, as the engine counted them.
    pub(crate) produced: u64,
    /// Its lead, and the one it should have.
    pub(crate) lead_frames: u32,
    /// As above.
    pub(crate) target_frames: u32,
    /// What it does.
    pub(crate) phase: Phase,
}

/// What a voice does, as far as its producer can be late for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It plays.
    Plays,
    /// It ran dry.
    Starves,
    /// It starved for so long that the engine gave it up, now or earlier: the stall goes on until it begins anew.
    GivenUp,
    /// It was stopped, or its producer is gone.
    Stopped,
}

/// Watches one voice for stalls.
#[derive(Clone, Debug, Default)]
pub(crate) struct StallWatch {
    produced: u64,
    /// Engine frame at which writing was due and did not happen.
    due: Option<u64>,
    /// It starves, or did so until the engine gave it up.
    starved: bool,
}

impl StallWatch {
    /// Takes what is seen at engine frame `now`; the frames of a stall that is over.
    pub(crate) fn look(&mut self, now: u64, seen: Glance) -> Option<u64> {
        let wrote = seen.produced != self.produced;
        let given_up = seen.phase == Phase::GivenUp && self.starved;
        self.produced = seen.produced;
        self.starved = seen.phase == Phase::Starves || given_up;
        let is_due = matches!(seen.phase, Phase::Plays | Phase::Starves);
        if wrote || !(is_due || given_up) {
            let due = self.due.take();
            return due.filter(|_| wrote).map(|due| now.saturating_sub(due));
        }
        // Pull pacing lets the lead fall by an eighth and a turn or two; a quarter is late.
        if is_due && seen.lead_frames < seen.target_frames - seen.target_frames / 4 {
            self.due.get_or_insert(now);
        }
        None
    }
}

/// The target lead of a producer.
#[derive(Clone, Debug)]
pub(crate) struct LeadControl {
    setting: LeadSetting,
    rate: SampleRate,
    histogram: StallHistogram,
    /// The worst stall of each of the last windows, the present one first.
    worst_ms: [f64; WINDOWS],
    /// Engine frame at which the present window began.
    window_began: u64,
}

impl LeadControl {
    pub(crate) fn new(setting: LeadSetting, rate: SampleRate, now: u64) -> Self {
        let histogram = StallHistogram::default();
        Self { setting, rate, histogram, worst_ms: [0.0; WINDOWS], window_began: now }
    }

    pub(crate) fn setting(&self) -> LeadSetting {
        self.setting
    }

    pub(crate) fn histogram(&self) -> &StallHistogram {
        &self.histogram
    }

    /// Counts a stall of so many frames.
    pub(crate) fn add(&mut self, stall_frames: u64) {
        let stall_ms = self.rate.ms(units::Frames(stall_frames));
        if stall_ms >= SHORTEST_STALL_MS {
            self.histogram.add(stall_ms);
            self.worst_ms[0] = self.worst_ms[0].max(stall_ms);
        }
    }

    /// Lets time pass: old stalls are forgotten window by window.
    pub(crate) fn pass(&mut self, now: u64) {
        let window_frames = self.rate.frames_in_ms(WINDOW_MS).0;
        while now.saturating_sub(self.window_began) >= window_frames {
            self.window_began += window_frames;
            self.worst_ms.rotate_right(1);
            self.worst_ms[0] = 0.0;
        }
    }

    /// The target lead of voices that ask for none of their own.
    pub(crate) fn target_ms(&self) -> f64 {
        self.target_of(self.setting)
    }

    /// The target lead of a voice that asks for `setting`.
    pub(crate) fn target_of(&self, setting: LeadSetting) -> f64 {
        match setting {
            LeadSetting::Ms(ms) => ms,
            LeadSetting::Auto(_) => {
                if self.histogram.worst_ms() == 0.0 {
                    return START_MS;
                }
                let worst = self.worst_ms.iter().copied().fold(0.0, f64::max);
                (worst * FACTOR + MARGIN_MS).clamp(FLOOR_MS, CEILING_MS)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::LeadWord;

    const AUTO: LeadSetting = LeadSetting::Auto(LeadWord::Auto);

    fn ms(ms: f64) -> u64 {
        SampleRate::DEFAULT.frames_in_ms(ms).0
    }

    /// The lead follows the worst stall of the last ten minutes, within its bounds, and forgets it after them.
    #[test]
    fn the_lead_follows_the_stalls() {
        let mut lead = LeadControl::new(AUTO, SampleRate::DEFAULT, 0);
        assert_eq!(lead.target_ms(), START_MS);
        lead.add(ms(500.0));
        assert_eq!(lead.target_ms(), 850.0);
        lead.add(ms(5_000.0));
        assert_eq!(lead.target_ms(), CEILING_MS);
        lead.pass(ms(9.0 * WINDOW_MS));
        assert_eq!(lead.target_ms(), CEILING_MS);
        lead.pass(ms(10.0 * WINDOW_MS));
        assert_eq!(lead.target_ms(), FLOOR_MS);
        assert_eq!(lead.histogram().worst_ms(), 5_000.0);
    }

    /// A fixed lead stays, whatever happens; a voice may have its own.
    #[test]
    fn a_fixed_lead_stays() {
        let mut lead = LeadControl::new(LeadSetting::Ms(120.0), SampleRate::DEFAULT, 7);
        lead.add(ms(3_000.0));
        assert_eq!(lead.target_ms(), 120.0);
        assert_eq!(lead.target_of(LeadSetting::Ms(40.0)), 40.0);
        assert_eq!(lead.target_of(AUTO), CEILING_MS);
    }

    /// A silent producer whose lead falls is stalled from then until it writes; one that is ahead, slow, or has stopped
    /// its voice is not.
    #[test]
    fn what_a_stall_is() {
        let mut watch = StallWatch::default();
        let seen = |produced, lead_frames| Glance {
            produced,
            lead_frames,
            target_frames: 1000,
            phase: Phase::Plays,
        };
        assert_eq!(watch.look(0, seen(1000, 1000)), None);
        assert_eq!(watch.look(100, seen(1000, 900)), None, "ahead");
        assert_eq!(watch.look(200, seen(1000, 700)), None, "late from here on");
        assert_eq!(watch.look(900, seen(1000, 0)), None);
        assert_eq!(watch.look(1300, seen(1100, 100)), Some(1100));
        assert_eq!(watch.look(1400, seen(1200, 100)), None, "slow, but it writes");
        assert_eq!(watch.look(1500, seen(1200, 0)), None);
        assert_eq!(watch.look(1600, Glance { phase: Phase::Stopped, ..seen(1200, 0) }), None);
        assert_eq!(watch.look(1700, seen(1300, 0)), None, "it had stopped");
    }

    /// The longest stalls count most: one in which the engine gave the voice up lasts until it is written to again.
    #[test]
    fn a_stall_outlasts_its_voice() {
        let mut watch = StallWatch::default();
        let seen =
            |produced, lead_frames, phase| Glance { produced, lead_frames, target_frames: 1000, phase };
        assert_eq!(watch.look(0, seen(1000, 1000, Phase::Plays)), None);
        assert_eq!(watch.look(500, seen(1000, 500, Phase::Plays)), None);
        assert_eq!(watch.look(9_000, seen(1000, 0, Phase::Starves)), None);
        assert_eq!(watch.look(50_000, seen(1000, 0, Phase::GivenUp)), None);
        assert_eq!(watch.look(90_000, seen(1000, 0, Phase::GivenUp)), None);
        assert_eq!(watch.look(100_000, seen(1500, 0, Phase::GivenUp)), Some(99_500));
        assert_eq!(watch.look(100_100, seen(1500, 400, Phase::Plays)), None, "late from here on");
        assert_eq!(watch.look(100_300, seen(1600, 300, Phase::Plays)), Some(200));
        assert_eq!(watch.look(100_400, seen(1600, 200, Phase::Plays)), None);
        assert_eq!(
            watch.look(100_500, seen(1600, 0, Phase::GivenUp)),
            None,
            "stopped: it did not starve this time"
        );
        assert_eq!(watch.look(190_000, seen(1700, 0, Phase::Plays)), None);
    }

    /// Every stall has its bar; the bars double.
    #[test]
    fn bars() {
        let mut histogram = StallHistogram::default();
        for stall in [20.0, 39.0, 40.0, 700.0, 1e9] {
            histogram.add(stall);
        }
        let bars: Vec<_> = histogram.counts().iter().map(|bar| (bar.from_ms, bar.count)).collect();
        assert_eq!(bars, [(20.0, 2), (40.0, 1), (640.0, 1), (40_960.0, 1)]);
    }
}

//! How fast a lead falls, and whether its future is too young to judge.

use ring::State;

/// Frames over which a drain is measured, as a part of a second: two looks.
const WINDOW_PARTS: u64 = 25;

/// Watches the lead of one voice, from one page of its figures to the next.
#[derive(Clone, Debug, Default)]
pub(crate) struct DrainMeter {
    /// Engine frame, lead and state of the last page.
    frame: u64,
    state: State,
    produced: u64,
    superseded: u64,
    /// Engine frame and lead at which the present window began.
    began: u64,
    lead_then: u32,
    rate: f64,
    /// Nothing was written between the last two pages.
    still: bool,
    /// Until this engine frame a future is refilling.
    refilling_until: u64,
}

impl DrainMeter {
    /// Takes the voice's figures. The same page again says nothing.
    pub(crate) fn look(&mut self, rate_hz: u64, target_frames: u32, stats: &engine::VoiceStats) {
        let (now, ledger) = (stats.frame.0, &stats.ledger);
        if now <= self.frame {
            return;
        }
        let began_anew = self.state == State::Idle && stats.state != State::Idle;
        if began_anew || ledger.superseded != self.superseded {
            // A new future: a producer that renders at twice real time is back at its target after this. What the old
            // one had is not drained.
            self.refilling_until = now + u64::from(target_frames);
            (self.began, self.lead_then, self.rate) = (now, stats.lead_frames, 0.0);
        }
        self.still = ledger.produced == self.produced;
        (self.frame, self.state) = (now, stats.state);
        (self.produced, self.superseded) = (ledger.produced, ledger.superseded);
        let passed = now.saturating_sub(self.began);
        if passed >= rate_hz / WINDOW_PARTS {
            let lost = f64::from(self.lead_then) - f64::from(stats.lead_frames);
            self.rate = (lost / passed as f64).max(0.0);
            (self.began, self.lead_then) = (now, stats.lead_frames);
        }
    }

    /// Frames of lead lost per frame of time; 0 while it grows. A producer that writes nothing at the moment is taken not
    /// to come back: its lead falls in real time.
    pub(crate) fn rate(&self) -> f64 {
        if self.still { 1.0 } else { self.rate }
    }

    pub(crate) fn is_refilling(&self, now: u64) -> bool {
        now < self.refilling_until
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health;
    use protocol::Health;
    use units::FramePos;

    const RATE_HZ: u64 = 48_000;

    /// A voice in virtual time, seen as the control side sees it.
    struct Scene {
        frame: u64,
        stats: engine::VoiceStats,
        meter: DrainMeter,
        target_frames: u32,
    }

    impl Scene {
        /// A voice that plays at its target of so many milliseconds, and is no longer refilling.
        fn new(target_ms: u64) -> Self {
            let target_frames = (target_ms * RATE_HZ / 1000) as u32;
            let stats = engine::VoiceStats { lead_frames: target_frames, ..Default::default() };
            let mut scene = Self { frame: 1_000_000, stats, meter: DrainMeter::default(), target_frames };
            scene.look();
            scene.stats.state = State::Playing;
            while scene.frame < 1_000_000 + 2 * RATE_HZ {
                scene.pass(960, 960);
                scene.look();
            }
            scene
        }

        /// `frames` frames of time, in which so many are written.
        fn pass(&mut self, frames: u32, written: u32) {
            self.frame += u64::from(frames);
            self.stats.lead_frames = (self.stats.lead_frames + written).saturating_sub(frames);
            self.stats.ledger.produced += u64::from(written);
        }

        /// A turn that finds a page of this moment.
        fn look(&mut self) {
            self.stats.frame = FramePos(self.frame);
            self.meter.look(RATE_HZ, self.target_frames, &self.stats);
        }

        fn health(&self) -> Health {
            let lead_ms = f64::from(self.stats.lead_frames) * 1e3 / RATE_HZ as f64;
            let percent = 100.0 * f64::from(self.stats.lead_frames) / f64::from(self.target_frames);
            let lasts_ms = health::lasts_ms(lead_ms, 400.0, self.meter.rate());
            health::of_lead(percent, self.meter.is_refilling(self.frame), lasts_ms)
        }
    }

    /// With a target of 400 ms and more the warning comes 200 ms before the underrun, whether the producer stops at once or
    /// only falls behind, wherever in a page and in a turn the lead falls below the border.
    #[test]
    fn the_warning_comes_in_time() {
        for target_ms in [400, 680, 1000] {
            for percent_written in [0, 10, 50, 75] {
                for phase in (0..960).step_by(64) {
                    let mut scene = Scene::new(target_ms);
                    scene.pass(phase, phase);
                    // What a turn sees is a page that may be a turn old.
                    let mut seen = scene.health();
                    let mut warned = None;
                    while scene.stats.lead_frames > 0 {
                        if warned.is_none() && seen >= Health::Warning {
                            warned = Some(scene.frame);
                        }
                        scene.look();
                        seen = scene.health();
                        scene.pass(960, 960 * percent_written / 100);
                    }
                    let early_ms = (scene.frame - warned.expect("a warning")) * 1000 / RATE_HZ;
                    assert!(early_ms >= 200, "{early_ms} ms at {target_ms}, {percent_written} %, {phase}");
                }
            }
        }
    }

    /// A producer that fills by chunks of an eighth of its lead is fine at every look.
    #[test]
    fn chunks_are_no_drain() {
        for target_ms in [400, 680] {
            let mut scene = Scene::new(target_ms);
            let chunk = scene.target_frames / 8;
            for _ in 0..500 {
                scene.pass(960, 0);
                while scene.stats.lead_frames + chunk <= scene.target_frames {
                    scene.pass(0, chunk);
                }
                scene.look();
                assert_eq!(scene.health(), Health::Fine);
            }
        }
    }

    /// A new future refills for its target, and the lead that it replaced is not drained; a voice that runs dry again and
    /// again has no new future.
    #[test]
    fn only_a_new_future_refills() {
        let mut scene = Scene::new(400);
        assert!(!scene.meter.is_refilling(scene.frame));
        scene.stats.lead_frames = 3_000;
        scene.stats.ledger.superseded += 16_200;
        scene.pass(960, 960);
        scene.look();
        assert_eq!((scene.health(), scene.meter.rate()), (Health::Refilling, 0.0));
        assert!(scene.meter.is_refilling(scene.frame + 19_199));
        assert!(!scene.meter.is_refilling(scene.frame + 19_200));
        scene.frame += 20_000;
        for _ in 0..3 {
            scene.stats.state = State::Starved;
            scene.stats.ledger.underruns += 1;
            scene.stats.lead_frames = 0;
            scene.pass(960, 0);
            scene.look();
            scene.stats.state = State::Playing;
            scene.pass(960, 1_500);
            scene.look();
            assert_eq!(scene.health(), Health::Critical);
        }
    }

    /// A voice that is first seen playing has just begun.
    #[test]
    fn a_voice_begins_by_refilling() {
        let mut meter = DrainMeter::default();
        let stats = engine::VoiceStats {
            frame: FramePos(500),
            state: State::Playing,
            lead_frames: 100,
            ..Default::default()
        };
        meter.look(RATE_HZ, 1_000, &stats);
        assert!(meter.is_refilling(1_499) && !meter.is_refilling(1_500));
    }
}

//! The end of main: limiter, ceiling, meter, tap.

use crate::config::EngineConfig;
use crate::stats::MeterStats;
use dsp::limiter::Limiter;
use dsp::meter::{Level, PeakHold};
use units::{Decibels, Frames};

/// Length of main's meter window in milliseconds.
const WINDOW_MS: f64 = 20.0;

/// What main goes through once the voices are summed.
pub(super) struct Protection {
    gain: f32,
    limiter: Limiter,
    channels: usize,
    level: Level,
    window_frames: u64,
    frames: u64,
    hold: PeakHold,
    shown: MeterStats,
    limiter_gain: f32,
    pub(super) tap: Option<Box<ring::BroadcastWriter>>,
}

impl Protection {
    /// `[control]`
    pub(super) fn new(config: &EngineConfig) -> Self {
        let mut limiter = Limiter::new(config.limiter);
        if !config.protected {
            limiter.set_level_db(None);
        }
        Self {
            gain: config.gain,
            limiter,
            channels: config.channels.get(),
            level: Level::default(),
            window_frames: config.rate.frames_in_ms(WINDOW_MS).0.max(1),
            frames: 0,
            hold: PeakHold::usual(config.rate),
            shown: MeterStats::default(),
            limiter_gain: 1.0,
            tap: None,
        }
    }

    pub(super) fn ceiling(&self) -> f32 {
        self.limiter.ceiling()
    }

    pub(super) fn set_level_db(&mut self, level_db: Option<f32>) {
        self.limiter.set_level_db(level_db);
    }

    pub(super) fn latency_frames(&self) -> usize {
        self.limiter.latency_frames()
    }

    pub(super) fn shown(&self) -> MeterStats {
        self.shown
    }

    pub(super) fn limiter_gain(&self) -> f32 {
        self.limiter_gain
    }

    /// Makes `main` (interleaved, whole frames) safe for ears, measures it and shows it to the tap.
    pub(super) fn process(&mut self, main: &mut [f32]) {
        if self.gain != 1.0 {
            main.iter_mut().for_each(|sample| *sample *= self.gain);
        }
        self.limiter.process(main);
        self.measure(main);
        if let Some(tap) = &mut self.tap {
            tap.write(main);
        }
    }

    fn measure(&mut self, main: &[f32]) {
        self.level = self.level.merged(Level::of(main));
        self.frames += (main.len() / self.channels) as u64;
        if self.frames >= self.window_frames {
            let held: Decibels = self.hold.show(self.level.peak, Frames(self.frames));
            self.shown =
                MeterStats { peak: self.level.peak, rms: self.level.rms(), held_peak: held.amplitude() };
            self.limiter_gain = self.limiter.take_deepest_gain();
            (self.level, self.frames) = (Level::default(), 0);
        }
    }
}

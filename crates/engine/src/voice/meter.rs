//! Level windows of a voice or of main: about 20 ms each, staggered so that few end in one block.

use crate::stats::MeterStats;
use dsp::guard::CELL_FRAMES;
use units::SampleRate;

/// Length of a window in milliseconds.
const WINDOW_MS: f64 = 20.0;
/// What the held peak loses per second.
const FALL_DB_PER_S: f64 = 20.0;

/// Accumulates one window after another.
pub(crate) struct Meter {
    cells_left: u32,
    peak: f32,
    /// Largest strip gain of the running cell.
    gain: f32,
    energy: f64,
    samples: u64,
    held_peak: f32,
    window_cells: u32,
    /// What the held peak keeps per window.
    keep: f32,
}

/// What a finished window shows.
#[derive(Clone, Copy)]
pub(crate) struct Window {
    pub(crate) shown: MeterStats,
}

impl Meter {
    /// A meter whose first window ends after a share of its length that depends on `slot`.
    pub(crate) fn new(rate: SampleRate, slot: u32) -> Self {
        let window_cells = (rate.frames_in_ms(WINDOW_MS).0 as u32 / CELL_FRAMES as u32).max(1);
        let window_s = f64::from(window_cells) * CELL_FRAMES as f64 / f64::from(rate.hz());
        Self {
            cells_left: 1 + slot % window_cells,
            peak: 0.0,
            gain: 0.0,
            energy: 0.0,
            samples: 0,
            held_peak: 0.0,
            window_cells,
            keep: 10.0_f64.powf(-FALL_DB_PER_S * window_s / 20.0) as f32,
        }
    }

    /// Part of a cell was mixed at up to this strip gain.
    #[inline]
    pub(crate) fn weigh(&mut self, gain: f32, samples: usize) {
        self.gain = if gain > self.gain { gain } else { self.gain };
        self.samples += samples as u64;
    }

    /// A cell is complete: its peak and sum of squares before the strip. True when the window is complete, too.
    #[inline]
    pub(crate) fn close_cell(&mut self, peak: f32, energy: f32) -> bool {
        let peak = peak * self.gain;
        self.peak = if peak > self.peak { peak } else { self.peak };
        self.energy += f64::from(energy * (self.gain * self.gain));
        self.gain = 0.0;
        self.cells_left -= 1;
        self.cells_left == 0
    }

    /// Takes the finished window and begins the next.
    pub(crate) fn close_window(&mut self) -> Window {
        let rms = if self.samples == 0 { 0.0 } else { (self.energy / self.samples as f64).sqrt() as f32 };
        let fallen = self.held_peak * self.keep;
        self.held_peak = if self.peak > fallen { self.peak } else { fallen };
        let shown = MeterStats { peak: self.peak, rms, held_peak: self.held_peak };
        (self.peak, self.energy, self.samples, self.cells_left) = (0.0, 0.0, 0, self.window_cells);
        Window { shown }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A window shows the peak and the mean of its own cells; the held peak falls 20 dB in a second.
    #[test]
    fn windows_and_hold() {
        let mut meter = Meter::new(SampleRate::DEFAULT, 14);
        let mut window = |level: f32| {
            loop {
                meter.weigh(0.5, CELL_FRAMES);
                if meter.close_cell(level, level * level * CELL_FRAMES as f32) {
                    break meter.close_window().shown;
                }
            }
        };
        assert_eq!(window(0.8), MeterStats { peak: 0.4, rms: 0.4, held_peak: 0.4 });
        let silent = window(0.0);
        assert_eq!((silent.peak, silent.rms), (0.0, 0.0));
        let last = (1..50).map(|_| window(0.0)).last().unwrap();
        assert!((last.held_peak - 0.04).abs() < 0.002, "{}", last.held_peak);
    }
}

//! How many page faults a session may cost the audio thread.
//!
//! A hole in its memory is proof of malice; faults alone are not: the kernel moves pages, and after it has taken them to
//! swap each costs one fault when it is read again. So a session may cost as many faults as it has pages, and again as
//! many per [`WINDOW_S`]. Who does more takes the pages away again and again and hides the holes.

/// Seconds after which every page may fault once more.
const WINDOW_S: u64 = 10;
/// The smallest page there is; with larger ones a session may cost more faults than it has pages.
const PAGE_BYTES: usize = 4096;

/// A bucket that leaks.
#[derive(Clone, Debug, Default)]
pub(crate) struct FaultMeter {
    faults: f64,
    last_frame: u64,
}

impl FaultMeter {
    /// Counts faults at engine frame `now` against `bytes` of memory. True: more than the kernel can have caused.
    pub(crate) fn add(&mut self, faults: u64, bytes: usize, now: u64, rate_hz: u32) -> bool {
        let pages = bytes.div_ceil(PAGE_BYTES) as f64;
        let passed = now.saturating_sub(self.last_frame) as f64 / (u64::from(rate_hz) * WINDOW_S) as f64;
        self.faults = (self.faults - passed * pages).max(0.0) + faults as f64;
        self.last_frame = now;
        self.faults > pages
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE_HZ: u32 = 48_000;
    const BYTES: usize = 100 * PAGE_BYTES;

    /// An honest session whose pages come back from swap, once a minute, and that costs a fault now and then for months, is
    /// never suspected.
    #[test]
    fn the_kernel_may_move_pages() {
        let mut meter = FaultMeter::default();
        for minute in 0..100_000_u64 {
            let now = minute * 60 * u64::from(RATE_HZ);
            for page in 0..100 {
                assert!(!meter.add(1, BYTES, now + page * 512, RATE_HZ), "minute {minute}, page {page}");
            }
            assert!(!meter.add(1, BYTES, now + 30 * u64::from(RATE_HZ), RATE_HZ));
        }
    }

    /// Who takes a page away before each read of a ring of a second or two is caught within a few rounds of it.
    #[test]
    fn a_hidden_puncher_is_caught() {
        let mut meter = FaultMeter::default();
        let page_frames = u64::from(RATE_HZ) / 100;
        let caught = (1..).find(|&page| meter.add(1, BYTES, page * page_frames, RATE_HZ)).unwrap();
        assert!(caught <= 120, "after {caught} faults");
    }
}

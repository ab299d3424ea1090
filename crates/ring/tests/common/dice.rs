//! Repeatable chance.

/// SplitMix64: the same seed gives the same story everywhere.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// 0..below, or 0 where `below` is 0.
    pub(crate) fn below(&mut self, below: i64) -> i64 {
        (self.next() % below.max(1) as u64) as i64
    }

    /// from..=to.
    pub(crate) fn within(&mut self, from: i64, to: i64) -> i64 {
        from + self.below(to - from + 1)
    }

    /// True once in `times`.
    pub(crate) fn once_in(&mut self, times: i64) -> bool {
        self.below(times) == 0
    }
}

/// How many times more than usual a long test runs: `FOREBAY_PROVE_FACTOR`, 1 unless given.
pub(crate) fn prove_factor() -> u64 {
    std::env::var("FOREBAY_PROVE_FACTOR").ok().and_then(|factor| factor.parse().ok()).unwrap_or(1)
}

//! How much a test does: little in `make test`, the same many times over in `make prove`.

/// The factor that counts are multiplied with: `FOREBAY_PROVE_FACTOR`, 1 where it is not set or no number.
pub fn factor() -> u64 {
    std::env::var("FOREBAY_PROVE_FACTOR").ok().and_then(|text| text.parse().ok()).unwrap_or(1).max(1)
}

/// `count` in a test, more in a proof.
pub fn times(count: u64) -> u64 {
    count.saturating_mul(factor())
}

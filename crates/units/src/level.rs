//! Levels and pan positions.

/// A level in decibels relative to full scale amplitude 1.0. Minus infinity is silence.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Decibels(pub f32);

impl Decibels {
    /// Amplitude 1.0.
    pub const UNITY: Self = Self(0.0);
    /// Amplitude 0.0.
    pub const SILENCE: Self = Self(f32::NEG_INFINITY);
    /// Levels at or below this are silence: -120 dB, under the last bit of a 20-bit converter.
    pub const FLOOR_DB: f32 = -120.0;

    /// The linear amplitude, `10^(db/20)`; exactly 1.0 at 0 dB, exactly 0.0 at or below the floor or for NaN.
    pub fn amplitude(self) -> f32 {
        if self.0 > Self::FLOOR_DB { 10.0_f64.powf(f64::from(self.0) / 20.0) as f32 } else { 0.0 }
    }

    /// The level of a linear amplitude, `20 log10 |a|`; silence for 0 or NaN.
    pub fn of(amplitude: f32) -> Self {
        let db = 20.0 * f64::from(amplitude.abs()).log10();
        if db > f64::from(Self::FLOOR_DB) { Self(db as f32) } else { Self::SILENCE }
    }
}

/// A place between left (-1.0) and right (1.0).
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Pan(f32);

impl Pan {
    /// The middle.
    pub const CENTRE: Self = Self(0.0);

    /// Clamped to -1.0..=1.0; NaN is the centre.
    pub fn new(pan: f32) -> Self {
        if pan.is_nan() { Self::CENTRE } else { Self(pan.clamp(-1.0, 1.0)) }
    }

    /// -1.0 (left) to 1.0 (right).
    pub const fn get(self) -> f32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Unity is exact in both directions, silence has no level.
    #[test]
    fn exact_ends() {
        assert_eq!(Decibels::UNITY.amplitude(), 1.0);
        assert_eq!(Decibels::of(1.0), Decibels::UNITY);
        assert_eq!(Decibels::SILENCE.amplitude(), 0.0);
        assert_eq!(Decibels(f32::NAN).amplitude(), 0.0);
        assert_eq!(Decibels::of(0.0), Decibels::SILENCE);
        assert!((Decibels(-6.0).amplitude() - 0.501_187).abs() < 1e-6);
    }

    /// A pan is always inside its range.
    #[test]
    fn pan_is_clamped() {
        assert_eq!(Pan::new(f32::NAN), Pan::CENTRE);
        assert_eq!(Pan::new(-7.0).get(), -1.0);
        assert_eq!(Pan::new(f32::INFINITY).get(), 1.0);
    }
}

//! Pan: where a voice stands between left and right.
//!
//! A mono voice is *panned* by the equal-power law: at the centre each side has -3 dB, at an end one side has all.
//! A voice with more channels is *balanced*: at the centre both sides are untouched (bit-transparent), towards an
//! end the other side falls along a quarter cosine.

use std::f64::consts::{FRAC_PI_2, FRAC_PI_4};
use units::Pan;

/// Gains of the three sides of a strip: left, right, and what belongs to neither (centre, LFE, a mono output).
pub type Sides = [f32; 3];

/// Index of the left gain in [`Sides`].
pub const LEFT: usize = 0;
/// Index of the right gain in [`Sides`].
pub const RIGHT: usize = 1;
/// Index of the gain of channels that pan does not move.
pub const CENTRE: usize = 2;

/// The equal-power law of a mono voice at `gain` (linear).
pub fn equal_power(gain: f32, pan: Pan) -> Sides {
    let angle = (f64::from(pan.get()) + 1.0) * FRAC_PI_4;
    let (left, right) = match pan.get() {
        p if p <= -1.0 => (1.0, 0.0),
        p if p >= 1.0 => (0.0, 1.0),
        _ => (angle.cos(), angle.sin()),
    };
    [(f64::from(gain) * left) as f32, (f64::from(gain) * right) as f32, gain]
}

/// The balance of a voice with two or more channels at `gain` (linear).
pub fn balance(gain: f32, pan: Pan) -> Sides {
    let fall = |amount: f32| if amount >= 1.0 { 0.0 } else { (f64::from(amount.max(0.0)) * FRAC_PI_2).cos() };
    let scaled = |side: f64| (f64::from(gain) * side) as f32;
    [scaled(fall(pan.get())), scaled(fall(-pan.get())), gain]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Equal power everywhere between the ends, and exact ends.
    #[test]
    fn power_is_constant() {
        for step in -10i16..=10 {
            let [l, r, c] = equal_power(0.5, Pan::new(f32::from(step) / 10.0));
            assert!((l * l + r * r - 0.25).abs() < 1e-6);
            assert_eq!(c, 0.5);
        }
        assert_eq!(equal_power(1.0, Pan::new(-1.0)), [1.0, 0.0, 1.0]);
        assert_eq!(equal_power(1.0, Pan::new(1.0)), [0.0, 1.0, 1.0]);
        assert_eq!(equal_power(1.0, Pan::CENTRE)[LEFT], std::f32::consts::FRAC_1_SQRT_2);
    }

    /// A balanced voice is untouched at the centre and loses only the far side elsewhere.
    #[test]
    fn balance_is_transparent_at_the_centre() {
        assert_eq!(balance(1.0, Pan::CENTRE), [1.0, 1.0, 1.0]);
        let [l, r, _] = balance(0.8, Pan::new(0.5));
        assert!(l < 0.8 && l > 0.5);
        assert_eq!(r, 0.8);
        assert_eq!(balance(1.0, Pan::new(-1.0)), [1.0, 0.0, 1.0]);
    }
}

//! Folds lanes onto the first two, halving each time: the order in which floats are added is part of the contract.

pub(super) use self::arch::{energy, max, min};
use super::LANES;

/// The lower of two numbers; the first where one is NaN.
#[inline(always)]
pub(crate) fn lower(a: f32, b: f32) -> f32 {
    if b < a { b } else { a }
}

/// The higher of two numbers; the first where one is NaN.
#[inline(always)]
pub(crate) fn higher(a: f32, b: f32) -> f32 {
    if b > a { b } else { a }
}

/// Whether any lane is less than `limit`.
#[inline(always)]
pub(super) fn any_below(lanes: &[u32; LANES], limit: u32) -> bool {
    lanes.iter().fold(false, |any, lane| any | (*lane < limit))
}

#[cfg(not(target_arch = "x86_64"))]
mod arch {
    use super::LANES;

    #[inline(always)]
    fn pair(lanes: &[f32; LANES], fold: impl Fn(f32, f32) -> f32) -> [f32; 2] {
        let eight: [f32; 8] = std::array::from_fn(|i| fold(lanes[i], lanes[i + 8]));
        let four: [f32; 4] = std::array::from_fn(|i| fold(eight[i], eight[i + 4]));
        std::array::from_fn(|i| fold(four[i], four[i + 2]))
    }

    /// The lowest numbers of the even and of the odd lanes, none of them NaN.
    #[inline(always)]
    pub(crate) fn min(lanes: &[f32; LANES]) -> [f32; 2] {
        pair(lanes, super::lower)
    }

    /// The highest ones.
    #[inline(always)]
    pub(crate) fn max(lanes: &[f32; LANES]) -> [f32; 2] {
        pair(lanes, super::higher)
    }

    /// Their sums.
    #[inline(always)]
    pub(crate) fn energy(lanes: &[f32; LANES]) -> [f32; 2] {
        pair(lanes, |a, b| a + b)
    }
}

/// The same in SSE2, which every x86-64 has: compilers take such folds apart into single lanes, at twice the cost of the
/// whole loop before them.
#[cfg(target_arch = "x86_64")]
mod arch {
    use super::LANES;
    use std::arch::x86_64::*;

    /// The lanes of an operation, as SSE has them. They are gathered one by one, which compiles to nothing: loads through
    /// a pointer would force the lanes out of their registers, already in the loop that fills them.
    macro_rules! fold {
        ($name:ident, |$a:ident, $b:ident| $fold:expr) => {
            #[inline(always)]
            pub(crate) fn $name(lanes: &[f32; LANES]) -> [f32; 2] {
                let [a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3] = *lanes;
                // SAFETY: SSE2 is part of the architecture; a vector is 128 plain bits.
                unsafe {
                    let fold = |$a, $b| $fold;
                    let even = fold(_mm_set_ps(a3, a2, a1, a0), _mm_set_ps(c3, c2, c1, c0));
                    let odd = fold(_mm_set_ps(b3, b2, b1, b0), _mm_set_ps(d3, d2, d1, d0));
                    let four = fold(even, odd);
                    let two = fold(four, _mm_movehl_ps(four, four));
                    std::mem::transmute::<i64, [f32; 2]>(_mm_cvtsi128_si64(_mm_castps_si128(two)))
                }
            }
        };
    }

    // `minps` and `maxps` give their second operand where neither is less. Only zeros of both signs could tell the
    // difference to the folds of other machines, and no measurement keeps the sign of a zero.
    fold!(min, |a, b| _mm_min_ps(b, a));
    fold!(max, |a, b| _mm_max_ps(b, a));
    fold!(energy, |a, b| _mm_add_ps(a, b));
}

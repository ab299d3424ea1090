//! The sum: samples that were let in, times their gains, onto a bus.

use super::LANES;
use crate::mix::{Gains, Lines};
use crate::pan::{LEFT, RIGHT};
use crate::route::Route;

/// Mono to interleaved stereo at constant gains.
#[inline(always)]
pub(super) fn mono_body(x: &[f32], sum: &mut [f32], left: f32, right: f32) {
    let (groups, rest) = x.as_chunks::<LANES>();
    let (outs, last) = sum.as_chunks_mut::<{ 2 * LANES }>();
    for (group, out) in groups.iter().zip(outs) {
        for lane in 0..LANES {
            out[2 * lane] += group[lane] * left;
            out[2 * lane + 1] += group[lane] * right;
        }
    }
    for (x, out) in rest.iter().zip(last.chunks_exact_mut(2)) {
        out[LEFT] += *x * left;
        out[RIGHT] += *x * right;
    }
}

/// Mono to interleaved stereo while gains move.
#[inline(always)]
pub(super) fn mono_ramped_body(x: &[f32], sum: &mut [f32], lines: &Lines) {
    for (k, (x, out)) in x.iter().zip(sum.chunks_exact_mut(2)).enumerate() {
        let sides = lines.at(k as i32);
        out[LEFT] += *x * sides[LEFT];
        out[RIGHT] += *x * sides[RIGHT];
    }
}

/// Interleaved stereo to interleaved stereo.
#[inline(always)]
pub(super) fn stereo_body(x: &[f32], sum: &mut [f32], gains: &Gains) {
    match gains {
        Gains::Steady(sides) => stereo_steady(x, sum, [sides[LEFT], sides[RIGHT]]),
        Gains::Moving(lines) => {
            for (k, (x, out)) in x.chunks_exact(2).zip(sum.chunks_exact_mut(2)).enumerate() {
                let sides = lines.at(k as i32);
                out[LEFT] += x[LEFT] * sides[LEFT];
                out[RIGHT] += x[RIGHT] * sides[RIGHT];
            }
        }
    }
}

/// In whole groups, so that the two channels need not be taken apart.
#[inline(always)]
fn stereo_steady(x: &[f32], sum: &mut [f32], sides: [f32; 2]) {
    let (groups, rest) = x.as_chunks::<LANES>();
    let (outs, last) = sum.as_chunks_mut::<LANES>();
    for (group, out) in groups.iter().zip(outs) {
        for lane in 0..LANES {
            out[lane] += group[lane] * sides[lane % 2];
        }
    }
    for (lane, (x, out)) in rest.iter().zip(last).enumerate() {
        *out += *x * sides[lane % 2];
    }
}

/// Any route, by its matrix. Sums inputs in channel order. Rare, hence not tuned.
#[inline(always)]
pub(super) fn matrix_body(x: &[f32], sum: &mut [f32], route: &Route, gains: &Gains) {
    let (from, to) = (route.from_channels(), route.to_channels());
    for (k, (x, out)) in x.chunks_exact(from).zip(sum.chunks_exact_mut(to)).enumerate() {
        let sides = gains.at(k as i32);
        for (output, out) in out.iter_mut().enumerate() {
            let side = sides[route.side(output)];
            for (input, x) in x.iter().enumerate() {
                *out += *x * (route.weight(output, input) * side);
            }
        }
    }
}

//! The only file of this crate with unsafe code: kernels compiled once per instruction set, chosen at run time.
//!
//! Each kernel is written once, as plain Rust over fixed groups of `LANES` samples, and compiled for the portable
//! target, AVX2 and AVX-512. Rust neither contracts to FMA nor reorders floating point, and every sum has its lane
//! fixed by the source, so all paths give the same bits. A default-target ramp loop costs five times an AVX2 one,
//! hence the dispatch.

use crate::guard::{FIXED_ONE, HUGE, Watch};
use crate::mix::{Gains, Lines};
use crate::pan::{LEFT, RIGHT};
use crate::route::Route;

/// Samples that are handled together.
pub(crate) const LANES: usize = 16;

/// An instruction set that the kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// The target's baseline (SSE2 on x86-64, NEON on aarch64).
    Portable,
    /// 256-bit vectors.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// 512-bit vectors with their integer and 256-bit companions.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

/// A path that this CPU was asked for and has: the only way to a kernel, so an unsupported one can't be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cpu(Path);

impl Cpu {
    /// The fastest path of this machine.
    pub fn best() -> Self {
        *Self::all().last().expect("the portable path is everywhere")
    }

    /// The baseline path.
    pub const fn portable() -> Self {
        Self(Path::Portable)
    }

    /// Every path of this machine, slowest first: for tests and benches.
    pub fn all() -> Vec<Self> {
        #[allow(unused_mut, reason = "other architectures have one path")]
        let mut paths = vec![Self(Path::Portable)];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") {
                paths.push(Self(Path::Avx2));
            }
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
            {
                paths.push(Self(Path::Avx512));
            }
        }
        paths
    }

    /// The path's name.
    pub const fn path(self) -> Path {
        self.0
    }
}

/// Asks the CPU to bring the cache line of `place` near. Has no effect on the program's meaning.
#[inline(always)]
pub fn prefetch<T>(place: &T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: prefetch reads nothing architecturally; the address comes from a live reference.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(place).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}

/// Adding this to a sample leaves its fixed-point value (steps of 1/[`FIXED_ONE`]) in the low bits of the sum: a
/// conversion that is one addition. Right for magnitudes up to 128; the blast limit is lower.
const TO_FIXED: f32 = 1.5 * (1 << 23) as f32 / FIXED_ONE;

/// Measurements of a stretch, one per lane; lane `i` belongs to channel `i % channels`.
#[derive(Clone, Copy)]
struct Lanes {
    low: [f32; LANES],
    high: [f32; LANES],
    energy: [f32; LANES],
    /// Wrapping sum of `sample + TO_FIXED` bits.
    sum: [i32; LANES],
    /// Bits that scrubbing took away.
    lost: [u32; LANES],
}

/// Whether a sample is zero, denormal, not finite or huge: what becomes 0.
#[inline(always)]
fn is_silenced(x: f32) -> bool {
    const LEAST: u32 = f32::MIN_POSITIVE.to_bits();
    let magnitude = x.to_bits() & 0x7fff_ffff;
    magnitude.wrapping_sub(LEAST) >= HUGE.to_bits() - LEAST
}

impl Lanes {
    #[inline(always)]
    fn new() -> Self {
        Self {
            low: [f32::INFINITY; LANES],
            high: [f32::NEG_INFINITY; LANES],
            energy: [0.0; LANES],
            sum: [0; LANES],
            lost: [0; LANES],
        }
    }

    /// Scrubs and measures one sample. NaN, infinite, huge and denormal samples become 0; the rest is clipped.
    #[inline(always)]
    fn take(&mut self, lane: usize, x: f32, blast: f32) -> f32 {
        let silenced = is_silenced(x);
        let kept = if silenced { 0.0 } else { x };
        self.lost[lane] |= (x.to_bits() ^ kept.to_bits()) << 1;
        let kept = if kept > blast { blast } else { kept };
        let kept = if kept < -blast { -blast } else { kept };
        self.low[lane] = if kept < self.low[lane] { kept } else { self.low[lane] };
        self.high[lane] = if kept > self.high[lane] { kept } else { self.high[lane] };
        self.energy[lane] += kept * kept;
        self.sum[lane] = self.sum[lane].wrapping_add((kept + TO_FIXED).to_bits() as i32);
        kept
    }

    /// Scrubs and measures a full group.
    #[inline(always)]
    fn take_group(&mut self, x: &[f32; LANES], blast: f32) -> [f32; LANES] {
        let mut kept = [0.0; LANES];
        for lane in 0..LANES {
            kept[lane] = self.take(lane, x[lane], blast);
        }
        kept
    }

    /// What all lanes saw, folded in a fixed order onto one channel or two.
    #[inline(always)]
    fn seen<const CHANNELS: usize>(&self) -> Seen<CHANNELS> {
        let (low, high) = (fold::min(&self.low), fold::max(&self.high));
        let (sum, energy) = (fold::sum(&self.sum), fold::energy(&self.energy));
        let both = |i: usize| (low[i], high[i], sum[i]);
        let one = (lower(low[0], low[1]), higher(high[0], high[1]), sum[0].wrapping_add(sum[1]));
        let channels = std::array::from_fn(|i| if CHANNELS == 1 { one } else { both(i) });
        Seen { channels, energy: energy[0] + energy[1], lost: fold::any(&self.lost) }
    }
}

/// What a kernel saw of a stretch: lowest, highest and (still offset) fixed-point sum per channel.
#[derive(Clone, Copy)]
struct Seen<const CHANNELS: usize> {
    channels: [(f32, f32, i32); CHANNELS],
    energy: f32,
    /// Something was scrubbed away.
    lost: bool,
}

impl<const CHANNELS: usize> Seen<CHANNELS> {
    /// Hands it on to `watch`; `x` is what was seen.
    #[inline(always)]
    fn report(&self, x: &[f32], watch: &mut Watch) {
        for (channel, (low, high, sum)) in self.channels.iter().enumerate() {
            watch.merge(channel, *low, *high, sum.wrapping_sub(offset(x.len() / CHANNELS)));
        }
        watch.add_energy(self.energy);
        if self.lost {
            watch.count_lost(x);
        }
    }
}

/// What [`TO_FIXED`] adds to the sum of `frames` samples.
#[inline(always)]
fn offset(frames: usize) -> i32 {
    (frames as i32).wrapping_mul(TO_FIXED.to_bits() as i32)
}

/// The lower of two numbers, neither of them NaN.
#[inline(always)]
fn lower(a: f32, b: f32) -> f32 {
    if b < a { b } else { a }
}

/// The higher of two numbers, neither of them NaN.
#[inline(always)]
fn higher(a: f32, b: f32) -> f32 {
    if b > a { b } else { a }
}

/// Folds all lanes onto the first two, halving each time: the order in which floats are added is part of the contract.
#[cfg(not(target_arch = "x86_64"))]
mod fold {
    use super::{LANES, higher, lower};

    #[inline(always)]
    fn pair<T: Copy>(lanes: &[T; LANES], fold: impl Fn(T, T) -> T) -> [T; 2] {
        let eight: [T; 8] = std::array::from_fn(|i| fold(lanes[i], lanes[i + 8]));
        let four: [T; 4] = std::array::from_fn(|i| fold(eight[i], eight[i + 4]));
        std::array::from_fn(|i| fold(four[i], four[i + 2]))
    }

    #[inline(always)]
    pub(super) fn min(lanes: &[f32; LANES]) -> [f32; 2] {
        pair(lanes, lower)
    }

    #[inline(always)]
    pub(super) fn max(lanes: &[f32; LANES]) -> [f32; 2] {
        pair(lanes, higher)
    }

    #[inline(always)]
    pub(super) fn energy(lanes: &[f32; LANES]) -> [f32; 2] {
        pair(lanes, |a, b| a + b)
    }

    #[inline(always)]
    pub(super) fn sum(lanes: &[i32; LANES]) -> [i32; 2] {
        pair(lanes, i32::wrapping_add)
    }

    #[inline(always)]
    pub(super) fn any(lanes: &[u32; LANES]) -> bool {
        lanes.iter().fold(0, |all, lane| all | lane) != 0
    }
}

/// The same in SSE2, which every x86-64 has: compilers take such folds apart into single lanes, at twice the cost of the
/// whole loop before them.
#[cfg(target_arch = "x86_64")]
mod fold {
    use super::LANES;
    use std::arch::x86_64::*;

    /// The lanes of an operation, as SSE has them. They are gathered one by one, which compiles to nothing: loads through
    /// a pointer would force the lanes out of their registers, already in the loop that fills them.
    macro_rules! fold {
        ($name:ident, $lane:ty, $gather:ident, $kind:ty, |$a:ident, $b:ident| $fold:expr) => {
            #[inline(always)]
            pub(super) fn $name(lanes: &[$lane; LANES]) -> [$lane; 2] {
                let [a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3] = *lanes;
                // SAFETY: SSE2 is part of the architecture; all vectors are 128 plain bits.
                unsafe {
                    let fold = |$a, $b| $fold;
                    let even = fold($gather(a3, a2, a1, a0), $gather(c3, c2, c1, c0));
                    let odd = fold($gather(b3, b2, b1, b0), $gather(d3, d2, d1, d0));
                    let four = fold(even, odd);
                    let two: $kind = fold(four, upper_half(four));
                    let two: __m128i = std::mem::transmute_copy(&two);
                    std::mem::transmute::<i64, [$lane; 2]>(_mm_cvtsi128_si64(two))
                }
            }
        };
    }

    /// The upper two of four lanes, brought down.
    ///
    /// # Safety
    /// None is needed: SSE2 is part of the architecture. `T` is a 128-bit vector.
    #[inline(always)]
    unsafe fn upper_half<T: Copy>(four: T) -> T {
        const { assert!(size_of::<T>() == size_of::<__m128i>()) };
        // SAFETY: both types are 128 plain bits.
        unsafe {
            let bits: __m128i = std::mem::transmute_copy(&four);
            std::mem::transmute_copy(&_mm_unpackhi_epi64(bits, bits))
        }
    }

    // `minps` and `maxps` give their second operand where neither is less: like `lower` and `higher` with the operands
    // exchanged. Only zeros of both signs could tell the difference, and scrubbing leaves none that is negative.
    fold!(min, f32, _mm_set_ps, __m128, |a, b| _mm_min_ps(b, a));
    fold!(max, f32, _mm_set_ps, __m128, |a, b| _mm_max_ps(b, a));
    fold!(energy, f32, _mm_set_ps, __m128, |a, b| _mm_add_ps(a, b));
    fold!(sum, i32, _mm_set_epi32, __m128i, |a, b| _mm_add_epi32(a, b));

    #[inline(always)]
    pub(super) fn any(lanes: &[u32; LANES]) -> bool {
        lanes.iter().fold(0, |all, lane| all | lane) != 0
    }
}

/// Mono to interleaved stereo at constant gains.
#[inline(always)]
fn mono_body(x: &[f32], sum: &mut [f32], sides: &[f32; 2], blast: f32, watch: &mut Watch) {
    let mut lanes = Lanes::new();
    let mut groups = x.chunks_exact(LANES);
    let mut outs = sum.chunks_exact_mut(2 * LANES);
    for (group, out) in groups.by_ref().zip(outs.by_ref()) {
        let kept = lanes.take_group(group.try_into().expect("a group"), blast);
        for lane in 0..LANES {
            out[2 * lane] += kept[lane] * sides[LEFT];
            out[2 * lane + 1] += kept[lane] * sides[RIGHT];
        }
    }
    if !groups.remainder().is_empty() {
        let gains = Gains::Steady([sides[LEFT], sides[RIGHT], 0.0]);
        lanes = tail(lanes, 1, groups.remainder(), outs.into_remainder(), &gains, x.len(), blast);
    }
    lanes.seen::<1>().report(x, watch);
}

/// Mono to interleaved stereo while gains move.
#[inline(always)]
fn mono_ramped_body(x: &[f32], sum: &mut [f32], lines: &Lines, blast: f32, watch: &mut Watch) {
    let mut lanes = Lanes::new();
    let mut groups = x.chunks_exact(LANES);
    let mut outs = sum.chunks_exact_mut(2 * LANES);
    for (k, (group, out)) in groups.by_ref().zip(outs.by_ref()).enumerate() {
        let kept = lanes.take_group(group.try_into().expect("a group"), blast);
        for lane in 0..LANES {
            let sides = lines.at((k * LANES + lane) as i32);
            out[2 * lane] += kept[lane] * sides[LEFT];
            out[2 * lane + 1] += kept[lane] * sides[RIGHT];
        }
    }
    if !groups.remainder().is_empty() {
        let gains = Gains::Moving(*lines);
        lanes = tail(lanes, 1, groups.remainder(), outs.into_remainder(), &gains, x.len(), blast);
    }
    lanes.seen::<1>().report(x, watch);
}

/// Interleaved stereo to interleaved stereo.
#[inline(always)]
fn stereo_body(x: &[f32], sum: &mut [f32], gains: &Gains, blast: f32, watch: &mut Watch) {
    let mut lanes = Lanes::new();
    let mut groups = x.chunks_exact(LANES);
    let mut outs = sum.chunks_exact_mut(LANES);
    match gains {
        Gains::Steady(sides) => {
            for (group, out) in groups.by_ref().zip(outs.by_ref()) {
                let kept = lanes.take_group(group.try_into().expect("a group"), blast);
                for lane in 0..LANES {
                    out[lane] += kept[lane] * sides[lane % 2];
                }
            }
        }
        Gains::Moving(lines) => {
            for (k, (group, out)) in groups.by_ref().zip(outs.by_ref()).enumerate() {
                let kept = lanes.take_group(group.try_into().expect("a group"), blast);
                for pair in 0..LANES / 2 {
                    let sides = lines.at((k * LANES / 2 + pair) as i32);
                    out[2 * pair] += kept[2 * pair] * sides[LEFT];
                    out[2 * pair + 1] += kept[2 * pair + 1] * sides[RIGHT];
                }
            }
        }
    }
    if !groups.remainder().is_empty() {
        lanes = tail(lanes, 2, groups.remainder(), outs.into_remainder(), gains, x.len(), blast);
    }
    lanes.seen::<2>().report(x, watch);
}

/// The last few samples of a stretch of `all` samples, one or two channels to stereo. Not inlined, so that the lanes
/// of the loop before it stay in registers.
#[inline(never)]
fn tail(
    mut lanes: Lanes,
    channels: usize,
    rest: &[f32],
    out: &mut [f32],
    gains: &Gains,
    all: usize,
    blast: f32,
) -> Lanes {
    let first = (all - rest.len()) / channels;
    for (lane, x) in rest.iter().enumerate() {
        let kept = lanes.take(lane, *x, blast);
        let sides = gains.at((first + lane / channels) as i32);
        if channels == 1 {
            out[2 * lane] += kept * sides[LEFT];
            out[2 * lane + 1] += kept * sides[RIGHT];
        } else {
            out[lane] += kept * sides[lane % 2];
        }
    }
    lanes
}

/// Any route, by its matrix. Sums inputs in channel order. Rare, hence not tuned.
#[inline(always)]
fn matrix_body(x: &[f32], sum: &mut [f32], route: &Route, gains: &Gains, blast: f32, watch: &mut Watch) {
    let (from, to) = (route.from_channels(), route.to_channels());
    let mut lanes = Lanes::new();
    for (frame, (x, out)) in x.chunks_exact(from).zip(sum.chunks_exact_mut(to)).enumerate() {
        let mut kept = [0.0; units::MAX_CHANNELS];
        for (channel, x) in x.iter().enumerate() {
            kept[channel] = lanes.take(channel, *x, blast);
        }
        let sides = gains.at(frame as i32);
        for (output, out) in out.iter_mut().enumerate() {
            let side = sides[route.side(output)];
            for (input, kept) in kept[..from].iter().enumerate() {
                *out += *kept * (route.weight(output, input) * side);
            }
        }
    }
    let energy = lanes.energy.iter().sum();
    let lost = fold::any(&lanes.lost);
    for channel in 0..from {
        let sum = lanes.sum[channel].wrapping_sub(offset(x.len() / from));
        watch.merge(channel, lanes.low[channel], lanes.high[channel], sum);
    }
    watch.add_energy(energy);
    if lost {
        watch.count_lost(x);
    }
}

/// Makes the dispatching front of a kernel: one copy of its body per instruction set.
macro_rules! kernel {
    ($name:ident, $body:ident, ($($arg:ident: $kind:ty),*)) => {
        #[inline]
        pub(crate) fn $name(cpu: Cpu, $($arg: $kind),*) {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2")]
            fn avx2($($arg: $kind),*) {
                $body($($arg),*)
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
            fn avx512($($arg: $kind),*) {
                $body($($arg),*)
            }
            match cpu.0 {
                Path::Portable => $body($($arg),*),
                #[cfg(target_arch = "x86_64")]
                // SAFETY: a `Cpu` with this path is only made after the CPU was found to have AVX2.
                Path::Avx2 => unsafe { avx2($($arg),*) },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: a `Cpu` with this path is only made after all four AVX-512 features were found.
                Path::Avx512 => unsafe { avx512($($arg),*) },
            }
        }
    };
}

kernel!(mono, mono_body, (x: &[f32], sum: &mut [f32], sides: &[f32; 2], blast: f32, watch: &mut Watch));
kernel!(mono_ramped, mono_ramped_body, (x: &[f32], sum: &mut [f32], lines: &Lines, blast: f32, watch: &mut Watch));
kernel!(stereo, stereo_body, (x: &[f32], sum: &mut [f32], gains: &Gains, blast: f32, watch: &mut Watch));
kernel!(matrix, matrix_body, (x: &[f32], sum: &mut [f32], route: &Route, gains: &Gains, blast: f32, watch: &mut Watch));

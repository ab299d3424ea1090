//! The only room of this crate with unsafe code: kernels compiled once per instruction set, chosen at run time.
//!
//! Each kernel is written once, as plain Rust over fixed groups of `LANES` samples, and compiled for the portable
//! target, AVX2 and AVX-512. Rust neither contracts to FMA nor reorders floating point, and every sum has its lane
//! fixed by the source, so all paths give the same bits. A default-target ramp loop costs five times an AVX2 one,
//! hence the dispatch.

mod admit;
pub(crate) mod fold;
mod sum;

use crate::guard::Watch;
use crate::mix::{Gains, Lines};
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

/// Makes the dispatching front of a kernel: one copy of its body per instruction set.
macro_rules! kernel {
    ($name:ident, $body:path, ($($arg:ident: $kind:ty),*)) => {
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

kernel!(admit_mono, admit::mono_body, (x: &mut [f32], blast: f32, watch: &mut Watch));
kernel!(admit_stereo, admit::stereo_body, (x: &mut [f32], blast: f32, watch: &mut Watch));
kernel!(admit_many, admit::many_body, (x: &mut [f32], channels: usize, blast: f32, watch: &mut Watch));
kernel!(mono, sum::mono_body, (x: &[f32], sum: &mut [f32], left: f32, right: f32));
kernel!(mono_ramped, sum::mono_ramped_body, (x: &[f32], sum: &mut [f32], lines: &Lines));
kernel!(stereo, sum::stereo_body, (x: &[f32], sum: &mut [f32], gains: &Gains));
kernel!(matrix, sum::matrix_body, (x: &[f32], sum: &mut [f32], route: &Route, gains: &Gains));

//! Signal processing of the mix: ramps, pan, kernels, limiter, scrub, meters, resampling.

#![deny(unsafe_code)] // allowed in `simd` alone

pub mod guard;
pub mod limiter;
pub mod meter;
pub mod mix;
pub mod pan;
pub mod ramp;
pub mod resample;
pub mod room;
pub mod route;
#[allow(unsafe_code, reason = "runtime CPU dispatch")]
pub mod simd;

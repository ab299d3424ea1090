//! Test parts: hand-cranked backend, virtual clocks, misbehaving producers, guards, golden audio.
//!
//! A dev-dependency of the other crates, never a part of the product.
#![deny(unsafe_code)]

pub mod clock;
pub mod crank;
pub mod effort;
pub mod golden;
pub mod producer;
pub mod program;
pub mod purity;
pub mod servers;
pub mod signal;

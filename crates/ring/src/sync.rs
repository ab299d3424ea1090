//! The one place that names atomics: the standard ones, or loom's under `--cfg loom`.
//!
//! Everything else in forebay that needs an atomic takes it from here, so that the same code runs over shared
//! memory and under the model checker.
#![allow(clippy::disallowed_types, reason = "this module is the door")]

#[cfg(loom)]
pub use loom::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};
#[cfg(not(loom))]
pub use std::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};

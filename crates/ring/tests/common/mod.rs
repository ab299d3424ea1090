//! What the tests of the ring share.
#![allow(dead_code, reason = "not every test file uses all of it")]

pub(crate) mod dice;
pub(crate) mod model;
#[cfg(not(loom))]
pub(crate) mod story;

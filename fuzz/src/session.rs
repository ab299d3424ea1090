//! Arbitrary words over the whole memory of a session, while an engine plays it and the daemon reads it.
#![cfg_attr(fuzzing, no_main)]

extern crate forebay_ring as ring;

#[path = "../../crates/session/tests/common/hostile.rs"]
mod hostile;

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    hostile::play(input);
});

/// Without the fuzzer: plays the inputs that are named, to look at one that failed.
#[cfg(not(fuzzing))]
fn main() {
    for path in std::env::args().skip(1) {
        hostile::play(&std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}")));
    }
}

//! Arbitrary bytes over everything that a producer can write, while the Reader reads.
#![cfg_attr(fuzzing, no_main)]

#[path = "../../crates/ring/tests/common/hostile.rs"]
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

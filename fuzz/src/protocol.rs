//! Arbitrary bytes on the socket, read as the daemon and as a client read them.
#![cfg_attr(fuzzing, no_main)]

#[path = "../../crates/protocol/tests/common/hostile.rs"]
mod hostile;

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    hostile::read(input);
});

/// Without the fuzzer: reads the inputs that are named, to look at one that failed.
#[cfg(not(fuzzing))]
fn main() {
    for path in std::env::args().skip(1) {
        hostile::read(&std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}")));
    }
}

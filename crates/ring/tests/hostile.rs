//! Arbitrary bytes over everything that a producer can write, while the Reader reads. `fuzz/` runs the same body under
//! libFuzzer.
#![cfg(not(loom))]

#[path = "common/dice.rs"]
#[allow(dead_code, reason = "shared with tests that use more of it")]
mod dice;
#[path = "common/hostile.rs"]
mod hostile;

use dice::{Dice, prove_factor};

/// Every input that the fuzzer found worth keeping still passes.
#[test]
fn the_kept_corpus() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/ring");
    let (mut delivered, mut superseded, mut underruns) = (0, 0, 0);
    for entry in std::fs::read_dir(folder).expect("the kept corpus") {
        let input = std::fs::read(entry.expect("an entry").path()).expect("a readable input");
        let ledger = hostile::play(&input);
        delivered += ledger.delivered;
        superseded += ledger.superseded;
        underruns += ledger.underruns;
    }
    assert!(
        delivered.min(superseded).min(underruns) > 100,
        "{delivered} {superseded} {underruns}: too shallow"
    );
}

/// Random inputs, most of them with acts that are nearly in order.
#[test]
fn random_inputs() {
    for seed in 0..4_000 * prove_factor() {
        let mut dice = Dice(seed);
        let most = 1 << dice.within(4, 11);
        let mut input = vec![0; dice.below(most) as usize];
        input.iter_mut().for_each(|byte| *byte = dice.next() as u8);
        hostile::play(&input);
    }
}

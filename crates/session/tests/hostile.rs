//! Arbitrary words over the whole memory of a session, while an engine plays it. `fuzz/` runs the same body under
//! libFuzzer.

#[path = "common/hostile.rs"]
mod hostile;

use hostile::Played;

/// Every input that the fuzzer found worth keeping still passes.
#[test]
fn the_kept_corpus() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/session");
    let mut all = Played::default();
    for entry in std::fs::read_dir(folder).expect("the kept corpus") {
        let input = std::fs::read(entry.expect("an entry").path()).expect("a readable input");
        let played = hostile::play(&input);
        all.delivered += played.delivered;
        all.superseded += played.superseded;
        all.faults += played.faults;
        all.events_applied += played.events_applied;
    }
    let least = all.delivered.min(all.superseded).min(all.faults).min(all.events_applied);
    assert!(least > 100, "too shallow: {all:?}");
}

/// Random inputs, the same in every run; more of them where `FOREBAY_PROVE_FACTOR` asks for it.
#[test]
fn random_inputs() {
    let factor = std::env::var("FOREBAY_PROVE_FACTOR").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random >> 20) as usize
    };
    for _ in 0..400 * factor {
        let bytes = next() % (1 << (4 + next() % 7));
        let input: Vec<u8> = (0..bytes).map(|_| next() as u8).collect();
        hostile::play(&input);
    }
}

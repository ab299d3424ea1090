//! What a fuzzer has found once is tried in every test run, with mutations of it.

#[path = "common/hostile.rs"]
mod hostile;

use std::path::PathBuf;

use hostile::read;

fn corpus() -> Vec<Vec<u8>> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/protocol"));
    let mut paths: Vec<_> =
        std::fs::read_dir(&folder).expect("the kept corpus").map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// Every kept input of the fuzz target, and itself cut short at every place, for the short ones.
#[test]
fn the_kept_corpus() {
    let inputs = corpus();
    assert!(inputs.len() >= 10, "the corpus is there");
    for input in inputs {
        read(&input);
        for end in 0..input.len().min(300) {
            read(&input[..end]);
        }
    }
}

/// The kept inputs with bytes changed, the same in every run; more of them where `FOREBAY_PROVE_FACTOR` asks for it.
#[test]
fn mutations_of_the_corpus() {
    let factor =
        std::env::var("FOREBAY_PROVE_FACTOR").ok().and_then(|text| text.parse().ok()).unwrap_or(1_u64);
    let inputs = corpus();
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random >> 20) as usize % below.max(1)
    };
    for _ in 0..20_000 * factor {
        let mut input = inputs[next(inputs.len())].clone();
        input.truncate(4096);
        for _ in 0..=next(8) {
            let (at, other) = (next(input.len()), next(inputs.len()));
            match next(4) {
                0 if !input.is_empty() => input[at] = next(256) as u8,
                1 => input.insert(at, b"\n\"{}[]:,\\"[next(9)]),
                2 if !input.is_empty() => drop(input.remove(at)),
                _ => {
                    let piece = &inputs[other][..inputs[other].len().min(200)];
                    input.splice(at..at, piece.iter().copied());
                }
            }
        }
        read(&input);
    }
}

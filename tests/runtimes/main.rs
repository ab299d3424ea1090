//! The same piece on every runtime that is there: the same sound, and what it costs.
//!
//! Alone in its process: what a render costs is read as the time of this process's children. `cargo bench -p forebay --bench
//! runtimes` prints the same for longer renders.
#![forbid(unsafe_code)]

mod cost;

use cost::{Render, examples, runtimes};

/// Long enough for every voice to have begun.
const SECONDS: u32 = 2;
/// What sines of different libraries may make of a sample, where the code feeds nothing back into itself.
const MOST_DIFFERENCE: f32 = 1e-5;

/// Every example sounds on every runtime, twice the same, and on all of them alike.
#[test]
fn every_example_sounds_alike_everywhere() {
    let runtimes = runtimes();
    assert!(runtimes.contains(&"quickjs".to_owned()), "the embedded runtime is there: {runtimes:?}");
    for example in examples() {
        let renders: Vec<Render> =
            runtimes.iter().map(|runtime| cost::render(&example, runtime, SECONDS)).collect();
        println!("{}", cost::line(&example, &renders));
        let [first, others @ ..] = &renders[..] else { unreachable!("there is one") };
        assert!(first.samples.iter().any(|sample| sample.abs() > 0.01), "{} is heard", example.display());
        for other in others {
            let pairs = first.samples.iter().zip(&other.samples);
            let most = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert_eq!(first.samples.len(), other.samples.len());
            assert!(most < MOST_DIFFERENCE, "{}: {} differs by {most}", example.display(), other.runtime);
        }
    }
    let again = cost::render(&examples()[0], "quickjs", SECONDS);
    assert_eq!(again.samples, cost::render(&examples()[0], "quickjs", SECONDS).samples);
}

//! Cost of what main and devices need besides mixing: limiter, meter, resampler, beside a plain copy.
//! Run with `cargo bench -p forebay-dsp --bench main`.

use std::hint::black_box;
use std::time::Instant;

use forebay_dsp::limiter::{Limiter, LimiterConfig};
use forebay_dsp::meter::Level;
use forebay_dsp::resample::{Quality, Resampler};
use units::{ChannelCount, SampleRate};

const FRAMES: usize = 64;

/// The best of several rounds, in ns per stereo frame.
fn ns_per_frame(mut block: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..50 {
        let start = Instant::now();
        (0..200).for_each(|_| block());
        best = best.min(start.elapsed().as_nanos() as f64 / (200 * FRAMES) as f64);
    }
    best
}

fn signal(amplitude: f32) -> Vec<f32> {
    (0..2 * FRAMES).map(|i| amplitude * (i as f32 * 0.3).sin()).collect()
}

fn limiter(amplitude: f32) -> f64 {
    let mut limiter = Limiter::new(LimiterConfig::new(SampleRate::DEFAULT, ChannelCount::STEREO));
    let source = signal(amplitude);
    let mut frames = source.clone();
    ns_per_frame(|| {
        frames.copy_from_slice(&source);
        limiter.process(black_box(&mut frames));
    })
}

fn resampler(quality: Quality, from: u32, to: u32) -> f64 {
    let rate = |hz| SampleRate::new(hz).expect("a usual rate");
    let mut resampler = Resampler::new(rate(from), rate(to), ChannelCount::STEREO, quality);
    let source: Vec<f32> = signal(0.5).repeat(40);
    let mut out = vec![0.0; 2 * FRAMES];
    ns_per_frame(|| {
        resampler.pull(black_box(&mut out), |input| input.copy_from_slice(&source[..input.len()]));
    })
}

fn main() {
    let source = signal(0.5);
    let mut copy = source.clone();
    println!("{:<34} {:>8}", "stereo, 64-frame blocks", "ns/frame");
    let line = |name: &str, cost: f64| println!("{name:<34} {cost:>8.2}");
    line("copy", ns_per_frame(|| black_box(&mut copy).copy_from_slice(black_box(&source))));
    line("limiter, calm", limiter(0.5));
    line("limiter, limiting", limiter(2.0));
    line("meter (peak and RMS)", ns_per_frame(|| _ = black_box(Level::of(black_box(&source)))));
    for (quality, name) in [(Quality::Live, "live"), (Quality::Fine, "fine")] {
        for (from, to) in [(48_000, 44_100), (44_100, 48_000)] {
            line(&format!("resample {from} -> {to}, {name}"), resampler(quality, from, to));
        }
    }
}

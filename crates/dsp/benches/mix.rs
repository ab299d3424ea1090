//! Cost of the guard's door and the mix kernels together: ns per voice per 64-frame block, cache-hot, on every CPU path of this machine.
//! Run with `cargo bench -p forebay-dsp --bench mix`.

use forebay_dsp::guard::Watch;
use forebay_dsp::mix::{self, Gains, Lines};
use forebay_dsp::ramp::{Ramp, Ramps};
use forebay_dsp::route::Route;
use forebay_dsp::simd::Cpu;
use std::hint::black_box;
use std::time::Instant;
use units::ChannelCount;

const FRAMES: usize = 64;
const VOICES: usize = 64;

/// The best of several rounds, in ns per voice and block.
fn measure(cpu: Cpu, from: ChannelCount, gains: &Gains) -> f64 {
    let route = Route::new(from, ChannelCount::STEREO);
    let mut voices: Vec<Vec<f32>> = (0..VOICES)
        .map(|v| (0..FRAMES * from.get()).map(|k| ((v * 31 + k) as f32 * 0.1).sin()).collect())
        .collect();
    let mut watches = vec![Watch::default(); VOICES];
    let mut bus = vec![0.0f32; FRAMES * 2];
    let mut best = f64::INFINITY;
    for _ in 0..30 {
        let start = Instant::now();
        for _ in 0..100 {
            bus.fill(0.0);
            for (voice, watch) in voices.iter_mut().zip(&mut watches) {
                watch.admit(cpu, black_box(voice), from.get(), 8.0);
                mix::add(cpu, &route, gains, voice, &mut bus);
            }
            black_box(&mut bus);
        }
        best = best.min(start.elapsed().as_nanos() as f64 / (100 * VOICES) as f64);
    }
    best
}

fn main() {
    let steady = Gains::Steady([0.7, 0.6, 1.0]);
    let mut sides = Ramps::steady([0.1, 0.2, 0.3]);
    sides.turn(0, [0.7, 0.6, 1.0], 480);
    let moving = Gains::Moving(Lines { sides: sides.line(10), gate: Ramp::steady(1.0).line(10) });
    println!("{:<10} {:>12} {:>12} {:>12} {:>12}", "path", "mono", "mono ramp", "stereo", "stereo ramp");
    for cpu in Cpu::all() {
        let cost = |from, gains: &Gains| measure(cpu, from, gains);
        println!(
            "{:<10} {:>9.1} ns {:>9.1} ns {:>9.1} ns {:>9.1} ns",
            format!("{:?}", cpu.path()),
            cost(ChannelCount::MONO, &steady),
            cost(ChannelCount::MONO, &moving),
            cost(ChannelCount::STEREO, &steady),
            cost(ChannelCount::STEREO, &moving),
        );
    }
}

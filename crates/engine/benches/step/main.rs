//! What one mono voice costs per 64-frame block: CPU time of the rendering thread, everything on (cross-fading rings of
//! 1 s, guards, ramps, meters, limiter), beside scsynth playing a buffer through Pan2 in the same run.
//!
//! `cargo bench -p forebay-engine --bench step [-- VOICES...]`. A producer on another thread fills the rings all the time,
//! through memory laid out as a session's. The ratio is best to best, for the machine may be busy. scsynth is looked for in
//! PATH; without it that part is skipped, visibly.

mod rings;
mod scsynth;

use forebay_engine::{Block, EngineConfig, Renderer, VoiceSpec, engine};
use rings::{Feeder, Rings};
use rustix::time::{ClockId, clock_gettime};
use units::{ChannelCount, SampleRate};

/// Frames per block.
pub(crate) const BLOCK: usize = 64;
/// Blocks per figure, and figures per case.
const BATCH: usize = 100;
const BATCHES: usize = 30;

fn main() {
    let asked: Vec<usize> = std::env::args().filter_map(|arg| arg.parse().ok()).collect();
    let voices = if asked.is_empty() { vec![256, 4096] } else { asked };
    println!(
        "engine step, mono voice to stereo, {BLOCK}-frame blocks, 1 s rings, live producer, {:?}",
        dsp::simd::Cpu::best().path()
    );
    println!(
        "{:>7} {:>9} {:>12} {:>12} {:>10} {:>9} {:>8}",
        "voices", "lead", "best", "median", "goal", "scsynth", "ratio"
    );
    for voices in voices {
        let peer = scsynth::ns_per_voice(voices);
        for lead_ms in [200, 680] {
            let (best, median) = measure(voices, lead_ms);
            let goals = match voices {
                256 => ("<= 40 ns", ">= 8"),
                4096 => ("<= 75 ns", ">= 4.5"),
                _ => ("", ""),
            };
            let (peer, ratio) = match peer {
                Some(peer) => (format!("{peer:.0} ns"), format!("{:.1}x {}", peer / best, goals.1)),
                None => ("not here".into(), String::new()),
            };
            println!(
                "{voices:>7} {lead_ms:>6} ms {best:>9.1} ns {median:>9.1} ns {:>10} {peer:>9} {ratio:>8}",
                goals.0
            );
        }
    }
}

/// Best and median over batches, in ns per voice and block.
fn measure(voices: usize, lead_ms: u32) -> (f64, f64) {
    let mut config = EngineConfig::new(SampleRate::DEFAULT, ChannelCount::STEREO);
    config.max_voices = voices;
    let (mut engine, mut renderer) = engine(config);
    let mut rings = Rings::new(voices);
    let groups: Vec<_> = rings.groups.drain(..).map(|group| engine.add_group(group).expect("room")).collect();
    for (k, reader) in rings.readers.drain(..).enumerate() {
        let mut spec = VoiceSpec::new(format!("v{k}"), reader, groups[k / rings::SLOTS]);
        spec.gain = 0.001;
        engine.add_voice(spec).expect("room");
    }
    let feeder = Feeder::start(rings.writers, rings.commits, lead_ms * 48);
    let mut out = vec![0.0; BLOCK * 2];
    // Commands are taken some per block; then a few blocks for the caches and the fades.
    for _ in 0..voices / 64 + 200 {
        block(&mut renderer, &mut out, &feeder);
        assert!(engine.poll().next().is_none(), "nothing happens but sound");
    }
    let clock = clock_cost_ns();
    let mut batches: Vec<f64> = (0..BATCHES)
        .map(|_| {
            let spent: f64 = (0..BATCH).map(|_| block(&mut renderer, &mut out, &feeder) - clock).sum();
            spent / (BATCH * voices) as f64
        })
        .collect();
    let stats: Vec<_> = engine.voices().map(|id| engine.stats(id).expect("it is there")).collect();
    assert!(stats.iter().all(|voice| voice.meter.peak > 0.0), "every voice sounds");
    let underruns: u64 = stats.iter().map(|voice| voice.ledger.underruns).sum();
    assert_eq!(underruns, 0, "the producer kept up");
    batches.sort_by(f64::total_cmp);
    (batches[0], batches[BATCHES / 2])
}

/// Renders one block once the producer has caught up; its CPU time in ns.
fn block(renderer: &mut Renderer, out: &mut [f32], feeder: &Feeder) -> f64 {
    feeder.wait_until_fed();
    let before = thread_ns();
    rt::enter(|| renderer.render(Block { out: &mut *out, faults: None }));
    let spent = thread_ns() - before;
    feeder.block_done();
    spent
}

fn thread_ns() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// What reading the clock itself costs.
fn clock_cost_ns() -> f64 {
    let before = thread_ns();
    (0..1000).for_each(|_| {
        thread_ns();
    });
    (thread_ns() - before) / 1001.0
}

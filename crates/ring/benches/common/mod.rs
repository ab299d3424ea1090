//! What the benches of the ring share: paired timing, and a voice that plays.
#![allow(dead_code, reason = "not every bench uses all of it")]

#[cfg(target_os = "linux")]
pub(crate) mod shared;

use forebay_ring::{
    Marker, MarkerKind, MemoryError, Reader, ReaderConfig, Region, RingMemory, RingShape, Writer, ring,
};
use std::time::Instant;
use units::ChannelCount;

/// Runs all `cells` in turn, round after round; says for each the best ns per operation and the median over the
/// rounds of its ratio to the first.
pub(crate) fn paired(
    rounds: usize,
    operations: usize,
    cells: &mut [(&str, &mut dyn FnMut())],
) -> Vec<(f64, f64)> {
    let mut times = vec![Vec::with_capacity(rounds); cells.len()];
    for _ in 0..rounds {
        for ((_, cell), times) in cells.iter_mut().zip(&mut times) {
            let start = Instant::now();
            for _ in 0..operations {
                cell();
            }
            times.push(start.elapsed().as_nanos() as f64 / operations as f64);
        }
    }
    let summary = |own: &Vec<f64>| {
        let mut ratios: Vec<f64> = own.iter().zip(&times[0]).map(|(own, first)| own / first).collect();
        ratios.sort_by(f64::total_cmp);
        (own.iter().copied().fold(f64::INFINITY, f64::min), ratios[rounds / 2])
    };
    times.iter().map(summary).collect()
}

/// Prints one line per cell.
pub(crate) fn print(cells: &[(&str, &mut dyn FnMut())], results: &[(f64, f64)]) {
    for ((name, _), (best, ratio)) in cells.iter().zip(results) {
        println!("  {name:<44} {best:8.1} ns   {ratio:5.2} x the first");
    }
}

/// A mono voice over `memory` that plays from engine frame 0 on, its fade-in behind it; the frame it is at.
pub(crate) fn playing(memory: RingMemory, lead_frames: usize) -> (Writer, Reader, u64) {
    let (mut writer, mut reader) = ring(memory, ReaderConfig::default());
    let start = Marker { kind: MarkerKind::Start, at: 0, to: writer.position(), group: 0, anchor: 0 };
    writer.mark(start).expect("an empty queue");
    assert_eq!(writer.write(&vec![0.25; lead_frames + 240]), lead_frames + 240);
    let mut out = [0.0; 240];
    reader.begin(0, 0);
    reader.read(&mut out, 240);
    reader.finish();
    (writer, reader, 240)
}

pub(crate) fn mono(capacity_frames: u32) -> RingShape {
    RingShape { channels: ChannelCount::MONO, capacity_frames, first: 0 }
}

/// Bytes of a mono ring with its words in one region.
pub(crate) const fn ring_bytes(capacity_frames: u32) -> usize {
    512 + capacity_frames as usize * 4
}

/// A mono ring in one region.
pub(crate) fn over(region: &Region, capacity_frames: u32) -> Result<RingMemory, MemoryError> {
    let (words, samples) = (|at, len| region.slice(at, len), region.slice(512, capacity_frames as usize * 4));
    RingMemory::new(&words(0, 64), &words(64, 64), &words(128, 256), &samples, mono(capacity_frames))
}

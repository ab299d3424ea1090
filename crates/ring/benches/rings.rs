//! What a ring costs beside what can't be saved. Run with `cargo bench -p forebay-ring --bench rings`.

mod common;

use common::{mono, over, paired, playing, print, ring_bytes};
use forebay_ring::sync::{AtomicU32, Ordering};
use forebay_ring::{Marker, MarkerKind, Reader, ReaderConfig, Region, RingMemory, Writer, broadcast, ring};
use std::hint::black_box;
use units::ChannelCount;

fn main() {
    bulk();
    decisions();
    voices(16, 16_384);
    voices(256, 65_536);
    voices(4096, 65_536);
}

/// A buffer on cache lines of its own, so that no cell of the table is luckier than another.
#[repr(align(64))]
struct Lines<const SAMPLES: usize>([f32; SAMPLES]);

/// One write and one read of 128 f32.
fn bulk() {
    const SAMPLES: usize = 128;
    let source = &Lines([0.5_f32; SAMPLES]).0;
    let out = &mut Lines([0.0_f32; SAMPLES]).0;
    // Through a buffer of the ring's size, as every ring must.
    let (mut middle, mut at) = (vec![0.0_f32; 4096], 0);
    let mut memcpys = || {
        let place = &mut black_box(&mut *middle)[at..at + SAMPLES];
        place.copy_from_slice(black_box(source));
        black_box(&mut *out).copy_from_slice(black_box(place));
        at = (at + SAMPLES) % 4096;
    };
    let (mut push, mut pop) = rtrb::RingBuffer::<f32>::new(4096);
    let rtrb_out = &mut Lines([0.0_f32; SAMPLES]).0;
    let mut slices = || {
        push.push_entire_slice(black_box(source)).expect("room");
        pop.pop_entire_slice(black_box(&mut *rtrb_out)).expect("frames");
    };
    #[cfg(target_os = "linux")]
    let region = common::shared::anonymous(ring_bytes(4096));
    #[cfg(not(target_os = "linux"))]
    let region = Region::heap(ring_bytes(4096));
    let (mut writer, mut reader, mut now) = playing(over(&region, 4096).expect("a ring"), SAMPLES);
    let ours_out = &mut Lines([0.0_f32; SAMPLES]).0;
    let mut ours = || {
        writer.write(black_box(source));
        reader.begin(0, now);
        reader.read(black_box(&mut *ours_out), SAMPLES);
        reader.finish();
        now += SAMPLES as u64;
    };
    let (mut tap, _) = broadcast(&Region::heap(64 + 4096 * 4), ChannelCount::MONO);
    let mut tapped = || tap.write(black_box(source));
    let mut cells: [(&str, &mut dyn FnMut()); 4] = [
        ("two memcpys (the limit)", &mut memcpys),
        ("rtrb 0.4, slices", &mut slices),
        ("ours, shared memory, with marker check", &mut ours),
        ("broadcast write, no reader", &mut tapped),
    ];
    println!("write + read of {SAMPLES} f32:");
    let results = paired(400, 2000, &mut cells);
    print(&cells, &results);
    let to_rtrb = results[2].1 / results[1].1;
    println!("  goal: ours <= 1.5 x two memcpys, measured {:.2}", results[2].1);
    println!("  goal: ours <= 1.0 x rtrb, measured {to_rtrb:.2}");
    println!("  goal: broadcast <= 1.5 x two memcpys, measured {:.2}", results[3].1);
}

/// A block of 64 frames of one voice, by what the voice is doing.
fn decisions() {
    const BLOCK: usize = 64;
    let chunk = [0.25; BLOCK];
    let out = &mut Lines([0.0; BLOCK]).0;
    let voice = || playing(RingMemory::heap(mono(4096)).expect("a ring"), 1024);
    let marker = |writer: &Writer, at: u64, group| {
        let anchor = writer.engine().anchor;
        Marker { kind: MarkerKind::Splice, at: at as u32, to: writer.position(), group, anchor }
    };
    let mut block = |(writer, reader, now): &mut (Writer, Reader, u64), committed: u32| {
        writer.write(&chunk);
        reader.begin(committed, *now);
        reader.read(black_box(&mut *out), BLOCK);
        reader.finish();
        *now += BLOCK as u64;
    };
    let block = std::cell::RefCell::new(&mut block);
    let mut calm = voice();
    let mut waiting = voice();
    waiting.0.mark(marker(&waiting.0, 1 << 20, 1)).expect("room");
    let mut changing = (voice(), 0);
    let mut idle = ring(RingMemory::heap(mono(4096)).expect("a ring"), ReaderConfig::default());
    let mut idle_now = 0;
    let mut cells: [(&str, &mut dyn FnMut()); 4] = [
        ("calm", &mut || block.borrow_mut()(&mut calm, 0)),
        ("calm, an uncommitted marker waits", &mut || block.borrow_mut()(&mut waiting, 0)),
        ("a splice every fourth block, always fading", &mut || {
            let (voice, blocks) = &mut changing;
            if *blocks % 4 == 0 && voice.0.space_frames() > 1000 {
                voice.0.mark(marker(&voice.0, voice.2, 0)).expect("room");
                voice.0.write(&[0.5; 400]);
            }
            *blocks += 1;
            block.borrow_mut()(voice, 0);
        }),
        ("idle", &mut || {
            idle.1.begin(0, idle_now);
            idle.1.read(black_box(&mut [0.0; BLOCK]), BLOCK);
            idle.1.finish();
            idle_now += BLOCK as u64;
        }),
    ];
    println!("one voice, write + read of a block of {BLOCK} frames:");
    let results = paired(200, 1000, &mut cells);
    print(&cells, &results);
}

/// Rings with their words together by kind, as a session lays them out.
fn session(count: usize, capacity_frames: u32) -> impl FnMut() -> RingMemory {
    let [producers, engines, markers] = [64, 64, 256].map(|bytes| Region::heap(2 * count * bytes));
    let mut slot = 0;
    move || {
        let line = |words: &Region, bytes| words.slice(slot * bytes, bytes);
        let (producer, engine, queue) = (line(&producers, 64), line(&engines, 64), line(&markers, 256));
        slot += 1;
        let samples = Region::heap(capacity_frames as usize * 4);
        RingMemory::new(&producer, &engine, &queue, &samples, mono(capacity_frames)).expect("a ring")
    }
}

/// The least that any SPSC ring does to read: look at the counter, copy, publish.
struct Plain {
    memory: RingMemory,
    samples: Vec<f32>,
    read: u32,
    write: u32,
}

impl Plain {
    fn produce(&mut self, at: u32, chunk: &[f32]) {
        let index = at as usize & (self.samples.len() - 1);
        self.samples[index..index + chunk.len()].copy_from_slice(chunk);
        self.memory.producer_words().write.store(at.wrapping_add(chunk.len() as u32), Ordering::Release);
    }

    #[inline]
    fn read(&mut self, out: &mut [f32]) {
        self.write = self.memory.producer_words().write.load(Ordering::Acquire);
        if self.write.wrapping_sub(self.read) as usize >= out.len() {
            let at = self.read as usize & (self.samples.len() - 1);
            let first = out.len().min(self.samples.len() - at);
            out[..first].copy_from_slice(&self.samples[at..at + first]);
            let rest = out.len() - first;
            out[first..].copy_from_slice(&self.samples[..rest]);
            self.read = self.read.wrapping_add(out.len() as u32);
            let word: &AtomicU32 = &self.memory.engine_words().read;
            word.store(self.read, Ordering::Release);
        }
    }
}

/// Reading one block of 64 frames from each of many voices, as the engine does.
fn voices(count: usize, capacity_frames: u32) {
    const BLOCK: usize = 64;
    let mut memory = session(count, capacity_frames);
    let mut plain: Vec<Plain> = (0..count)
        .map(|_| Plain { memory: memory(), samples: vec![0.25; capacity_frames as usize], read: 0, write: 0 })
        .collect();
    let mut ours: Vec<(Writer, Reader)> = Vec::new();
    let mut now = 0;
    for _ in 0..count {
        let (writer, reader, at) = playing(memory(), 9_600);
        ours.push((writer, reader));
        now = at;
    }
    let (chunk, mut out) = ([0.25; BLOCK], [0.0; BLOCK]);
    let (mut best_plain, mut best_ours, mut best_ahead) = (f64::INFINITY, f64::INFINITY, f64::INFINITY);
    let mut extra = Vec::new();
    let time = |body: &mut dyn FnMut()| {
        let start = std::time::Instant::now();
        body();
        start.elapsed().as_nanos() as f64 / count as f64
    };
    for round in 0..(400_000 / count).max(100) {
        for voice in &mut plain {
            let at = voice.read.wrapping_add(9_600);
            voice.produce(at, &chunk);
        }
        let plain_ns = time(&mut || plain.iter_mut().for_each(|voice| voice.read(black_box(&mut out))));
        ours.iter_mut().for_each(|(writer, _)| assert_eq!(writer.write(&chunk), BLOCK));
        let ahead = round % 2 == 1;
        let ours_ns = time(&mut || {
            for index in 0..count {
                if ahead && let Some((_, reader)) = ours.get(index + 8) {
                    reader.prefetch(BLOCK as u32);
                }
                let reader = &mut ours[index].1;
                reader.begin(0, now);
                reader.read(black_box(&mut out), BLOCK);
                reader.finish();
            }
        });
        now += BLOCK as u64;
        best_plain = best_plain.min(plain_ns);
        let best = if ahead { &mut best_ahead } else { &mut best_ours };
        *best = best.min(ours_ns);
        if !ahead {
            extra.push(ours_ns - plain_ns);
        }
    }
    extra.sort_by(f64::total_cmp);
    println!(
        "{count} voices, rings of {capacity_frames} frames, lead 9600, a block of {BLOCK} frames, ns per voice:"
    );
    println!(
        "  plain SPSC read {best_plain:.1}, ours {best_ours:.1}, ours with prefetch 8 ahead {best_ahead:.1}"
    );
    println!("  goal: <= 10 ns over plain, measured {:.1} (median of pairs)", extra[extra.len() / 2]);
}

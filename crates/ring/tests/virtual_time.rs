//! Random producers against the reference model, block by block: same bits, same counts.
#![cfg(not(loom))]

mod common;

use common::dice::prove_factor;
use common::story::Story;
use forebay_ring::sync::Ordering;
use forebay_ring::{
    EventKind, EventMemory, GroupMemory, LatePolicy, Ledger, Marker, MarkerKind, ReaderConfig, RingMemory,
    RingShape, TimedEvent, Writer, events, group, ring,
};
use units::ChannelCount;

/// Random blocks, gaps between them, splices, starts, flushes, stalls, shed blocks, `hold` and `skip`, markers before their frames,
/// late and far `at`, `to` that goes back: exact output, exact account, at every block.
#[test]
fn as_the_model_says() {
    let (stories, blocks) = (1500 * prove_factor(), 800);
    let mut happened = [0_u64; 8];
    for seed in 0..stories {
        let mut story = Story::new(seed);
        let lazy = story.dice.within(1, 6);
        for block in 0..blocks {
            story.acts(lazy);
            story.block(&format!("seed {seed}, block {block}"));
        }
        let Ledger { delivered, superseded, shed, concealed, late, jumped, underruns, .. } =
            story.reader.ledger();
        let faulted = u64::from(story.reader.fault().is_some());
        let counts = [delivered, superseded, shed, concealed, late, jumped, underruns, faulted];
        happened.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
    }
    println!("delivered, superseded, shed, concealed, late, jumped, underruns, faulted: {happened:?}");
    assert!(
        happened[..7].iter().all(|&count| count > stories * 10),
        "the stories are too tame: {happened:?}"
    );
    assert!(happened[7] > 0 && happened[7] < stories / 2, "the stories are too wild: {happened:?}");
}

/// Nothing ever steps: with a constant sound of 1.0 two neighbours never differ by more than a step of the fade,
/// whatever the producer does, through every start, splice, flush, underrun, late marker and fault.
#[test]
fn no_step() {
    for seed in 0..600 * prove_factor() {
        let mut story = Story::new(seed ^ 0x57E9);
        story.constant = Some(1.0);
        let bound = 1.0 / (story.model.fade_frames + 1) as f32 + 1e-6;
        let mut before = 0.0;
        for block in 0..400 {
            story.acts(2);
            for sample in story.block(&format!("seed {seed}, block {block}")) {
                assert!((sample - before).abs() <= bound, "seed {seed}, block {block}: {before} to {sample}");
                before = sample;
            }
        }
    }
}

/// A counter that goes back or too far is a fault: the voice fades from where it was, then silence, whatever the
/// counters do afterwards.
#[test]
fn lying_counters_mute() {
    for seed in 0..300 * prove_factor() {
        let mut story = Story::new(seed ^ 0xFA11);
        for block in 0..40 {
            story.change_of_mind();
            story.write_some();
            story.block(&format!("seed {seed}, block {block}"));
        }
        let words = story.memory.clone();
        let (write, marks) = (story.writer.position(), story.writer.marker_count());
        let engine = story.writer.engine();
        if story.dice.once_in(2) {
            let lie = match story.dice.below(3) {
                0 => write.wrapping_sub(1 + story.dice.below(1 << 20) as u32),
                1 => engine
                    .read
                    .wrapping_add(story.model.capacity as u32 + 1 + story.dice.below(1 << 31) as u32),
                _ => write ^ 0x8000_0000,
            };
            words.producer_words().write.store(lie, Ordering::Release);
        } else {
            let lie = match story.dice.below(2) {
                0 => engine.marker_read.wrapping_add(9 + story.dice.below(1 << 30) as u32),
                _ => marks.wrapping_sub(1 + story.dice.below(1 << 20) as u32),
            };
            words.producer_words().marker_write.store(lie, Ordering::Release);
        }
        story.broken = true;
        for block in 0..20 {
            story.block(&format!("seed {seed}, block {block} after the lie"));
            assert!(story.reader.fault().is_some());
            words.producer_words().write.store(story.dice.next() as u32, Ordering::Release);
        }
    }
}

/// 30 hours of 48 kHz from shortly before the wrap of every counter, with a splice every ten seconds and an event a block: every frame where
/// it belongs, no drift between the counters. One voice; 64 to prove it.
#[test]
fn thirty_hours() {
    (0..prove_factor().min(64) as u32).for_each(thirty_hours_of_a_voice);
}

fn thirty_hours_of_a_voice(voice: u32) {
    const BLOCK: usize = 8192;
    const PERIOD: usize = 65_521;
    const BLOCKS: u64 = 30 * 3600 * 48_000 / BLOCK as u64;
    const START: u64 = (1 << 32) - (1 << 20);
    let wave: Vec<f32> = (0..PERIOD + BLOCK).map(|k| (k % PERIOD) as f32).collect();
    let shape =
        RingShape { channels: ChannelCount::MONO, capacity_frames: 32_768, first: START as u32 - voice };
    let memory = RingMemory::heap(shape).unwrap().with_first_marker(u32::MAX - 40 - voice);
    let policy = if voice.is_multiple_of(2) { LatePolicy::Hold } else { LatePolicy::Skip };
    let config = ReaderConfig { policy, crossfade_frames: 240 };
    let (mut writer, mut reader) = ring(memory, config);
    let (mut commit, group) = group(GroupMemory::heap().with_count(u32::MAX - 400));
    let (mut told, mut events) = events(EventMemory::heap(8).with_count(u32::MAX - 40 - voice));
    let mut out = vec![0.0; BLOCK];
    // What the producer would have written at voice frame v is wave[v % PERIOD]: a splice changes nothing audible.
    let mut made = START;
    let write = |writer: &mut Writer, made: &mut u64, frames: usize| {
        *made += writer.write(&wave[(*made % PERIOD as u64) as usize..][..frames]) as u64;
    };
    writer.mark(marker_words(MarkerKind::Start, START, writer.position(), commit.next(), 0)).unwrap();
    write(&mut writer, &mut made, BLOCK);
    commit.bump();
    for block in 0..BLOCKS {
        let frame = START + block * BLOCK as u64;
        if block % 59 == 58 {
            let at = frame + 1000;
            writer.mark(marker_words(MarkerKind::Splice, at, writer.position(), commit.next(), 0)).unwrap();
            made = at;
            write(&mut writer, &mut made, BLOCK);
            commit.bump();
        }
        write(&mut writer, &mut made, BLOCK);
        reader.begin(group.load(), frame);
        reader.read(&mut out, BLOCK);
        reader.finish();
        let expected = &wave[(frame % PERIOD as u64) as usize..][..BLOCK];
        let from = if block == 0 { 240 } else { 0 };
        assert!(out[from..] == expected[from..], "block {block}");
        assert_eq!((writer.engine().voice_frame, writer.engine().anchor), ((frame + BLOCK as u64) as u32, 0));
        let event =
            TimedEvent { at: frame as u32, slot: voice, kind: EventKind::Pan, value: 0.5, ramp_frames: 9 };
        told.push(event).unwrap();
        assert_eq!((events.begin(), events.pop(), events.pop()), (1, Some(event), None));
        events.finish();
        let lead = made - frame - BLOCK as u64;
        assert_eq!(u64::from(reader.lead_frames()), lead, "block {block}");
    }
    let ledger = reader.ledger();
    assert_eq!(ledger.delivered, BLOCKS * BLOCK as u64);
    assert_eq!(ledger.produced, ledger.delivered + ledger.superseded + ledger.in_ring);
    assert_eq!((ledger.concealed, ledger.underruns, ledger.late), (0, 0, 0));
    assert_eq!(events.refused(), 0);
}

fn marker_words(kind: MarkerKind, at: u64, to: u32, group: u32, anchor: u32) -> Marker {
    Marker { kind, at: at as u32, to, group, anchor }
}

//! The story of one voice, as a user of the crate sees it.
#![cfg(not(loom))]

use forebay_ring::{
    LatePolicy, Ledger, Marker, MarkerKind, Reader, ReaderConfig, RingMemory, RingShape, State, Writer, ring,
};
use units::ChannelCount;

const FADE: u32 = 4;

fn voice(policy: LatePolicy, first: u32) -> (Writer, Reader) {
    let shape = RingShape { channels: ChannelCount::MONO, capacity_frames: 64, first };
    let config = ReaderConfig { policy, crossfade_frames: FADE };
    ring(RingMemory::heap(shape).expect("a possible shape"), config)
}

fn block(reader: &mut Reader, committed: u32, engine_frame: u64, frames: usize) -> Vec<f32> {
    let mut out = vec![f32::NAN; frames];
    reader.begin(committed, engine_frame);
    reader.read(&mut out, frames);
    reader.finish();
    let Ledger { produced, delivered, superseded, shed, in_ring, .. } = reader.ledger();
    assert_eq!(produced, delivered + superseded + shed + in_ring);
    out
}

fn marker(kind: MarkerKind, at: u32, to: u32, group: u32) -> Marker {
    Marker { kind, at, to, group, anchor: 0 }
}

/// A voice starts on its frame with a fade-in, plays bit-exactly, changes over to a spliced future, and is silent
/// after a flush at its end.
#[test]
fn start_splice_drain() {
    let (mut writer, mut reader) = voice(LatePolicy::Hold, u32::MAX - 9);
    writer.mark(marker(MarkerKind::Start, 103, writer.position(), 1)).unwrap();
    assert_eq!(writer.write(&[1.0; 40]), 40);
    assert_eq!(block(&mut reader, 0, 96, 4), [0.0; 4], "nothing counts before its commit");
    let out = block(&mut reader, 1, 100, 10);
    assert_eq!(out, [0.0, 0.0, 0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.0, 1.0]);
    assert_eq!(writer.engine().voice_frame, 110);
    assert_eq!(writer.engine().anchor, 0);

    writer.mark(marker(MarkerKind::Splice, 112, writer.position(), 2)).unwrap();
    writer.write(&[2.0; 20]);
    assert_eq!(block(&mut reader, 1, 110, 1), [1.0]);
    let out = block(&mut reader, 2, 111, 7);
    assert_eq!(out, [1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.0]);
    assert_eq!(reader.ledger().superseded, 40 - 9);

    let end = 112 + 20;
    writer.mark(marker(MarkerKind::Flush, end, writer.position(), 3)).unwrap();
    assert_eq!(block(&mut reader, 3, 118, 14), [2.0; 14]);
    let tail = block(&mut reader, 3, 132, 6);
    assert_eq!(tail, [1.6, 1.2, 0.79999995, 0.39999998, 0.0, 0.0]);
    assert_eq!(reader.state(), State::Idle);
    let ledger = reader.ledger();
    assert_eq!((ledger.delivered, ledger.in_ring, ledger.concealed), (29, 0, 0));
    assert_eq!(writer.space_frames(), 64);
}

/// `hold` goes on where it stopped, `skip` stays on the time line; both fade out and in.
#[test]
fn underruns() {
    for policy in [LatePolicy::Hold, LatePolicy::Skip] {
        let (mut writer, mut reader) = voice(policy, 0);
        writer.mark(marker(MarkerKind::Start, 0, 0, 0)).unwrap();
        let ramp: Vec<f32> = (0..64).map(|k| k as f32).collect();
        writer.write(&ramp[..12]);
        block(&mut reader, 0, 0, 8);
        assert_eq!(block(&mut reader, 0, 8, 8)[4..], [0.0; 4]);
        assert_eq!(reader.state(), State::Starved);
        block(&mut reader, 0, 16, 8);
        writer.write(&ramp[12..40]);
        let out = block(&mut reader, 0, 24, 8);
        let first = if policy == LatePolicy::Hold { 12 } else { 24 };
        assert_eq!(out[4..], ramp[first + 4..first + 8]);
        let ledger = reader.ledger();
        assert_eq!((ledger.concealed, ledger.underruns), (12, 1));
        assert_eq!(ledger.shed, if policy == LatePolicy::Hold { 0 } else { 12 });
    }
}

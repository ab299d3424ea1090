//! The plain queue inside: what goes in comes out, once, in order, whatever the pieces.
#![cfg(not(loom))]

use forebay_ring::{
    EventKind, EventMemory, Marker, MarkerKind, Reader, ReaderConfig, Region, RingMemory, RingShape,
    TimedEvent, Writer, broadcast, events, ring,
};
use proptest::prelude::*;
use std::collections::VecDeque;
use units::ChannelCount;

fn cases() -> ProptestConfig {
    let factor =
        std::env::var("FOREBAY_PROVE_FACTOR").ok().and_then(|factor| factor.parse().ok()).unwrap_or(1);
    ProptestConfig { cases: 256_u32.saturating_mul(factor), failure_persistence: None, ..Default::default() }
}

/// A ring that plays, with fades of one frame, behind its first one.
fn playing(channels: ChannelCount, capacity_frames: u32, first: u32) -> (Writer, Reader) {
    let shape = RingShape { channels, capacity_frames, first };
    let config = ReaderConfig { crossfade_frames: 1, ..ReaderConfig::default() };
    let (mut writer, mut reader) = ring(RingMemory::heap(shape).expect("a shape"), config);
    let start = Marker { kind: MarkerKind::Start, at: 0, to: first, group: 0, anchor: 0 };
    writer.mark(start).expect("room");
    writer.write(&vec![0.0; channels.get()]);
    reader.begin(0, 0);
    reader.read(&mut vec![0.0; channels.get()], 1);
    reader.finish();
    (writer, reader)
}

proptest! {
    #![proptest_config(cases())]

    /// The ring is a bounded queue of frames: it takes what there is room for and gives it back in order, for any
    /// number of channels, capacity, first position and pieces.
    #[test]
    fn a_bounded_queue(
        channels in 1_usize..=8,
        log_capacity in 1_u32..8,
        first in prop_oneof![any::<u32>(), u32::MAX - 300..=u32::MAX],
        pieces in prop::collection::vec((0_usize..200, 0_usize..200), 1..60),
    ) {
        let capacity = 1_usize << log_capacity;
        let count = ChannelCount::new(channels).unwrap();
        let (mut writer, mut reader) = playing(count, capacity as u32, first);
        let (mut queue, mut next, mut now) = (VecDeque::new(), 1.0_f32, 1);
        for (wanted_in, wanted_out) in pieces {
            let chunk: Vec<f32> = (0..wanted_in * channels).map(|k| next + k as f32).collect();
            let taken = writer.write(&chunk);
            prop_assert_eq!(taken, wanted_in.min(capacity - queue.len() / channels));
            queue.extend(&chunk[..taken * channels]);
            next += (taken * channels) as f32;
            prop_assert_eq!(writer.space_frames() as usize, capacity - queue.len() / channels);

            let frames = wanted_out.min(queue.len() / channels);
            let mut out = vec![f32::NAN; frames * channels];
            prop_assert_eq!(reader.begin(0, now).calm_frames as usize, queue.len() / channels);
            reader.read(&mut out, frames);
            reader.finish();
            now += frames as u64;
            prop_assert_eq!(out, queue.drain(..frames * channels).collect::<Vec<_>>());
            prop_assert_eq!(reader.lead_frames() as usize, queue.len() / channels);
        }
    }

    /// A voice of several channels is that many voices of one: the same changes of mind, the same bits.
    #[test]
    fn channels_are_independent(
        channels in 2_usize..=8,
        acts in prop::collection::vec((0_u8..4, 0_usize..40, 1_usize..40), 1..60),
    ) {
        let config = ReaderConfig { crossfade_frames: 5, ..ReaderConfig::default() };
        let rings = |count: usize| {
            let channels = ChannelCount::new(count).unwrap();
            ring(RingMemory::heap(RingShape { channels, capacity_frames: 64, first: 7 }).unwrap(), config)
        };
        let (mut wide, mut narrow) = (rings(channels), Vec::from_iter((0..channels).map(|_| rings(1))));
        let (mut now, mut made) = (0_u64, 0_usize);
        for (act, frames_in, frames_out) in acts {
            let kind = [None, Some(MarkerKind::Start), Some(MarkerKind::Splice), Some(MarkerKind::Flush)][act as usize];
            if let Some(kind) = kind {
                let voice_frame = wide.0.engine().voice_frame;
                let at = if kind == MarkerKind::Start { now as u32 } else { voice_frame + frames_in as u32 };
                let anchor = wide.0.engine().anchor;
                let marker = Marker { kind, at, to: wide.0.position(), group: 0, anchor };
                let wide_result = wide.0.mark(marker);
                for (writer, _) in &mut narrow {
                    prop_assert_eq!(writer.mark(marker), wide_result);
                }
            }
            let sample = |frame: usize, channel: usize| (frame * 8 + channel) as f32;
            let frames: Vec<f32> =
                (made..made + frames_in).flat_map(|frame| (0..channels).map(move |c| sample(frame, c))).collect();
            let taken = wide.0.write(&frames);
            for (channel, (writer, _)) in narrow.iter_mut().enumerate() {
                let own: Vec<f32> = (made..made + frames_in).map(|frame| sample(frame, channel)).collect();
                prop_assert_eq!(writer.write(&own), taken);
            }
            made += taken;
            let play = |reader: &mut Reader, channels: usize| {
                let mut out = vec![f32::NAN; frames_out * channels];
                reader.begin(0, now);
                reader.read(&mut out, frames_out);
                reader.finish();
                out
            };
            let heard = play(&mut wide.1, channels);
            for (channel, (_, reader)) in narrow.iter_mut().enumerate() {
                let own: Vec<f32> = heard.iter().skip(channel).step_by(channels).copied().collect();
                prop_assert_eq!(play(reader, 1), own);
                prop_assert_eq!(reader.ledger(), wide.1.ledger());
            }
            now += frames_out as u64;
        }
    }

    /// Every frame of a broadcast is either read or counted as lost, and the lost ones are where the count says, for any
    /// number of channels: frames begin in the middle of a word where it is odd.
    #[test]
    fn broadcast_counts_what_it_loses(
        channels in 1_usize..=8,
        log_capacity in 1_u32..8,
        pieces in prop::collection::vec((0_usize..300, 0_usize..300), 1..60),
    ) {
        let region = Region::heap(64 + ((4 * channels) << log_capacity));
        let (mut writer, mut reader) = broadcast(&region, ChannelCount::new(channels).unwrap());
        prop_assert_eq!(reader.capacity_frames(), 1 << log_capacity);
        let sample = |frame: u64, channel: usize| (frame * 8) as f32 + channel as f32;
        let mut next = 0_u64;
        for (frames_in, frames_out) in pieces {
            let first = writer.written_frames();
            let frames = first..first + frames_in as u64;
            let frames: Vec<f32> = frames.flat_map(|k| (0..channels).map(move |c| sample(k, c))).collect();
            writer.write(&frames);
            let mut out = vec![f32::NAN; channels * frames_out];
            let read = reader.read(&mut out);
            next += read.gap_frames;
            for frame in out[..channels * read.frames].chunks(channels) {
                prop_assert!(frame.iter().enumerate().all(|(c, got)| *got == sample(next, c)));
                next += 1;
            }
            prop_assert_eq!(next, reader.position());
            prop_assert_eq!(reader.waiting_frames(), writer.written_frames() - next);
        }
    }

    /// Events come out as they went in, and a full queue says so, wherever its counters are.
    #[test]
    fn events_are_a_bounded_queue(
        first in prop_oneof![any::<u32>(), u32::MAX - 100..=u32::MAX],
        pieces in prop::collection::vec((0_u32..20, any::<bool>()), 1..40),
    ) {
        let (mut writer, mut reader) = events(EventMemory::heap(16).with_count(first));
        let (mut queue, mut made) = (VecDeque::new(), 0_u32);
        for (count, drain) in pieces {
            for _ in 0..count {
                let kind = [EventKind::Gain, EventKind::Pan, EventKind::Mute][made as usize % 3];
                let event = TimedEvent { at: made, slot: made ^ 5, kind, value: made as f32, ramp_frames: made / 2 };
                prop_assert_eq!(writer.push(event).is_ok(), queue.len() < 16);
                if queue.len() < 16 {
                    queue.push_back(event);
                    made += 1;
                }
            }
            if drain {
                prop_assert_eq!(reader.begin() as usize, queue.len());
                while let Some(event) = reader.pop() {
                    prop_assert_eq!(Some(event), queue.pop_front());
                }
                reader.finish();
                prop_assert!(queue.is_empty());
            }
        }
    }
}

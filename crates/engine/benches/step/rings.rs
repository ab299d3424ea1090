//! Rings in memory laid out as sessions' are, and the thread that feeds them.

use ring::sync::{AtomicBool, AtomicU64, Ordering};
use ring::{
    Commit, Group, GroupMemory, Marker, MarkerKind, Reader, ReaderConfig, Region, RingMemory, RingShape,
    Writer,
};
use std::sync::Arc;
use std::thread::JoinHandle;
use units::ChannelCount;

/// Rings per session.
pub(crate) const SLOTS: usize = 64;
/// More than 1 s at 48 kHz.
const CAPACITY: u32 = 65_536;
/// Blocks that the engine may be ahead of the feeder's rounds.
const SLACK: u64 = 16;

/// Both ends of all rings.
pub(crate) struct Rings {
    pub(crate) readers: Vec<Reader>,
    pub(crate) writers: Vec<Writer>,
    pub(crate) groups: Vec<Group>,
    pub(crate) commits: Vec<Commit>,
}

impl Rings {
    pub(crate) fn new(voices: usize) -> Self {
        let mut rings = Self { readers: vec![], writers: vec![], groups: vec![], commits: vec![] };
        for first in (0..voices).step_by(SLOTS) {
            // As in a session: the words of all slots side by side, then the markers; samples on their own.
            let control = Region::heap(0x8000);
            let memory =
                GroupMemory::new(&control.slice(0x40, 64), &control.slice(0x80, 64)).expect("it fits");
            let (commit, group) = ring::group(memory);
            rings.groups.push(group);
            rings.commits.push(commit);
            for slot in 0..SLOTS.min(voices - first) {
                let shape = RingShape { channels: ChannelCount::MONO, capacity_frames: CAPACITY, first: 0 };
                let memory = RingMemory::new(
                    &control.slice(0x1000 + slot * 64, 64),
                    &control.slice(0x2000 + slot * 64, 64),
                    &control.slice(0x3000 + slot * 256, 256),
                    &Region::heap(shape.sample_bytes()),
                    shape,
                )
                .expect("it fits");
                let (mut writer, reader) = ring::ring(memory, ReaderConfig::default());
                writer.set_gain(1.0);
                rings.readers.push(reader);
                rings.writers.push(writer);
            }
        }
        rings
    }
}

struct Shared {
    blocks: AtomicU64,
    rounds: AtomicU64,
    stop: AtomicBool,
}

/// Keeps every ring filled to the lead, on a thread of its own, until it is dropped.
pub(crate) struct Feeder {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Feeder {
    pub(crate) fn start(mut writers: Vec<Writer>, commits: Vec<Commit>, lead_frames: u32) -> Self {
        let shared = Arc::new(Shared {
            blocks: AtomicU64::new(0),
            rounds: AtomicU64::new(0),
            stop: AtomicBool::new(false),
        });
        let theirs = shared.clone();
        let thread = std::thread::spawn(move || {
            let sound: Vec<f32> = (0..CAPACITY).map(|k| (k as f32 * 0.03).sin()).collect();
            start(&mut writers, commits, &sound[..lead_frames as usize]);
            theirs.rounds.store(1, Ordering::Release);
            while !theirs.stop.load(Ordering::Relaxed) {
                let blocks = theirs.blocks.load(Ordering::Acquire);
                if theirs.rounds.load(Ordering::Relaxed) > blocks {
                    std::thread::yield_now();
                    continue;
                }
                for writer in &mut writers {
                    let used = CAPACITY - writer.space_frames();
                    writer.write(&sound[..lead_frames.saturating_sub(used) as usize]);
                }
                theirs.rounds.store(blocks + 1, Ordering::Release);
            }
        });
        Self { shared, thread: Some(thread) }
    }

    /// Waits until the feeder is at most [`SLACK`] blocks behind.
    pub(crate) fn wait_until_fed(&self) {
        let blocks = self.shared.blocks.load(Ordering::Relaxed);
        while self.shared.rounds.load(Ordering::Acquire) + SLACK.min(blocks) <= blocks {
            std::thread::yield_now();
        }
    }

    pub(crate) fn block_done(&self) {
        self.shared.blocks.fetch_add(1, Ordering::Release);
    }
}

/// The first frames of every ring, and one commit per session.
fn start(writers: &mut [Writer], commits: Vec<Commit>, sound: &[f32]) {
    for (writers, mut commit) in writers.chunks_mut(SLOTS).zip(commits) {
        for writer in writers {
            let marker = Marker { at: 0, to: 0, group: commit.next(), anchor: 0, kind: MarkerKind::Start };
            writer.mark(marker).expect("an empty queue");
            writer.write(sound);
        }
        commit.bump();
    }
}

impl Drop for Feeder {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the feeder ends well");
        }
    }
}

//! A producer that follows a script, and an engine whose every block is compared with the reference model.

use super::common::model::{Model, Wish};
use forebay_ring::{
    Commit, Group, GroupMemory, LatePolicy, Marker, MarkerKind, Reader, ReaderConfig, RingMemory, RingShape,
    Writer, group, ring,
};
use std::sync::{Arc, Mutex};
use units::ChannelCount;

const FIRST: u32 = u32::MAX - 1;
const FIRST_MARKER: u32 = u32::MAX;
const FIRST_GROUP: i64 = u32::MAX as i64;
const ENGINE_START: i64 = (1 << 32) - 3;

/// What was published so far, written down before it is: (frames, markers) of each ring at each commit.
#[derive(Default)]
pub(super) struct Book {
    wishes: Vec<Vec<Wish>>,
    commits: Vec<Vec<(usize, usize)>>,
}

/// The producer of one session: the steps that a script is made of.
pub(super) struct Producer {
    writers: Vec<Writer>,
    commit: Commit,
    commits: i64,
    made: Vec<usize>,
    book: Arc<Mutex<Book>>,
}

/// Frame `index` of every ring: no two are alike.
pub(super) fn frame(index: usize) -> f32 {
    (index * index + 3) as f32
}

impl Producer {
    /// Writes up to `frames` frames; a full ring takes fewer.
    pub(super) fn write(&mut self, ring: usize, frames: usize) -> usize {
        let made = self.made[ring];
        let chunk: Vec<f32> = (made..made + frames).map(frame).collect();
        let taken = self.writers[ring].write(&chunk);
        self.made[ring] += taken;
        taken
    }

    /// A marker for the commit after this one, at the end of what is written; `at` counts from the engine's start.
    pub(super) fn mark(&mut self, ring: usize, kind: MarkerKind, at: i64) {
        let wish = Wish {
            kind,
            at: ENGINE_START + at,
            to: self.made[ring] as i64,
            group: FIRST_GROUP + self.commits + 1,
            anchor: 0,
        };
        let to = self.writers[ring].position();
        let marker =
            Marker { kind, at: wish.at as u32, to, group: wish.group as u32, anchor: wish.anchor as u32 };
        self.book.lock().unwrap().wishes[ring].push(wish);
        if self.writers[ring].mark(marker).is_err() {
            self.book.lock().unwrap().wishes[ring].pop();
        }
    }

    pub(super) fn bump(&mut self) {
        let mut book = self.book.lock().unwrap();
        let state = self.made.iter().zip(&book.wishes).map(|(made, wishes)| (*made, wishes.len())).collect();
        book.commits.push(state);
        drop(book);
        self.commits += 1;
        self.commit.bump();
    }
}

/// The engine with the model of each of its voices.
pub(super) struct Engine {
    group: Group,
    pub(super) voices: Vec<(Reader, Model)>,
    book: Arc<Mutex<Book>>,
}

impl Engine {
    /// One block; what it plays and what it says must be what the models say, in every ring.
    pub(super) fn block(&mut self, frames: usize) {
        let committed = i64::from(self.group.load().wrapping_sub(FIRST_GROUP as u32));
        for (ring, (reader, model)) in self.voices.iter_mut().enumerate() {
            reader.begin((FIRST_GROUP + committed) as u32, model.engine_frame as u64);
            let seen_frames = reader.ledger().produced as usize;
            let seen_markers = reader.marker_count().wrapping_sub(FIRST_MARKER) as usize;
            let book = self.book.lock().unwrap();
            check_order(&book, ring, committed, seen_frames, seen_markers);
            model.committed = FIRST_GROUP + committed;
            let known = model.history.len();
            model.history.extend((known..seen_frames).map(frame));
            while model.learned < seen_markers {
                let wish = book.wishes[ring][model.learned];
                assert_eq!(model.learn(wish), Ok(true));
            }
            drop(book);
            model.arrive();
            let expected: Vec<f32> = (0..frames).map(|k| model.frame((frames - k) as i64, true)).collect();
            let mut out = vec![f32::NAN; frames];
            reader.read(&mut out, frames);
            assert_eq!(out, expected, "{reader:?}");
            reader.finish();
            assert_eq!(reader.ledger(), model.ledger());
            assert_eq!(reader.fault(), None);
        }
    }
}

/// A commit that is seen is seen with its frames and markers; frames behind a marker with the marker.
fn check_order(book: &Book, ring: usize, committed: i64, frames: usize, markers: usize) {
    if let Some(at_commit) = usize::try_from(committed - 1).ok().map(|index| book.commits[index][ring]) {
        assert!(frames >= at_commit.0 && markers >= at_commit.1, "a commit without what it commits");
    }
    for (index, wish) in book.wishes[ring].iter().enumerate() {
        assert!(frames as i64 <= wish.to || index < markers, "frames without the marker before them");
    }
}

/// A session of `rings` rings of `capacity` frames, with fades of `fade` frames.
pub(super) fn session(rings: usize, capacity: u32, policy: LatePolicy, fade: u32) -> (Producer, Engine) {
    let book = Arc::new(Mutex::new(Book { wishes: vec![Vec::new(); rings], commits: Vec::new() }));
    let (commit, group) = group(GroupMemory::heap().with_count(FIRST_GROUP as u32));
    let (mut writers, mut voices) = (Vec::new(), Vec::new());
    for _ in 0..rings {
        let shape = RingShape { channels: ChannelCount::MONO, capacity_frames: capacity, first: FIRST };
        let memory = RingMemory::heap(shape).unwrap().with_first_marker(FIRST_MARKER);
        let (writer, reader) = ring(memory, ReaderConfig { policy, crossfade_frames: fade });
        writers.push(writer);
        let mut model = Model::new(policy, fade.into(), i64::from(capacity), ENGINE_START);
        model.committed = FIRST_GROUP;
        voices.push((reader, model));
    }
    let producer = Producer { writers, commit, commits: 0, made: vec![0; rings], book: book.clone() };
    (producer, Engine { group, voices, book })
}

/// A session whose voices play since the engine's start, each with `lead` frames behind the end of its fade-in.
pub(super) fn playing(rings: usize, capacity: u32, policy: LatePolicy, lead: usize) -> (Producer, Engine) {
    playing_with_fade(rings, capacity, policy, lead, 1)
}

pub(super) fn playing_with_fade(
    rings: usize,
    capacity: u32,
    policy: LatePolicy,
    lead: usize,
    fade: u32,
) -> (Producer, Engine) {
    let (mut producer, mut engine) = session(rings, capacity, policy, fade);
    for ring in 0..rings {
        producer.mark(ring, MarkerKind::Start, 0);
        producer.write(ring, lead + fade as usize);
    }
    producer.bump();
    engine.block(fade as usize);
    (producer, engine)
}

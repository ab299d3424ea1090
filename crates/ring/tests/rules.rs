//! One story per rule: what a producer may count on.
#![cfg(not(loom))]

use forebay_ring::sync::Ordering;
use forebay_ring::{
    Commit, Fault, Group, GroupMemory, LatePolicy, Marker, MarkerKind, Reader, ReaderConfig, RingMemory,
    RingShape, State, Writer, group, ring,
};
use units::ChannelCount;

const FADE: usize = 4;
const CAPACITY: u32 = 256;

/// A ring whose frames carry their position, so that what is heard tells where it was read.
struct Voice {
    writer: Writer,
    reader: Reader,
    made: usize,
}

impl Voice {
    fn new(policy: LatePolicy) -> Self {
        let shape =
            RingShape { channels: ChannelCount::MONO, capacity_frames: CAPACITY, first: u32::MAX - 20 };
        let config = ReaderConfig { policy, crossfade_frames: FADE as u32 };
        let (writer, reader) = ring(RingMemory::heap(shape).expect("a possible shape"), config);
        Self { writer, reader, made: 0 }
    }

    fn write(&mut self, frames: usize) {
        let chunk: Vec<f32> = (self.made..self.made + frames).map(|index| index as f32).collect();
        assert_eq!(self.writer.write(&chunk), frames);
        self.made += frames;
    }

    /// A marker here; where its future begins, as the frames count.
    fn mark(&mut self, kind: MarkerKind, at: u32, group: u32) -> usize {
        let (to, anchor) = (self.writer.position(), self.writer.engine().anchor);
        self.writer.mark(Marker { kind, at, to, group, anchor }).expect("room in the queue");
        self.made
    }

    fn block(&mut self, committed: u32, at: u64, frames: usize) -> Vec<f32> {
        let mut out = vec![f32::NAN; frames];
        self.reader.begin(committed, at);
        self.reader.read(&mut out, frames);
        self.reader.finish();
        out
    }

    /// Playing from engine frame 0 on, with `lead` frames behind the first block of `FADE`.
    fn playing(policy: LatePolicy, lead: usize) -> Self {
        let mut voice = Self::new(policy);
        voice.mark(MarkerKind::Start, 0, 0);
        voice.write(FADE + lead);
        voice.block(0, 0, FADE);
        voice
    }
}

/// Frames whose index counts up by one from `first`.
fn counts_from(frames: &[f32], first: usize) -> bool {
    frames.iter().enumerate().all(|(k, frame)| *frame == (first + k) as f32)
}

fn sessions() -> (Commit, Group) {
    group(GroupMemory::heap())
}

/// Three playing and two idle voices, with different anchors, change over on one engine frame. One of the playing ones
/// runs dry after the producer has looked at its anchor, so that it has another one by then.
#[test]
fn a_group_lands_on_one_frame() {
    let (mut commit, group) = sessions();
    let mut voices: Vec<Voice> = (0..5).map(|_| Voice::new(LatePolicy::Hold)).collect();
    for (index, voice) in voices[..3].iter_mut().enumerate() {
        // Late by 0, 7 and 14 frames: with `hold` that is the anchor.
        voice.mark(MarkerKind::Start, 100 - 7 * index as u32, commit.next());
        voice.write(if index == 1 { 30 } else { 150 });
    }
    commit.bump();
    let play = |voices: &mut [Voice], group: &Group, at: u64, frames: usize| -> Vec<Vec<f32>> {
        let committed = group.load();
        voices.iter_mut().map(|voice| voice.block(committed, at, frames)).collect()
    };
    play(&mut voices, &group, 100, 20);
    let anchors: Vec<u32> = voices.iter().map(|voice| voice.writer.engine().anchor).collect();
    assert_eq!(anchors, [0, 7, 14, 0, 0]);
    play(&mut voices, &group, 120, 20);
    assert_eq!(voices[1].reader.state(), State::Starved);
    voices[1].write(100);

    let landing = 160;
    for (index, voice) in voices.iter_mut().enumerate() {
        let kind = if index < 3 { MarkerKind::Splice } else { MarkerKind::Start };
        let (to, anchor) = (voice.writer.position(), anchors[index]);
        let marker = Marker { kind, at: landing - anchor, to, group: commit.next(), anchor };
        voice.writer.mark(marker).expect("room");
        voice.made = 1000;
        voice.write(40);
    }
    commit.bump();
    let heard = play(&mut voices, &group, 140, 40);
    assert_eq!(voices[1].writer.engine().anchor, 17);
    for (index, heard) in heard.iter().enumerate() {
        assert!(heard[..20].iter().all(|frame| *frame < 200.0), "voice {index} changes before: {heard:?}");
        assert!(heard[20] >= 200.0, "voice {index} changes on the frame: {heard:?}");
        assert!(counts_from(&heard[20 + FADE..], 1000 + FADE), "voice {index}: {heard:?}");
    }
}

/// With `hold`, a marker past the end of what is written is taken when the old future ends: nothing dead-locks, and
/// the voice frame jumps to it.
#[test]
fn hold_jumps_over_a_hole() {
    let mut voice = Voice::playing(LatePolicy::Hold, 10);
    let first = voice.mark(MarkerKind::Splice, 90, 1);
    voice.write(20);
    let heard = voice.block(1, 4, 20);
    assert!(counts_from(&heard[..10], FADE));
    assert!(counts_from(&heard[10 + FADE..], first + FADE));
    let engine = voice.writer.engine();
    assert_eq!((engine.voice_frame, engine.anchor as i32), (100, -76));
    assert_eq!(voice.reader.ledger().jumped, 76);
}

/// With `skip` the same marker waits for its time, and the voice is silent until then.
#[test]
fn skip_waits_for_the_time() {
    let mut voice = Voice::playing(LatePolicy::Skip, 10);
    let first = voice.mark(MarkerKind::Splice, 90, 1);
    voice.write(20);
    let heard = voice.block(1, 4, 106);
    assert_eq!(heard[10 + FADE..86], [0.0; 72]);
    assert!(counts_from(&heard[86 + FADE..], first + FADE));
    assert_eq!(voice.writer.engine().anchor, 0);
}

/// A producer that stalls right after its commit: the cover plays out and fades, the voice comes back where its policy
/// says.
#[test]
fn a_stall_right_after_the_commit() {
    for policy in [LatePolicy::Hold, LatePolicy::Skip] {
        let mut voice = Voice::playing(policy, 100);
        let first = voice.mark(MarkerKind::Splice, 8, 1);
        voice.write(30);
        let heard = voice.block(1, 4, 64);
        assert!(counts_from(&heard[4 + FADE..4 + 30 - FADE], first + FADE));
        assert_eq!(heard[4 + 30..], [0.0; 30]);
        voice.write(60);
        let heard = voice.block(1, 68, 8);
        let missed = if policy == LatePolicy::Skip { 30 } else { 0 };
        assert!(counts_from(&heard[FADE..], first + 30 + missed + FADE), "{policy:?} {heard:?}");
        assert_eq!(voice.reader.take_underrun().map(|underrun| underrun.engine_frame), Some(34));
        assert_eq!(voice.reader.take_resume().map(|resume| resume.missed_frames), Some(30));
        assert_eq!(voice.writer.engine().last_stall, 30);
    }
}

/// With `skip` a voice that misses a whole capacity of frames goes idle and gives its ring back; a new start plays, and
/// ends the underrun: nothing resumes before it sounds.
#[test]
fn lateness_beyond_the_capacity() {
    let mut voice = Voice::playing(LatePolicy::Skip, 10);
    let capacity = CAPACITY as usize;
    voice.block(0, 4, 10);
    voice.block(0, 14, capacity + 1);
    assert_eq!(voice.writer.engine().state, State::Idle);
    assert_eq!(voice.reader.take_resume(), None);
    let at = 14 + capacity as u32 + 1 + 5;
    let first = voice.mark(MarkerKind::Start, at, 1);
    voice.write(50);
    let heard = voice.block(1, u64::from(at) - 5, 25);
    assert_eq!(heard[..5], [0.0; 5]);
    assert!(counts_from(&heard[5 + FADE..], first + FADE));
    let resume = voice.reader.take_resume().expect("it sounds");
    assert_eq!((resume.engine_frame, resume.missed_frames), (u64::from(at), capacity as u64));
}

/// A voice that is stopped while it has run dry does not resume.
#[test]
fn a_stopped_voice_does_not_resume() {
    let mut voice = Voice::playing(LatePolicy::Hold, 10);
    voice.block(0, 4, 40);
    assert_eq!(voice.reader.state(), State::Starved);
    voice.mark(MarkerKind::Flush, 0, 1);
    voice.block(1, 44, 20);
    assert_eq!((voice.reader.state(), voice.reader.take_resume()), (State::Idle, None));
}

/// A late start: `hold` begins at its first frame, `skip` as many frames in as it is late.
#[test]
fn late_starts() {
    for (policy, entry, anchor) in [(LatePolicy::Hold, 0, 30), (LatePolicy::Skip, 30, 0)] {
        let mut voice = Voice::new(policy);
        voice.mark(MarkerKind::Start, 70, 0);
        voice.write(100);
        let heard = voice.block(0, 100, 20);
        assert!(counts_from(&heard[FADE..], entry + FADE));
        assert_eq!(voice.writer.engine().anchor, anchor);
        assert_eq!(voice.reader.ledger().late, 30);
    }
}

/// A flush at the end of what is written lets every frame out, bit for bit, also when the voice had run dry before
/// and is late by now.
#[test]
fn a_drain_delivers_everything() {
    let mut voice = Voice::playing(LatePolicy::Hold, 10);
    voice.block(0, 4, 10);
    voice.block(0, 14, 40);
    assert_eq!(voice.reader.state(), State::Starved);
    let end = voice.made as u32 + 60;
    voice.write(60);
    let flush = voice.mark(MarkerKind::Flush, end, 1);
    assert_eq!(flush, voice.made);
    let heard = voice.block(1, 54, 60 + FADE);
    assert!(counts_from(&heard[FADE..60], 14 + FADE), "{heard:?}");
    assert_eq!(voice.reader.state(), State::Idle);
    let ledger = voice.reader.ledger();
    assert_eq!((ledger.delivered, ledger.superseded, ledger.in_ring), (74, 0, 0));
}

/// A splice is revoked by a newer one that is due no later.
#[test]
fn a_newer_marker_revokes() {
    let mut voice = Voice::playing(LatePolicy::Hold, 100);
    voice.mark(MarkerKind::Splice, 40, 1);
    voice.write(20);
    voice.block(1, 4, 10);
    let first = voice.mark(MarkerKind::Splice, 30, 2);
    voice.write(50);
    let heard = voice.block(2, 14, 40);
    assert!(counts_from(&heard[..16], 14));
    assert!(counts_from(&heard[16 + FADE..], first + FADE));
    assert_eq!(voice.writer.engine().marker_read, voice.writer.marker_count());
}

/// Where the old and the new future are equal, a splice changes no bit.
#[test]
fn an_equal_future_changes_nothing() {
    let shape = RingShape { channels: ChannelCount::STEREO, capacity_frames: 128, first: 0 };
    let (mut writer, mut reader) = ring(
        RingMemory::heap(shape).expect("a shape"),
        ReaderConfig { policy: LatePolicy::Hold, crossfade_frames: 16 },
    );
    let sound = |frame: usize| [(frame as f32 * 0.31).sin() * 0.7, (frame as f32 * 0.17).cos() * 3.0];
    let frames = |from: usize, count: usize| (from..from + count).flat_map(sound).collect::<Vec<f32>>();
    let marker = |kind, at, to, group| Marker { kind, at, to, group, anchor: 0 };
    writer.mark(marker(MarkerKind::Start, 0, 0, 0)).expect("room");
    writer.write(&frames(0, 60));
    writer.mark(marker(MarkerKind::Splice, 30, writer.position(), 0)).expect("room");
    writer.write(&frames(30, 60));
    let mut out = vec![0.0; 2 * 90];
    reader.begin(0, 0);
    reader.read(&mut out, 90);
    assert_eq!(out[32..], frames(16, 74));
}

/// Each lie is named for what it is, told to the producer, and mutes the voice.
#[test]
fn faults_are_named() {
    let honest = Marker { kind: MarkerKind::Splice, at: 30, to: 0, group: 5, anchor: 0 };
    let ahead = |frames: i64| honest.to.wrapping_add(frames as u32);
    let lies: [(&[Marker], Option<Fault>); 8] = [
        (&[honest], None),
        (&[Marker { at: 1 << 31, ..honest }], Some(Fault::MarkerAt)),
        (&[Marker { anchor: 1 << 30, ..honest }], Some(Fault::MarkerAt)),
        (&[Marker { to: ahead(-51), ..honest }], Some(Fault::MarkerTo)),
        (&[Marker { to: ahead(1 + i64::from(CAPACITY)), ..honest }], Some(Fault::MarkerTo)),
        (&[honest, Marker { to: ahead(-1), ..honest }], Some(Fault::MarkerTo)),
        (&[honest, Marker { group: 4, ..honest }], Some(Fault::MarkerGroup)),
        (&[honest; 8], None),
    ];
    for (markers, fault) in lies {
        let mut voice = Voice::playing(LatePolicy::Hold, 50);
        for marker in markers {
            let to = marker.to.wrapping_add(voice.writer.position());
            voice.writer.mark(Marker { to, ..*marker }).expect("room");
        }
        voice.block(0, 4, 10);
        assert_eq!(voice.reader.fault(), fault, "{markers:?}");
        assert_eq!(voice.writer.engine().fault, fault.map_or(0, |fault| fault as u32));
        let silent = voice.block(0, 14, 10).iter().all(|frame| *frame == 0.0);
        assert_eq!(silent, fault.is_some());
    }
}

/// A marker of no kind, and a marker count beyond the queue, are faults as well.
#[test]
fn nonsense_in_the_words_is_a_fault() {
    for (lie, fault) in [(9, Fault::MarkerCount), (1, Fault::MarkerKind)] {
        let shape = RingShape { channels: ChannelCount::MONO, capacity_frames: CAPACITY, first: 0 };
        let memory = RingMemory::heap(shape).expect("a possible shape");
        let (_, mut reader) = ring(memory.clone(), ReaderConfig::default());
        memory.producer_words().marker_write.store(lie, Ordering::Release);
        reader.begin(0, 0);
        assert_eq!(reader.fault(), Some(fault));
    }
}

/// A liar that stays: a marker in order when it came, never committed while more than half of what its words can
/// tell apart goes by. Its time does not flip into the future: once committed it is taken as what it is, late.
#[test]
fn a_long_lived_marker_does_not_flip() {
    for policy in [LatePolicy::Hold, LatePolicy::Skip] {
        let mut voice = Voice::playing(policy, 100);
        let first = voice.mark(MarkerKind::Start, 50, 1);
        voice.write(40);
        let mut now = 4;
        for _ in 0..9 {
            voice.block(0, now, 30);
            now += 1 << 29;
        }
        assert_eq!(voice.reader.fault(), None);
        let heard = voice.block(1, now, 30);
        let late = now - 50;
        assert_eq!(voice.reader.ledger().late, late);
        if policy == LatePolicy::Hold {
            assert!(counts_from(&heard[FADE..], first + FADE), "{heard:?}");
            assert_eq!(voice.writer.engine().anchor, late as u32);
        } else {
            assert_eq!(heard, [0.0; 30]);
        }
    }
}

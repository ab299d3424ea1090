//! Hours in virtual time: 64 voices, every counter starting 2^20 before it wraps (or a few, where it counts rarities).

mod common;

use common::open_config;
use forebay_engine::{Block, Engine, Renderer, VoiceId, VoiceSpec, engine};
use ring::{
    BroadcastReader, Commit, GroupMemory, Marker, MarkerKind, ReaderConfig, RingMemory, RingShape, Writer,
};
use units::ChannelCount;

const RATE_HZ: u64 = 48_000;
const VOICES: u64 = 64;
const BLOCK: u64 = 64;
const LEAD: u64 = 9600;
/// Frames between two splices of all voices: 44 s.
const SPLICE_EVERY: u64 = (1 << 15) * BLOCK;
/// Just after the start of the engine's clock.
const FIRST_FRAME: u64 = (1 << 32) - (1 << 20);
/// Each voice repeats after this many frames, a prime: a frame too many or too few is seen at once.
const PERIOD: u64 = 4801;

/// One producer: it writes a sound that is a function of the voice frame alone, in whatever future.
struct Player {
    writer: Writer,
    sound: Vec<f32>,
    /// Voice frame of the next frame that it writes.
    next: u64,
    superseded: u64,
}

impl Player {
    fn new(seed: u64, commit: &Commit) -> (Self, ring::Reader) {
        let first = u32::MAX.wrapping_sub((1 << 20) + 977 * seed as u32);
        let shape = RingShape { channels: ChannelCount::MONO, capacity_frames: 32_768, first };
        let memory = RingMemory::heap(shape).unwrap().with_first_marker(u32::MAX - 2);
        let (mut writer, reader) = ring::ring(memory, ReaderConfig::default());
        writer.set_gain(1.0);
        let at = FIRST_FRAME as u32;
        writer
            .mark(Marker { at, to: first, group: commit.next(), anchor: 0, kind: MarkerKind::Start })
            .unwrap();
        let sample = |k: u64| ((k * (seed + 3)) as f32 * std::f32::consts::TAU / PERIOD as f32).sin() * 0.1;
        let sound = (0..2 * PERIOD).map(|k| sample(k % PERIOD)).collect();
        (Self { writer, sound, next: 0, superseded: 0 }, reader)
    }

    /// Writes up to voice frame `end`.
    fn fill(&mut self, end: u64) {
        while self.next < end {
            let from = (self.next % PERIOD) as usize;
            let frames = (end - self.next).min(PERIOD) as usize;
            let written = self.writer.write(&self.sound[from..from + frames]);
            assert_eq!(written, frames, "there is room");
            self.next += written as u64;
        }
    }

    /// Appends a future that begins at voice frame `at` and sounds as the old one would have.
    fn splice(&mut self, at: u64, group: u32) {
        let (to, anchor) = (self.writer.position(), self.writer.engine().anchor);
        // To the ring a voice frame counts from the engine frame of the start.
        let marker_at = (FIRST_FRAME + at) as u32;
        self.writer.mark(Marker { at: marker_at, to, group, anchor, kind: MarkerKind::Splice }).unwrap();
        self.superseded += self.next - at;
        self.next = at;
        self.fill(at + LEAD);
    }
}

struct Soak {
    engine: Engine,
    renderer: Renderer,
    commit: Commit,
    players: Vec<Player>,
    ids: Vec<VoiceId>,
    taps: Vec<(usize, u64, BroadcastReader)>,
}

impl Soak {
    fn new() -> Self {
        let mut config = open_config();
        config.first_frame = FIRST_FRAME;
        let (mut engine, renderer) = engine(config);
        let (mut commit, group) = ring::group(GroupMemory::heap().with_count(u32::MAX - 3));
        let group = engine.add_group(group).unwrap();
        let (mut players, mut ids) = (vec![], vec![]);
        for seed in 0..VOICES {
            let (mut player, reader) = Player::new(seed, &commit);
            player.fill(LEAD);
            ids.push(engine.add_voice(VoiceSpec::new(format!("v{seed}"), reader, group)).unwrap());
            players.push(player);
        }
        commit.bump();
        let taps = [0, 31, 63].map(|k| (k, 0, engine.tap_voice(ids[k]).unwrap()));
        Self { engine, renderer, commit, players, ids, taps: taps.into() }
    }

    /// One block; `passed` frames have passed before it.
    fn block(&mut self, passed: u64, out: &mut [f32]) {
        if passed % SPLICE_EVERY == SPLICE_EVERY / 2 {
            let group = self.commit.next();
            for player in &mut self.players {
                player.splice(passed + 4000, group);
            }
            self.commit.bump();
        }
        for player in &mut self.players {
            player.fill(passed + LEAD);
        }
        self.renderer.render(Block { out, faults: None });
    }

    /// Compares what the taps heard since the last time with what the voices should sound like.
    fn listen(&mut self) {
        let mut heard = vec![0.0; 2 * RATE_HZ as usize];
        for (voice, frame, tap) in &mut self.taps {
            let read = tap.read(&mut heard);
            assert_eq!(read.gap_frames, 0);
            let sound = &self.players[*voice].sound;
            for pair in heard[..2 * read.frames].chunks_exact(2) {
                let want = sound[(*frame % PERIOD) as usize] * std::f32::consts::FRAC_1_SQRT_2;
                // The first frames are inside the ring's own start fade.
                assert!(*frame < 240 || (pair[0] == want && pair[1] == want), "voice {voice}, frame {frame}");
                *frame += 1;
            }
        }
        assert!(self.engine.poll().next().is_none(), "nothing happens but sound");
    }

    fn resident_kb() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
    }
}

/// 45 s in tests, 30 h in proofs: every voice keeps its phase to the frame through wraps and splices, the books are
/// exact, nothing grows.
#[test]
fn no_drift_and_no_growth() {
    let seconds = if std::env::var_os("FOREBAY_PROVE").is_some() { 30 * 3600 } else { 45 };
    let frames = (seconds * RATE_HZ).next_multiple_of(BLOCK);
    let mut soak = Soak::new();
    let mut out = vec![0.0; 2 * BLOCK as usize];
    let mut resident_kb = 0;
    for passed in (0..frames).step_by(BLOCK as usize) {
        soak.block(passed, &mut out);
        if passed % (RATE_HZ / 2) < BLOCK {
            soak.listen();
        }
        if passed / BLOCK == 15_000 {
            resident_kb = Soak::resident_kb();
        }
    }
    soak.listen();
    assert!(Soak::resident_kb() <= resident_kb + 1024, "from {resident_kb} to {} kB", Soak::resident_kb());
    assert_eq!(soak.renderer.frame().0, FIRST_FRAME + frames);
    for (id, player) in soak.ids.iter().zip(&soak.players) {
        soak.engine.remove_voice(*id, 0).unwrap();
        assert!(player.superseded > 0);
    }
    soak.renderer.render(Block { out: &mut out[..0], faults: None });
    let returned = soak.engine.poll().filter_map(|notice| match notice.kind {
        forebay_engine::NoticeKind::Returned(returned) => Some(returned),
        _ => None,
    });
    let ledgers: Vec<_> = returned.map(|returned| returned.stats.ledger).collect();
    assert_eq!(ledgers.len() as u64, VOICES);
    for (ledger, player) in ledgers.iter().zip(&soak.players) {
        assert_eq!((ledger.delivered, ledger.superseded), (frames, player.superseded));
        assert_eq!(ledger.produced, frames + player.superseded + ledger.in_ring);
        assert_eq!((ledger.concealed, ledger.shed, ledger.late, ledger.underruns), (0, 0, 0, 0));
    }
}

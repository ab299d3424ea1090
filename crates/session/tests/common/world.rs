//! The two sides of the story: what the daemon has, and an honest producer whose voice nobody may touch.

use engine::{
    Block, Engine, EngineConfig, EventsId, GroupId, NoticeKind, Renderer, VoiceId, VoiceSpec, engine,
};
use forebay_session::layout::CONTROL_BYTES;
use forebay_session::{Guest, Host, HostConfig, Memory};
use ring::sync::AtomicU32;
use ring::{
    BroadcastReader, EventReader, Group, LatePolicy, Ledger, Marker, MarkerKind, Reader, ReaderConfig,
    Region, RingShape, Writer,
};
use units::{ChannelCount, SampleRate};

const FADE_FRAMES: u32 = 8;
/// Voices that the liar has open at a time, and opens in one story.
pub(super) const VOICES: usize = 2;
pub(super) const MOST_OPENED: usize = 24;

/// How far a story came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Played {
    pub(crate) delivered: u64,
    pub(crate) superseded: u64,
    pub(crate) faults: u64,
    pub(crate) events_applied: u64,
}

/// What the daemon keeps of a session.
pub(super) struct Session {
    pub(super) host: Host,
    pub(super) control: Region,
    group: GroupId,
    events: EventsId,
    pub(super) voices: [Option<Voice>; VOICES],
}

pub(super) struct Voice {
    pub(super) slot: usize,
    id: VoiceId,
    pub(super) shape: RingShape,
}

pub(super) fn word_of(region: &Region, byte: usize) -> &AtomicU32 {
    assert!(byte.is_multiple_of(4) && byte + 4 <= region.len());
    // SAFETY: inside the region and aligned; these words are only ever reached as atomics or by raw copies.
    unsafe { AtomicU32::from_ptr(region.start().add(byte).cast().as_ptr()) }
}

impl Session {
    fn new(engine: &mut Engine, session_id: u32, first: u32) -> Self {
        let rate = SampleRate::DEFAULT;
        let config = HostConfig { session_id, rate, crossfade_frames: FADE_FRAMES, first };
        let host = Host::new(config).expect("shared memory");
        let group = engine.add_group(Group::attach(host.group())).expect("room");
        let events = EventReader::attach(host.events().with_count(first));
        let events = engine.add_events(events).expect("room");
        let control = host.control().region();
        Self { host, control, group, events, voices: [None, None] }
    }

    pub(super) fn open(&mut self, engine: &mut Engine, place: usize, of: (ChannelCount, u32, LatePolicy)) {
        let (channels, capacity_frames, policy) = of;
        let slot = self.host.open_slot(channels, capacity_frames).expect("room");
        let memory = self.host.ring(slot).expect("open").clone();
        let shape = memory.shape();
        let reader = Reader::attach(memory, ReaderConfig { policy, crossfade_frames: FADE_FRAMES });
        let id = engine.add_voice(VoiceSpec::new("voice", reader, self.group)).expect("room");
        engine.map_events(self.events, slot as u32, Some(id));
        self.voices[place] = Some(Voice { slot, id, shape });
    }

    pub(super) fn close(&mut self, engine: &mut Engine, place: usize, fade_frames: u32) {
        let Some(voice) = self.voices[place].take() else { return };
        engine.map_events(self.events, voice.slot as u32, None);
        engine.remove_voice(voice.id, fade_frames).expect("it is there");
        self.host.close_slot(voice.slot);
    }

    /// The session as a producer takes it, if it does.
    pub(super) fn guest(&self) -> Option<Guest> {
        let control = self.host.control().fd().try_clone_to_owned().expect("a descriptor");
        Guest::new(Memory::adopt(control, CONTROL_BYTES as u64).expect("sealed")).ok()
    }
}

/// A producer as it should be, with a session of its own.
struct Honest {
    writer: Writer,
    tap: BroadcastReader,
    made: u64,
    played: u64,
    _session: Session,
}

impl Honest {
    fn new(engine: &mut Engine, at: u64) -> Self {
        let mut session = Session::new(engine, 2, u32::MAX - 700);
        session.open(engine, 0, (ChannelCount::STEREO, 1024, LatePolicy::Skip));
        let voice = session.voices[0].as_ref().expect("open");
        let tap = engine.tap_voice(voice.id).expect("it has just come");
        let guest = session.guest().expect("a session in order");
        let samples = session.host.samples(voice.slot).expect("open");
        let mut writer = guest.writer(voice.slot as u32, samples, voice.shape).expect("its shape");
        let mut commit = guest.commit();
        let (to, group) = (writer.position(), commit.next());
        writer.mark(Marker { kind: MarkerKind::Start, at: at as u32, to, group, anchor: 0 }).expect("room");
        let mut honest = Self { writer, tap, made: 0, played: 0, _session: session };
        honest.write();
        commit.bump();
        honest
    }

    /// No two neighbours alike, no zero (whose sign a sum may lose), and no standing offset.
    fn sound(frame: u64) -> [f32; 2] {
        let left = ((frame % 250) as f32 - 124.5) / 512.0;
        [left, -left]
    }

    fn write(&mut self) {
        let wanted = u64::from(self.writer.space_frames());
        let frames: Vec<f32> = (self.made..self.made + wanted).flat_map(Self::sound).collect();
        assert_eq!(self.writer.write(&frames) as u64, wanted);
        self.made += wanted;
    }

    fn check(&mut self, frames: usize) {
        let mut heard = vec![0.0; 2 * frames];
        let read = self.tap.read(&mut heard);
        assert_eq!((read.frames, read.gap_frames), (frames, 0));
        let expected = (self.played..).flat_map(Self::sound);
        let fading = 2 * u64::from(FADE_FRAMES).saturating_sub(self.played) as usize;
        let same = heard.iter().zip(expected).skip(fading).all(|(heard, expected)| *heard == expected);
        assert!(same, "the honest voice is another one behind frame {}", self.played);
        self.played += frames as u64;
    }
}

/// An engine with its sessions.
pub(super) struct World {
    pub(super) engine: Engine,
    pub(super) renderer: Renderer,
    pub(super) liar: Session,
    honest: Honest,
    pub(super) played: Played,
}

impl World {
    pub(super) fn new(first_frame: u64, first: u32) -> Self {
        let mut config = EngineConfig::new(SampleRate::DEFAULT, ChannelCount::STEREO);
        config.max_voices = MOST_OPENED + 2;
        config.max_block_frames = 64;
        config.crossfade_frames = FADE_FRAMES;
        config.first_frame = first_frame;
        config.tap_frames = 256;
        let (mut engine, renderer) = engine(config);
        let liar = Session::new(&mut engine, 1, first);
        let honest = Honest::new(&mut engine, first_frame);
        Self { engine, renderer, liar, honest, played: Played::default() }
    }

    /// One block, and one look of the daemon at everything that it reads. What was heard, bit by bit.
    pub(super) fn block(&mut self, frames: usize) -> Vec<u32> {
        self.honest.write();
        let mut out = vec![f32::NAN; 2 * frames];
        self.renderer.render(Block { out: &mut out, faults: None });
        assert!(out.iter().all(|sample| sample.abs() <= 1.0), "main is beyond full scale");
        self.honest.check(frames);
        for voice in self.liar.voices.iter().flatten() {
            closes(&self.engine.stats(voice.id).expect("it is there").ledger);
        }
        for notice in self.engine.poll() {
            match notice.kind {
                NoticeKind::Returned(returned) => {
                    closes(&returned.stats.ledger);
                    self.played.delivered += returned.stats.ledger.delivered;
                    self.played.superseded += returned.stats.ledger.superseded;
                }
                NoticeKind::Corrupt(_) => self.played.faults += 1,
                _ => {}
            }
        }
        self.played.events_applied = self.engine.main_stats().events_applied;
        out.iter().map(|sample| sample.to_bits()).collect()
    }
}

fn closes(ledger: &Ledger) {
    let Ledger { produced, delivered, superseded, shed, in_ring, .. } = *ledger;
    assert_eq!(produced, delivered + superseded + shed + in_ring, "{ledger:?}");
}

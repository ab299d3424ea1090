//! The audio thread is pure: no system call but the fault counter, no allocation, no page fault, no wait, while voices
//! start, stop, splice, flush, starve and die, taps and events come and go, and faulty ones are muted.

mod common;

use common::{config, steady};
use forebay_engine::{Block, Cycle, Engine, NoticeKind, Renderer, VoiceId, VoiceSpec, engine};
use ring::{EventKind, EventMemory, EventWriter, Marker, MarkerKind, TimedEvent};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use testkit::producer::{Behaviour, Lie, VirtualProducer};
use testkit::purity::{Faults, Trapped, touch_stack, trap_thread};
use testkit::signal::noise;
use units::Pan;

#[global_allocator]
static ALLOC: rt::AllocDisabler = rt::AllocDisabler;

const BLOCK: usize = 64;
/// Callbacks, and rounds of everything that the control side does.
const CALLBACKS: u64 = 100_000;
const ROUNDS: u64 = 400;

/// What both threads look at.
#[derive(Default)]
struct Shared {
    blocks: AtomicU64,
    rounds_done: AtomicBool,
}

/// What the audio thread reports when it has ended.
struct Report {
    blocks: u64,
    trapped: Trapped,
    faults: Faults,
}

/// Maps the program's own pages: code that runs for the first time would fault once per page, however pure it is.
fn map_the_program() {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("Linux shows its maps");
    for line in maps.lines().filter(|line| line.contains('/')) {
        let (range, _) = line.split_once(' ').expect("a range first");
        let (from, to) = range.split_once('-').expect("two ends");
        let [from, to] = [from, to].map(|end| usize::from_str_radix(end, 16).expect("an address"));
        rt::keep_resident(rt::Part::range(std::ptr::without_provenance(from), to - from));
    }
}

/// Renders in batches until both sides have done their part. Runs free: nothing is waited for.
fn audio_thread(mut renderer: Renderer, shared: &Shared, callbacks: u64) -> (Report, Renderer) {
    let mut out = vec![0.0; BLOCK * 2];
    let mut load = 0.0;
    let mut blocks = 0u64;
    touch_stack(256 * 1024);
    map_the_program();
    let trap = trap_thread();
    let before = Faults::now();
    while blocks < callbacks || !shared.rounds_done.load(Ordering::Acquire) {
        rt::enter(|| {
            for _ in 0..100 {
                renderer.begin_cycle(Cycle { frames: BLOCK, load, heard: !blocks.is_multiple_of(1300) });
                renderer.render(Block { out: &mut out, faults: Some(rt::minor_faults) });
            }
        });
        blocks += 100;
        // A busy stretch now and then, so that voices are shed and taken back.
        load = if blocks % 20_000 < 2000 { 0.95 } else { 0.1 };
        shared.blocks.store(blocks, Ordering::Release);
    }
    let faults = Faults::now().since(before);
    (Report { blocks, trapped: trap.trapped(), faults }, renderer)
}

/// One voice and who feeds it.
struct Player {
    id: VoiceId,
    group: forebay_engine::GroupId,
    producer: VirtualProducer,
}

/// The control side: changes everything, all the time.
struct Stage {
    engine: Engine,
    players: Vec<Player>,
    events: EventWriter,
    source: forebay_engine::EventsId,
    opened: u32,
    returned: u64,
    blamed: u64,
    underruns: u64,
}

impl Stage {
    fn new(mut engine: Engine) -> Self {
        let (events, reader) = ring::events(EventMemory::heap(256));
        let source = engine.add_events(reader).unwrap();
        Self { engine, players: vec![], events, source, opened: 0, returned: 0, blamed: 0, underruns: 0 }
    }

    fn now(&self) -> u64 {
        self.engine.main_stats().frame.0
    }

    fn open(&mut self) {
        let now = self.now();
        self.opened += 1;
        let behaviour = match self.opened % 5 {
            0 => Behaviour::Lying { at_frame: now + 20_000, lie: Lie::NotANumber },
            1 => Behaviour::Dying { at_frame: now + 30_000 },
            _ => Behaviour::Steady,
        };
        let mut spec = steady(1 + self.opened as usize % 3, noise(self.opened)).behaving(behaviour);
        spec.start_frame = now + 512;
        let (mut producer, reader, group) = spec.open();
        producer.writer().set_gain(0.2);
        producer.turn(now);
        let group = self.engine.add_group(group).unwrap();
        let mut spec = VoiceSpec::new(format!("player {}", self.opened), reader, group);
        spec.fade_in_frames = self.opened % 2 * 2400;
        let id = self.engine.add_voice(spec).unwrap();
        self.engine.map_events(self.source, self.opened % 64, Some(id));
        if self.opened.is_multiple_of(3) {
            self.engine.tap_voice(id).unwrap();
        }
        self.players.push(Player { id, group, producer });
    }

    fn close_oldest(&mut self) {
        let player = self.players.remove(0);
        self.engine.remove_voice(player.id, 240).unwrap();
        self.engine.remove_group(player.group);
    }

    /// A splice of one player, a flush and a new start of another.
    fn change_futures(&mut self, round: u64) {
        for (k, player) in self.players.iter_mut().enumerate() {
            let producer = &mut player.producer;
            let (side, group) = (producer.writer().engine(), producer.commit().next());
            let to = producer.writer().position();
            let at = side.voice_frame.wrapping_add(2000);
            let marker = Marker { at, to, group, anchor: side.anchor, kind: MarkerKind::Splice };
            let kind = match (round + k as u64) % 8 {
                0 => MarkerKind::Splice,
                1 => MarkerKind::Flush,
                2 if side.state == ring::State::Idle => MarkerKind::Start,
                _ => continue,
            };
            let at = if kind == MarkerKind::Start { self.engine.main_stats().frame.low() } else { at };
            if producer.writer().mark(Marker { at, kind, ..marker }).is_ok() {
                let more = vec![0.1; 4096 * producer.writer().shape().channels.get()];
                producer.writer().write(&more);
                producer.commit().bump();
            }
        }
    }

    fn turn_knobs(&mut self, round: u64) {
        let id = self.players[round as usize % self.players.len()].id;
        let amount = (round % 10) as f32 / 10.0;
        self.engine.set_gain(id, amount).unwrap();
        self.engine.set_pan(id, Pan::new(amount - 0.5)).unwrap();
        self.engine.set_mute(id, round.is_multiple_of(3)).unwrap();
        self.engine.set_solo(id, round.is_multiple_of(7)).unwrap();
        self.engine.set_priority(id, round as u8).unwrap();
        self.engine.hush(round.is_multiple_of(11));
        let at = self.engine.main_stats().frame.low().wrapping_add(round as u32 * 7 % 3000);
        for slot in 0..64 {
            let event = TimedEvent {
                at: at + slot,
                slot,
                kind: EventKind::Gain,
                value: amount,
                ramp_frames: slot * 9,
            };
            // A full queue is fine: the Renderer takes a bounded number per block.
            let _ = self.events.push(event);
        }
        if round.is_multiple_of(9) {
            self.engine.untap_main();
        } else {
            self.engine.tap_main();
        }
    }

    fn poll(&mut self) {
        for notice in self.engine.poll() {
            match notice.kind {
                NoticeKind::Returned(_) => self.returned += 1,
                NoticeKind::Muted(_) => self.blamed += 1,
                NoticeKind::Underrun => self.underruns += 1,
                NoticeKind::PageFaults { faults } => panic!("{faults} page faults"),
                _ => {}
            }
        }
    }

    fn round(&mut self, round: u64) {
        if self.players.len() < 24 {
            self.open();
        } else {
            self.close_oldest();
        }
        let now = self.now();
        for player in &mut self.players {
            player.producer.turn(now);
        }
        self.change_futures(round);
        self.turn_knobs(round);
        self.poll();
    }
}

/// 10^5 callbacks (10^7 under `make prove`) while the control side does everything it can.
#[test]
fn the_audio_thread_is_pure() {
    let callbacks = CALLBACKS * testkit::effort::factor().min(100);
    let (engine, renderer) = engine(config());
    let shared = Arc::new(Shared::default());
    let theirs = shared.clone();
    let audio = std::thread::spawn(move || audio_thread(renderer, &theirs, callbacks));
    let mut stage = Stage::new(engine);
    let mut round = 0;
    while round < ROUNDS || shared.blocks.load(Ordering::Acquire) < callbacks {
        stage.round(round);
        round += 1;
        // At least a few blocks between two rounds, so that each sees the one before.
        let until = shared.blocks.load(Ordering::Acquire) + 200;
        while shared.blocks.load(Ordering::Acquire) < until {
            std::thread::yield_now();
        }
    }
    shared.rounds_done.store(true, Ordering::Release);
    let (report, renderer) = audio.join().expect("the audio thread ends");
    stage.poll();
    let stats = stage.engine.main_stats();
    drop(renderer);
    println!(
        "{} callbacks, {round} rounds: {} voices opened, {} returned, {} blamed, {} underruns, {} events; {}, {:?}",
        report.blocks,
        stage.opened,
        stage.returned,
        stage.blamed,
        stage.underruns,
        stats.events_applied,
        report.trapped,
        report.faults
    );
    assert!(stage.returned > 50 && stage.blamed > 5 && stage.underruns > 5 && stats.events_applied > 1000);
    assert_eq!(report.trapped, Trapped::default(), "{}", report.trapped);
    assert!(report.faults.is_pure(), "{:?}", report.faults);
}

//! The hand-cranked backend: an engine whose device is the test.
//!
//! Time moves when [`Crank::turn`] is called. Everything that comes out is kept in memory: main, and the taps of the
//! voices that were asked for.

use std::collections::BTreeMap;

use engine::{Block, Cycle, Engine, EngineConfig, Notice, Renderer, VoiceId, VoiceSpec};
use ring::BroadcastReader;
use units::{FramePos, Frames};

use crate::clock::VirtualClock;
use crate::producer::{ProducerSpec, VirtualProducer};

/// An engine, its producers and its recordings.
pub struct Crank {
    engine: Engine,
    renderer: Renderer,
    clock: VirtualClock,
    producers: Vec<VirtualProducer>,
    main: Vec<f32>,
    taps: BTreeMap<VoiceId, Tap>,
    notices: Vec<Notice>,
    load: f32,
}

struct Tap {
    reader: BroadcastReader,
    recorded: Vec<f32>,
    gap_frames: u64,
}

impl Crank {
    /// An engine that stands at the first frame of `config`.
    pub fn new(config: EngineConfig) -> Self {
        let clock = VirtualClock::new(config.rate, FramePos(config.first_frame));
        let (engine, renderer) = engine::engine(config);
        let (main, notices) = (Vec::new(), Vec::new());
        Self {
            engine,
            renderer,
            clock,
            producers: Vec::new(),
            main,
            taps: BTreeMap::new(),
            notices,
            load: 0.0,
        }
    }

    /// Adds a producer with a voice and a group of its own. It gets a turn before every block.
    ///
    /// # Panics
    /// When the engine has no room: a test knows how many voices it has.
    pub fn add(&mut self, name: &str, producer: ProducerSpec) -> VoiceId {
        self.add_as(producer, |reader, group| VoiceSpec::new(name, reader, group))
    }

    /// The same with a voice as `spec` makes it.
    ///
    /// # Panics
    /// As [`Crank::add`].
    pub fn add_as(
        &mut self,
        producer: ProducerSpec,
        spec: impl FnOnce(ring::Reader, engine::GroupId) -> VoiceSpec,
    ) -> VoiceId {
        let (producer, reader, group) = producer.open();
        let group = self.engine.add_group(group).expect("room for a session");
        let voice = self.engine.add_voice(spec(reader, group)).expect("room for a voice");
        self.producers.push(producer);
        voice
    }

    /// Records the tap of a voice from now on.
    ///
    /// # Panics
    /// When the voice has left.
    pub fn record(&mut self, voice: VoiceId) {
        let reader = self.engine.tap_voice(voice).expect("a voice that is there");
        self.taps.insert(voice, Tap { reader, recorded: Vec::new(), gap_frames: 0 });
    }

    /// Renders one block of `frames` frames: turns of the producers, render, taps, notices.
    pub fn turn(&mut self, frames: usize) {
        let now = self.clock.now().0;
        self.producers.iter_mut().for_each(|producer| producer.turn(now));
        let channels = self.renderer.channels().get();
        let start = self.main.len();
        self.main.resize(start + frames * channels, 0.0);
        self.renderer.begin_cycle(Cycle { frames, load: self.load, heard: true });
        self.renderer.render(Block { out: &mut self.main[start..], faults: None });
        self.clock.advance(Frames(frames as u64));
        for tap in self.taps.values_mut() {
            tap.drain(channels, frames);
        }
        self.notices.extend(self.engine.poll());
    }

    /// Renders `frames` frames in blocks whose lengths are those of `blocks`, over and over.
    pub fn run(&mut self, frames: u64, blocks: &[usize]) {
        let end = self.clock.now().0 + frames;
        for block in blocks.iter().cycle() {
            let left = end - self.clock.now().0;
            if left == 0 {
                return;
            }
            self.turn((*block as u64).min(left) as usize);
        }
    }

    /// The load that is reported with the next blocks: above 0.9 for 20 ms the engine sheds.
    pub fn set_load(&mut self, load: f32) {
        self.load = load;
    }

    /// The control half.
    pub fn engine(&mut self) -> &mut Engine {
        &mut self.engine
    }

    /// The real-time half.
    pub fn renderer(&mut self) -> &mut Renderer {
        &mut self.renderer
    }

    /// A producer, in the order in which they were added.
    pub fn producer(&mut self, nth: usize) -> &mut VirtualProducer {
        &mut self.producers[nth]
    }

    /// Where time stands.
    pub fn now(&self) -> FramePos {
        self.clock.now()
    }

    /// All of main so far, interleaved.
    pub fn main(&self) -> &[f32] {
        &self.main
    }

    /// What the tap of a voice gave since [`Crank::record`], interleaved in main's channels.
    ///
    /// # Panics
    /// When the voice is not recorded, or frames of it were lost (a block longer than the tap).
    pub fn voice(&self, voice: VoiceId) -> &[f32] {
        let tap = &self.taps[&voice];
        assert_eq!(tap.gap_frames, 0, "the tap lost frames");
        &tap.recorded
    }

    /// All notices so far.
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// Forgets recordings and notices, so that hours fit into memory.
    pub fn forget(&mut self) {
        self.main.clear();
        self.notices.clear();
        self.taps.values_mut().for_each(|tap| tap.recorded.clear());
    }
}

impl Tap {
    fn drain(&mut self, channels: usize, frames: usize) {
        let mut part = vec![0.0; channels * frames.max(64)];
        loop {
            let read = self.reader.read(&mut part);
            self.gap_frames += read.gap_frames;
            if read.frames == 0 {
                return;
            }
            self.recorded.extend_from_slice(&part[..read.frames * channels]);
        }
    }
}

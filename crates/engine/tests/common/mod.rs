//! An engine with producers in virtual time.
#![allow(dead_code, unreachable_pub, reason = "every test file uses its own part")]

use forebay_engine::{Block, Cycle, Engine, EngineConfig, Notice, Renderer, VoiceId, VoiceSpec, engine};
use testkit::producer::{ProducerSpec, VirtualProducer};
use testkit::signal::Signal;
use units::{ChannelCount, Pan, SampleRate};

/// Both halves of an engine, and who feeds it.
pub struct Rig {
    pub engine: Engine,
    pub renderer: Renderer,
    pub producers: Vec<VirtualProducer>,
    /// Reported with every block.
    pub load: f32,
    /// Whether a device plays it.
    pub heard: bool,
}

/// 48 kHz stereo.
pub fn config() -> EngineConfig {
    EngineConfig::new(SampleRate::DEFAULT, ChannelCount::STEREO)
}

/// A config whose limiter stays out of the way: for tests of what comes before it.
pub fn open_config() -> EngineConfig {
    let mut config = config();
    config.limiter.threshold_db = 40.0;
    config.limiter.ceiling_db = 40.0;
    config
}

/// A steady producer with so many channels.
pub fn steady(channels: usize, signal: Signal) -> ProducerSpec {
    ProducerSpec { channels: ChannelCount::new(channels).unwrap(), ..ProducerSpec::steady(signal) }
}

impl Rig {
    pub fn new(config: EngineConfig) -> Self {
        let (engine, renderer) = engine(config);
        Self { engine, renderer, producers: vec![], load: 0.0, heard: true }
    }

    /// Opens a voice at full right when stereo, so that what is heard is what was written.
    pub fn voice(&mut self, name: &str, producer: ProducerSpec) -> VoiceId {
        self.voice_with(name, producer, |_| {})
    }

    /// Opens a voice whose spec `adjust` may change. Its producer's words start at unity gain.
    pub fn voice_with(
        &mut self,
        name: &str,
        producer: ProducerSpec,
        adjust: impl FnOnce(&mut VoiceSpec),
    ) -> VoiceId {
        let (mut producer, reader, group) = producer.open();
        producer.writer().set_gain(1.0);
        let group = self.engine.add_group(group).unwrap();
        let mut spec = VoiceSpec::new(name, reader, group);
        spec.pan = Pan::CENTRE;
        adjust(&mut spec);
        let id = self.engine.add_voice(spec).unwrap();
        self.producers.push(producer);
        id
    }

    /// Gives every producer its turn, then renders one block.
    pub fn block(&mut self, frames: usize) -> Vec<f32> {
        let now = self.renderer.frame().0;
        for producer in &mut self.producers {
            producer.turn(now);
        }
        self.silent_block(frames)
    }

    /// Renders one block without any producer getting a turn.
    pub fn silent_block(&mut self, frames: usize) -> Vec<f32> {
        let mut out = vec![f32::NAN; frames * self.renderer.channels().get()];
        self.renderer.begin_cycle(Cycle { frames, load: self.load, heard: self.heard });
        self.renderer.render(Block { out: &mut out, faults: None });
        out
    }

    /// Renders `frames` frames in blocks of `block`.
    pub fn run(&mut self, frames: usize, block: usize) -> Vec<f32> {
        let mut out = vec![];
        let mut left = frames;
        while left > 0 {
            let now = left.min(block);
            out.extend(self.block(now));
            left -= now;
        }
        out
    }

    pub fn notices(&mut self) -> Vec<Notice> {
        self.engine.poll().collect()
    }

    /// How far main lies behind the voices.
    pub fn latency(&self) -> usize {
        self.renderer.latency_frames()
    }
}

/// One channel of interleaved stereo.
pub fn channel(frames: &[f32], channel: usize) -> Vec<f32> {
    testkit::golden::channel(frames, 2, channel)
}

/// A short name of many bits (FNV-1a).
pub fn hash(samples: &[f32]) -> u64 {
    samples
        .iter()
        .flat_map(|x| x.to_bits().to_le_bytes())
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

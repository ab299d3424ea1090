//! The engine against a model that is as plain as it can be: every gain worked out per frame, in f64, from the list of
//! what was asked.

mod common;

use common::{Rig, open_config, steady};
use forebay_engine::VoiceId;
use proptest::prelude::*;
use testkit::signal::noise_at;
use units::Pan;

const VOICES: usize = 3;
const RAMP: f64 = 240.0;

/// What the control side may do between two blocks.
#[derive(Clone, Debug)]
enum Act {
    Gain(usize, f32),
    Pan(usize, f32),
    Mute(usize, bool),
    Solo(usize, bool),
    ProducerGain(usize, f32),
    ProducerMute(usize, bool),
}

fn act() -> impl Strategy<Value = Act> {
    let voice = 0..VOICES;
    prop_oneof![
        (voice.clone(), 0.0f32..2.0).prop_map(|(v, x)| Act::Gain(v, x)),
        (voice.clone(), -1.5f32..1.5).prop_map(|(v, x)| Act::Pan(v, x)),
        (voice.clone(), any::<bool>()).prop_map(|(v, on)| Act::Mute(v, on)),
        (voice.clone(), any::<bool>()).prop_map(|(v, on)| Act::Solo(v, on)),
        (voice.clone(), 0.0f32..2.0).prop_map(|(v, x)| Act::ProducerGain(v, x)),
        (voice, any::<bool>()).prop_map(|(v, on)| Act::ProducerMute(v, on)),
    ]
}

/// A value on a straight line.
#[derive(Clone, Copy, Default)]
struct Line {
    from: f64,
    to: f64,
    start: f64,
}

impl Line {
    fn at(&self, frame: f64) -> f64 {
        let part = ((frame - self.start) / RAMP).clamp(0.0, 1.0);
        self.from + (self.to - self.from) * part
    }

    fn turn(&mut self, frame: f64, to: f64) {
        if to != self.to {
            *self = Self { from: self.at(frame), to, start: frame };
        }
    }
}

/// One voice of the model.
#[derive(Clone, Copy)]
struct ModelVoice {
    channels: usize,
    gain: f32,
    pan: f32,
    producer_gain: f32,
    mute: bool,
    producer_mute: bool,
    solo: bool,
    /// Silent for the solo of another one.
    not_solo: bool,
    sides: [Line; 2],
    gate: Line,
    settled: bool,
}

impl ModelVoice {
    fn new(channels: usize) -> Self {
        Self {
            channels,
            gain: 1.0,
            pan: 0.0,
            producer_gain: 1.0,
            mute: false,
            producer_mute: false,
            solo: false,
            not_solo: false,
            sides: [Line::default(); 2],
            gate: Line::default(),
            settled: false,
        }
    }

    fn wanted(&self) -> [f64; 2] {
        let gain = f64::from(self.gain) * f64::from(self.producer_gain);
        let pan = f64::from(self.pan.clamp(-1.0, 1.0));
        let quarter = std::f64::consts::FRAC_PI_2;
        if self.channels == 1 {
            let angle = (pan + 1.0) / 2.0 * quarter;
            [gain * angle.cos(), gain * angle.sin()]
        } else {
            [gain * (pan.max(0.0) * quarter).cos(), gain * ((-pan).max(0.0) * quarter).cos()]
        }
    }

    /// Turns every line to where it should go, at `frame`; the first time they just are there.
    fn heed(&mut self, frame: f64) {
        let open = !self.mute && !self.producer_mute && !self.not_solo;
        let gate = f64::from(u8::from(open));
        let sides = self.wanted();
        if !self.settled {
            self.settled = true;
            self.gate = Line { from: gate, to: gate, start: 0.0 };
            self.sides = sides.map(|side| Line { from: side, to: side, start: 0.0 });
        }
        self.gate.turn(frame, gate);
        // Both sides turn together.
        if self.sides.map(|side| side.to) != sides {
            for (line, side) in self.sides.iter_mut().zip(sides) {
                *line = Line { from: line.at(frame), to: side, start: frame };
            }
        }
    }
}

struct Model {
    voices: Vec<ModelVoice>,
    frame: u64,
}

impl Model {
    /// Commands are obeyed one after the other, but that solos silence the others is seen to when all are obeyed; what a
    /// producer wants is looked at when the block is rendered.
    fn apply(&mut self, acts: &[Act]) {
        let now = |act: &&Act| !matches!(act, Act::ProducerGain(..) | Act::ProducerMute(..));
        for act in acts.iter().filter(now) {
            match *act {
                Act::Gain(v, x) => self.voices[v].gain = x,
                Act::Pan(v, x) => self.voices[v].pan = x,
                Act::Mute(v, on) => self.voices[v].mute = on,
                Act::Solo(v, on) => self.voices[v].solo = on,
                Act::ProducerGain(..) | Act::ProducerMute(..) => {}
            }
            self.heed();
        }
        let any_solo = self.voices.iter().any(|voice| voice.solo);
        self.voices.iter_mut().for_each(|voice| voice.not_solo = any_solo && !voice.solo);
        self.heed();
        for act in acts {
            match *act {
                Act::ProducerGain(v, x) => self.voices[v].producer_gain = x,
                Act::ProducerMute(v, on) => self.voices[v].producer_mute = on,
                _ => {}
            }
        }
    }

    fn heed(&mut self) {
        let now = self.frame as f64;
        self.voices.iter_mut().for_each(|voice| voice.heed(now));
    }

    fn render(&mut self, frames: usize) -> Vec<f64> {
        self.heed();
        let mut out = vec![0.0; 2 * frames];
        for (seed, voice) in self.voices.iter().enumerate() {
            for k in 0..frames {
                let frame = self.frame + k as u64;
                let start = ((frame + 1) as f64 / 241.0).min(1.0);
                for side in 0..2 {
                    let x = f64::from(noise_at(seed as u32, frame, side % voice.channels));
                    out[2 * k + side] +=
                        x * start * voice.sides[side].at(frame as f64) * voice.gate.at(frame as f64);
                }
            }
        }
        self.frame += frames as u64;
        out
    }
}

fn engine_act(rig: &mut Rig, ids: &[VoiceId], act: &Act) {
    let engine = &mut rig.engine;
    match *act {
        Act::Gain(v, x) => engine.set_gain(ids[v], x).unwrap(),
        Act::Pan(v, x) => engine.set_pan(ids[v], Pan::new(x)).unwrap(),
        Act::Mute(v, on) => engine.set_mute(ids[v], on).unwrap(),
        Act::Solo(v, on) => engine.set_solo(ids[v], on).unwrap(),
        Act::ProducerGain(v, x) => rig.producers[v].writer().set_gain(x),
        Act::ProducerMute(v, on) => rig.producers[v].writer().set_mute(on),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64 * testkit::effort::factor().min(100) as u32, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any controls between any blocks: what the engine renders is what the model says, within rounding.
    #[test]
    fn engine_and_model_agree(
        steps in prop::collection::vec((prop::collection::vec(act(), 0..3), 1usize..700), 1..24),
        channels in prop::collection::vec(1usize..3, VOICES),
    ) {
        let mut rig = Rig::new(open_config());
        let voice = |(seed, channels): (usize, &usize)| {
            rig.voice("v", steady(*channels, Box::new(move |frame, channel| noise_at(seed as u32, frame, channel))))
        };
        let ids: Vec<_> = channels.iter().enumerate().map(voice).collect();
        let mut model = Model { voices: channels.iter().map(|n| ModelVoice::new(*n)).collect(), frame: 0 };
        // Controls of the very first block are ramps in the engine: let the voices be there first.
        let mut got = rig.block(1);
        let mut want = model.render(1);
        for (acts, frames) in &steps {
            acts.iter().for_each(|act| engine_act(&mut rig, &ids, act));
            model.apply(acts);
            got.extend(rig.block(*frames));
            want.extend(model.render(*frames));
        }
        got.extend(rig.block(rig.latency()));
        for (k, (got, want)) in got[2 * rig.latency()..].iter().zip(&want).enumerate() {
            prop_assert!((f64::from(*got) - want).abs() < 2e-6, "sample {k}: {got}, {want} in the model");
        }
    }
}

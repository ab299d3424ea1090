//! Requests in any order, with any values: the server stays up, answers each, and ends with nothing left behind.

mod common;

use common::hostile::Hostile;
use common::{Honest, Pace, Stage, Wire, assert_is_signal, play};
use forebay_control::Settings;
use protocol::{
    CloseMode, Devices, HandOff, Hello, Hush, LatePolicy, LeadSetting, LeadWord, Method, Ping, StatusRequest,
    StatusWatch, VoiceClose, VoiceOpen, VoiceRef, VoiceSet,
};

struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        ((mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB) >> 20) % most
    }

    fn number(&mut self) -> f64 {
        [0.0, -0.0, 1.0, -1.0, 0.5, -6.0, 25.0, -145.0, 1e9, -1e300, f64::MIN_POSITIVE, 700.0]
            [self.below(12) as usize]
    }

    fn name(&mut self) -> String {
        ["a", "b", "c", "*", "", "hostile/a", "\u{7}", "ä", "/"][self.below(9) as usize].into()
    }

    fn lead(&mut self) -> Option<LeadSetting> {
        match self.below(3) {
            0 => None,
            1 => Some(LeadSetting::Auto(LeadWord::Auto)),
            _ => Some(LeadSetting::Ms(self.number())),
        }
    }
}

fn hello(dice: &mut Dice) -> Hello {
    let handoff = match dice.below(3) {
        0 => vec![],
        1 => vec![HandOff::Path],
        _ => vec![HandOff::Scm, HandOff::Path],
    };
    let odd = u32::from(dice.below(8) == 0);
    Hello { protocol: 1 + odd, layout: 1, client: "hostile".into(), pid: None, handoff, lead_ms: dice.lead() }
}

fn open(dice: &mut Dice) -> VoiceOpen {
    VoiceOpen {
        name: dice.name(),
        channels: dice.below(10) as u32,
        policy: if dice.below(2) == 0 { LatePolicy::Hold } else { LatePolicy::Skip },
        priority: dice.below(256) as u8,
        gain_db: dice.number(),
        pan: dice.number(),
        fade_in_ms: dice.number(),
        lead_ms: dice.lead(),
        capacity_frames: [None, Some(1024), Some(1025), Some(0), Some(u32::MAX)][dice.below(5) as usize],
    }
}

fn set(dice: &mut Dice) -> VoiceSet {
    let voice = match dice.below(3) {
        0 => VoiceRef::Slot(dice.below(70) as u32),
        1 => VoiceRef::Slot(u32::MAX),
        // By name only its own: the honest voice is not to be changed by what it may do by right.
        _ => VoiceRef::Name(["a", "b", "hostile/a", ""][dice.below(4) as usize].into()),
    };
    VoiceSet {
        voice,
        gain_db: (dice.below(2) == 0).then(|| dice.number()),
        pan: (dice.below(2) == 0).then(|| dice.number()),
        mute: (dice.below(2) == 0).then(|| dice.below(2) == 0),
        solo: None,
        priority: (dice.below(2) == 0).then(|| dice.below(256) as u8),
    }
}

/// Sends one request of any kind and takes its answer, whatever it is.
fn one(wire: &mut Wire, dice: &mut Dice) {
    fn ask<M: Method>(wire: &mut Wire, params: &M) -> bool {
        wire.ask(params).is_ok()
    }
    let mode = if dice.below(2) == 0 { CloseMode::Drain } else { CloseMode::Fade };
    let _either_way = match dice.below(10) {
        0 => ask(wire, &hello(dice)),
        1..=3 => ask(wire, &open(dice)),
        4 | 5 => ask(wire, &VoiceClose { slot: dice.below(6) as u32, mode }),
        6 => ask(wire, &set(dice)),
        7 => ask(wire, &StatusRequest { from: Some(dice.below(1 << 32) as u32) }),
        8 => ask(wire, &StatusWatch { interval_ms: dice.below(100) as u32 }),
        _ => ask(wire, &Ping {}) && (dice.below(9) > 0 || ask(wire, &Devices {})),
    };
}

/// Any order of any requests on several connections, hung up at any time, beside a voice that plays on untouched.
#[test]
fn any_order() {
    let factor: u64 =
        std::env::var("FOREBAY_PROVE_FACTOR").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let settings = Settings { max_sessions: 4, max_connections: 8, ..Settings::default() };
    let mut stage = Stage::with(settings, |config| config.max_voices = 12);
    let mut honest = vec![Honest::new(&stage, "honest")];
    let tap = stage.record("honest");
    let mut dice = Dice(7);
    let mut wires: Vec<Wire> = (0..4).map(|_| Wire::connect(&stage.socket())).collect();
    for round in 0..2_000 * factor {
        let which = dice.below(4) as usize;
        if dice.below(40) == 0 {
            wires[which] = Wire::connect(&stage.socket());
        }
        one(&mut wires[which], &mut dice);
        if round % 2 == 0 {
            play(&mut stage, &mut honest, 1, Pace::Free);
        }
    }
    drop(wires);
    stage.steps_until("everything is given back", |stage| {
        honest[0].feed();
        let status = stage.status();
        status.producers.len() == 1 && status.engine.voices == 1
    });
    assert_is_signal(stage.recorded(tap));
    assert_eq!(honest[0].voice.stats().underruns, 0);
    let mut console = Wire::connect(&stage.socket());
    console.call(&Hush {});
    assert_eq!(stage.evicted(), 0, "rude is not hostile");
    drop(Hostile::new(&stage.socket(), 2));
}

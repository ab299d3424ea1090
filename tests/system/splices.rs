//! From a trigger inside a producer to the first changed frame on the device's side, and fifty changes a second.

use serde_json::Value;

use crate::support::audio::{Recording, assert_same_bits};
use crate::support::null::{Heard, NullDaemon};
use crate::support::process::Process;
use crate::support::scene::Scene;
use crate::support::{find_program, quantile, quiet, say, skip, undisturbed};

const TEST: &str = "futures_change";

struct Session {
    changes: Vec<Value>,
    storm: Value,
    heard: Heard,
    latency_frames: usize,
}

/// One session; an error when the machine let a voice run dry.
fn play(runtime: &str, period_frames: usize, changes: u32, storm_seconds: u32) -> Result<Session, String> {
    let scene = Scene::new();
    let daemon = NullDaemon::start(&scene, period_frames);
    let latency_frames = daemon.latency_frames;
    let mut command = scene.js_producer(runtime, "splices.mjs").expect("looked for before");
    command.args([changes, storm_seconds].map(|n| n.to_string()));
    let mut producer = Process::start("splices", command);
    let changes = (0..changes).map(|_| producer.json_line(|said| said["engine_frame"].is_u64())).collect();
    let storm = producer.json_line(|said| said["storm"].is_u64());
    assert_eq!(producer.wait().code(), Some(0));
    let heard = daemon.end();
    if storm["calm"] != 0 || storm["underruns"] != 0 {
        return Err(storm.to_string());
    }
    Ok(Session { changes, storm, heard, latency_frames })
}

/// The loudest sample of the changing voice in a stretch of whole periods.
fn level_at(recording: &Recording, from: usize) -> f64 {
    let stretch = &recording.channels[1][from..from + 160];
    stretch.iter().fold(0.0, |loudest: f64, sample| loudest.max(f64::from(sample.abs())))
}

/// The levels of the changing voice from 2400 frames before `frame` to 4800 behind it: what a failure has to tell.
fn levels_from(recording: &Recording, frame: usize) -> Vec<f64> {
    (frame.saturating_sub(2400)..frame + 4800).step_by(240).map(|from| level_at(recording, from)).collect()
}

/// The steepest step of a cross-fade between the two levels of a 3 kHz sine: its own slope at the higher level, and what
/// the fade adds in one of its 240 frames.
const STEEPEST: f32 = 0.2 * 2.0 * std::f32::consts::PI * 3000.0 / 48_000.0 + 0.3 / 240.0;

fn measure(runtime: &str, period_frames: usize, changes: u32, storm_seconds: u32) {
    let session = undisturbed(TEST, || play(runtime, period_frames, changes, storm_seconds));
    let recording = session.heard.recording();
    let mut total_ms = Vec::new();
    for change in &session.changes {
        let figure = |name: &str| change[name].as_f64().unwrap_or(f64::NAN);
        // Late, it is heard as soon as the engine sees it.
        let frame = (figure("engine_frame") + figure("late_frames")) as usize + session.latency_frames;
        let after = level_at(&recording, frame + 960);
        assert!(
            (after - figure("level")).abs() < 1e-3,
            "level {after} after {change}; every 240 frames from 2400 before it: {:?}; {}",
            levels_from(&recording, frame),
            session.storm
        );
        let when_ns = session.heard.when_ns(frame).expect("it was heard");
        total_ms.push((when_ns as f64 - figure("trigger_ns")) / 1e6);
    }
    total_ms.sort_by(f64::total_cmp);
    say(&format!(
        "trigger -> heard, {runtime}, {period_frames} frames, {changes} changes: p50 {:.1} p95 {:.1} max {:.1} ms; then {} \
         changes in {storm_seconds} s ({} found no room): {} underruns",
        quantile(&total_ms, 0.5),
        quantile(&total_ms, 0.95),
        quantile(&total_ms, 1.0),
        session.storm["storm"],
        session.storm["full"],
        session.storm["underruns"],
    ));
    let sounding = recording.sounding(1);
    let step = sounding.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
    assert!(step <= STEEPEST, "a step of {step}, a cross-fade has at most {STEEPEST}");
    untouched(&recording);
}

/// The nine voices that are rendered again at each change, and do not change: their sines have whole numbers of turns in a
/// second, and each sample is a function of its frame alone. So every second of a session is, bit by bit, the one before.
fn untouched(recording: &Recording) {
    let rate = recording.rate_hz as usize;
    let left = &recording.channels[0];
    let first = left.iter().position(|sample| *sample != 0.0).expect("it sounds");
    let heard = recording.sounding(0).len();
    // Neither the fade-in nor what is left after the last frame.
    let (from, end) = (first + rate / 4, first + heard - rate / 10);
    assert!(end - from > 2 * rate, "{} frames are too few to compare", end - from);
    assert_same_bits("nine voices beside", &left[from + rate..end], &left[from..end - rate]);
}

/// Every change is heard at the frame that the producer chose, and fifty a second let no voice run dry; the nine voices beside it are those of a session without
/// any change, to the bit; nowhere is a step steeper than a cross-fade's.
#[test]
fn futures_change() {
    let _quiet = quiet();
    // Only Node's clock can be compared with ours.
    if find_program("node").is_none() {
        return skip(TEST, "node is not installed");
    }
    let (changes, storm_seconds) =
        if std::env::var_os("FOREBAY_PROVE").is_some() { (200, 10) } else { (20, 2) };
    for period_frames in [64, 256] {
        measure("node", period_frames, changes, storm_seconds);
    }
}

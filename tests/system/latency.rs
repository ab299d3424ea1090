//! From a save in the editor to the first changed frame on the device's side, and from nothing to the first sound.
//!
//! The figures are printed, not asserted: they belong to the machine. What is asserted is what was heard: every save
//! changes the voice that was edited, at the frame that the editor is told (or, by the engine's own account, so many frames
//! later), and not one bit of the voices beside it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::support::audio::{Recording, assert_same_bits};
use crate::support::null::{Heard, NullDaemon};
use crate::support::process::Process;
use crate::support::saves::{Moment, save};
use crate::support::scene::Scene;
use crate::support::{find_program, quantile, quiet, say, skip, undisturbed};

/// Nine voices that stay as they are, on the left; the tenth, on the right, is edited.
fn song(level: f64) -> String {
    let mut text = String::new();
    for voice in 1..10 {
        text += &format!(
            "play('v{voice}', s => {{ s.state[0] += {voice}1 / s.sr; return [0.02 * Math.sin(2 * Math.PI * s.state[0]), 0]; }});\n"
        );
    }
    text + &format!("play('edited', s => [0, {level} * Math.sin(2 * Math.PI * 3000 * s.t)]);\n")
}

struct Save {
    trigger: Moment,
    level: f64,
    said: Value,
    /// By how many frames the engine saw it too late: it is heard so much behind the frame that was chosen.
    late_frames: u64,
}

/// By how many frames all changes of the edited voice so far came too late.
fn late_frames(scene: &Scene) -> u64 {
    scene.sum_of_voices(
        |voice| if voice["name"] == "edited" { &voice["ledger"]["late"] } else { &Value::Null },
    )
}

/// Saves `count` times while it plays. Returns when the runtime was up, too. An error when the machine let it begin too late (its
/// first frames are missing then), or a voice run dry.
fn saves(scene: &Scene, file: &Path, runtime: &Path, count: usize) -> Result<(Moment, Vec<Save>), String> {
    let mut command = scene.command(&["live", &file.display().to_string(), "--json", "--lead", "680"]);
    command.env("FOREBAY_JS", runtime);
    let mut live = Process::start("forebay live", command);
    live.json_line(|said| said["event"] == "started");
    let up = Moment::now();
    live.json_line(|said| said["event"] == "edited");
    // The first second fills the lead; an edit in it is no different, but this test is about a full one.
    std::thread::sleep(Duration::from_secs(1));
    let mut saves = Vec::new();
    let mut late = late_frames(scene);
    let began = if late == 0 { Ok(()) } else { Err(format!("it began {late} frames late")) };
    for number in 0..count {
        let level = if number % 2 == 0 { 0.2 } else { 0.1 };
        let trigger = save(file, &song(level));
        let said = live.json_line(|said| said["event"] == "edited" || said["event"] == "refused");
        assert_eq!(said["event"], "edited", "{said}");
        // At no fixed distance from the daemon's blocks.
        std::thread::sleep(Duration::from_millis(60 + (number as u64 * 37) % 50));
        let before = std::mem::replace(&mut late, late_frames(scene));
        saves.push(Save { trigger, level, said, late_frames: late - before });
    }
    let undisturbed = scene.check_undisturbed();
    assert_eq!(live.end().code(), Some(0));
    began.and(undisturbed).map(|()| (up, saves))
}

/// The stations of a save, in ms: watch, hand-over, compile, warm, cover, guard, block.
fn parts(save: &Save, total_ms: f64) -> [f64; 7] {
    let part = |name: &str| save.said["timings_ms"][name].as_f64().unwrap_or(f64::NAN);
    let watch = save.said["seen_ms"].as_f64().unwrap_or(f64::NAN) - save.trigger.unix_ms;
    let [hand_over, compile, warm] = ["hand_over", "compile", "warm"].map(part);
    // The cover is rendered while the guard runs.
    let (cover, guard) = (part("cover"), part("guard"));
    let block = total_ms - (watch + hand_over + compile + warm + guard.max(cover));
    [watch, hand_over, compile, warm, cover, guard, block]
}

/// The loudest sample of the edited voice in a stretch that has whole periods.
fn level_at(heard: &Recording, from: usize) -> f64 {
    heard.channels[1][from..from + 160]
        .iter()
        .fold(0.0, |loudest: f64, sample| loudest.max(f64::from(sample.abs())))
}

struct Session {
    scene: Scene,
    file: PathBuf,
    up: Moment,
    saves: Vec<Save>,
    heard: Heard,
    latency_frames: usize,
}

fn play(runtime: &Path, period_frames: usize, count: usize) -> Result<Session, String> {
    let scene = Scene::new();
    let file = scene.path("song.js");
    std::fs::write(&file, song(0.1)).unwrap();
    let daemon = NullDaemon::start(&scene, period_frames);
    let latency_frames = daemon.latency_frames;
    let saved = saves(&scene, &file, runtime, count);
    let heard = daemon.end();
    saved.map(|(up, saves)| Session { scene, file, up, saves, heard, latency_frames })
}

fn measure(runtime_name: &str, runtime: &Path, period_frames: usize, count: usize) {
    let what = format!("saves in {runtime_name}");
    let Session { scene, file, up, saves, heard, latency_frames } =
        undisturbed(&what, || play(runtime, period_frames, count));
    let recording = heard.recording();
    let mut total_ms = Vec::new();
    let mut stations: [Vec<f64>; 7] = Default::default();
    for save in &saves {
        let chosen = save.said["engine_frame"].as_u64().expect("a frame");
        let frame = (chosen + save.late_frames) as usize + latency_frames;
        // 20 ms behind the change (a cross-fade takes 5) the new level is there, and 20 ms before the old one was.
        let (before, after) = (level_at(&recording, frame - 960), level_at(&recording, frame + 960));
        assert!((after - save.level).abs() < 1e-3, "level {after} after the save of {}", save.level);
        assert!((before + after - 0.3).abs() < 1e-3, "level {before} before the save of {}", save.level);
        let when_ns = heard.when_ns(frame).expect("it was heard");
        let total = (when_ns as f64 - save.trigger.ns as f64) / 1e6;
        total_ms.push(total);
        for (list, ms) in stations.iter_mut().zip(parts(save, total)) {
            list.push(ms);
        }
    }
    total_ms.sort_by(f64::total_cmp);
    let median = |list: &mut Vec<f64>| {
        list.sort_by(f64::total_cmp);
        quantile(list, 0.5)
    };
    let [watch, hand_over, compile, warm, cover, guard, block] = stations.each_mut().map(median);
    let first = recording.channels[0].iter().position(|sample| *sample != 0.0).expect("it sounds");
    let first_ns = heard.when_ns(first).expect("it was heard");
    say(&format!(
        "save -> heard, {runtime_name}, {period_frames} frames, {count} saves: p50 {:.1} p95 {:.1} max {:.1} ms; medians: \
         watch {watch:.1} hand-over {hand_over:.1} compile {compile:.1} warm {warm:.1} cover {cover:.1} guard {guard:.1} \
         block {block:.1}; first sound {:.0} ms after the runtime was up",
        quantile(&total_ms, 0.5),
        quantile(&total_ms, 0.95),
        quantile(&total_ms, 1.0),
        (first_ns as f64 - up.ns as f64) / 1e6,
    ));
    untouched(&scene, &file, &recording);
}

/// The left channel is, bit by bit, that of a session in which nothing was ever saved: so the phase of each of its sines
/// went on to the last digit.
fn untouched(scene: &Scene, file: &Path, heard: &Recording) {
    let out = scene.path("never-edited.wav");
    let seconds = heard.channels[0].len().div_ceil(48_000).to_string();
    let args =
        ["render", &file.display().to_string(), "-o", &out.display().to_string(), "--seconds", &seconds];
    let outcome = scene.forebay(&args);
    assert_eq!(outcome.code, 0, "{}", outcome.err);
    let never = Recording::read(&out);
    let (got, want) = (heard.sounding(0), never.sounding(0));
    // The end of what was heard is its fade-out.
    let frames = got.len() - 9_600;
    assert_same_bits("the untouched voices", &got[..frames], &want[..frames]);
}

/// Each save is heard at the frame that was promised, and nothing else changes.
#[test]
fn saves_are_heard() {
    let _quiet = quiet();
    let count = if std::env::var_os("FOREBAY_PROVE").is_some() { 50 } else { 10 };
    for name in ["node", "bun"] {
        match find_program(name) {
            None => skip("saves_are_heard", &format!("{name} is not installed")),
            Some(runtime) => [64, 256].into_iter().for_each(|period| measure(name, &runtime, period, count)),
        }
    }
}

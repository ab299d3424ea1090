//! What is heard is recorded; sessions that end by themselves; what keeps ears from harm, from the command line.

use std::path::Path;

use media::{FrameSource, Sound};
use rustix::process::Signal;
use serde_json::Value;

use crate::support::audio::{Recording, assert_same_bits};
use crate::support::process::{Outcome, Process};
use crate::support::scene::{Scene, repository};
use crate::support::{find_program, quiet, skip, undisturbed};

/// A tone that is there from its first frame on, with state and chance.
const SONG: &str = "\
play('tone', s => { s.state[0] += 220 / s.sr; return 0.2 * Math.cos(2 * Math.PI * s.state[0]); });
play('chance', s => 0.05 * (Math.random() - 0.5));
";

fn runtimes() -> Vec<&'static str> {
    ["node", "bun"].into_iter().filter(|name| find_program(name).is_some()).collect()
}

/// True, and said, where no runtime is there.
fn skips(test: &str) -> bool {
    let none = runtimes().is_empty();
    if none {
        skip(test, "neither node nor bun is installed");
    }
    none
}

fn song(scene: &Scene) {
    std::fs::write(scene.path("song.js"), SONG).unwrap();
}

/// `forebay live ARGS --json` to its end; what it said.
fn live(scene: &Scene, args: &[&str]) -> (Outcome, Vec<Value>) {
    live_on(scene, None, args)
}

fn live_on(scene: &Scene, runtime: Option<&str>, args: &[&str]) -> (Outcome, Vec<Value>) {
    let mut command = scene.command(&[&["live"], args, &["--json"]].concat());
    if let Some(program) = runtime.and_then(find_program) {
        command.env("FOREBAY_JS", program);
    }
    let outcome = crate::support::process::run("live", command);
    let said = outcome.out.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    (outcome, said)
}

fn event<'a>(said: &'a [Value], name: &str) -> &'a Value {
    said.iter().find(|event| event["event"] == name).unwrap_or_else(|| panic!("no {name} in {said:#?}"))
}

/// An error when the machine kept the session from beginning on time, or from going on: it is another sound then.
fn on_time(said: &[Value]) -> Result<(), String> {
    let late = &event(said, "edited")["late_frames"];
    if *late != 0 {
        return Err(format!("it began {late} frames late"));
    }
    match said
        .iter()
        .find(|event| ["underrun", "lost"].contains(&event["event"].as_str().unwrap_or_default()))
    {
        Some(disturbed) => Err(disturbed.to_string()),
        None => Ok(()),
    }
}

/// All samples by our own decoder, with the rate.
fn decoded(path: &Path) -> Vec<f32> {
    let mut sound = Sound::open(path).unwrap();
    let mut out = vec![0.0; sound.channels().get() * 4096];
    let mut all = Vec::new();
    loop {
        let frames = sound.read(&mut out).unwrap();
        if frames == 0 {
            return all;
        }
        all.extend_from_slice(&out[..frames * sound.channels().get()]);
    }
}

/// What is played live from the start, recorded, is what `render` writes, to the bit and from the first frame of the file on, up
/// to the fade at the end; and it is what the device got. On every runtime, for several examples.
#[test]
fn live_is_what_render_writes() {
    let _quiet = quiet();
    if skips("live_is_what_render_writes") {
        return;
    }
    const FRAMES: usize = 2 * 48_000;
    const FADE: usize = 4_000;
    let take = |runtime: &str, piece: &str| {
        let scene = Scene::new();
        let device = scene.path("device.wav").display().to_string();
        let mut daemon = scene.daemon(&["--backend", "file", "--device", &device]);
        let args = [piece, "--seconds", "2", "--record", "take.wav"];
        let (outcome, said) = live_on(&scene, Some(runtime), &args);
        assert_eq!(outcome.code, 0, "{}", outcome.err);
        assert_eq!(daemon.end().code(), Some(0));
        on_time(&said)?;
        let recorded = event(&said, "recorded");
        assert_eq!((&recorded["frames"], &recorded["lost_frames"]), (&FRAMES.into(), &0.into()));
        let take = Recording::read(&scene.path("take.wav"));
        if take.channels.iter().any(|channel| channel[FRAMES - 64..].iter().any(|sample| *sample != 0.0)) {
            return Err("the fade at the end came late".to_owned());
        }
        Ok((take, Recording::read(&scene.path("device.wav"))))
    };
    for example in ["acid", "beat", "echo", "kanon", "drone"] {
        let piece = repository().join(format!("examples/js/{example}.js")).display().to_string();
        let scene = Scene::new();
        let rendered = scene.forebay(&["render", &piece, "-o", "render.wav", "--seconds", "2"]);
        assert_eq!(rendered.code, 0, "{}", rendered.err);
        let want = Recording::read(&scene.path("render.wav"));
        for runtime in runtimes() {
            let what = format!("{example} on {runtime}");
            let (got, device) = undisturbed(&what, || take(runtime, &piece));
            // The device ran before the piece did: both are laid on the first frame that sounds.
            let sounds = |of: &Recording| {
                let is_silent = |at: &usize| of.channels.iter().all(|channel| channel[*at] == 0.0);
                (0..of.channels[0].len()).find(|at| !is_silent(at)).expect("it sounds")
            };
            let first = sounds(&device) - sounds(&got);
            for channel in 0..2 {
                let (got, want) = (&got.channels[channel], &want.channels[channel]);
                assert_eq!((got.len(), want.len()), (FRAMES, FRAMES));
                assert_same_bits(&what, &got[..FRAMES - FADE], &want[..FRAMES - FADE]);
                assert_same_bits(&what, got, &device.channels[channel][first..first + FRAMES]);
            }
        }
    }
}

/// A session ends by itself after so many bars, well, and no sooner or later than they take; into FLAC, too, which has what
/// 24 bits hold of it.
#[test]
fn bars_end_a_session() {
    let _quiet = quiet();
    if skips("bars_end_a_session") {
        return;
    }
    let scene = Scene::new();
    song(&scene);
    let mut daemon = scene.daemon(&["--backend", "null"]);
    let rendered = scene.forebay(&["render", "song.js", "-o", "render.flac", "--bars", "0.5"]);
    assert_eq!(rendered.code, 0, "{}", rendered.err);
    let plain = scene.forebay(&["render", "song.js", "-o", "render.wav", "--bars", "0.5"]);
    assert_eq!(plain.code, 0, "{}", plain.err);
    let said = undisturbed("bars", || {
        let args = ["song.js", "--bars", "0.5", "--record", "take.flac", "--overwrite"];
        let (outcome, said) = live(&scene, &args);
        assert_eq!(outcome.code, 0, "{}", outcome.err);
        on_time(&said).map(|()| said)
    });
    // Four quarters at 120 a minute: two seconds a bar.
    assert_eq!(event(&said, "recorded")["frames"], 48_000);
    let (take, render) = (decoded(&scene.path("take.flac")), decoded(&scene.path("render.flac")));
    assert_eq!((take.len(), render.len()), (2 * 48_000, 2 * 48_000));
    assert!(take[..2 * 44_000] == render[..2 * 44_000]);
    let steps = |x: f32| (f64::from(x) * 8_388_608.0).round_ties_even() as f32 / 8_388_608.0;
    assert!(decoded(&scene.path("render.wav")).into_iter().map(steps).eq(render));
    scene.await_status("it is gone", |status| status["engine"]["voices"] == 0);
    assert_eq!(daemon.end().code(), Some(0));
}

/// What can't be recorded is said before anything plays, each with its code and what to do.
#[test]
fn what_is_not_recorded() {
    if skips("what_is_not_recorded") {
        return;
    }
    let scene = Scene::new();
    song(&scene);
    let mut daemon = scene.daemon(&["--backend", "null"]);
    std::fs::write(scene.path("old.wav"), "old").unwrap();
    let refused = |args: &[&str], code: i32, says: &str| {
        let (outcome, said) = live(&scene, &[&["song.js"], args].concat());
        assert_eq!(outcome.code, code, "{args:?}: {}", outcome.err);
        assert!(outcome.err.contains(says), "{args:?}: {}", outcome.err);
        assert!(said.is_empty(), "nothing has played");
    };
    refused(&["--record", "old.wav"], 9, "--overwrite replaces it");
    refused(&["--record", "no/take.wav"], 9, "there is no such folder");
    refused(&["--record", "take.mp3"], 2, "must end in one of: .wav, .flac");
    refused(&["--overwrite"], 2, "--record");
    refused(&["--bars", "0"], 2, "give a number of bars above 0");
    refused(&["--bars", "1", "--seconds", "1"], 2, "cannot be used with");
    assert_eq!(std::fs::read(scene.path("old.wav")).unwrap(), b"old");
    // A piece that never sounds costs nobody his old file.
    std::fs::write(scene.path("broken.js"), "play('a', s => {").unwrap();
    let mut command = scene.command(&["live", "broken.js", "--json", "--record", "old.wav", "--overwrite"]);
    command.stderr(std::process::Stdio::null());
    let mut broken = Process::start("live", command);
    broken.json_line(|said| said["event"] == "refused");
    assert_eq!(broken.end().code(), Some(0));
    assert_eq!(std::fs::read(scene.path("old.wav")).unwrap(), b"old");
    assert_eq!(daemon.end().code(), Some(0));
}

/// While it runs it is seen; a daemon that is killed leaves files that are whole as far as they go, to the last second.
#[test]
fn a_killed_daemon_leaves_its_recording() {
    let _quiet = quiet();
    if skips("a_killed_daemon_leaves_its_recording") {
        return;
    }
    for name in ["take.wav", "take.flac"] {
        let scene = Scene::new();
        song(&scene);
        let mut daemon = scene.daemon(&["--backend", "null"]);
        let mut command = scene.command(&["live", "song.js", "--json", "--record", name]);
        command.env("FOREBAY_START_TIMEOUT", "1").stderr(std::process::Stdio::null());
        let mut live = Process::start("live", command);
        live.json_line(|said| said["event"] == "edited");
        let status = scene
            .await_status("it records", |status| status["recordings"][0]["frames"].as_u64() > Some(96_000));
        let recording = &status["recordings"][0];
        assert_eq!((&recording["state"], &recording["lost_frames"]), (&"running".into(), &0.into()));
        assert!(recording["room_bytes"].as_u64() > Some(0));
        let page = scene.forebay(&["status"]).out;
        assert!(page.contains(name) && page.contains("0 frames lost, room for "), "{page}");
        let frames = recording["frames"].as_u64().unwrap() as usize;
        daemon.signal(Signal::KILL);
        daemon.wait();
        let left = decoded(&scene.path(name));
        assert!(left.len() / 2 + 48_000 > frames, "{} of {frames} frames", left.len() / 2);
        assert!(left.iter().filter(|sample| **sample != 0.0).count() > left.len() / 2);
        live.signal(Signal::KILL);
    }
}

/// A ceiling of a session is heard and shown, and goes with it; what is unsafe is warned of; who would make it louder for
/// another is refused; a render has them, too.
#[test]
fn ceilings_from_the_command_line() {
    let _quiet = quiet();
    if skips("ceilings_from_the_command_line") {
        return;
    }
    let scene = Scene::new();
    std::fs::write(scene.path("loud.js"), "play('loud', s => 0.9 * Math.sin(s.t * 3000));\n").unwrap();
    let mut daemon = scene.daemon(&["--backend", "null", "--ceiling-db", "-3"]);
    let loudest =
        |name: &str| decoded(&scene.path(name)).into_iter().fold(0.0, |most: f32, x| most.max(x.abs()));
    let take = |name: &str, args: &[&str]| {
        let (outcome, _) = live(&scene, &[&["loud.js", "--seconds", "0.5", "--record", name], args].concat());
        assert_eq!(outcome.code, 0, "{}", outcome.err);
        (loudest(name), outcome.err)
    };
    let own = 10.0_f32.powf(-3.0 / 20.0);
    let (plain, _) = take("plain.wav", &[]);
    assert!(plain <= own && plain > 0.68, "{plain}");
    let (low, _) = take("low.wav", &["--ceiling-db", "-20"]);
    assert!(low <= 0.1 && low > 0.09, "{low}");
    let (open, warned) = take("open.wav", &["--unsafe", "--gain-db", "6"]);
    assert!(open > 1.7 && warned.contains("neither guards nor limiter nor ceiling"), "{open} {warned}");
    let status = scene.await_status("the session is over", |status| status["producers"][0].is_null());
    assert_eq!(
        (&status["engine"]["main"]["ceiling_db"], &status["engine"]["main"]["unsafe"]),
        (&(-3.0).into(), &Value::Null)
    );
    let mut other = Process::start("live", scene.command(&["live", "loud.js", "--json"]));
    other.json_line(|said| said["event"] == "edited");
    let (refused, _) = live(&scene, &["loud.js", "--unsafe", "--seconds", "0.5"]);
    assert_eq!(refused.code, 6, "{}", refused.err);
    assert!(refused.err.contains("would be heard louder"), "{}", refused.err);
    assert_eq!(other.end().code(), Some(0));
    assert_eq!(daemon.end().code(), Some(0));
    let render = |name: &str, args: &[&str]| {
        let outcome = scene.forebay(&[&["render", "loud.js", "-o", name, "--seconds", "0.5"], args].concat());
        assert_eq!(outcome.code, 0, "{}", outcome.err);
        loudest(name)
    };
    let low = render("low-render.wav", &["--ceiling-db", "-20"]);
    assert!(low <= 0.1 && low > 0.09, "{low}");
    assert!(render("open-render.wav", &["--unsafe", "--gain-db", "6"]) > 1.7);
}

//! The daemon as a process: one per user, born when needed, gone when not, replaced by a newer one.

use rustix::fs::{FlockOperation, flock};
use rustix::process::Signal;
use serde_json::Value;

use crate::support::audio::noise;
use crate::support::process::Process;
use crate::support::scene::Scene;
use crate::support::{find_program, quiet, skip};

/// A second daemon names the first and ends with the code for it; the first goes on.
#[test]
fn one_daemon_per_user() {
    let scene = Scene::new();
    let daemon = scene.daemon(&["--backend", "null"]);
    let second = scene.forebay(&["run", "--backend", "null"]);
    assert_eq!(second.code, 6, "{}", second.err);
    assert!(second.err.contains(&daemon.pid().to_string()), "{}", second.err);
    assert_eq!(scene.status()["daemon"]["pid"], daemon.pid());
}

/// SIGTERM and SIGINT end it in good order: code 0, no socket left, and its place is free at once.
#[test]
fn ends_in_good_order() {
    let scene = Scene::new();
    for signal in [Signal::TERM, Signal::INT] {
        let mut daemon = scene.daemon(&["--backend", "null"]);
        daemon.signal(signal);
        assert_eq!(daemon.wait().code(), Some(0));
        assert!(!scene.path("run/forebay/daemon.sock").exists());
    }
}

/// A daemon outlives whoever read what it says on standard error, and still ends in good order.
#[test]
fn outlives_the_reader_of_its_lines() {
    let scene = Scene::new();
    let (reader, writer) = std::io::pipe().unwrap();
    let mut command = scene.command(&["run", "--backend", "null", "--stay"]);
    command.stderr(writer);
    let mut daemon = Process::start("a daemon nobody listens to", command);
    daemon.line();
    drop(reader);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.wait().code(), Some(0));
}

/// A daemon that was killed leaves a socket behind: the next one takes its place.
#[test]
fn a_killed_daemon_is_no_obstacle() {
    let scene = Scene::new();
    let mut first = scene.daemon(&["--backend", "null"]);
    first.signal(Signal::KILL);
    first.wait();
    assert!(scene.path("run/forebay/daemon.sock").exists());
    let second = scene.daemon(&["--backend", "null"]);
    assert_eq!(scene.status()["daemon"]["pid"], second.pid());
}

/// Without producers it ends by itself, unless asked to stay.
#[test]
fn ends_when_idle() {
    let scene = Scene::new();
    let command = scene.command(&["run", "--backend", "null", "--idle", "0.2"]);
    assert_eq!(Process::start("an idle daemon", command).wait().code(), Some(0));
    let log = std::fs::read_to_string(scene.path("state/forebay/daemon.log")).unwrap();
    assert!(log.contains("no producers"), "{log}");
}

/// `restart` puts a new process in place with the same options, those given anew apart.
#[test]
fn restart_keeps_options() {
    let scene = Scene::new();
    let mut old =
        scene.daemon(&["--backend", "null", "--rate", "44100", "--channels", "4", "--period", "128"]);
    let outcome = scene.forebay(&["restart", "--json", "--channels", "1"]);
    assert_eq!(outcome.code, 0, "{}", outcome.err);
    assert_eq!(old.wait().code(), Some(0));
    let said: Value = serde_json::from_str(&outcome.out).unwrap();
    assert_eq!(said["old"]["pid"], old.pid());
    let status = scene.status();
    assert_eq!(status["engine"]["rate_hz"], 44_100);
    assert_eq!(status["engine"]["channels"], 1);
    end_background_daemon(&scene, &status);
}

/// `stop` ends the daemon in good order, and says so when there is none.
#[test]
fn stop_ends_the_daemon() {
    let scene = Scene::new();
    let mut daemon = scene.daemon(&["--backend", "null"]);
    let outcome = scene.forebay(&["stop", "--json"]);
    assert_eq!(outcome.code, 0, "{}", outcome.err);
    let said: Value = serde_json::from_str(&outcome.out).unwrap();
    assert_eq!(said["ended"]["pid"], daemon.pid());
    assert_eq!(daemon.wait().code(), Some(0));
    let outcome = scene.forebay(&["stop"]);
    assert_eq!(outcome.code, 4, "{}", outcome.err);
    assert!(outcome.err.contains("no daemon runs"), "{}", outcome.err);
}

/// When `stop` says that the daemon has ended, its lock is free and what it wrote is whole; who played is told why, and starts
/// no other.
#[test]
fn stop_is_the_end() {
    let scene = Scene::new();
    sound(&scene, 30.0);
    let out = scene.path("out.wav");
    let mut daemon = scene.daemon(&["--backend", "file", "--device", &out.display().to_string()]);
    let command = scene.command(&["play", "sound.wav"]);
    let playing = std::thread::spawn(move || crate::support::process::run("play", command));
    scene.await_status("it plays", |status| status["engine"]["voices"] == 1);
    let outcome = scene.forebay(&["stop"]);
    assert_eq!(outcome.code, 0, "{}", outcome.err);
    let lock = std::fs::File::open(scene.path("run/forebay/daemon.sock.lock")).unwrap();
    flock(&lock, FlockOperation::NonBlockingLockExclusive).expect("nobody holds it any more");
    drop(lock);
    assert!(!crate::support::audio::Recording::read(&out).channels[0].is_empty());
    assert_eq!(daemon.wait().code(), Some(0));
    let player = playing.join().unwrap();
    assert_eq!(player.code, 4, "{}", player.err);
    assert!(player.err.contains("by forebay stop"), "{}", player.err);
    assert_eq!(scene.forebay(&["status"]).code, 4, "no other runs");
}

/// `hush` silences what plays, and leaves it playing.
#[test]
fn hush_is_heard() {
    let scene = Scene::new();
    sound(&scene, 30.0);
    let _daemon = scene.daemon(&["--backend", "null"]);
    let mut player = Process::start("play", scene.command(&["play", "sound.wav"]));
    let voice = |status: &Value| status["producers"][0]["voices"][0].clone();
    let is_heard = |status: &Value| voice(status)["rms_db"].as_f64().is_some_and(|db| db > -60.0);
    scene.await_status("it is heard", is_heard);
    let hushed = scene.forebay(&["hush", "--json"]);
    assert_eq!((hushed.code, hushed.out.trim()), (0, "{\"hushed\":true}"), "{}", hushed.err);
    let status =
        scene.await_status("it is silent", |status| !is_heard(status) && voice(status)["mute"] == true);
    assert_eq!(voice(&status)["state"], "playing");
    player.signal(Signal::TERM);
    assert_eq!(player.wait().code(), Some(130));
}

/// `doctor` examines the machine with a daemon and without: what it finds has a mark, a remedy where there is something to
/// do, and decides the exit code.
#[test]
fn doctor_reports() {
    let _quiet = quiet();
    let scene = Scene::new();
    for with_daemon in [false, true] {
        let daemon = with_daemon.then(|| scene.daemon(&["--backend", "null"]));
        let outcome = scene.forebay(&["doctor", "--json", "--backend", "null"]);
        let report: Value = serde_json::from_str(&outcome.out).expect(&outcome.out);
        let findings = report["findings"].as_array().unwrap();
        let about = |what: &str| findings.iter().filter(|it| it["about"] == what).collect::<Vec<_>>();
        for part in ["socket", "daemon", "backend", "memory", "hand-off"] {
            assert!(!about(part).is_empty(), "nothing about {part}: {report:#}");
        }
        for finding in findings.iter().filter(|it| it["mark"] != "good") {
            assert!(finding["remedy"].is_string(), "{finding}");
        }
        let runs = about("daemon")[0]["found"].to_string();
        assert_eq!(runs.contains("runs as process"), daemon.is_some(), "{runs}");
        assert_eq!(about("device").len(), usize::from(daemon.is_some()));
        let faults = findings.iter().any(|it| it["mark"] == "fault");
        assert_eq!(outcome.code, if faults { 10 } else { 0 }, "{report:#}");
    }
}

/// A completion script for each shell, which asks this very program at each Tab.
#[test]
fn completions_are_scripts() {
    let scene = Scene::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let outcome = scene.forebay(&["completions", shell]);
        assert_eq!(outcome.code, 0, "{}", outcome.err);
        assert!(
            outcome.out.contains("forebay") && outcome.out.contains("COMPLETE"),
            "{shell}: {}",
            outcome.out
        );
    }
    let _daemon = scene.daemon(&["--backend", "null"]);
    let mut tab = scene.command(&["--", "forebay", "run", "--backend", "nu"]);
    tab.env("COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", "3").env("_CLAP_COMPLETE_COMP_TYPE", "9");
    assert!(crate::support::process::run("a Tab", tab).out.contains("null"));
}

/// `devices` answers while the daemon runs.
#[test]
fn devices_are_listed() {
    let scene = Scene::new();
    let _daemon = scene.daemon(&["--backend", "null"]);
    let devices = scene.forebay(&["devices", "--json"]);
    assert_eq!(devices.code, 0, "{}", devices.err);
    let list: Value = serde_json::from_str(&devices.out).unwrap();
    let names: Vec<_> = list["devices"].as_array().unwrap().iter().map(|device| &device["backend"]).collect();
    assert!(names.contains(&&Value::from("null")), "{list}");
}

/// A command that needs a daemon starts one, in a process group of its own, with the options it was given; it outlives
/// the command.
#[test]
fn play_starts_a_daemon() {
    let scene = Scene::new();
    sound(&scene, 0.3);
    let played = scene.forebay(&["play", "sound.wav", "--backend", "null", "--period", "128"]);
    assert_eq!(played.code, 0, "{}", played.err);
    assert!(played.err.contains("null"), "it says what plays: {}", played.err);
    let status = scene.status();
    assert_eq!(status["device"]["period_frames"], 128);
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", status["daemon"]["pid"])).unwrap();
    let group = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(2)).unwrap().to_owned();
    assert_eq!(group, status["daemon"]["pid"].to_string(), "its own process group");
    end_background_daemon(&scene, &status);
}

/// Raw PCM through a pipe is played whole, to its last frame.
#[test]
fn play_from_a_pipe() {
    let _quiet = quiet();
    let scene = Scene::new();
    let out = scene.path("out.wav");
    let mut daemon = scene.daemon(&["--backend", "file", "--device", &out.display().to_string()]);
    let frames = 24_000_u32;
    let pcm: Vec<u8> = (0..frames).flat_map(|n| noise(0, n).to_le_bytes()).collect();
    std::fs::write(scene.path("raw.pcm"), pcm).unwrap();
    let mut shell = std::process::Command::new("sh");
    let line = "cat raw.pcm | \"$FOREBAY_BIN\" play - --rate 48000 --channels 1 --format f32le";
    shell.args(["-c", line]).current_dir(scene.path(""));
    scene.dress(&mut shell);
    let played = crate::support::process::run("play -", shell);
    assert_eq!(played.code, 0, "{}", played.err);
    assert_eq!(daemon.end().code(), Some(0));
    let heard = crate::support::audio::Recording::read(&out);
    let sounding = heard.sounding(0);
    assert!(sounding.len() >= frames as usize, "{} of {frames} frames", sounding.len());
    // A mono voice in the middle of two channels: the same in both, at one level.
    let level = sounding[12_000] / noise(0, 12_000);
    let fits = |n: usize| (sounding[n] - level * noise(0, n as u32)).abs() < 1e-6;
    assert!((4800..frames as usize).all(fits), "a frame is missing or doubled");
}

/// A recording goes on where nobody plays for a while: closed and opened again, the file would begin anew.
#[test]
fn a_recording_is_kept() {
    let scene = Scene::new();
    sound(&scene, 0.2);
    let out = scene.path("out.wav");
    let device = out.display().to_string();
    let mut daemon = scene.daemon(&["--backend", "file", "--device", &device, "--close-device", "0"]);
    for _ in 0..2 {
        assert_eq!(scene.forebay(&["play", "sound.wav"]).code, 0);
        scene.await_status("it has ended", |status| status["engine"]["voices"] == 0);
    }
    assert_eq!(daemon.end().code(), Some(0));
    let heard = crate::support::audio::Recording::read(&out);
    let sounding = heard.channels[0].iter().filter(|sample| **sample != 0.0).count();
    assert!(sounding > 2 * 9_000, "{sounding} frames of twice 9600");
}

/// A daemon that is killed under its producers: each says that it has gone, with the code for it.
#[test]
fn killed_under_producers() {
    let scene = Scene::new();
    sound(&scene, 30.0);
    let mut daemon = scene.daemon(&["--backend", "null"]);
    let command = scene.command(&["play", "sound.wav"]);
    let playing = std::thread::spawn(move || crate::support::process::run("play", command));
    scene.await_status("it plays", |status| status["engine"]["voices"] == 1);
    daemon.signal(Signal::KILL);
    daemon.wait();
    let outcome = playing.join().unwrap();
    assert_eq!(outcome.code, 4, "{}", outcome.err);
    assert!(outcome.err.contains("the daemon has gone"), "{}", outcome.err);
}

/// Ctrl-C in a terminal reaches every process of `live`: it still fades out and ends well.
#[test]
fn ctrl_c_ends_live_well() {
    let _quiet = quiet();
    if find_program("node").is_none() && find_program("bun").is_none() {
        return skip("ctrl_c_ends_live_well", "neither node nor bun is installed");
    }
    let scene = Scene::new();
    let out = scene.path("out.wav");
    let mut daemon = scene.daemon(&["--backend", "file", "--device", &out.display().to_string()]);
    std::fs::write(scene.path("song.js"), "play('a', s => 0.2 * Math.sin(s.t * 600));\n").unwrap();
    let mut command = scene.command(&["live", "song.js", "--json"]);
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut live = Process::start("live", command);
    live.json_line(|said| said["event"] == "edited");
    std::thread::sleep(std::time::Duration::from_millis(500));
    let group = rustix::process::Pid::from_raw(live.pid() as i32).unwrap();
    rustix::process::kill_process_group(group, Signal::INT).unwrap();
    assert_eq!(live.wait().code(), Some(0));
    scene.await_status("its voice is gone", |status| status["engine"]["voices"] == 0);
    assert_eq!(daemon.end().code(), Some(0));
    let heard = crate::support::audio::Recording::read(&out);
    let step = heard.channels[0].windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
    // The sine's own slope is 0.2 * 600 / 48000 a frame; the rest is what fades may add.
    assert!(step < 0.005, "a step of {step}");
}

/// A sound file of so many seconds.
pub(crate) fn sound(scene: &Scene, seconds: f64) {
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 48_000,
        bits_per_sample: 32,
        sample_format: hound::SampleFormat::Float,
    };
    let mut writer = hound::WavWriter::create(scene.path("sound.wav"), spec).unwrap();
    (0..(seconds * 96_000.0) as u32).for_each(|n| writer.write_sample(noise(0, n)).unwrap());
    writer.finalize().unwrap();
}

/// Ends a daemon that is no child of the test.
pub(crate) fn end_background_daemon(scene: &Scene, status: &Value) {
    let pid = status["daemon"]["pid"].as_i64().and_then(|pid| rustix::process::Pid::from_raw(pid as i32));
    rustix::process::kill_process(pid.expect("the daemon says its pid"), Signal::TERM).unwrap();
    let socket = scene.path("run/forebay/daemon.sock");
    let deadline = std::time::Instant::now() + crate::support::process::PATIENCE;
    while socket.exists() {
        assert!(std::time::Instant::now() < deadline, "the daemon does not end");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

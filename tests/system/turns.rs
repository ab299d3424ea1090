//! Daemons that come and go: started at once, while the last one fades, in the place of one that died, or where they must
//! not be. Whoever needs a daemon gets one, and what is somebody's is left alone.

use std::path::Path;
use std::process::Stdio;

use rustix::fs::{FlockOperation, flock, inotify};
use rustix::process::Signal;
use serde_json::Value;

use crate::life::{end_background_daemon, sound};
use crate::support::process::{Process, run};
use crate::support::scene::Scene;
use crate::support::{find_program, quiet, skip};

/// A daemon that neither serves yet nor any more is waited for: here somebody holds its lock, and lets go after the new
/// one has tried.
#[test]
fn waits_for_its_turn() {
    let scene = Scene::new();
    sound(&scene, 0.1);
    let lock = scene.path("run/forebay/daemon.sock.lock");
    scene.daemon(&["--backend", "null"]).end();
    for args in
        [&["run", "--backend", "null", "--idle", "0.1"][..], &["play", "sound.wav", "--backend", "null"]]
    {
        let held = std::fs::File::open(&lock).unwrap();
        flock(&held, FlockOperation::NonBlockingLockExclusive).unwrap();
        let tried = watch_a_try(&lock);
        let mut waiting = Process::start(args[0], scene.command(args));
        tried();
        drop(held);
        assert_eq!(waiting.wait().code(), Some(0), "{args:?}");
    }
    end_background_daemon(&scene, &scene.status());
}

/// Returns what waits until somebody has tried to take the lock, in vain: who gets it keeps the file open.
fn watch_a_try(file: &Path) -> impl FnOnce() {
    let watch = inotify::init(inotify::CreateFlags::empty()).unwrap();
    inotify::add_watch(&watch, file, inotify::WatchFlags::CLOSE_WRITE).unwrap();
    move || {
        let mut event = [std::mem::MaybeUninit::uninit(); 512];
        inotify::Reader::new(watch, &mut event).next().expect("an event");
    }
}

/// Several commands that need a daemon at once: one starts it, all are served by it.
#[test]
fn many_at_once() {
    let scene = Scene::new();
    sound(&scene, 0.1);
    let mut players: Vec<_> = (0..4)
        .map(|_| Process::start("play", scene.command(&["play", "sound.wav", "--backend", "null"])))
        .collect();
    for player in &mut players {
        assert_eq!(player.wait().code(), Some(0));
    }
    end_background_daemon(&scene, &scene.status());
}

/// What is no socket of a daemon's is neither removed nor written over, and a socket that somebody serves stays his.
#[test]
fn what_is_not_ours_is_left_alone() {
    let scene = Scene::new();
    let at = |name: &str| {
        let mut command = scene.command(&["run", "--backend", "null", "--idle", "0.1"]);
        command.env("FOREBAY_SOCKET", scene.path(name));
        run("forebay run", command)
    };
    std::fs::write(scene.path("notes"), "mine").unwrap();
    std::fs::write(scene.path("other.lock"), "mine too").unwrap();
    let _bus = std::os::unix::net::UnixListener::bind(scene.path("bus")).unwrap();
    for (name, code) in [("notes", 7), ("other", 7), ("bus", 6)] {
        let outcome = at(name);
        assert_eq!(outcome.code, code, "{name}: {}", outcome.err);
        assert!(outcome.err.contains("FOREBAY_SOCKET"), "{name}: {}", outcome.err);
    }
    assert_eq!(std::fs::read(scene.path("notes")).unwrap(), b"mine");
    assert_eq!(std::fs::read(scene.path("other.lock")).unwrap(), b"mine too");
    assert!(!scene.path("notes.lock").exists(), "nothing is left beside it");
    std::os::unix::net::UnixStream::connect(scene.path("bus")).expect("it is served as before");
    assert_eq!(at("free").code, 0);
}

/// A player whose daemon dies says so, also when everything is written and only the last second is awaited.
#[test]
fn play_ends_with_its_daemon() {
    let scene = Scene::new();
    sound(&scene, 6.0);
    let mut daemon = scene.daemon(&["--backend", "null"]);
    let mut player = Process::start("play", scene.command(&["play", "sound.wav", "--lead", "8000"]));
    scene.await_status("all is written", |status| {
        status["producers"][0]["voices"][0]["ledger"]["produced"] == 6 * 48_000
    });
    daemon.signal(Signal::KILL);
    daemon.wait();
    assert_eq!(player.wait().code(), Some(4));
}

/// `restart --stay` of a daemon that a command had started: it stays from now on.
#[test]
fn restart_to_stay() {
    let scene = Scene::new();
    sound(&scene, 0.1);
    assert_eq!(scene.forebay(&["play", "sound.wav", "--backend", "null"]).code, 0);
    let old = scene.status();
    let outcome = scene.forebay(&["restart", "--stay", "--json"]);
    assert_eq!(outcome.code, 0, "{}", outcome.err);
    let said: Value = serde_json::from_str(&outcome.out).unwrap();
    assert_eq!(said["old"]["pid"], old["daemon"]["pid"]);
    let status = scene.status();
    assert_eq!(said["new"]["pid"], status["daemon"]["pid"]);
    let lock = std::fs::read_to_string(scene.path("run/forebay/daemon.sock.lock")).unwrap();
    let args = serde_json::from_str::<Value>(&lock).unwrap()["args"].to_string();
    assert!(args.contains("--stay") && args.contains("--backend=null") && !args.contains("--idle"), "{args}");
    end_background_daemon(&scene, &status);
}

/// A device is one of its backend: with another backend it does not stay.
#[test]
fn restart_with_another_backend() {
    let scene = Scene::new();
    let out = scene.path("out.wav");
    let mut old = scene.daemon(&["--backend", "file", "--device", &out.display().to_string()]);
    let outcome = scene.forebay(&["restart", "--backend", "null"]);
    assert_eq!(outcome.code, 0, "{}", outcome.err);
    assert_eq!(old.wait().code(), Some(0));
    let status = scene.status();
    assert_eq!(status["device"]["backend"], "null");
    end_background_daemon(&scene, &status);
}

/// Options with which no daemon starts: that is told with its own code, and a daemon with the old ones runs again.
#[test]
fn a_restart_that_fails_is_made_good() {
    let scene = Scene::new();
    let _old = scene.daemon(&["--backend", "null", "--period", "128"]);
    let mut command = scene.command(&["restart", "--backend", "jack"]);
    command.env("JACK_DEFAULT_SERVER", "no-such-server");
    let outcome = run("forebay restart", command);
    assert_eq!(outcome.code, 5, "{}", outcome.err);
    assert!(outcome.err.contains("runs again") && outcome.err.contains("forebay devices"), "{}", outcome.err);
    let status = scene.status();
    assert_eq!(status["device"]["period_frames"], 128);
    let senseless = scene.forebay(&["restart", "--device", "1000"]);
    assert_eq!(senseless.code, 5, "{}", senseless.err);
    assert_eq!(scene.status()["daemon"]["pid"], status["daemon"]["pid"], "what makes no sense ends nothing");
    end_background_daemon(&scene, &status);
}

/// A piece goes on when its daemon is replaced, and when it died: then it starts one itself, with the options that `live`
/// was given. Each time it says why, and that it goes on, or begins anew where
/// too little was played yet.
#[test]
fn live_outlives_its_daemon() {
    if find_program("node").is_none() && find_program("bun").is_none() {
        return skip("live_outlives_its_daemon", "neither node nor bun is installed");
    }
    let _quiet = quiet();
    let scene = Scene::new();
    std::fs::write(scene.path("song.js"), "play('a', s => 0.1 * Math.sin(s.t * 600));\n").unwrap();
    let args = ["live", "song.js", "--json", "--backend", "null", "--period", "128"];
    let mut live = Process::start("live", scene.command(&args));
    live.json_line(|said| said["event"] == "edited");
    let restarted = scene.forebay(&["restart", "--json"]);
    assert_eq!(restarted.code, 0, "{}", restarted.err);
    let plays_again = |live: &mut Process| {
        live.json_line(|said| said["message"].as_str().is_some_and(|it| it.contains("the daemon has gone")));
        let goes_on =
            |said: &Value| said["message"].as_str().is_some_and(|it| it.contains("the piece goes on: a"));
        live.json_line(|said| said["event"] == "edited" || goes_on(said));
    };
    plays_again(&mut live);
    let said: Value = serde_json::from_str(&restarted.out).unwrap();
    let status = scene.status();
    assert_eq!(status["daemon"]["pid"], said["new"]["pid"], "it plays on the new one");
    let pid = rustix::process::Pid::from_raw(status["daemon"]["pid"].as_i64().unwrap() as i32).unwrap();
    rustix::process::kill_process(pid, Signal::KILL).unwrap();
    plays_again(&mut live);
    let status = scene.status();
    assert_eq!(status["device"]["backend"], "null");
    assert_eq!(status["device"]["period_frames"], 128);
    assert_eq!(live.end().code(), Some(0));
    end_background_daemon(&scene, &status);
}

/// What goes on and on ends with whoever reads it: `head`, an editor.
#[test]
fn ends_with_its_reader() {
    let scene = Scene::new();
    let _daemon = scene.daemon(&["--backend", "null"]);
    read_and_go(&scene, &["status", "--watch", "--json", "--interval", "20"], |status| {
        status["device"]["backend"] == "null"
    });
    if find_program("node").is_none() && find_program("bun").is_none() {
        return skip("ends_with_its_reader", "neither node nor bun is installed");
    }
    std::fs::write(scene.path("song.js"), "play('a', s => 0.1 * Math.sin(s.t * 600));\n").unwrap();
    read_and_go(&scene, &["live", "song.js", "--json"], |said| said["event"] == "edited");
}

/// Reads what a command says until `enough`, and goes away.
fn read_and_go(scene: &Scene, args: &[&str], enough: impl Fn(&Value) -> bool) {
    let (reader, writer) = std::io::pipe().unwrap();
    let mut command = scene.command(args);
    let mut process = Process::of(args[0], command.stdout(writer).stdin(Stdio::null()).spawn().unwrap());
    // It holds an end of the pipe as well.
    drop(command);
    let lines = std::io::BufRead::lines(std::io::BufReader::new(reader));
    let said = lines.map_while(Result::ok).find(|line| enough(&serde_json::from_str(line).unwrap()));
    assert!(said.is_some(), "{args:?} ended by itself");
    assert_eq!(process.wait().code(), Some(0), "{args:?}");
}

//! Whatever is wrong, there is one clear message with the remedy, and the exit code that the help names.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::support::process::run;
use crate::support::scene::Scene;
use crate::support::{find_program, skip};

/// Without a daemon the question is answered by a word on how to get one.
#[test]
fn no_daemon() {
    let scene = Scene::new();
    for args in [&["status"][..], &["hush"], &["status", "--watch"]] {
        let outcome = scene.forebay(args);
        assert_eq!(outcome.code, 4, "{args:?}: {}", outcome.err);
        assert!(
            outcome.err.contains("no daemon runs") && outcome.err.contains("forebay run"),
            "{}",
            outcome.err
        );
    }
}

/// A socket that nobody serves any more is no daemon; it is neither waited for nor an error of its own.
#[test]
fn stale_socket() {
    let scene = Scene::new();
    let folder = scene.path("run/forebay");
    std::fs::create_dir(&folder).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700)).unwrap();
    drop(std::os::unix::net::UnixListener::bind(folder.join("daemon.sock")).unwrap());
    let outcome = scene.forebay(&["status"]);
    assert_eq!(outcome.code, 4, "{}", outcome.err);
}

/// A folder that others may enter is refused, with what to do.
#[test]
fn open_folder() {
    let scene = Scene::new();
    let folder = scene.path("run/forebay");
    std::fs::create_dir(&folder).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    let outcome = scene.forebay(&["status"]);
    assert_eq!(outcome.code, 7, "{}", outcome.err);
    assert!(outcome.err.contains("chmod 700"), "{}", outcome.err);
}

/// A path that does not fit into a socket address is said to be too long, before anything is tried.
#[test]
fn socket_path_too_long() {
    let scene = Scene::new();
    let mut command = scene.command(&["status"]);
    command.env("FOREBAY_SOCKET", format!("/tmp/{}", "x".repeat(120)));
    let outcome = run("status", command);
    assert_eq!(outcome.code, 7, "{}", outcome.err);
    assert!(outcome.err.contains("107"), "{}", outcome.err);
}

/// An unknown option, a value out of range: clap's message and the code for usage.
#[test]
fn wrong_usage() {
    let scene = Scene::new();
    for args in [&["status", "--period", "7"][..], &["status", "--lead", "soon"], &["sing"], &[]] {
        assert_eq!(scene.forebay(args).code, 2, "{args:?}");
    }
}

/// Errors are one JSON line for programs that ask for it.
#[test]
fn json_errors() {
    let outcome = Scene::new().forebay(&["status", "--json"]);
    let error: serde_json::Value = serde_json::from_str(outcome.err.trim()).expect(&outcome.err);
    assert_eq!(error["error"]["exit"], 4);
    assert!(error["error"]["remedy"].as_str().is_some_and(|remedy| remedy.contains("forebay run")));
}

/// A backend that is none is answered with those there are; a device or server that is not there with its own code. No
/// daemon is left behind.
#[test]
fn no_such_backend_or_device() {
    let scene = Scene::new();
    let unknown = scene.forebay(&["run", "--backend", "oss"]);
    assert_eq!(unknown.code, 2, "{}", unknown.err);
    assert!(unknown.err.contains("auto, null, file, jack, alsa, pipewire"), "{}", unknown.err);
    let mut jack = scene.command(&["run", "--backend", "jack"]);
    jack.env("JACK_DEFAULT_SERVER", "no-such-server");
    for command in [jack, scene.command(&["run", "--backend", "alsa", "--device", "no such card"])] {
        let outcome = run("forebay run", command);
        assert_eq!(outcome.code, 5, "{}", outcome.err);
        assert!(outcome.err.contains("forebay devices"), "{}", outcome.err);
    }
    assert_eq!(scene.forebay(&["status"]).code, 4);
    assert!(!scene.path("run/forebay/daemon.sock").exists());
}

/// AUDIO_BACKEND belongs to other programs as well: a name that means nothing here is no error.
#[test]
fn foreign_audio_backend() {
    let scene = Scene::new();
    let mut command = scene.command(&["run", "--idle", "0.1"]);
    command.env("AUDIO_BACKEND", "speaker").env("JACK_DEFAULT_SERVER", "no-such-server");
    let outcome = run("forebay run", command);
    assert_eq!(outcome.code, 0, "{}", outcome.err);
    assert!(outcome.err.contains("AUDIO_BACKEND is 'speaker'"), "{}", outcome.err);
}

/// What can't be played or read is said before any daemon is started.
#[test]
fn wrong_files() {
    let scene = Scene::new();
    let text = scene.path("text.wav");
    std::fs::write(&text, "this is no sound").unwrap();
    let text = text.display().to_string();
    for args in [
        &["play", "missing.wav"][..],
        &["play", "."],
        &["play", &text],
        &["live", "missing.js"],
        &["live", "."],
        &["render", "missing.js", "-o", "x.wav", "--seconds", "1"],
    ] {
        let outcome = scene.forebay(args);
        assert_eq!(outcome.code, 3, "{args:?}: {}", outcome.err);
        assert!(outcome.err.starts_with("forebay: "), "{args:?}: {}", outcome.err);
    }
    assert_eq!(scene.forebay(&["status"]).code, 4, "no daemon was started");
}

/// Neither Node nor Bun: what to install, and the code for it.
#[test]
fn no_runtime() {
    let scene = Scene::new();
    std::fs::write(scene.path("song.js"), "play('a', s => 0);\n").unwrap();
    let mut command = scene.command(&["render", "song.js", "-o", "out.wav", "--seconds", "1"]);
    command.env("PATH", scene.path("run")).env_remove("FOREBAY_JS").env_remove("BUN");
    let outcome = run("forebay render", command);
    assert_eq!(outcome.code, 8, "{}", outcome.err);
    assert!(outcome.err.contains("apt install nodejs"), "{}", outcome.err);
    assert!(!scene.path("out.wav").exists(), "half a file is left behind");
}

/// A script with an error is shown with its place; a full disk is told as such; nothing half is left behind.
#[test]
fn renders_that_fail() {
    if find_program("node").is_none() && find_program("bun").is_none() {
        return skip("renders_that_fail", "neither node nor bun is installed");
    }
    let scene = Scene::new();
    std::fs::write(scene.path("wrong.js"), "play('a', s => 0.1);\nplay('b', s => {{ ;\n").unwrap();
    let wrong = scene.forebay(&["render", "wrong.js", "-o", "out.wav", "--seconds", "1"]);
    assert_eq!(wrong.code, 3, "{}", wrong.err);
    assert!(wrong.err.contains("wrong.js:") && wrong.err.contains('^'), "{}", wrong.err);
    std::fs::write(scene.path("silent.js"), "const a = 1;\n").unwrap();
    let silent = scene.forebay(&["render", "silent.js", "-o", "out.wav", "--seconds", "1"]);
    assert_eq!(silent.code, 3, "{}", silent.err);
    assert!(silent.err.contains("plays nothing"), "{}", silent.err);
    assert!(!scene.path("out.wav").exists());
    std::fs::write(scene.path("song.js"), "play('a', s => 0.1 * Math.sin(s.t * 900));\n").unwrap();
    for place in ["/dev/full", "no/such/folder/out.wav"] {
        let full = scene.forebay(&["render", "song.js", "-o", place, "--seconds", "5"]);
        assert_eq!(full.code, 9, "{place}: {}", full.err);
    }
    assert!(std::path::Path::new("/dev/full").exists());
}

/// A daemon of another version: `status` says so and offers `restart`; who needs its memory is refused with the same
/// words. Played here by a few lines that answer as an old daemon would.
#[test]
fn older_daemon() {
    let scene = Scene::new();
    let folder = scene.path("run/forebay");
    std::fs::create_dir(&folder).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700)).unwrap();
    let listener = std::os::unix::net::UnixListener::bind(folder.join("daemon.sock")).unwrap();
    std::thread::spawn(move || {
        for socket in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || answer_as_an_old_one(socket));
        }
    });
    let status = scene.forebay(&["status"]);
    assert!(
        status.err.contains("an older daemon runs (0.0.1") && status.err.contains("forebay restart"),
        "{status:?}"
    );
    let sound = scene.path("sound.wav");
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 48_000,
        bits_per_sample: 32,
        sample_format: hound::SampleFormat::Float,
    };
    let mut writer = hound::WavWriter::create(&sound, spec).unwrap();
    (0..4800).for_each(|n| writer.write_sample((n as f32 * 0.1).sin() * 0.1).unwrap());
    writer.finalize().unwrap();
    let play = scene.forebay(&["play", "sound.wav"]);
    assert_eq!(play.code, 6, "{}", play.err);
    assert!(play.err.contains("forebay restart"), "{}", play.err);
}

fn answer_as_an_old_one(socket: std::os::unix::net::UnixStream) {
    let mut answers = &socket;
    for line in BufReader::new(&socket).lines().map_while(Result::ok) {
        let request: Value = serde_json::from_str(&line).expect("a request");
        let answer = match request["method"].as_str() {
            Some("status") => {
                let status = protocol::Status {
                    daemon: protocol::DaemonStatus { version: "0.0.1".into(), ..Default::default() },
                    ..Default::default()
                };
                json!({ "jsonrpc": "2.0", "id": request["id"], "result": status })
            }
            _ => {
                let error = json!({ "code": -32001, "message": "another version", "data": { "word": "version_mismatch" } });
                json!({ "jsonrpc": "2.0", "id": request["id"], "error": error })
            }
        };
        if writeln!(answers, "{answer}").is_err() {
            return;
        }
    }
}

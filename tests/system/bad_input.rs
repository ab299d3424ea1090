//! Whatever is wrong, there is one clear message with the remedy, and the exit code that the help names.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::life::sound;
use crate::support::process::{Outcome, run};
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
    let slip = Scene::new().forebay(&["run", "--stay", "--idle", "3", "--json"]);
    assert_eq!(slip.code, 2);
    let error: Value = serde_json::from_str(slip.err.trim()).expect(&slip.err);
    assert_eq!(error["error"]["exit"], 2);
    assert!(
        error["error"]["message"].as_str().is_some_and(|it| it.contains("cannot be used with")),
        "{error}"
    );
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
    assert_eq!(scene.forebay(&["devices", "--backend", "oss"]).code, 2);
    let none: Value =
        serde_json::from_str(&scene.forebay(&["devices", "--backend", "file", "--json"]).out).unwrap();
    assert_eq!(none, json!({ "devices": [] }));
}

/// A daemon that a command starts for itself fails with the same word, remedy and code as one that is started by hand.
#[test]
fn a_daemon_that_does_not_start() {
    let scene = Scene::new();
    sound(&scene, 0.1);
    let play = |args: &[&str]| scene.command(&[&["play", "sound.wav"], args].concat());
    let mut jack = play(&["--backend", "jack"]);
    jack.env("JACK_DEFAULT_SERVER", "no-such-server");
    let card = play(&["--backend", "alsa", "--device", "no such card"]);
    let mut homeless = play(&["--backend", "null"]);
    homeless.env("XDG_RUNTIME_DIR", scene.path("no/such/folder"));
    for (command, code, remedy) in
        [(jack, 5, "forebay devices"), (card, 5, "forebay devices"), (homeless, 7, "FOREBAY_SOCKET")]
    {
        let outcome = run("forebay play", command);
        assert_eq!(outcome.code, code, "{}", outcome.err);
        assert!(outcome.err.contains(remedy), "{}", outcome.err);
    }
}

/// FOREBAY_BACKEND is as good as `--backend`; set to nothing it counts as unset.
#[test]
fn backend_by_environment() {
    let scene = Scene::new();
    let ready = |args: &[&str], backend: &str| {
        let mut command = scene.command(&[&["run", "--idle", "0.1", "--json"], args].concat());
        command.env("FOREBAY_BACKEND", backend).env("JACK_DEFAULT_SERVER", "no-such-server");
        let outcome = run("forebay run", command);
        assert_eq!(outcome.code, 0, "{}", outcome.err);
        let line = outcome.out.lines().next().unwrap_or_default().to_owned();
        serde_json::from_str::<Value>(&line).expect(&line)["ready"]["device"].to_string()
    };
    assert!(ready(&[], "null").contains("null (null): as asked"));
    assert!(!ready(&[], "").contains("as asked"), "auto chooses");
    assert!(ready(&["--backend", "null"], "oss").contains("as asked"), "the option wins");
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

/// Neither Node nor Bun: the embedded runtime plays. Who asks for one that is not there is told what to install, with the code
/// for it.
#[test]
fn no_runtime() {
    let scene = Scene::new();
    std::fs::write(scene.path("song.js"), "play('a', s => 0.1);\n").unwrap();
    let render = |more: &[&str]| {
        let mut command = scene.command(&["render", "song.js", "-o", "out.wav", "--seconds", "1"]);
        command.args(more).env("PATH", scene.path("run")).env_remove("FOREBAY_JS").env_remove("BUN");
        run("forebay render", command)
    };
    let asked = render(&["--runtime", "node"]);
    assert_eq!(asked.code, 8, "{}", asked.err);
    assert!(asked.err.contains("apt install nodejs"), "{}", asked.err);
    assert!(!scene.path("out.wav").exists(), "half a file is left behind");
    let alone = render(&[]);
    assert_eq!(alone.code, 0, "{}", alone.err);
    assert!(alone.err.contains("QuickJS"), "{}", alone.err);
    assert!(scene.path("out.wav").exists());
}

/// A source that can't be read to its end is no success, though all before it is played. (The memory of a process can be
/// opened, and begins with a page that can't be read.)
#[test]
fn a_source_that_breaks_off() {
    let scene = Scene::new();
    let _daemon = scene.daemon(&["--backend", "null"]);
    let played = scene.forebay(&["play", "/proc/self/mem", "--format", "s16le"]);
    assert_eq!(played.code, 3, "{}", played.err);
    assert!(played.err.contains("reading stopped at frame 0"), "{}", played.err);
    std::fs::write(scene.path("odd.pcm"), [0; 4802]).unwrap();
    let odd = scene.forebay(&["play", "odd.pcm", "--format", "s16le"]);
    assert_eq!(odd.code, 0, "{}", odd.err);
    assert!(odd.err.contains("last 2 bytes are no whole frame"), "{}", odd.err);
}

/// A script with an error is shown with its place; a result that can't be written is told as such. What was there before
/// is there after, and nothing half is left behind.
#[test]
fn renders_that_fail() {
    if find_program("node").is_none() && find_program("bun").is_none() {
        return skip("renders_that_fail", "neither node nor bun is installed");
    }
    let scene = Scene::new();
    let song = "play('a', s => 0.1 * Math.sin(s.t * 900));\n";
    let files = [
        ("wrong.js", "play('a', s => 0.1);\nplay('b', s => {{ ;\n"),
        ("silent.js", "const a = 1;\n"),
        ("song.js", song),
        ("out.wav", "yesterday's"),
    ];
    for (name, text) in files {
        std::fs::write(scene.path(name), text).unwrap();
    }
    let failed = |script: &str, out: &str, code: i32, says: &str| {
        let outcome = scene.forebay(&["render", script, "-o", out, "--seconds", "5"]);
        assert_eq!(outcome.code, code, "{script} {out}: {}", outcome.err);
        assert!(outcome.err.contains(says), "{script} {out}: {}", outcome.err);
        outcome
    };
    assert!(failed("wrong.js", "out.wav", 3, "wrong.js:").err.contains('^'));
    failed("silent.js", "out.wav", 3, "plays nothing");
    failed("song.js", "/dev/full", 9, "/dev/full is not written");
    failed("song.js", "no/such/folder/out.wav", 9, "out.wav is not written");
    failed("song.js", ".", 9, "is not written");
    failed("song.js", "./song.js", 2, "the script itself");
    let full = limited(&scene, "render song.js -o out.wav --seconds 5");
    assert_eq!(full.code, 9, "{}", full.err);
    assert!(full.err.contains("out.wav is not written") && !full.err.contains("saved"), "{}", full.err);
    assert!(std::path::Path::new("/dev/full").exists());
    for (name, text) in files {
        assert_eq!(std::fs::read_to_string(scene.path(name)).unwrap(), text, "{name}");
    }
    let left = std::fs::read_dir(scene.path(""))
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    assert_eq!(left.filter(|name| name.ends_with(".part")).count(), 0);
    assert_eq!(scene.forebay(&["render", "song.js", "-o", "out.wav", "--seconds", "0.1"]).code, 0);
    let mut deep = scene.command(&["render", "song.js", "-o", "out.wav", "--seconds", "0.1"]);
    let folder = scene.path(&"x".repeat(100));
    std::fs::create_dir(&folder).unwrap();
    let outcome = run("forebay render", {
        deep.env("TMPDIR", folder);
        deep
    });
    assert_eq!(outcome.code, 7, "{}", outcome.err);
    assert!(outcome.err.contains("TMPDIR"), "{}", outcome.err);
}

/// Runs `forebay LINE` in a shell in which no file may grow beyond half a megabyte: a disk that fills up on the way.
fn limited(scene: &Scene, line: &str) -> Outcome {
    let mut shell = std::process::Command::new("sh");
    // POSIX counts in blocks of 512 bytes. Without the trap the signal would end it.
    shell.args(["-c", &format!("trap '' XFSZ; ulimit -f 1024; exec \"$FOREBAY_BIN\" {line}")]);
    shell.current_dir(scene.path(""));
    scene.dress(&mut shell);
    run(line, shell)
}

/// A recording for which the disk has no room: the daemon goes on, and says at its end that the file is not whole. What is
/// in it can be read.
#[test]
fn a_recording_on_a_full_disk() {
    let scene = Scene::new();
    // Sixteen times as fast as the usual rate: the limit is met before the daemon is idle.
    let line = "run --backend file --device out.wav --rate 192000 --channels 8 --idle 3";
    let outcome = limited(&scene, line);
    assert_eq!(outcome.code, 9, "{}", outcome.err);
    assert!(outcome.err.contains("are saved and readable"), "{}", outcome.err);
    let log = std::fs::read_to_string(scene.path("state/forebay/daemon.log")).unwrap();
    assert!(log.contains("time goes on, nothing is heard") && !log.contains("taken back"), "{log}");
    hound::WavReader::open(scene.path("out.wav")).expect("a header that fits");
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
    sound(&scene, 0.1);
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

//! Talking to scripts that play: code that is sent is heard or refused by its place, sessions are told apart, and the fate
//! of one is not another's.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::support::process::{Outcome, Process, run};
use crate::support::scene::Scene;
use crate::support::{find_program, skip};

const PIECE: &str = "let f = 220;\nconst up = (x) => 2 * x;\nplay('tone', gain(sin(() => f), 0.1));\n";

/// A daemon without a device, in a place of its own; `None`, said visibly, without Node.
fn scene(test: &str) -> Option<(Scene, Process)> {
    if find_program("node").is_none() {
        skip(test, "Node is missing");
        return None;
    }
    let scene = Scene::new();
    let daemon = scene.daemon(&["--backend", "null"]);
    Some((scene, daemon))
}

/// Plays scripts, each with the text [`PIECE`], and waits until all are heard.
fn play(scene: &Scene, files: &[&str], options: &[&str]) -> Process {
    for file in files {
        let path = scene.path(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, PIECE).unwrap();
    }
    let mut live = Process::start("live", scene.command(&[&["live", "--json"], options, files].concat()));
    for _ in files {
        live.json_line(|event| event["event"] == "edited");
    }
    live
}

fn send(scene: &Scene, args: &[&str]) -> Outcome {
    scene.forebay(&[&["send"], args].concat())
}

/// What is sent adds to what plays, and knows the names of the piece and of what was sent before.
#[test]
fn code_is_added() {
    let Some((scene, _daemon)) = scene("code_is_added") else { return };
    let mut live = play(&scene, &["song.js"], &[]);
    let heard = send(&scene, &["const third = up(f) / 3; play('more', gain(sin(third), 0.1))"]);
    assert_eq!((heard.code, heard.err.as_str()), (0, ""));
    assert!(heard.out.starts_with("heard in") && heard.out.contains("+more"), "{}", heard.out);
    std::fs::write(scene.path("part.js"), "play('again', gain(sin(third + f), 0.1));\nf = 330;").unwrap();
    let answer = send(&scene, &["part.js", "--json"]);
    let answer: Value = serde_json::from_str(&answer.out).unwrap();
    assert_eq!(answer["voices"], json!(["tone", "more", "again"]));
    assert_eq!(answer["names"], json!(["f", "third", "up"]));
    let told = live.json_line(|event| event["sent"] == answer["sent"]);
    assert_eq!(told, answer, "live tells the same");
    let names = scene.status()["producers"][0]["voices"].to_string();
    assert!(["tone", "more", "again"].iter().all(|name| names.contains(name)), "{names}");
    let whole = send(&scene, &["part.js", "--whole"]);
    assert_eq!(whole.code, 3, "as a piece it lacks the names: {}", whole.out);
    std::fs::write(scene.path("other.js"), "play('other', s => 0);").unwrap();
    let whole = send(&scene, &["other.js", "--whole"]);
    assert!(whole.out.contains("1 voice +other -tone -more -again"), "{}", whole.out);
    assert_eq!(live.end().code(), Some(0));
}

/// How often the state of a script is kept is in `status`, where it is kept seldom and where it is not.
#[test]
fn status_tells_how_often_state_is_kept() {
    let Some((scene, _daemon)) = scene("status_tells_how_often_state_is_kept") else { return };
    let _live = play(&scene, &["song.js"], &[]);
    let kept = || {
        let status = scene.status();
        let producer = &status["producers"][0];
        (producer["state_mb"].as_f64().unwrap(), producer["snapshot_ms"].as_f64().unwrap())
    };
    let (small_mb, often_ms) = kept();
    assert!(small_mb < 1.0 && often_ms > 0.0, "{small_mb} MB, {often_ms} ms");
    let large = send(&scene, &["play('large', s => 0 * s.state[0], { slots: 2e6 })"]);
    assert_eq!(large.code, 0, "{}", large.err);
    let (large_mb, seldom_ms) = kept();
    assert!(large_mb > 16.0 && seldom_ms > 2.0 * often_ms, "{large_mb} MB, {seldom_ms} ms");
    let page = scene.forebay(&["status"]).out;
    assert!(page.contains(&format!("kept every {seldom_ms:.0} ms")), "{page}");
}

/// A knob goes no further than its end, which is said; a name that there is not is an error.
#[test]
fn turns_out_of_range_are_told() {
    let Some((scene, _daemon)) = scene("turns_out_of_range_are_told") else { return };
    let _live = play(&scene, &["song.js"], &[]);
    let knob = send(&scene, &["play('k', gain(sin(knob('f', 100, 1000, 200)), 0.1))"]);
    assert_eq!(knob.code, 0, "{}", knob.err);
    // What there is to turn is known when the list is: it waits for what was sent.
    assert!(scene.forebay(&["turn"]).out.contains("f=200"));
    let turned = scene.forebay(&["turn", "f=9999"]);
    assert_eq!((turned.code, turned.out.trim()), (0, "f is cut to 1000: it goes from 100 to 1000"));
    let turned = scene.forebay(&["turn", "f=1", "--json"]);
    let answer: Value = serde_json::from_str(&turned.out).unwrap();
    let cut = json!({ "key": "knob:f", "value": 100.0, "least": 100.0, "most": 1000.0 });
    assert_eq!(answer, json!({ "unknown": [], "cut": [cut] }));
    let turned = scene.forebay(&["turn", "g=1"]);
    assert_eq!(turned.code, 3);
    assert!(turned.err.contains("nothing listens to knob:g"), "{}", turned.err);
}

/// The types of the language come with the binary.
#[test]
fn types_for_editors() {
    let types = Scene::new().forebay(&["types"]);
    assert_eq!((types.code, types.err.as_str()), (0, ""));
    assert!(types.out.starts_with("// The language of a piece") && types.out.ends_with(";\n"));
    assert!(types.out.contains("declare module 'forebay'"));
}

/// Code that is refused is told by its place, as its sender calls it, and changes nothing.
#[test]
fn code_is_refused() {
    let Some((scene, _daemon)) = scene("code_is_refused") else { return };
    let _live = play(&scene, &["song.js"], &[]);
    std::fs::write(scene.path("bad.js"), "f = 1;\nplay('x', s => f +);\n").unwrap();
    let bad = scene.path("bad.js");
    let cases = [
        (&["f = 1; nowhere(f)"][..], "<send>:1:8: ReferenceError: nowhere is not defined\n".to_owned()),
        (&["bad.js"], format!("{}:2:19: Unexpected token\n    play('x', s => f +);\n", bad.display())),
        (&["play('x', s => NaN)", "--name", "song.js:12"], "song.js:12:1:1: voice x gives NaN".to_owned()),
        (&["play('x', s => { for (;;); })"], "voice x does not come back".to_owned()),
    ];
    for (args, says) in cases {
        let refused = send(&scene, args);
        assert_eq!((refused.code, refused.out.as_str()), (3, ""), "{args:?}");
        assert!(refused.err.contains(&says), "{args:?}: {}", refused.err);
    }
    let refused = send(&scene, &["\n  nowhere", "--json"]);
    let answer: Value = serde_json::from_str(&refused.out).unwrap();
    assert_eq!((refused.code, refused.err.as_str(), &answer["what"]), (3, "", &json!("throw")));
    assert_eq!((&answer["line"], &answer["source_line"]), (&json!(2), &json!("  nowhere")));
    let kept = send(&scene, &["if (f !== 220) throw new Error(`f is ${f}`); play('y', s => 0)"]);
    assert_eq!(kept.code, 0, "{}", kept.err);
}

/// What can't be sent is said before anybody is asked, or by the session, in one clear message.
#[test]
fn what_can_not_be_sent() {
    let Some((scene, _daemon)) = scene("what_can_not_be_sent") else { return };
    for command in [&["send", "f = 1"][..], &["repl"], &["send", "f = 1", "--session", "song"]] {
        let outcome = scene.forebay(command);
        assert_eq!(outcome.code, 4, "{}", outcome.err);
        assert!(
            outcome.err.contains("no live session runs") && outcome.err.contains("forebay live"),
            "{}",
            outcome.err
        );
    }
    let _live = play(&scene, &["song.js"], &[]);
    let padded = |bytes: usize| format!("play('long', s => 0);{}", " ".repeat(bytes));
    std::fs::write(scene.path("5mb.js"), padded(5 << 20)).unwrap();
    std::fs::write(scene.path("9mb.js"), padded(9 << 20)).unwrap();
    std::fs::write(scene.path("noise.js"), [0xff, 0xfe, 0x00]).unwrap();
    std::fs::create_dir(scene.path("folder")).unwrap();
    let long = "n".repeat(5000);
    let cases = [
        (&[""][..], 3, "empty"),
        (&[" \n\t"], 3, "empty"),
        (&["nosuch.js"], 3, "there is no file nosuch.js"),
        (&["folder"], 3, "is a folder"),
        (&["noise.js"], 3, "no text in UTF-8"),
        (&["5mb.js"], 3, "a block has at most 1 MiB"),
        (&["9mb.js", "--whole"], 3, "at most 8388608"),
        (&["f", "--name", &long], 3, "1 to 4096 bytes"),
        (&["f", "--session", "nobody"], 4, "there is song.js"),
        (&["f", "--session", &long], 4, "there is song.js"),
    ];
    for (args, code, says) in cases {
        let outcome = send(&scene, args);
        assert_eq!(outcome.code, code, "{}", outcome.err);
        assert!(outcome.err.contains(says), "{}", outcome.err);
    }
    let whole = send(&scene, &["5mb.js", "--whole"]);
    assert!(whole.code == 0 && whole.out.contains("+long"), "{}", whole.err);
    let named = scene.forebay(&["live", "song.js", "--name", &long]);
    assert!(named.code == 2 && named.err.contains("1 to 60 bytes"), "{}", named.err);
    let both = scene.forebay(&["live", "song.js", "5mb.js", "--name", "x"]);
    assert!(both.code == 2 && both.err.contains("one script"), "{}", both.err);
}

/// Several scripts are several sessions with names of their own; who is meant has to be said.
#[test]
fn several_scripts() {
    let Some((scene, _daemon)) = scene("several_scripts") else { return };
    let mut live = play(&scene, &["song.js", "b/song.js", "drums.js"], &[]);
    let unclear = send(&scene, &["f = 1"]);
    assert_eq!(unclear.code, 2, "{}", unclear.err);
    assert!(unclear.err.contains("3 live sessions run: drums.js, song.js, song.js-2"), "{}", unclear.err);
    assert!(unclear.err.contains("--session"), "{}", unclear.err);
    assert!(send(&scene, &["f = 1", "--session", "so"]).err.contains("no live session is called 'so'"));
    let own = send(&scene, &["play('own', s => 0)", "--session", "d"]);
    assert_eq!(own.code, 0, "{}", own.err);
    let told = live.json_line(|event| event["event"] == "edited");
    assert_eq!((&told["session"], &told["joined"]), (&json!("drums.js"), &json!(["own"])));
    let producers = scene.status()["producers"].clone();
    let names: Vec<_> =
        producers.as_array().unwrap().iter().map(|producer| producer["client"].to_string()).collect();
    assert!(
        ["\"song.js\"", "\"song.js-2\"", "\"drums.js\""]
            .iter()
            .all(|name| names.contains(&(*name).to_owned()))
    );
    let tones = producers.to_string().matches("\"tone\"").count();
    assert_eq!(tones, 3, "voices of one name do not stand in each other's way");
    assert_eq!(live.end().code(), Some(0));
    assert_eq!(send(&scene, &["f"]).code, 4);
}

/// A script that is refused or whose process dies leaves the others alone.
#[test]
fn fates_are_separate() {
    let Some((scene, _daemon)) = scene("fates_are_separate") else { return };
    std::fs::write(scene.path("broken.js"), "play(").unwrap();
    std::fs::write(scene.path("song.js"), PIECE).unwrap();
    let mut live = Process::start("live", scene.command(&["live", "--json", "broken.js", "song.js"]));
    let (mut pid, mut refused, mut heard) = (0, false, false);
    while !(refused && heard) {
        let event = live.json_line(|event| event["session"].is_string());
        match (event["session"].as_str(), event["event"].as_str()) {
            (Some("broken.js"), Some("started")) => pid = event["pid"].as_i64().unwrap(),
            (Some("broken.js"), Some("refused")) => refused = true,
            (Some("song.js"), Some("edited")) => heard = true,
            _ => {}
        }
    }
    kill_process(Pid::from_raw(pid as i32).unwrap(), Signal::KILL).unwrap();
    live.json_line(|event| event["session"] == "broken.js" && event["event"] == "started");
    let sent = send(&scene, &["play('more', s => 0)", "--session", "song.js"]);
    assert!(sent.out.contains("2 voices +more"), "{}", sent.err);
    live.json_line(|event| event["session"] == "broken.js" && event["event"] == "refused");
    let mended = send(&scene, &["play('mended', s => 0)", "--session", "broken.js"]);
    assert!(mended.out.contains("+mended"), "{}", mended.err);
    assert_eq!(live.end().code(), Some(0));
}

/// The socket of a session that was killed is recognised, and its name is free again.
#[test]
fn a_killed_session_leaves_nothing() {
    let Some((scene, _daemon)) = scene("a_killed_session_leaves_nothing") else { return };
    let mut live = play(&scene, &["song.js"], &[]);
    live.signal(Signal::KILL);
    live.wait();
    let socket = scene.path("run/forebay/live/song.js.sock");
    assert!(socket.exists());
    assert_eq!(send(&scene, &["f"]).code, 4);
    assert!(!socket.exists());
    let _live = play(&scene, &["song.js"], &[]);
    assert_eq!(send(&scene, &["f"]).code, 0);
    assert!(socket.exists());
}

/// Lines from a pipe: what is open goes on, what is refused is told and makes the exit code, what is behind it is sent.
#[test]
fn repl_of_a_pipe() {
    let Some((scene, _daemon)) = scene("repl_of_a_pipe") else { return };
    let mut live = play(&scene, &["song.js"], &[]);
    let typed = |text: &str| {
        let mut command = scene.command(&["repl"]);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let done = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (done.status.code(), text(done.stdout), text(done.stderr))
    };
    let (code, out, err) = typed("let g = `a\n${f}`\nplay('more', s =>\n  g.length / 100)\n\n.list\n");
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(out.contains("+more") && out.contains("\n  tone\n  more\n"), "{out}");
    let (code, out, err) = typed("x = = 1\nmute('more')\n.lsit\nplay('open',");
    assert_eq!(code, Some(3));
    assert!(err.contains("<repl>:1:5: Unexpected token\n    x = = 1\n        ^"), "{err}");
    assert!(err.contains("there is no .lsit") && err.contains("<repl>:1:13"), "{err}");
    assert!(out.contains("heard in"), "{out}");
    let (code, out, _) = typed(".list\n.stop 0.1\nf = 1\n");
    assert!(code == Some(0) && out.contains("more muted"), "{out}");
    assert_eq!(live.wait().code(), Some(0));
}

/// A client of the socket is answered in order, is told what happens when it wants to be, and gets an answer to the end.
#[test]
fn the_protocol() {
    let Some((scene, _daemon)) = scene("the_protocol") else { return };
    let mut live = play(&scene, &["song.js"], &[]);
    let mut socket = UnixStream::connect(scene.path("run/forebay/live/song.js.sock")).unwrap();
    let mut lines = BufReader::new(socket.try_clone().unwrap()).lines();
    let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
    let mut ask = |line: &str| writeln!(socket, "{line}").unwrap();
    ask(r#"{"jsonrpc":"2.0","id":"h","method":"hello"}"#);
    let hello = next();
    assert_eq!((&hello["id"], &hello["result"]["session"]), (&json!("h"), &json!("song.js")));
    assert_eq!(hello["result"]["protocol"], 1);
    ask("nonsense\n");
    assert_eq!(next()["error"]["code"], -32_700);
    ask(r#"{"jsonrpc":"2.0","id":1,"method":"send","params":{"code":""}}"#);
    assert!(next()["error"]["message"].as_str().unwrap().contains("empty"));
    ask(r#"{"jsonrpc":"2.0","id":2,"method":"subscribe"}"#);
    assert_eq!(next(), json!({ "jsonrpc": "2.0", "id": 2, "result": {} }));
    ask(r#"{"jsonrpc":"2.0","id":7,"method":"complete","params":{"prefix":"u"}}"#);
    let names = next()["result"]["names"].clone();
    assert_eq!(
        names[0],
        json!({ "kind": "name", "name": "up" }),
        "what the piece declares is known: {names}"
    );
    ask(
        r#"{"jsonrpc":"2.0","id":3,"method":"send","params":{"code":"const later = 1; play('more', s => 0)"}}"#,
    );
    let event = next();
    assert_eq!((&event["method"], &event["params"]["event"]), (&json!("event"), &json!("edited")));
    let answer = next();
    assert_eq!((&answer["id"], &answer["result"]), (&json!(3), &event["params"]));
    ask(r#"{"jsonrpc":"2.0","id":4,"method":"list"}"#);
    let voices = next()["result"]["voices"].clone();
    let names: Vec<_> = voices.as_array().unwrap().iter().map(|voice| voice["name"].clone()).collect();
    assert_eq!(names, ["tone", "more"]);
    ask(r#"{"jsonrpc":"2.0","id":5,"method":"complete","params":{"prefix":"lat"}}"#);
    assert_eq!(next()["result"], json!({ "names": [{ "kind": "name", "name": "later" }] }));
    ask(r#"{"jsonrpc":"2.0","id":6,"method":"stop","params":{"fade_ms":20}}"#);
    let last = next();
    assert_eq!(last, json!({ "jsonrpc": "2.0", "id": 6, "result": {} }));
    assert!(lines.next().is_none(), "nothing comes after the end");
    assert_eq!(live.wait().code(), Some(0));
}

/// With --open a URL with a token is told, and who does not know it does not come in.
#[test]
fn open_to_browsers() {
    let Some((scene, _daemon)) = scene("open_to_browsers") else { return };
    std::fs::write(scene.path("song.js"), PIECE).unwrap();
    let mut live = Process::start("live", scene.command(&["live", "--json", "--open", "song.js"]));
    let url = live.json_line(|event| event["event"] == "open")["url"].as_str().unwrap().to_owned();
    let address = url.strip_prefix("ws://").unwrap().split('/').next().unwrap().to_owned();
    let mut socket = std::net::TcpStream::connect(&address).unwrap();
    let request = format!(
        "GET /song.js HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).unwrap();
    let answer = BufReader::new(socket).lines().next().unwrap().unwrap();
    assert!(answer.contains("401"), "{answer}");
    let port = address.rsplit_once(':').unwrap().1;
    let taken = run("live", scene.command(&["live", "song.js", &format!("--open={port}")]));
    assert!(taken.code == 7 && taken.err.contains("--open=PORT"), "{}", taken.err);
    assert_eq!(live.end().code(), Some(0));
}

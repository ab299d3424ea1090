//! The live host as a process: started, supervised, stopped. The runtimes here are shell scripts, so that each death
//! happens when the test says so.

use forebay_live::{Choice, Event, Live, LiveOptions, Runtime};
use media::{WavFormat, WavWriter};
use serde_json::json;
use std::path::Path;
use std::time::Duration;
use units::{ChannelCount, SampleRate};

const PATIENCE: Duration = Duration::from_secs(30);

/// A "Node" that does what `body` says when it is started with the live host.
fn runtime(dir: &Path, body: &str) -> Runtime {
    let program = dir.join("node");
    testkit::program::script(&program, &format!("[ \"$1\" = --version ] && echo v20.0.0 && exit\n{body}"));
    Runtime::ask(&program).unwrap()
}

fn start(runtime: Runtime) -> Live {
    let mut options = LiveOptions::new("piece.js");
    options.runtime = Some(runtime);
    Live::start(options).unwrap()
}

fn until_the_end(live: &Live) -> Vec<Event> {
    let mut events = Vec::new();
    loop {
        let event = live.events().recv_timeout(PATIENCE).expect("the host's end is told");
        let last = matches!(event, Event::Ended { .. });
        events.push(event);
        if last {
            return events;
        }
    }
}

// A host that keeps dying is started three times more, each told with how it ended, and then given up.
#[test]
fn a_dying_host_is_started_again_but_not_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    let body = "echo '{\"event\":\"ready\",\"uptime_ms\":1}'; echo oops >&2; kill -9 $$";
    let events = until_the_end(&start(runtime(dir.path(), body)));
    let restarts: Vec<_> = events
        .iter()
        .filter_map(|event| if let Event::Restarted { reason } = event { Some(reason.clone()) } else { None })
        .collect();
    assert_eq!(restarts.len(), 3, "{events:?}");
    assert!(restarts[0].contains("signal"), "{restarts:?}");
    let complaints =
        events.iter().filter(|event| matches!(event, Event::Complaint { line } if line == "oops"));
    assert_eq!(complaints.count(), 4);
    assert_eq!(events.last(), Some(&Event::Ended { code: 1 }));
}

// What starting again can't or must not mend is not tried again.
#[test]
fn a_missing_file_and_a_stopped_daemon_end_it() {
    for reason in ["file", "connect", "stopped"] {
        let dir = tempfile::tempdir().unwrap();
        let fatal = format!(r#"{{"event":"fatal","what":"{reason}","message":"that is why"}}"#);
        let events = until_the_end(&start(runtime(dir.path(), &format!("echo '{fatal}'; exit 1"))));
        assert!(matches!(&events[0], Event::Fatal { what, .. } if what == reason), "{events:?}");
        assert_eq!(events[1..], [Event::Ended { code: 1 }]);
    }
}

// A stop reaches the host as a message and is no death, whatever its exit code.
#[test]
fn a_stop_is_passed_on() {
    let dir = tempfile::tempdir().unwrap();
    let live = start(runtime(dir.path(), "read line; echo \"$line\" >&2; exit 3"));
    live.stop(Duration::from_millis(20));
    let events = until_the_end(&live);
    let expected = Event::Complaint { line: r#"{"fade_ms":20.0,"op":"stop"}"#.to_owned() };
    assert_eq!(events, [expected, Event::Ended { code: 0 }]);
}

// What the host wants decoded is decoded for it and kept until it was fetched; what can't be is answered, too. Neither is an
// event of the piece.
#[test]
fn a_sound_file_is_decoded_for_the_host() {
    let dir = tempfile::tempdir().unwrap();
    let sound = dir.path().join("sound.wav");
    let (rate, mono) = (SampleRate::new(48_000).unwrap(), ChannelCount::new(1).unwrap());
    let mut writer = WavWriter::create(&sound, rate, mono, WavFormat::F32).unwrap();
    writer.write(&[0.25; 100]).unwrap();
    writer.finish().unwrap();
    let decode = |request: u32, path: &Path| {
        let errand =
            json!({ "event": "decode", "request": request, "path": path, "rate_hz": 48_000, "most_s": 60 });
        format!("echo '{errand}'; read -r line; echo \"$line\" >&2")
    };
    let body = [
        decode(1, &sound),
        r#"raw=$(echo "$line" | sed 's/.*"raw":"\([^"]*\)".*/\1/'); wc -c <"$raw" >&2"#.to_owned(),
        r#"echo '{"event":"fetched","request":1}'"#.to_owned(),
        decode(2, &dir.path().join("gone.wav")),
        r#"[ -e "$raw" ] && echo "it is kept" >&2; exit 0"#.to_owned(),
    ];
    let events = until_the_end(&start(runtime(dir.path(), &body.join("\n"))));
    let lines: Vec<String> = events
        .iter()
        .filter_map(|event| if let Event::Complaint { line } = event { Some(line.clone()) } else { None })
        .collect();
    assert_eq!(events.len(), lines.len() + 1, "{events:?}");
    let answer = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
    let (first, second) = (answer(&lines[0]), answer(&lines[2]));
    assert_eq!(
        (&first["op"], &first["request"], &first["path"]),
        (&json!("decoded"), &json!(1), &json!(sound))
    );
    assert_eq!((&first["frames"], &first["channels"]), (&json!(100), &json!(1)));
    assert_eq!(lines[1].trim(), "400");
    assert_eq!((&second["request"], &second["raw"]), (&json!(2), &serde_json::Value::Null));
    assert!(second["error"].as_str().is_some_and(|error| error.contains("no such file")), "{second}");
    assert_eq!(lines.len(), 3, "{lines:?}");
}

// The host is told which program to start where no daemon serves.
#[test]
fn the_host_knows_its_forebay() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = LiveOptions::new("piece.js");
    options.runtime = Some(runtime(dir.path(), "echo \"$FOREBAY_BIN\" >&2; exit 0"));
    options.forebay = Some("/opt/forebay".into());
    let events = until_the_end(&Live::start(options).unwrap());
    let expected = std::env::var("FOREBAY_BIN").unwrap_or_else(|_| "/opt/forebay".into());
    assert_eq!(events[0], Event::Complaint { line: expected });
}

// Dropping the handle closes the host's stdin, so that no host outlives its owner.
#[test]
fn a_dropped_handle_ends_the_host() {
    let dir = tempfile::tempdir().unwrap();
    let ended = dir.path().join("ended");
    let live = start(runtime(dir.path(), &format!("cat >/dev/null; touch {}", ended.display())));
    drop(live);
    let mut waits = 0;
    while !ended.exists() {
        std::thread::sleep(Duration::from_millis(20));
        waits += 1;
        assert!(waits < 1500, "the host outlived its owner");
    }
}

// The real host under the real runtime says that the piece can't be read, and ends.
#[test]
fn the_real_host_reports_a_missing_piece() {
    let runtime = match Runtime::choose(&Choice::from_env(), None) {
        Ok(runtime) => runtime,
        Err(error) => {
            println!("skipped: {error}");
            return;
        }
    };
    let dir = tempfile::tempdir().unwrap();
    let mut options = LiveOptions::new(dir.path().join("nothing.js"));
    options.runtime = Some(runtime);
    let events = until_the_end(&Live::start(options).unwrap());
    assert!(matches!(&events[0], Event::Started { .. }), "{events:?}");
    let fatal = events
        .iter()
        .find_map(|event| if let Event::Fatal { message, .. } = event { Some(message) } else { None });
    assert!(fatal.is_some_and(|message| message.contains("nothing.js")), "{events:?}");
}

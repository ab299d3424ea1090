//! The daemon on a real JACK server at 64 frames under load, beside what a silent JACK client manages there.
//!
//! Rounds of the two alternate under the same load: four busy loops and 64 producers, whose daemon plays on JACK in one
//! round and on null, beside the silent client, in the other. The plain run is short and only has to stay alive on a busy
//! machine; FOREBAY_PROVE=1 makes it three rounds of 60 s, in which the daemon has to do no worse than the silent client.

use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::support::jack::{Jack, may_be_fifo};
use crate::support::process::Process;
use crate::support::scene::Scene;
use crate::support::{find_program, quiet, say, skip};

const TEST: &str = "jack_under_load";
const PERIOD_FRAMES: u32 = 64;
const NODE_PRODUCERS: u32 = 8;
const RUST_PRODUCERS: u32 = 56;
const LEAD_MS: u32 = 680;

struct Figures {
    xruns: u64,
    late_p999_us: u64,
    late_worst_us: u64,
    cycles: u64,
}

/// No more xruns, and no greater p99.9 lateness, than a client that does nothing.
#[test]
fn jack_under_load() {
    let _quiet = quiet();
    if !may_be_fifo() {
        return skip(TEST, "no real-time priority here (see forebay doctor)");
    }
    let proving = std::env::var_os("FOREBAY_PROVE").is_some();
    let (rounds, seconds) = if proving { (3, 60) } else { (1, 3) };
    let Some(jack) = Jack::start(TEST, PERIOD_FRAMES) else { return };
    let _loops: Vec<_> = (0..4).map(|_| busy_loop()).collect();
    let mut silent = Vec::new();
    let mut forebay = Vec::new();
    for round in 1..=rounds {
        silent.push(silent_client(&jack, seconds));
        forebay.push(daemon_on_jack(&jack, seconds));
        for (who, figures) in [("silent client", &silent), ("forebay", &forebay)] {
            say(&format!("{TEST} round {round}, {who}: {}", shown(&figures[round - 1])));
        }
    }
    let due = u64::from(seconds) * 48_000 / u64::from(PERIOD_FRAMES) / 2;
    assert!(forebay.iter().all(|figures| figures.cycles > due), "it did not stay on JACK");
    let xruns = |figures: &[Figures]| figures.iter().map(|f| f.xruns).sum::<u64>();
    let late = |figures: &[Figures]| figures.iter().map(|f| f.late_p999_us).max();
    say(&format!("{TEST} xruns: forebay {}, silent client {}", xruns(&forebay), xruns(&silent)));
    say(&format!(
        "{TEST} p99.9 lateness in us: forebay {:?}, silent client {:?}",
        late(&forebay),
        late(&silent)
    ));
    if proving {
        assert!(xruns(&forebay) <= xruns(&silent));
        assert!(late(&forebay) <= late(&silent));
    }
}

fn shown(figures: &Figures) -> String {
    format!(
        "{} cycles, {} xruns, lateness p99.9 {} us, worst {} us",
        figures.cycles, figures.xruns, figures.late_p999_us, figures.late_worst_us
    )
}

fn busy_loop() -> Process {
    let mut command = Command::new("sh");
    command.args(["-c", "while :; do :; done"]).stderr(Stdio::null());
    Process::start("a busy loop", command)
}

/// Starts 64 producers and lets them play for a while; says how often they ran dry.
fn play(scene: &Scene, seconds: u32) {
    let mut producers = Vec::new();
    for voice in 0..NODE_PRODUCERS + RUST_PRODUCERS {
        let node = voice < NODE_PRODUCERS && find_program("node").is_some();
        let mut command = if node {
            scene.js_producer("node", "noise.mjs").expect("just found")
        } else {
            scene.producer("noise")
        };
        command.args([voice, 2, seconds + 30, LEAD_MS].map(|n| n.to_string()));
        producers.push(Process::start("a producer", command));
    }
    for producer in &mut producers {
        producer.line_with("started");
    }
    std::thread::sleep(Duration::from_secs(u64::from(seconds)));
    let status = scene.status();
    let underruns: u64 = status["producers"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|producer| producer["voices"].as_array().into_iter().flatten())
        .filter_map(|voice| voice["underruns"].as_u64())
        .sum();
    say(&format!("{TEST} underruns of {} producers: {underruns}", producers.len()));
}

/// The silent client, while a daemon mixes the same producers onto null.
fn silent_client(jack: &Jack, seconds: u32) -> Figures {
    let scene = Scene::new();
    let _daemon = scene.daemon(&["--backend", "null", "--period", "64"]);
    let mut client = Process::start("the silent client", jack.listener(&scene, &["silent", "2", "600"]));
    client.line_with("ready");
    play(&scene, seconds);
    client.signal(rustix::process::Signal::TERM);
    figures(&client.json_line(|said| said["cycles"].is_u64()))
}

fn figures(report: &Value) -> Figures {
    let figure = |name: &str| report[name].as_u64().unwrap_or_else(|| panic!("no {name} in {report}"));
    Figures {
        xruns: figure("xruns"),
        late_p999_us: figure("late_p999_us"),
        late_worst_us: figure("late_worst_us"),
        cycles: figure("cycles"),
    }
}

fn daemon_on_jack(jack: &Jack, seconds: u32) -> Figures {
    let scene = Scene::new();
    let mut command = scene.command(&["run", "--stay", "--json", "--backend", "jack", "--no-connect"]);
    jack.dress(&mut command);
    let mut daemon = Process::start("the daemon", command);
    daemon.json_line(|said| said["ready"].is_object());
    play(&scene, seconds);
    daemon.signal(rustix::process::Signal::TERM);
    // Its last words are the device's figures.
    figures(&daemon.json_line(|said| said["ended"].is_object())["ended"])
}

//! The daemon on a real JACK server at 64 frames under load, beside what a silent JACK client manages there.
//!
//! Both are clients of one server at one time, beside four busy loops and 64 producers, so that what the machine does is done
//! to both; the server itself tells who was late. A virtual machine may lose a core, and with it whoever was there: how long at
//! most is told beside the figures. The plain run is short and only has to stay alive on a busy machine; FOREBAY_PROVE=1 makes
//! it three rounds of 60 s, in which the daemon has to do no worse than the silent client.

use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::support::jack::{Jack, may_be_fifo};
use crate::support::process::Process;
use crate::support::scene::Scene;
use crate::support::theft::longest_theft_ms;
use crate::support::{find_program, quiet, say, skip};

const TEST: &str = "jack_under_load";
const PERIOD_FRAMES: u32 = 64;
const NODE_PRODUCERS: u32 = 8;
const RUST_PRODUCERS: u32 = 56;
const LEAD_MS: u32 = 680;

/// The silent client's name.
const SILENT: &str = "silent";

struct Figures {
    /// Cycles that this client missed, by the server's word.
    lates: u64,
    late_p999_us: u64,
    late_worst_us: u64,
    cycles: u64,
}

/// No more missed cycles, and no greater p99.9 lateness, than a client that does nothing.
#[test]
fn jack_under_load() {
    let _quiet = quiet();
    if !may_be_fifo() {
        return skip(TEST, "no real-time priority here (see forebay doctor)");
    }
    let proving = std::env::var_os("FOREBAY_PROVE").is_some();
    let (rounds, seconds) = if proving { (3, 60) } else { (1, 3) };
    let (mut silent, mut forebay) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        let Some(jack) = Jack::start(TEST, PERIOD_FRAMES) else { return };
        let _loops: Vec<_> = (0..4).map(|_| busy_loop()).collect();
        let ((theirs, ours), stolen_ms) = longest_theft_ms(|| together(&jack, seconds));
        say(&format!("{TEST} round {round}: a core was away for {stolen_ms} ms at most"));
        for (who, figures) in [(SILENT, &theirs), ("forebay", &ours)] {
            say(&format!("{TEST} round {round}, {who}: {}", shown(figures)));
        }
        silent.push(theirs);
        forebay.push(ours);
    }
    let due = u64::from(seconds) * 48_000 / u64::from(PERIOD_FRAMES) / 2;
    assert!(forebay.iter().all(|figures| figures.cycles > due), "it did not stay on JACK");
    let lates = |figures: &[Figures]| figures.iter().map(|f| f.lates).sum::<u64>();
    let p999 = |figures: &[Figures]| figures.iter().map(|f| f.late_p999_us).max();
    let (ours, theirs) = (lates(&forebay), lates(&silent));
    let cycles: u64 = forebay.iter().map(|figures| figures.cycles).sum();
    say(&format!("{TEST} missed of {cycles} cycles: forebay {ours}, silent client {theirs}"));
    let (ours_us, theirs_us) = (p999(&forebay), p999(&silent));
    say(&format!("{TEST} p99.9 lateness in us: forebay {ours_us:?}, silent client {theirs_us:?}"));
    if proving {
        assert!(ours <= theirs);
        assert!(ours_us <= theirs_us);
    }
}

fn shown(figures: &Figures) -> String {
    format!(
        "{} cycles, {} missed, lateness p99.9 {} us, worst {} us",
        figures.cycles, figures.lates, figures.late_p999_us, figures.late_worst_us
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

/// The daemon with its producers and the silent client on one server; the silent client's figures first.
fn together(jack: &Jack, seconds: u32) -> (Figures, Figures) {
    let scene = Scene::new();
    let mut command = scene.command(&["run", "--stay", "--json", "--backend", "jack", "--no-connect"]);
    jack.dress(&mut command);
    let mut daemon = Process::start("the daemon", command);
    daemon.json_line(|said| said["ready"].is_object());
    let mut client = Process::start("the silent client", jack.listener(&scene, &[SILENT, "2", "600"]));
    client.line_with("ready");
    let before = [SILENT, "forebay"].map(|name| jack.lates_of(name));
    play(&scene, seconds);
    let lates = [SILENT, "forebay"].map(|name| jack.lates_of(name));
    client.signal(rustix::process::Signal::TERM);
    let theirs = client.json_line(|said| said["cycles"].is_u64());
    daemon.signal(rustix::process::Signal::TERM);
    // Its last words are the device's figures.
    let ours = daemon.json_line(|said| said["ended"].is_object())["ended"].clone();
    (figures(&theirs, lates[0] - before[0]), figures(&ours, lates[1] - before[1]))
}

fn figures(report: &Value, lates: u64) -> Figures {
    let figure = |name: &str| report[name].as_u64().unwrap_or_else(|| panic!("no {name} in {report}"));
    Figures {
        lates,
        late_p999_us: figure("late_p999_us"),
        late_worst_us: figure("late_worst_us"),
        cycles: figure("cycles"),
    }
}

//! Many edits, of the pieces that people begin with and of large ones: how long until the first changed frame reaches the
//! device's side.
//!
//! The figures are printed, not asserted: they belong to the machine. What is asserted is that every edit is answered, that
//! nearly all of them are heard, and that the engine obeys each at one frame.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use crate::support::null::{Heard, NullDaemon};
use crate::support::process::Process;
use crate::support::saves::{Moment, save};
use crate::support::scene::{Scene, repository};
use crate::support::{find_program, quantile, quiet, say, skip, undisturbed};

const PERIOD: usize = 64;
/// Edits of one piece before the next one is begun with.
const OF_ONE_PIECE: usize = 10;

/// A small generator, so that every run is the same.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }
}

/// The text with one of its decimal fractions a little larger or smaller: a level, a time, a frequency.
fn edited(text: &str, dice: &mut Dice) -> String {
    let numbers: Vec<(usize, &str)> = text
        .match_indices(|c: char| c.is_ascii_digit())
        .filter(|&(at, _)| !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '.' || c == '_'))
        .map(|(at, _)| {
            let rest = &text[at..];
            (at, &rest[..rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len())])
        })
        .filter(|(_, number)| number.contains('.') && number.parse::<f64>().is_ok_and(|x| x > 0.0))
        .collect();
    let Some(&(at, number)) = numbers.get(dice.roll(numbers.len().max(1))) else {
        return format!("{text}\n// {}\n", dice.roll(1 << 20));
    };
    let factor = 0.9 + 0.01 * (1 + dice.roll(9)) as f64;
    format!("{}{:.5}{}", &text[..at], number.parse::<f64>().unwrap() * factor, &text[at + number.len()..])
}

struct Edit {
    trigger: Moment,
    frame: usize,
}

/// Frames by which each voice has obeyed changes too late so far, by its name.
fn lates(scene: &Scene) -> HashMap<String, u64> {
    let status = scene.status();
    let producers = status["producers"].as_array().into_iter().flatten();
    let voices = producers.filter_map(|producer| producer["voices"].as_array()).flatten();
    voices.map(|voice| (voice["name"].to_string(), voice["ledger"]["late"].as_u64().unwrap_or(0))).collect()
}

/// Plays what `texts` gives, one after the other, and returns what was heard when, and how many were refused.
fn edits(
    scene: &Scene,
    runtime: &Path,
    first: &str,
    mut texts: impl Iterator<Item = String>,
) -> Result<(Vec<Edit>, usize, f64), String> {
    let file = scene.path("song.js");
    std::fs::write(&file, first).unwrap();
    let mut command = scene.command(&["live", &file.display().to_string(), "--json", "--lead", "680"]);
    command.env("FOREBAY_JS", runtime);
    let mut live = Process::start("forebay live", command);
    live.json_line(|said| said["event"] == "edited");
    std::thread::sleep(Duration::from_secs(1));
    let (mut heard, mut refused, mut speeds) = (Vec::new(), 0, Vec::new());
    let mut late = lates(scene);
    for number in 0.. {
        let Some(text) = texts.next() else { break };
        let trigger = save(&file, &text);
        let said = live.json_line(|said| said["event"] == "edited" || said["event"] == "refused");
        // At no fixed distance from the daemon's blocks.
        std::thread::sleep(Duration::from_millis(60 + (number * 37) % 50));
        if said["event"] == "refused" {
            refused += 1;
            continue;
        }
        let now = lates(scene);
        let later = |name: &String| now[name].saturating_sub(late.get(name).copied().unwrap_or(0));
        let most_late = now.keys().map(later).max().unwrap_or(0);
        late = now;
        let chosen = said["engine_frame"].as_u64().expect("a frame");
        heard.push(Edit { trigger, frame: (chosen + most_late) as usize });
        speeds.extend(said["speed"].as_f64());
    }
    let undisturbed = scene.check_undisturbed();
    assert_eq!(live.end().code(), Some(0));
    speeds.sort_by(f64::total_cmp);
    undisturbed.map(|()| (heard, refused, quantile(&speeds, 0.5)))
}

fn total_ms(edits: &[Edit], heard: &Heard, latency_frames: usize) -> Vec<f64> {
    let when = |edit: &Edit| heard.when_ns(edit.frame + latency_frames).expect("it was heard");
    let mut total: Vec<_> =
        edits.iter().map(|edit| (when(edit) as f64 - edit.trigger.ns as f64) / 1e6).collect();
    total.sort_by(f64::total_cmp);
    total
}

fn measure(what: &str, runtime: &Path, first: &str, texts: &[String]) {
    let (totals, refused, speed) = undisturbed(what, || {
        let scene = Scene::new();
        let daemon = NullDaemon::start(&scene, PERIOD);
        let latency_frames = daemon.latency_frames;
        let edits = edits(&scene, runtime, first, texts.iter().cloned());
        let heard = daemon.end();
        edits.map(|(edits, refused, speed)| (total_ms(&edits, &heard, latency_frames), refused, speed))
    });
    say(&format!(
        "{what}, {PERIOD} frames, {} heard, {refused} refused, {speed:.0}x real time: p50 {:.1} p95 {:.1} max {:.1} ms",
        totals.len(),
        quantile(&totals, 0.5),
        quantile(&totals, 0.95),
        quantile(&totals, 1.0),
    ));
    assert!(refused * 10 <= texts.len(), "{refused} of {} edits were refused", texts.len());
}

fn proves() -> bool {
    std::env::var_os("FOREBAY_PROVE").is_some()
}

fn runtimes(test: &str) -> Vec<(&'static str, std::path::PathBuf)> {
    let found = ["node", "bun"].map(|name| (name, find_program(name)));
    for (name, program) in &found {
        if program.is_none() {
            skip(test, &format!("{name} is not installed"));
        }
    }
    found.into_iter().filter_map(|(name, program)| Some((name, program?))).collect()
}

/// Edits of the examples, some of each before the next is begun with.
#[test]
fn edits_of_the_examples() {
    let _quiet = quiet();
    let count = if proves() { 200 } else { 20 };
    let folder = repository().join("examples/js");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "js"));
    files.sort();
    // What lies beside a piece is found from where it is played only.
    let pieces: Vec<_> = files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    let pieces: Vec<_> =
        pieces.into_iter().filter(|text| !text.contains("sample(") && !text.contains("import ")).collect();
    for (name, runtime) in runtimes("edits_of_the_examples") {
        let mut dice = Dice(1);
        let mut text = String::new();
        let texts: Vec<_> = (0..count)
            .map(|number| {
                if number % OF_ONE_PIECE == 0 {
                    text.clone_from(&pieces[dice.roll(pieces.len())]);
                }
                text = edited(&text, &mut dice);
                text.clone()
            })
            .collect();
        measure(&format!("edits of the examples, {name}"), &runtime, &pieces[0], &texts);
    }
}

/// Edits of a piece with many voices. (A session has 64 at most.)
#[test]
fn edits_of_many_voices() {
    let _quiet = quiet();
    let (counts, saves): (&[usize], usize) = if proves() { (&[12, 50, 64], 50) } else { (&[50], 5) };
    for (name, runtime) in runtimes("edits_of_many_voices") {
        for &voices in counts {
            let song = |level: usize| {
                let line = |voice: usize| {
                    format!(
                        "play('v{voice}', s => {{ s.state[0] = (s.state[0] + {} / s.sr) % 1; return {}e-4 * Math.sin(2 * Math.PI * s.state[0]); }});\n",
                        100 + voice,
                        20 + level % 7
                    )
                };
                (0..voices).map(line).collect::<String>()
            };
            let texts: Vec<_> = (1..=saves).map(song).collect();
            measure(&format!("edits of {voices} voices, {name}"), &runtime, &song(0), &texts);
        }
    }
}

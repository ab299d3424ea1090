//! Nothing that befalls one producer is heard in another.
//!
//! Eight producers write noise, each into a channel of its own of an eight-channel main that is recorded. A run in which
//! one of them is hurt is compared with a run in which nothing happens, channel by channel, bit by bit.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::support::audio::{Recording, assert_same_bits, noise};
use crate::support::process::Process;
use crate::support::scene::Scene;
use crate::support::{quiet, skip, undisturbed};

const VOICES: u32 = 8;
const SECONDS: u32 = 4;
const LEAD_MS: u32 = 680;
/// The one that is hurt.
const VICTIM: usize = 3;

/// Records all voices to their end while `hurt` is done to the victim, once everybody plays. An error when the machine hurt
/// somebody else as well.
fn record(
    scene: &Scene,
    mut producers: Vec<Process>,
    hurt: impl FnOnce(&Process) -> Result<(), String>,
) -> Result<(), String> {
    // They begin together when all are there, however long a busy machine takes to start them.
    producers.iter_mut().for_each(|producer| drop(producer.line_with("opened")));
    producers.iter_mut().for_each(|producer| producer.tell("go"));
    producers.iter_mut().for_each(|producer| drop(producer.line_with("started")));
    // A moment in which every ring is full: the lead is what saves the voice, so it must be there.
    let full = (0..50).any(|_| leads_are_full(&scene.status()));
    let hurt = hurt(&producers[VICTIM]);
    let others = producers.iter_mut().enumerate().filter(|(number, _)| *number != VICTIM);
    let disturbed: Vec<_> = others.filter_map(|(number, other)| disturbance(number, &stats(other))).collect();
    for producer in &mut producers {
        producer.wait();
    }
    scene.await_status("all voices have ended", |status| status["engine"]["voices"] == 0);
    hurt?;
    match (disturbed.is_empty(), full) {
        (true, true) => Ok(()),
        _ => Err(format!("leads were full: {full}, and {disturbed:?}")),
    }
}

fn leads_are_full(status: &Value) -> bool {
    let producers = status["producers"].as_array().into_iter().flatten();
    let voices = producers.filter_map(|producer| producer["voices"].as_array()).flatten();
    voices.filter(|voice| voice["lead_percent"].as_f64() >= Some(90.0)).count() == VOICES as usize
}

/// What a producer says of itself at its end.
fn stats(producer: &mut Process) -> Value {
    serde_json::from_str(&producer.line_with("stats")).expect("figures")
}

fn disturbance(number: usize, stats: &Value) -> Option<String> {
    let is_whole = stats["underruns"] == 0 && stats["shedFrames"] == 0;
    (!is_whole).then(|| format!("voice {number}: {stats}"))
}

/// A recording of a run that the machine did not disturb.
fn recording_of(
    out: &Path,
    start: impl Fn(&Scene) -> Vec<Process>,
    hurt: impl Fn(&Process) -> Result<(), String>,
) -> Recording {
    undisturbed(&out.display().to_string(), || {
        let scene = Scene::new();
        let channels = VOICES.to_string();
        let device = out.display().to_string();
        let mut daemon = scene.daemon(&["--backend", "file", "--device", &device, "--channels", &channels]);
        let recorded = record(&scene, start(&scene), &hurt);
        assert_eq!(daemon.end().code(), Some(0));
        recorded.map(|()| Recording::read(out))
    })
}

fn rust_producers(scene: &Scene) -> Vec<Process> {
    let start = |voice: u32| {
        let mut command = scene.producer("noise");
        command.args([voice, VOICES, SECONDS, LEAD_MS].map(|n| n.to_string()));
        Process::start_to_be_told(&format!("noise {voice}"), command)
    };
    (0..VOICES).map(start).collect()
}

/// Stops it for half a second; an error when the machine made more of it than a lead of 680 ms covers.
fn stop_for_500_ms(victim: &Process) -> Result<(), String> {
    let began = Instant::now();
    victim.signal(Signal::STOP);
    std::thread::sleep(Duration::from_millis(500));
    victim.signal(Signal::CONT);
    let took_ms = began.elapsed().as_millis();
    if took_ms < 560 { Ok(()) } else { Err(format!("it was stopped for {took_ms} ms")) }
}

fn out(folder: &tempfile::TempDir, name: &str) -> PathBuf {
    folder.path().join(name)
}

/// Every channel of the control run holds every frame of its producer: what the comparison rests on.
fn assert_whole(control: &Recording) {
    let frames = (SECONDS * control.rate_hz) as usize;
    for voice in 0..VOICES {
        let heard = control.sounding(voice as usize);
        assert!(heard.len() >= frames, "voice {voice}: {} of {frames} frames", heard.len());
        // Behind the fade-in the samples are the producer's own, to its last frame.
        let fade = control.rate_hz as usize / 20;
        let wrote: Vec<_> = (fade as u32..frames as u32).map(|n| noise(voice, n)).collect();
        assert_same_bits(&format!("voice {voice} as written"), &heard[fade..frames], &wrote);
    }
}

/// SIGKILL of one: its lead plays out and fades; the seven others are as in the control run, bit by bit. SIGSTOP of one
/// for 500 ms at a lead of 680 ms: nobody hears it, it loses no frame.
#[test]
fn one_of_eight_is_killed_or_stopped() {
    let _quiet = quiet();
    let folder = tempfile::tempdir().unwrap();
    let control = recording_of(&out(&folder, "control.wav"), rust_producers, |_| Ok(()));
    assert_whole(&control);

    let kill = |victim: &Process| {
        victim.signal(Signal::KILL);
        Ok(())
    };
    let killed = recording_of(&out(&folder, "killed.wav"), rust_producers, kill);
    let stopped = recording_of(&out(&folder, "stopped.wav"), rust_producers, stop_for_500_ms);
    for voice in 0..VOICES as usize {
        let want = control.sounding(voice);
        assert_same_bits(&format!("voice {voice}, one stopped"), stopped.sounding(voice), want);
        if voice != VICTIM {
            assert_same_bits(&format!("voice {voice}, one killed"), killed.sounding(voice), want);
        }
    }
    let (last_words, whole) = (killed.sounding(VICTIM), control.sounding(VICTIM));
    assert!(last_words.len() < whole.len(), "the killed one ends early");
    // All but the fade at the end (20 ms) is what it wrote.
    let before_fade = last_words.len() - killed.rate_hz as usize / 50;
    assert!(before_fade > 0);
    assert_same_bits("the killed one, until its fade", &last_words[..before_fade], &whole[..before_fade]);
}

/// 500 ms of garbage collection in one of eight JavaScript producers: the lead covers it, not a bit differs.
#[test]
fn one_of_eight_collects_garbage() {
    let _quiet = quiet();
    for runtime in ["node", "bun"] {
        let folder = tempfile::tempdir().unwrap();
        let start = |gc_ms: u32| {
            move |scene: &Scene| -> Vec<Process> {
                let start = |voice: u32| {
                    let mut command = scene.js_producer(runtime, "noise.mjs").expect("looked for above");
                    let gc_ms = if voice as usize == VICTIM { gc_ms } else { 0 };
                    command.args([voice, VOICES, SECONDS, LEAD_MS, gc_ms].map(|n| n.to_string()));
                    Process::start_to_be_told(&format!("{runtime} noise {voice}"), command)
                };
                (0..VOICES).map(start).collect()
            }
        };
        if crate::support::find_program(runtime).is_none() {
            skip("one_of_eight_collects_garbage", &format!("{runtime} is not installed"));
            continue;
        }
        let control = recording_of(&out(&folder, "control.wav"), start(0), |_| Ok(()));
        assert_whole(&control);
        let collected = recording_of(&out(&folder, "collected.wav"), start(500), |_| Ok(()));
        for voice in 0..VOICES as usize {
            let what = format!("{runtime} voice {voice}, one collects garbage");
            assert_same_bits(&what, collected.sounding(voice), control.sounding(voice));
        }
    }
}

//! Nothing that befalls one producer is heard in another.
//!
//! Eight producers write noise, each into a channel of its own of an eight-channel main that is recorded. A run in which
//! one of them is hurt is compared with a run in which nothing happens, channel by channel, bit by bit.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;

use crate::support::audio::{Recording, assert_same_bits, noise};
use crate::support::process::Process;
use crate::support::scene::Scene;
use crate::support::{quiet, skip};

const VOICES: u32 = 8;
const SECONDS: u32 = 4;
const LEAD_MS: u32 = 680;
/// The one that is hurt.
const VICTIM: usize = 3;

/// Records all voices to their end while `hurt` is done to the victim, once everybody plays.
fn record(scene: &Scene, producers: Vec<Process>, hurt: impl FnOnce(&Process)) {
    let mut producers = producers;
    for producer in &mut producers {
        producer.line_with("started");
    }
    // A moment in which every ring is full: the lead is what saves the voice, so it must be there.
    scene.await_status("every voice has its lead", |status| {
        let voices =
            status["producers"].as_array().into_iter().flatten().flat_map(|p| p["voices"].as_array());
        let full = voices.flatten().filter(|voice| voice["lead_percent"].as_f64() >= Some(90.0)).count();
        full == producers.len()
    });
    hurt(&producers[VICTIM]);
    for producer in &mut producers {
        producer.wait();
    }
    scene.await_status("all voices have ended", |status| status["engine"]["voices"] == 0);
}

fn recording_of(
    out: &Path,
    start: impl Fn(&Scene) -> Vec<Process>,
    hurt: impl FnOnce(&Process),
) -> Recording {
    let scene = Scene::new();
    let channels = VOICES.to_string();
    let device = out.display().to_string();
    let mut daemon = scene.daemon(&["--backend", "file", "--device", &device, "--channels", &channels]);
    record(&scene, start(&scene), hurt);
    assert_eq!(daemon.end().code(), Some(0));
    Recording::read(out)
}

fn rust_producers(scene: &Scene) -> Vec<Process> {
    let start = |voice: u32| {
        let mut command = scene.producer("noise");
        command.args([voice, VOICES, SECONDS, LEAD_MS].map(|n| n.to_string()));
        Process::start(&format!("noise {voice}"), command)
    };
    (0..VOICES).map(start).collect()
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
    let control = recording_of(&out(&folder, "control.wav"), rust_producers, |_| {});
    assert_whole(&control);

    let killed =
        recording_of(&out(&folder, "killed.wav"), rust_producers, |victim| victim.signal(Signal::KILL));
    let stopped = recording_of(&out(&folder, "stopped.wav"), rust_producers, |victim| {
        victim.signal(Signal::STOP);
        std::thread::sleep(Duration::from_millis(500));
        victim.signal(Signal::CONT);
    });
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
                    Process::start(&format!("{runtime} noise {voice}"), command)
                };
                (0..VOICES).map(start).collect()
            }
        };
        if crate::support::find_program(runtime).is_none() {
            skip("one_of_eight_collects_garbage", &format!("{runtime} is not installed"));
            continue;
        }
        let control = recording_of(&out(&folder, "control.wav"), start(0), |_| {});
        assert_whole(&control);
        let collected = recording_of(&out(&folder, "collected.wav"), start(500), |_| {});
        for voice in 0..VOICES as usize {
            let what = format!("{runtime} voice {voice}, one collects garbage");
            assert_same_bits(&what, collected.sounding(voice), control.sounding(voice));
        }
    }
}

//! One session, four ways out: the same bits.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support::audio::{Recording, assert_same_bits};
use crate::support::jack::Jack;
use crate::support::null::NullDaemon;
use crate::support::process::Process;
use crate::support::scene::Scene;
use crate::support::{find_program, quiet, skip, undisturbed};

const SECONDS: u32 = 3;

/// State, chance, two channels, a voice that comes in late.
const SONG: &str = "\
play('tone', s => { s.state[0] += 220 / s.sr; return 0.2 * Math.sin(2 * Math.PI * s.state[0]); });
play('wide', s => [0.1 * Math.sin(s.t * 900), 0.1 * Math.cos(s.t * 700)]);
play('chance', s => 0.05 * (Math.random() - 0.5));
play('late', s => s.t < 0.5 ? 0 : 0.1 * Math.sin(s.t * 3000 + Math.sin(s.t * 50)));
";

fn song(scene: &Scene) -> PathBuf {
    let file = scene.path("song.js");
    std::fs::write(&file, SONG).unwrap();
    file
}

/// Plays the song for a while and fades it out. An error when the machine was too busy to begin it on time (what it then
/// missed is skipped, so it is another session), or to go on.
fn play(scene: &Scene, song: &Path) -> Result<(), String> {
    let song = song.display().to_string();
    let mut live = Process::start("forebay live", scene.command(&["live", &song, "--json"]));
    let edited = live.json_line(|said| said["event"] == "edited");
    std::thread::sleep(Duration::from_secs(u64::from(SECONDS)));
    let undisturbed = scene.check_undisturbed();
    assert_eq!(live.end().code(), Some(0));
    match &edited["late_frames"] {
        late if *late == 0 => undisturbed,
        late => Err(format!("it began {late} frames late")),
    }
}

fn rendered(scene: &Scene, song: &Path) -> Recording {
    let out = scene.path("render.wav");
    let (seconds, song) = (SECONDS.to_string(), song.display().to_string());
    let outcome = scene.forebay(&["render", &song, "-o", &out.display().to_string(), "--seconds", &seconds]);
    assert_eq!(outcome.code, 0, "{}", outcome.err);
    Recording::read(&out)
}

fn through_file(scene: &Scene, song: &Path) -> Result<Recording, String> {
    let out = scene.path("file.wav");
    let mut daemon = scene.daemon(&["--backend", "file", "--device", &out.display().to_string()]);
    let on_time = play(scene, song);
    assert_eq!(daemon.end().code(), Some(0));
    on_time.map(|()| Recording::read(&out))
}

fn through_jack(scene: &Scene, song: &Path, jack: &Jack) -> Result<Recording, String> {
    let mut command = scene.command(&["run", "--stay", "--json", "--backend", "jack", "--no-connect"]);
    jack.dress(&mut command);
    let mut daemon = Process::start("the daemon", command);
    daemon.json_line(|said| said["ready"].is_object());
    let out = scene.path("jack.wav").display().to_string();
    let seconds = (SECONDS + 3).to_string();
    let mut ears = Process::start("ears", jack.listener(scene, &["ears", "2", &seconds, &out, "forebay"]));
    ears.line_with("ready");
    let on_time = play(scene, song);
    assert!(ears.wait().success());
    assert_eq!(daemon.end().code(), Some(0));
    on_time.map(|()| Recording::read(out.as_ref()))
}

/// The null device has no ears: a tap of main hears for it.
fn through_null(scene: &Scene, song: &Path) -> Result<Recording, String> {
    let daemon = NullDaemon::start(scene, 256);
    let on_time = play(scene, song);
    let heard = daemon.end();
    on_time.map(|()| heard.recording())
}

/// From the first frame that is not silent on, what null, file and JACK play is what `render` writes.
#[test]
fn four_ways_out() {
    let _quiet = quiet();
    if find_program("node").is_none() && find_program("bun").is_none() {
        return skip("four_ways_out", "neither node nor bun is installed");
    }
    let scene = Scene::new();
    let song = song(&scene);
    let want = rendered(&scene, &song);
    let mut ways = vec![
        ("null", undisturbed("null", || through_null(&Scene::new(), &song))),
        ("file", undisturbed("file", || through_file(&Scene::new(), &song))),
    ];
    if let Some(jack) = Jack::start("four_ways_out", 256) {
        ways.push(("jack", undisturbed("jack", || through_jack(&Scene::new(), &song, &jack))));
    }
    for (way, heard) in &ways {
        assert_eq!(heard.rate_hz, want.rate_hz);
        // Both channels are cut at the same frame: where the first of them begins to sound.
        let frames = SECONDS as usize * want.rate_hz as usize - want.rate_hz as usize / 4;
        let cut = |recording: &Recording| -> Vec<Vec<f32>> {
            let silent = |frame: usize| recording.channels.iter().all(|channel| channel[frame] == 0.0);
            let first = (0..recording.channels[0].len()).find(|frame| !silent(*frame)).expect("it sounds");
            recording.channels.iter().map(|channel| channel[first..first + frames].to_vec()).collect()
        };
        for (channel, (got, want)) in cut(heard).iter().zip(cut(&want)).enumerate() {
            assert_same_bits(&format!("{way}, channel {channel}"), got, &want);
        }
    }
}

/// Two renders of one script are one file, byte by byte.
#[test]
fn renders_repeat() {
    if find_program("node").is_none() && find_program("bun").is_none() {
        return skip("renders_repeat", "neither node nor bun is installed");
    }
    let scene = Scene::new();
    let song = song(&scene);
    // State that no snapshot knows, and a mute that comes when its frame does.
    let hidden = "let n = 0;\nplay('hidden', s => { if (s.n === 60000) mute('wide'); return (n++ % 97) / 2000 - 0.02; });\n";
    std::fs::write(&song, SONG.to_owned() + hidden).unwrap();
    let first = rendered(&scene, &song);
    let bytes = std::fs::read(scene.path("render.wav")).unwrap();
    let again = rendered(&scene, &song);
    assert_eq!(first.channels[0].len(), again.channels[0].len());
    assert_eq!(bytes, std::fs::read(scene.path("render.wav")).unwrap());
    // 4 s at once is more than any ring holds: waiting for frames worked, too.
    let loud = first.channels[0].iter().filter(|sample| **sample != 0.0).count();
    assert!(loud > 2 * 48_000, "{loud} frames sound");
}

/// A voice that fails within the render fails the render, by its line; one that fails behind its end does not.
#[test]
fn a_render_that_fails_says_so() {
    if find_program("node").is_none() && find_program("bun").is_none() {
        return skip("a_render_that_fails_says_so", "neither node nor bun is installed");
    }
    let scene = Scene::new();
    let fails = "play('a', s => 0.1 * Math.sin(s.t * 6000));\nplay('b', s => { if (s.n >= 47999) throw new Error('enough'); return 0; });\n";
    let render = |text: &str| {
        std::fs::write(scene.path("song.js"), text).unwrap();
        scene.forebay(&["render", "song.js", "-o", "out.wav", "--seconds", "1"])
    };
    let failed = render(fails);
    assert_ne!(failed.code, 0);
    assert!(failed.err.contains("song.js:2:") && failed.err.contains("enough"), "{}", failed.err);
    assert!(!scene.path("out.wav").exists(), "half a render looks like a whole one");
    let outcome = render(&fails.replace("47999", "48000"));
    assert_eq!(outcome.code, 0, "{}", outcome.err);
}

/// Options that a render takes are heard: rate and channels in the file, the gain in every sample.
#[test]
fn render_options() {
    if find_program("node").is_none() && find_program("bun").is_none() {
        return skip("render_options", "neither node nor bun is installed");
    }
    let scene = Scene::new();
    std::fs::write(scene.path("song.js"), "play('a', s => 0.5 * Math.sin(s.t * 6000));\n").unwrap();
    let loudest = |args: &[&str]| {
        let outcome =
            scene.forebay(&[&["render", "song.js", "-o", "out.wav", "--seconds", "1"], args].concat());
        assert_eq!(outcome.code, 0, "{}", outcome.err);
        let recording = Recording::read(&scene.path("out.wav"));
        let peak = recording.channels[0].iter().fold(0.0, |loudest: f32, sample| loudest.max(sample.abs()));
        (recording.rate_hz, recording.channels.len(), recording.channels[0].len(), peak)
    };
    let (rate_hz, channels, frames, peak) = loudest(&["--rate", "44100", "--channels", "1"]);
    assert_eq!((rate_hz, channels, frames), (44_100, 1, 44_100));
    let (.., plain) = loudest(&[]);
    let (.., softer) = loudest(&["--gain-db", "-6.0206"]);
    assert!((plain - 0.5).abs() < 1e-3 && peak > 0.3, "{plain} {peak}");
    assert!((softer - 0.25).abs() < 1e-3, "{softer}");
}

//! The peer: scsynth, off line, playing a buffer per voice through Pan2.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Two lengths, so that start and end cancel out.
const SHORT_S: f64 = 1.0;
const LONG_S: f64 = 6.0;

/// The best of so many pairs of runs counts.
const PAIRS: usize = 3;

/// CPU ns per voice and 64-frame block; `None`, with a word about it, where there is no scsynth.
pub(crate) fn ns_per_voice(voices: usize) -> Option<f64> {
    let folder = tempfile::tempdir().ok()?;
    let blocks = (LONG_S - SHORT_S) * 48_000.0 / super::BLOCK as f64;
    let mut best = f64::INFINITY;
    for _ in 0..PAIRS {
        let spent = run(folder.path(), voices, LONG_S)? - run(folder.path(), voices, SHORT_S)?;
        best = best.min(spent * 1e9 / (blocks * voices as f64));
    }
    Some(best)
}

/// CPU seconds of one off-line run.
fn run(folder: &Path, voices: usize, seconds: f64) -> Option<f64> {
    let (score, out) = (folder.join("score.osc"), folder.join("out.wav"));
    fs::write(&score, score_of(voices, seconds)).ok()?;
    let child = Command::new("scsynth")
        .args(["-N".as_ref(), score.as_os_str(), "_".as_ref(), out.as_os_str()])
        .args(["48000", "WAV", "float", "-o", "2", "-z", "64", "-n", "16384", "-m", "524288", "-w", "1024"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .stdin(Stdio::null())
        .spawn();
    let Ok(mut child) = child else {
        println!("(no scsynth in PATH: its figures are skipped)");
        return None;
    };
    // The kernel keeps the figures of a process that has ended until it is waited for.
    let stat = format!("/proc/{}/stat", child.id());
    let spent = loop {
        let text = fs::read_to_string(&stat).ok()?;
        let fields: Vec<&str> = text.rsplit(')').next()?.split_whitespace().collect();
        if fields[0] == "Z" {
            let ticks: f64 = fields[11].parse::<f64>().ok()? + fields[12].parse::<f64>().ok()?;
            break ticks / 100.0;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let status = child.wait().ok()?;
    let played = fs::metadata(&out).map_or(0, |out| out.len());
    if !status.success() || (played as f64) < seconds * 48_000.0 * 8.0 * 0.9 {
        println!("(scsynth ended with {status} after {played} bytes: its figures are skipped)");
        return None;
    }
    Some(spent)
}

/// An OSC score: the synth, a buffer with a sine, `voices` players, the end.
fn score_of(voices: usize, seconds: f64) -> Vec<u8> {
    let mut score = vec![];
    let setup = [
        message("/d_recv", &[Arg::Blob(synth())]),
        message("/b_alloc", &[Arg::Int(0), Arg::Int(48_000), Arg::Int(1)]),
        message("/b_gen", &[Arg::Int(0), Arg::Text("sine1"), Arg::Int(7), Arg::Float(0.001)]),
    ];
    bundle(&mut score, 0.0, &setup);
    let play =
        |k: usize| message("/s_new", &[Arg::Text("p"), Arg::Int(1000 + k as i32), Arg::Int(0), Arg::Int(0)]);
    for first in (0..voices).step_by(64) {
        let some: Vec<_> = (first..voices.min(first + 64)).map(play).collect();
        bundle(&mut score, 0.0, &some);
    }
    bundle(&mut score, seconds, &[message("/c_set", &[Arg::Int(0), Arg::Float(0.0)])]);
    score
}

enum Arg {
    Int(i32),
    Float(f32),
    Text(&'static str),
    Blob(Vec<u8>),
}

fn padded(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn text(text: &str) -> Vec<u8> {
    padded([text.as_bytes(), &[0]].concat())
}

fn message(address: &str, args: &[Arg]) -> Vec<u8> {
    let mut types = String::from(",");
    let mut values = vec![];
    for arg in args {
        match arg {
            Arg::Int(value) => {
                types.push('i');
                values.extend(value.to_be_bytes());
            }
            Arg::Float(value) => {
                types.push('f');
                values.extend(value.to_be_bytes());
            }
            Arg::Text(value) => {
                types.push('s');
                values.extend(text(value));
            }
            Arg::Blob(bytes) => {
                types.push('b');
                values.extend((bytes.len() as u32).to_be_bytes());
                values.extend(padded(bytes.clone()));
            }
        }
    }
    [text(address), text(&types), values].concat()
}

fn bundle(score: &mut Vec<u8>, at_s: f64, messages: &[Vec<u8>]) {
    let mut bytes = text("#bundle");
    bytes.extend(((at_s * 4_294_967_296.0) as u64).to_be_bytes());
    for message in messages {
        bytes.extend((message.len() as u32).to_be_bytes());
        bytes.extend(message);
    }
    score.extend((bytes.len() as u32).to_be_bytes());
    score.extend(bytes);
}

/// Class, inputs, number of outputs.
type Unit = (&'static str, &'static [(i32, i32)], usize);

/// `Out.ar(0, Pan2.ar(PlayBuf.ar(1, 0, loop: 1)))` as a compiled synth definition, version 2.
fn synth() -> Vec<u8> {
    let mut def = vec![];
    let name = |def: &mut Vec<u8>, name: &str| {
        def.push(name.len() as u8);
        def.extend(name.as_bytes());
    };
    let long = |def: &mut Vec<u8>, value: i32| def.extend(value.to_be_bytes());
    def.extend(b"SCgf");
    long(&mut def, 2);
    def.extend(1i16.to_be_bytes());
    name(&mut def, "p");
    long(&mut def, 2);
    def.extend(0.0f32.to_be_bytes());
    def.extend(1.0f32.to_be_bytes());
    long(&mut def, 0);
    long(&mut def, 0);
    // Inputs are (-1, constant) or (unit, output); all units run at audio rate.
    const ZERO: (i32, i32) = (-1, 0);
    const ONE: (i32, i32) = (-1, 1);
    let units: [Unit; 3] = [
        ("PlayBuf", &[ZERO, ONE, ONE, ZERO, ONE, ZERO], 1),
        ("Pan2", &[(0, 0), ZERO, ONE], 2),
        ("Out", &[ZERO, (1, 0), (1, 1)], 0),
    ];
    long(&mut def, units.len() as i32);
    for (class, inputs, outputs) in units {
        name(&mut def, class);
        def.push(2);
        long(&mut def, inputs.len() as i32);
        long(&mut def, outputs as i32);
        def.extend(0i16.to_be_bytes());
        for (unit, output) in inputs {
            long(&mut def, *unit);
            long(&mut def, *output);
        }
        def.extend(vec![2; outputs]);
    }
    def.extend(0i16.to_be_bytes());
    def
}

//! Rendering an example and reading what it cost.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const FOREBAY: &str = env!("CARGO_BIN_EXE_forebay");

/// A render of an example.
pub(crate) struct Render {
    /// On what.
    pub(crate) runtime: String,
    /// All samples.
    pub(crate) samples: Vec<f32>,
    /// Part of one core that it took, for the code, the mix and the file, in per cent of real time.
    pub(crate) per_cent: f64,
}

/// The pieces of `examples/js`, in order.
pub(crate) fn examples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/js");
    let entries =
        fs::read_dir(folder).expect("the folder is there").map(|entry| entry.expect("an entry").path());
    let mut pieces: Vec<_> = entries.filter(|path| path.extension().is_some_and(|end| end == "js")).collect();
    pieces.sort();
    pieces
}

/// The runtimes that can be had here, the embedded one first.
pub(crate) fn runtimes() -> Vec<String> {
    let there = |runtime: &str| {
        let probe = Command::new(runtime).arg("--version").stdout(Stdio::null()).status();
        runtime == "quickjs" || probe.is_ok_and(|status| status.success())
    };
    ["quickjs", "node", "bun"].into_iter().filter(|name| there(name)).map(str::to_owned).collect()
}

/// Renders `seconds` of `piece` on `runtime`.
pub(crate) fn render(piece: &Path, runtime: &str, seconds: u32) -> Render {
    let folder = tempfile::tempdir().expect("a folder");
    let wav = folder.path().join("out.wav");
    let before = children_seconds();
    let mut command = Command::new(FOREBAY);
    command.arg("render").arg(piece).arg("-o").arg(&wav).args(["--seconds", &seconds.to_string()]);
    let output = command.args(["--runtime", runtime]).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{} on {runtime}: {said}", piece.display());
    let per_cent = 100.0 * (children_seconds() - before) / f64::from(seconds);
    let samples =
        hound::WavReader::open(&wav).expect("a WAV").into_samples().map(|sample| sample.expect("a sample"));
    Render { runtime: runtime.to_owned(), samples: samples.collect(), per_cent }
}

/// Processor time of all children that have ended, and of theirs: the 16th and 17th field of `/proc/self/stat`, in ticks of
/// 10 ms as Linux counts them for programs everywhere.
fn children_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("/proc is there");
    let behind_name = stat.rsplit(')').next().expect("a name in brackets");
    let fields = behind_name.split_whitespace().skip(13).take(2);
    fields.map(|ticks| ticks.parse::<f64>().expect("a number")).sum::<f64>() / 100.0
}

/// A line of the table: the piece, and per runtime the part of one core that it took.
pub(crate) fn line(piece: &Path, renders: &[Render]) -> String {
    let name = piece.file_stem().unwrap_or_default().to_string_lossy();
    let cells =
        renders.iter().map(|Render { runtime, per_cent, .. }| format!("   {runtime} {per_cent:6.1} %"));
    format!("{name:<12}{}", cells.collect::<String>())
}

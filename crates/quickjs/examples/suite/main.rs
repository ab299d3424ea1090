//! Runs test files that are written for `node:test` in the embedded runtime: `suite FILES`. What they need of Node and
//! nobody else does is here; files that they write are kept in memory.
#![forbid(unsafe_code)]

use std::path::Path;

/// What the runtime itself has no use for.
const OF_TESTS: forebay_quickjs::Modules = &[
    ("node:test", include_str!("test.js")),
    ("node:assert/strict", include_str!("assert.js")),
    ("node:readline", "export const createInterface = undefined;"),
    ("suite:files", include_str!("files.js")),
    ("suite:buffer", include_str!("buffer.js")),
    ("suite:clock", include_str!("clock.js")),
];

fn main() -> Result<(), forebay_quickjs::HostError> {
    let files: Vec<String> = std::env::args()
        .skip(1)
        .map(|file| std::path::absolute(&file).map_or(file, |path| path.to_string_lossy().into_owned()))
        .collect();
    let entry = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/suite/run.js");
    std::process::exit(forebay_quickjs::run_with(&entry, &files, OF_TESTS)?)
}

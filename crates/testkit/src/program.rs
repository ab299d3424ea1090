//! Programs that a test writes for itself.

use std::path::Path;
use std::process::{Command, Stdio};

/// Writes an executable shell script of `body` to `path`.
///
/// A process of its own writes it: a descriptor open for writing in this one is inherited by whatever another thread starts
/// at that moment, and until that has ended the script is busy and can't be run.
///
/// # Panics
/// When it can't be written.
pub fn script(path: &Path, body: &str) {
    let text = format!("#!/bin/sh\n{body}\n");
    let write = r#"printf %s "$1" >"$0" && chmod 755 "$0""#;
    let mut command = Command::new("sh");
    command.args(["-c", write]).arg(path).arg(text).stdin(Stdio::null());
    let status = command.status().expect("there is a shell");
    assert!(status.success(), "{} can't be written", path.display());
}

//! What the whole-system tests share: a private place for a daemon, real processes that end with their test, and
//! looks at what came out.

pub(crate) mod audio;
pub(crate) mod jack;
pub(crate) mod null;
pub(crate) mod process;
pub(crate) mod scene;

use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Held by a test that listens to real time, or that takes the machine for itself: one at a time, since two cores can't keep
/// the time of several pieces while another test loads them on purpose.
pub(crate) fn quiet() -> MutexGuard<'static, ()> {
    static QUIET: Mutex<()> = Mutex::new(());
    QUIET.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Says something that is seen whether or not the test passes: libtest captures only the print macros.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Says that a test did not run, and what it misses.
pub(crate) fn skip(test: &str, why: &str) {
    say(&format!("SKIPPED {test}: {why}"));
}

/// The path of a program in PATH.
pub(crate) fn find_program(name: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH")?;
    // `make test` fetches a Bun of the repository's own where none is installed.
    let own = scene::repository().join("target/runtime/node_modules/.bin");
    std::env::split_paths(&path).chain([own]).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// The value at `part` (0 to 1) of sorted figures, and their greatest, for a report.
pub(crate) fn quantile(sorted: &[f64], part: f64) -> f64 {
    let rank = (sorted.len() as f64 * part).ceil().max(1.0) as usize - 1;
    sorted.get(rank).copied().unwrap_or(f64::NAN)
}

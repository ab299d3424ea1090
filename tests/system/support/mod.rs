//! What the whole-system tests share: a private place for a daemon, real processes that end with their test, and
//! looks at what came out.

pub(crate) mod audio;
pub(crate) mod jack;
pub(crate) mod null;
pub(crate) mod process;
pub(crate) mod saves;
pub(crate) mod scene;
pub(crate) mod terminal;
pub(crate) mod theft;

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

/// How often something that listens to real time is tried.
const TRIES: usize = 8;

/// The first try that the machine did not disturb. What is tested here is bits, not the machine: a try in which it kept a
/// process off its core for longer than a lead lasts is another story than the one to be told, and says so as an error.
/// It is seen, and fails where it is the rule.
pub(crate) fn undisturbed<T>(what: &str, mut attempt: impl FnMut() -> Result<T, String>) -> T {
    for _ in 0..TRIES {
        match attempt() {
            Ok(result) => return result,
            Err(why) => say(&format!("{what}: once more, for {why}")),
        }
    }
    panic!("{what}: disturbed in each of {TRIES} tries")
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

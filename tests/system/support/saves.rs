//! Saves as editors make them, with the time at which they were made.

use std::path::Path;
use std::time::SystemTime;

/// A moment, by the monotonic clock and by the one that processes share with people.
#[derive(Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) ns: u64,
    pub(crate) unix_ms: f64,
}

impl Moment {
    pub(crate) fn now() -> Self {
        let since = SystemTime::UNIX_EPOCH.elapsed().expect("it is after 1970");
        Self { ns: rt::monotonic_ns(), unix_ms: since.as_secs_f64() * 1e3 }
    }
}

/// As editors do: a new file beside, renamed over the old one. Returns when.
pub(crate) fn save(file: &Path, text: &str) -> Moment {
    let fresh = file.with_extension("new");
    std::fs::write(&fresh, text).unwrap();
    let trigger = Moment::now();
    std::fs::rename(&fresh, file).unwrap();
    trigger
}

//! The JavaScript that travels inside the binary, and the private folder that it is written to.

use std::env;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use thiserror::Error;

macro_rules! bundle {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../../", $path)))),*]
    };
}

/// Every file of the live host and of the SDK that it stands on, by its path in the source tree, so that their
/// relative imports hold.
const FILES: &[(&str, &str)] = bundle![
    "crates/live/js/arena.js",
    "crates/live/js/cells.js",
    "crates/live/js/change.js",
    "crates/live/js/closures.js",
    "crates/live/js/compile.js",
    "crates/live/js/console.js",
    "crates/live/js/desk.js",
    "crates/live/js/evaluator.js",
    "crates/live/js/finish.js",
    "crates/live/js/guard.js",
    "crates/live/js/held.js",
    "crates/live/js/hooks.js",
    "crates/live/js/host.js",
    "crates/live/js/intrinsics.js",
    "crates/live/js/keep.js",
    "crates/live/js/library/clock.js",
    "crates/live/js/library/controls.js",
    "crates/live/js/library/delays.js",
    "crates/live/js/library/envelopes.js",
    "crates/live/js/library/filters.js",
    "crates/live/js/library/index.js",
    "crates/live/js/library/oscillators.js",
    "crates/live/js/library/patterns.js",
    "crates/live/js/library/pitch.js",
    "crates/live/js/library/rhythm.js",
    "crates/live/js/library/samples.js",
    "crates/live/js/library/shapes.js",
    "crates/live/js/library/toolbox.js",
    "crates/live/js/links.js",
    "crates/live/js/loss.js",
    "crates/live/js/main.js",
    "crates/live/js/messages.js",
    "crates/live/js/modules.js",
    "crates/live/js/nearest.js",
    "crates/live/js/pacing.js",
    "crates/live/js/package.json",
    "crates/live/js/places.js",
    "crates/live/js/player.js",
    "crates/live/js/program.js",
    "crates/live/js/references.js",
    "crates/live/js/render.js",
    "crates/live/js/rings.js",
    "crates/live/js/sent.js",
    "crates/live/js/shadow.js",
    "crates/live/js/shared.js",
    "crates/live/js/shelf.js",
    "crates/live/js/slowness.js",
    "crates/live/js/snapshots.js",
    "crates/live/js/sounds.js",
    "crates/live/js/state.js",
    "crates/live/js/steps.js",
    "crates/live/js/surface.js",
    "crates/live/js/takeover.js",
    "crates/live/js/thread.js",
    "crates/live/js/timeline.js",
    "crates/live/js/transport.js",
    "crates/live/js/trial.js",
    "crates/live/js/turn.js",
    "crates/live/js/v8.js",
    "crates/live/js/vendor/acorn-LICENSE",
    "crates/live/js/vendor/acorn.cjs",
    "crates/live/js/warm.js",
    "crates/live/js/watch.js",
    "crates/live/js/worker.js",
    "sdk/js/connection.js",
    "sdk/js/errors.js",
    "sdk/js/events.js",
    "sdk/js/index.js",
    "sdk/js/layout.js",
    "sdk/js/memory.js",
    "sdk/js/pacer.js",
    "sdk/js/package.json",
    "sdk/js/place.js",
    "sdk/js/ring.js",
    "sdk/js/samples.js",
    "sdk/js/session.js",
    "sdk/js/splice.js",
    "sdk/js/voice.js",
];

/// The file that the runtime starts.
const ENTRY: &str = "crates/live/js/main.js";

/// Why the JavaScript could not be written anywhere.
#[derive(Debug, Error)]
#[error("the live host can't be written to {}: {error}; set XDG_CACHE_HOME to a folder of your own", dir.display())]
#[non_exhaustive]
pub struct BundleError {
    /// The last folder tried.
    pub dir: PathBuf,
    /// What went wrong there.
    pub error: io::Error,
}

/// Writes the JavaScript, unless it is there already, and returns the path of the entry file.
///
/// # Errors
/// When neither the user's cache nor the temporary folder can be written.
pub(crate) fn unpack() -> Result<PathBuf, BundleError> {
    let mut last = None;
    for base in bases() {
        match unpack_under(&base) {
            Ok(entry) => return Ok(entry),
            Err(error) => last = Some(BundleError { dir: base, error }),
        }
    }
    Err(last.unwrap_or_else(|| BundleError { dir: PathBuf::new(), error: io::ErrorKind::NotFound.into() }))
}

/// Where it may go: the user's cache, else a folder of the user in the temporary one.
fn bases() -> Vec<PathBuf> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    let uid = rustix::process::getuid().as_raw();
    let own = env::temp_dir().join(format!("forebay-{uid}"));
    cache.map(|cache| cache.join("forebay")).into_iter().chain([own]).collect()
}

fn unpack_under(base: &Path) -> io::Result<PathBuf> {
    DirBuilder::new().recursive(true).mode(0o700).create(base)?;
    check_owner(base)?;
    let dir = base.join(format!("live-{}-{:016x}", env!("CARGO_PKG_VERSION"), fingerprint()));
    if !whole(&dir) {
        let fresh = base.join(format!(".live-{}", std::process::id()));
        let _ = fs::remove_dir_all(&fresh);
        for (path, text) in FILES {
            let file = fresh.join(path);
            if let Some(parent) = file.parent() {
                DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
            }
            fs::write(file, text)?;
        }
        let _ = fs::remove_dir_all(&dir);
        // Another process may have been faster with the same files.
        if let Err(error) = fs::rename(&fresh, &dir) {
            let _ = fs::remove_dir_all(&fresh);
            if !whole(&dir) {
                return Err(error);
            }
        }
    }
    Ok(dir.join(ENTRY))
}

/// Code is only run from a folder that nobody else can have written.
fn check_owner(base: &Path) -> io::Result<()> {
    let meta = fs::symlink_metadata(base)?;
    let ours = meta.uid() == rustix::process::getuid().as_raw();
    if meta.is_dir() && ours && meta.mode() & 0o022 == 0 {
        return Ok(());
    }
    let message = "it is not a folder that belongs to this user alone";
    Err(io::Error::new(io::ErrorKind::PermissionDenied, message))
}

/// Whether every file is there as it should be.
fn whole(dir: &Path) -> bool {
    FILES.iter().all(|(path, text)| fs::read(dir.join(path)).is_ok_and(|found| found == text.as_bytes()))
}

/// FNV-1a over paths and texts: another version, another folder.
fn fingerprint() -> u64 {
    let bytes = FILES.iter().flat_map(|(path, text)| path.bytes().chain(text.bytes()));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Every JavaScript file of both folders travels in the binary; a new one can't be forgotten.
    #[test]
    fn nothing_is_missing() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for folder in ["crates/live/js", "crates/live/js/library", "crates/live/js/vendor", "sdk/js"] {
            for entry in fs::read_dir(root.join(folder)).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                if [".js", ".cjs", "package.json"].iter().any(|end| name.ends_with(end)) {
                    let path = format!("{folder}/{name}");
                    assert!(FILES.iter().any(|(listed, _)| *listed == path), "{path} is not in the bundle");
                }
            }
        }
    }

    // A second unpacking finds the files of the first; a damaged one is written anew.
    #[test]
    fn unpacks_once_and_repairs() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().join("forebay");
        let entry = unpack_under(&base).unwrap();
        assert!(entry.is_file());
        let before = fs::metadata(&entry).unwrap().ino();
        assert_eq!(unpack_under(&base).unwrap(), entry);
        assert_eq!(fs::metadata(&entry).unwrap().ino(), before);
        fs::write(&entry, "garbage").unwrap();
        unpack_under(&base).unwrap();
        assert_ne!(fs::read_to_string(&entry).unwrap(), "garbage");
    }

    // A folder that others may write is no place to run code from.
    #[test]
    fn refuses_a_folder_that_others_may_write() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().join("forebay");
        fs::create_dir(&base).unwrap();
        fs::set_permissions(&base, fs::Permissions::from_mode(0o777)).unwrap();
        assert_eq!(unpack_under(&base).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    }
}

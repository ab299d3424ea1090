//! Which JACK servers run, found without waking or starting any; and the library that speaks to them.

use super::ffi::Library;
use std::path::PathBuf;
use std::sync::OnceLock;

/// Which libjack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavour {
    /// The system's: jackd's, or PipeWire's where that took its place.
    System,
    /// The one that PipeWire keeps in a folder of its own.
    PipeWire,
}

/// The library of a flavour, loaded once.
pub(crate) fn library(flavour: Flavour) -> Result<&'static Library, String> {
    static SYSTEM: OnceLock<Result<&'static Library, String>> = OnceLock::new();
    static PIPEWIRE: OnceLock<Result<&'static Library, String>> = OnceLock::new();
    match flavour {
        Flavour::System => SYSTEM.get_or_init(|| Library::load(SYSTEM_LIBRARY)).clone(),
        Flavour::PipeWire => PIPEWIRE.get_or_init(load_pipewires).clone(),
    }
}

#[cfg(target_os = "macos")]
const SYSTEM_LIBRARY: &str = "libjack.0.dylib";
#[cfg(not(target_os = "macos"))]
const SYSTEM_LIBRARY: &str = "libjack.so.0";

fn load_pipewires() -> Result<&'static Library, String> {
    if let Some(path) = pipewires_library() {
        return Library::load(&path.display().to_string());
    }
    match library(Flavour::System) {
        Ok(system) if system.is_pipewire() => Ok(system),
        _ => Err("PipeWire's JACK library is not installed (Debian: apt install pipewire-jack)".into()),
    }
}

/// Where distributions keep PipeWire's libjack, if it is there.
fn pipewires_library() -> Option<PathBuf> {
    let triplet = format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH);
    [triplet.as_str(), "/usr/lib64", "/usr/lib", "/usr/local/lib"]
        .into_iter()
        .map(|folder| PathBuf::from(folder).join("pipewire-0.3/jack/libjack.so.0"))
        .find(|path| path.exists())
}

/// The server that is meant where none is named.
pub(crate) fn default_server() -> String {
    std::env::var("JACK_DEFAULT_SERVER")
        .ok()
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "default".into())
}

/// Whether a jackd of this name answers at its socket. A socket that a killed jackd left behind does not answer.
#[cfg(target_os = "linux")]
pub(crate) fn jackd_answers(name: &str) -> bool {
    // SAFETY: getuid takes nothing and can't fail.
    let user = unsafe { libc::getuid() };
    [format!("/dev/shm/jack_{name}_{user}_0"), format!("/dev/shm/jack_{name}_0")]
        .iter()
        .any(|path| answers(path))
}

/// Elsewhere only opening tells.
#[cfg(not(target_os = "linux"))]
pub(crate) fn jackd_answers(_: &str) -> bool {
    true
}

/// Whether a PipeWire daemon answers at its socket.
pub(crate) fn pipewire_answers() -> bool {
    let remote = std::env::var("PIPEWIRE_REMOTE").unwrap_or_else(|_| "pipewire-0".into());
    if remote.starts_with('/') {
        return answers(&remote);
    }
    ["PIPEWIRE_RUNTIME_DIR", "XDG_RUNTIME_DIR"]
        .into_iter()
        .filter_map(std::env::var_os)
        .map(|folder| PathBuf::from(folder).join(&remote))
        .chain([PathBuf::from("/run/pipewire").join(&remote)])
        .any(|path| answers(path.to_str().unwrap_or_default()))
}

#[cfg(unix)]
fn answers(path: &str) -> bool {
    std::os::unix::net::UnixStream::connect(path).is_ok()
}

#[cfg(not(unix))]
fn answers(_: &str) -> bool {
    false
}

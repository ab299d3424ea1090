//! Which JACK servers run, found without waking or starting any; and the library that speaks to them.

use super::ffi::Library;
#[cfg(unix)]
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
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

/// Whether somebody listens. One who stands still does, too: its queue is full after a while, and a connect that waits would
/// wait for ever.
#[cfg(unix)]
fn answers(path: &str) -> bool {
    // SAFETY: a zeroed sockaddr_un is valid.
    let mut address: libc::sockaddr_un = unsafe { std::mem::zeroed() };
    address.sun_family = libc::AF_UNIX as libc::sa_family_t;
    // The last byte stays zero.
    if path.is_empty() || path.len() >= address.sun_path.len() {
        return false;
    }
    for (to, from) in address.sun_path.iter_mut().zip(path.bytes()) {
        *to = from as libc::c_char;
    }
    // SAFETY: a fresh descriptor, owned from here on; the address is a sockaddr_un of the length that is given.
    unsafe {
        let socket = libc::socket(libc::AF_UNIX, libc::SOCK_STREAM, 0);
        if socket < 0 {
            return false;
        }
        let socket = OwnedFd::from_raw_fd(socket);
        libc::fcntl(socket.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC);
        libc::fcntl(socket.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK);
        let bytes = size_of_val(&address) as libc::socklen_t;
        libc::connect(socket.as_raw_fd(), std::ptr::from_ref(&address).cast(), bytes) == 0
            || std::io::Error::last_os_error().kind() == std::io::ErrorKind::WouldBlock
    }
}

#[cfg(not(unix))]
fn answers(_: &str) -> bool {
    false
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    /// A socket that somebody listens at answers, however many wait at it already; one left behind does not.
    #[test]
    fn a_full_queue_is_an_answer() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let path = path.to_str().unwrap();
        let listener = UnixListener::bind(path).unwrap();
        // Nobody accepts: a socket that is closed again keeps its place in the queue.
        assert!((0..5000).all(|_| answers(path)));
        drop(listener);
        assert!(!answers(path));
        assert!(!answers("") && !answers(&"x".repeat(200)));
    }
}

//! Where forebay keeps things: the XDG folders, with their fallbacks.

use std::ffi::OsString;
use std::path::PathBuf;

use rustix::process::getuid;

/// The environment as far as paths depend on it, so that a test can give its own.
type Lookup<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The folder for logs: `$XDG_STATE_HOME/forebay`, else `~/.local/state/forebay`, else a folder of the user's
/// in the temporary folder.
pub(crate) fn state_dir() -> PathBuf {
    state_dir_in(&|name| std::env::var_os(name))
}

fn state_dir_in(lookup: Lookup<'_>) -> PathBuf {
    absolute(lookup, "XDG_STATE_HOME")
        .or_else(|| absolute(lookup, "HOME").map(|home| home.join(".local/state")))
        .map_or_else(private_dir, |state| state.join("forebay"))
}

/// What is used where the environment names no folder.
fn private_dir() -> PathBuf {
    std::env::temp_dir().join(format!("forebay-{}", getuid().as_raw()))
}

/// A relative path in an XDG variable counts as unset (the specification says so).
fn absolute(lookup: Lookup<'_>, name: &str) -> Option<PathBuf> {
    lookup(name).map(PathBuf::from).filter(|path| path.is_absolute())
}

/// The daemon's log file.
pub(crate) fn log_file() -> PathBuf {
    state_dir().join("daemon.log")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state_with(vars: &[(&str, &str)]) -> PathBuf {
        state_dir_in(&|name| vars.iter().find(|(n, _)| *n == name).map(|(_, v)| OsString::from(v)))
    }

    /// XDG_STATE_HOME wins, a relative one does not count, HOME is next, and without both there is a place.
    #[test]
    fn state_folder() {
        assert_eq!(state_with(&[("XDG_STATE_HOME", "/s"), ("HOME", "/h")]), PathBuf::from("/s/forebay"));
        assert_eq!(
            state_with(&[("XDG_STATE_HOME", "s"), ("HOME", "/h")]),
            PathBuf::from("/h/.local/state/forebay")
        );
        assert!(state_with(&[]).is_absolute());
    }
}

//! Two forebays of different versions on one machine.

use crate::trouble::{Exit, Trouble};

/// The version of this program.
pub(crate) const OURS: &str = env!("CARGO_PKG_VERSION");

/// What there is to say when a daemon of version `theirs` runs; `None` when it is ours.
pub(crate) fn note(theirs: &str) -> Option<String> {
    if theirs == OURS {
        return None;
    }
    let kind = match (parts(theirs), parts(OURS)) {
        (Some(theirs), Some(ours)) if theirs < ours => "an older",
        (Some(theirs), Some(ours)) if theirs > ours => "a newer",
        _ => "another",
    };
    Some(format!("{kind} daemon runs ({theirs}, this is {OURS}): forebay restart replaces it"))
}

/// The failure of a command that needs a daemon which speaks as it does.
pub(crate) fn mismatch(what: &str) -> Trouble {
    Trouble::new(Exit::Daemon, what)
        .remedy("forebay restart ends the daemon that runs and starts this version")
}

fn parts(version: &str) -> Option<(u32, u32, u32)> {
    let plain = version.split(['-', '+']).next()?;
    let mut numbers = plain.split('.').map(str::parse);
    let mut next = || numbers.next()?.ok();
    Some((next()?, next()?, next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Versions are compared as numbers, and an unreadable one is only said to be another.
    #[test]
    fn older_newer_other() {
        assert_eq!(note(OURS), None);
        assert!(note("0.0.99").unwrap().starts_with("an older daemon runs (0.0.99"));
        assert!(note("10.0.0-beta").unwrap().starts_with("a newer"));
        assert!(note("unheard of").unwrap().starts_with("another"));
    }
}

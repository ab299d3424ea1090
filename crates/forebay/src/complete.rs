//! What the shell may offer for an argument: backends, devices, voices, as they are now.

use std::ffi::OsStr;

use clap_complete::engine::CompletionCandidate;

use crate::console::Console;

/// The names of the backends.
pub(crate) fn backends() -> Vec<CompletionCandidate> {
    crate::backend::NAMES
        .iter()
        .map(|(name, what)| CompletionCandidate::new(name).help(Some((*what).into())))
        .collect()
}

/// Names of devices, from the daemon that runs.
pub(crate) fn devices(current: &OsStr) -> Vec<CompletionCandidate> {
    let devices = || Some(Console::connect().ok()?.ask(&protocol::Devices {}).ok()?.devices);
    offer(current, devices().unwrap_or_default().into_iter().map(|device| device.name))
}

/// Names of voices, from the daemon that runs.
pub(crate) fn voices(current: &OsStr) -> Vec<CompletionCandidate> {
    let status = || crate::commands::status::whole(&Console::connect().ok()?).ok();
    let producers = status().map(|status| status.producers).unwrap_or_default();
    offer(current, producers.into_iter().flat_map(|producer| producer.voices).map(|voice| voice.name))
}

/// Names of the live sessions that run.
pub(crate) fn sessions(current: &OsStr) -> Vec<CompletionCandidate> {
    let running = || live::remote::running(&crate::console::place().ok()?).ok();
    offer(current, running().unwrap_or_default().into_iter())
}

/// Those of `names` that begin as what has been typed, each once.
fn offer(current: &OsStr, names: impl Iterator<Item = String>) -> Vec<CompletionCandidate> {
    let typed = current.to_string_lossy();
    let mut names: Vec<_> = names.filter(|name| name.starts_with(typed.as_ref())).collect();
    names.sort();
    names.dedup();
    names.into_iter().map(CompletionCandidate::new).collect()
}

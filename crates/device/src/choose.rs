//! Which backend: what was named, or, for `auto`, what this machine offers, in order of preference.

use crate::alsa::Alsa;
use crate::backend::{Backend, DeviceInfo, FileWant, OpenError, Want};
use crate::file::File;
use crate::jack::Jack;
use crate::null::Null;
use std::fmt;
use std::sync::Arc;

/// What `--backend` takes besides `auto`, in this build.
pub const BACKENDS: &[&str] = &["jack", "pipewire", "alsa", "null", "file"];

/// The period that is asked of layers which would else take whole tenths of a second, in frames.
const EXPLICIT_PERIOD_FRAMES: usize = 256;

/// What was chosen, and why; printed as one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The backend's name.
    pub backend: &'static str,
    /// The device, by the name that opens it.
    pub device: String,
    /// Why this one.
    pub reason: String,
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.backend, self.device, self.reason)
    }
}

/// A backend to try, with the want it gets.
#[derive(Clone)]
pub(crate) struct Candidate {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) want: Want,
    pub(crate) reason: String,
    /// Worth opening again when it was lost. (A file would be overwritten.)
    pub(crate) comes_back: bool,
}

impl Candidate {
    fn new(backend: impl Backend + 'static, want: &Want, reason: &str) -> Self {
        Self { backend: Arc::new(backend), want: want.clone(), reason: reason.into(), comes_back: true }
    }

    fn with_period(mut self) -> Self {
        self.want.period_frames.get_or_insert(EXPLICIT_PERIOD_FRAMES);
        self
    }

    fn once(self) -> Self {
        Self { comes_back: false, ..self }
    }

    pub(crate) fn is_null(&self) -> bool {
        self.backend.name() == "null"
    }
}

/// What to try for `selection` (`auto` or one of [`BACKENDS`]), in this order. `auto` ends with `null`, which always opens.
///
/// # Errors
/// When no backend has that name.
pub(crate) fn candidates(selection: &str, want: &Want) -> Result<Vec<Candidate>, OpenError> {
    let named = "as asked";
    Ok(match selection {
        "auto" => automatic(want),
        "jack" => vec![Candidate::new(Jack::JACKD, want, named)],
        "pipewire" => pipewire(want, named),
        "alsa" | "cpal" => vec![Candidate::new(Alsa, want, named)],
        "null" => vec![Candidate::new(Null, want, named).once()],
        "file" => vec![Candidate::new(File, &file_want(want), named).once()],
        _ => return Err(OpenError::UnknownBackend { name: selection.into(), known: BACKENDS.to_vec() }),
    })
}

fn automatic(want: &Want) -> Vec<Candidate> {
    let mut list = servers(want);
    list.push(Candidate::new(Alsa, want, "the system's default sound device"));
    list.push(last_resort(want));
    list
}

/// The servers that run now; also what a program that fell back to null looks for again.
pub(crate) fn servers(want: &Want) -> Vec<Candidate> {
    let mut list = Vec::new();
    if Jack::JACKD.is_running(want) {
        list.push(Candidate::new(Jack::JACKD, want, "a JACK server is running"));
    }
    if Jack::PIPEWIRE.is_running(want) {
        list.extend(pipewire(want, "PipeWire is running"));
    }
    list
}

/// The ways to PipeWire. Its JACK library first: on a loaded machine it was exact in every run of the conformance
/// list, where its own library lost a cycle in one of six.
fn pipewire(want: &Want, reason: &str) -> Vec<Candidate> {
    let mut list = vec![Candidate::new(Jack::PIPEWIRE, want, reason)];
    #[cfg(feature = "pipewire")]
    list.push(Candidate::new(crate::pipewire::PipeWire, want, &format!("{reason}; through its own library")));
    let layer = Want { device: Some("pipewire".into()), ..want.clone() };
    list.push(Candidate::new(Alsa, &layer, &format!("{reason}; through its ALSA layer")).with_period());
    list
}

pub(crate) fn last_resort(want: &Want) -> Candidate {
    let want = Want { device: None, ..want.clone() };
    Candidate::new(Null, &want, "no sound device can be opened: nothing will be heard").once()
}

fn file_want(want: &Want) -> Want {
    let path = want.device.clone().unwrap_or_else(|| "forebay.wav".into()).into();
    let file = FileWant { path, format: media::WavFormat::default(), real_time: true, frames: None };
    Want { file: want.file.clone().or(Some(file)), ..want.clone() }
}

/// Everything that could be opened now, for `forebay devices`; a backend that can't be asked gives its error. `[control]`
pub fn devices() -> Vec<(&'static str, Result<Vec<DeviceInfo>, OpenError>)> {
    let mut list: Vec<Box<dyn Backend>> = vec![Box::new(Jack::JACKD), Box::new(Jack::PIPEWIRE)];
    #[cfg(feature = "pipewire")]
    list.push(Box::new(crate::pipewire::PipeWire));
    list.extend([Box::new(Alsa) as Box<dyn Backend>, Box::new(Null)]);
    list.iter().map(|backend| (backend.name(), backend.devices())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An unknown backend is answered with those there are; `auto` always ends with one that opens.
    #[test]
    fn names() {
        let error = candidates("oss", &Want::default()).err().unwrap();
        assert_eq!(error.to_string(), "no backend `oss`; there are: auto, jack, pipewire, alsa, null, file");
        assert!(candidates("auto", &Want::default()).unwrap().last().unwrap().is_null());
        for name in BACKENDS {
            assert!(!candidates(name, &Want::default()).unwrap().is_empty());
        }
    }
}

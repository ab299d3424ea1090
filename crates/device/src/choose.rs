//! Which backend: what was named, or, for `auto`, what this machine offers, in order of preference.

use crate::alsa::Alsa;
use crate::backend::{Backend, DeviceInfo, FileWant, OpenError, Want};
use crate::file::File;
use crate::jack::Jack;
use crate::null::Null;
use std::fmt;
use std::path::PathBuf;
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

/// What becomes of a candidate that played and plays no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It is taken back when it returns.
    Device,
    /// A file: what it holds is lost when it is opened again, so it never is, nor closed for want of voices.
    Recording,
    /// Null, because nothing else can be opened: anything that can takes its place.
    StopGap,
}

/// A backend to try, with the want it gets.
#[derive(Clone)]
pub(crate) struct Candidate {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) want: Want,
    pub(crate) reason: String,
    pub(crate) kind: Kind,
}

impl Candidate {
    pub(crate) fn new(backend: impl Backend + 'static, want: &Want, reason: &str) -> Self {
        Self { backend: Arc::new(backend), want: want.clone(), reason: reason.into(), kind: Kind::Device }
    }

    fn with_period(mut self) -> Self {
        self.want.period_frames.get_or_insert(EXPLICIT_PERIOD_FRAMES);
        self
    }

    pub(crate) fn of_kind(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    /// Whether it opens the same device the same way.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let (ours, theirs) = (&self.backend, &other.backend);
        (ours.name(), ours.way()) == (theirs.name(), theirs.way()) && self.want.device == other.want.device
    }

    pub(crate) fn is_null(&self) -> bool {
        self.backend.name() == "null"
    }
}

/// What was selected: looked up anew each time, for servers come and go.
pub(crate) struct Selection {
    offers: Box<dyn Fn() -> Vec<Candidate> + Send>,
    /// Another device may take the place of one that is away.
    pub(crate) is_auto: bool,
    /// What plays where nothing can be opened.
    pub(crate) last_resort: Option<Candidate>,
}

impl Selection {
    /// What `name` (`auto` or one of [`BACKENDS`]) means.
    ///
    /// # Errors
    /// When no backend has that name.
    pub(crate) fn new(name: &str, want: &Want) -> Result<Self, OpenError> {
        let named = "as asked";
        let list = match name {
            "auto" => return Ok(Self::automatic(want)),
            "jack" => vec![Candidate::new(Jack::JACKD, &Jack::JACKD.heed(want), named)],
            "pipewire" => pipewire(&Jack::PIPEWIRE.heed(want), named),
            "alsa" | "cpal" => vec![Candidate::new(Alsa, want, named)],
            "null" => vec![Candidate::new(Null, want, named)],
            "file" => vec![Candidate::new(File, &file_want(want), named).of_kind(Kind::Recording)],
            _ => return Err(OpenError::UnknownBackend { name: name.into(), known: BACKENDS.to_vec() }),
        };
        Ok(Self { offers: Box::new(move || list.clone()), is_auto: false, last_resort: None })
    }

    fn automatic(want: &Want) -> Self {
        let last_resort = want.device.is_none().then(|| stop_gap(want));
        let want = want.clone();
        Self { offers: Box::new(move || on_this_machine(&want)), is_auto: true, last_resort }
    }

    /// A selection of a test's own.
    #[cfg(test)]
    pub(crate) fn of(list: Vec<Candidate>, is_auto: bool, last_resort: Option<Candidate>) -> Self {
        Self { offers: Box::new(move || list.clone()), is_auto, last_resort }
    }

    /// What to try now, in this order.
    pub(crate) fn offers(&self) -> Vec<Candidate> {
        (self.offers)()
    }

    /// Why nothing of it could be opened, in one error.
    pub(crate) fn refusal(&self, refusals: Vec<OpenError>) -> OpenError {
        if self.is_auto { summed_up(refusals) } else { refusals.into_iter().next() }
            // The first way is the one that was meant.
            .unwrap_or(OpenError::NoAnswer { backend: "device", seconds: 0 })
    }
}

/// Servers that run, and the system's own layer.
fn on_this_machine(want: &Want) -> Vec<Candidate> {
    let mut list = Vec::new();
    if Jack::JACKD.is_running(want) {
        list.push(Candidate::new(Jack::JACKD, want, "a JACK server is running"));
    }
    if Jack::PIPEWIRE.is_running(want) {
        list.extend(pipewire(want, "PipeWire is running"));
    }
    let why = if want.device.is_some() { "it has that device" } else { "the system's default sound device" };
    list.push(Candidate::new(Alsa, want, why));
    list
}

/// The ways to PipeWire. Its JACK library first: on a loaded machine it was exact in every run of the conformance
/// list, where its own library lost a cycle in one of six. Its ALSA layer can't be told which device.
fn pipewire(want: &Want, reason: &str) -> Vec<Candidate> {
    let mut list = vec![Candidate::new(Jack::PIPEWIRE, want, reason)];
    #[cfg(feature = "pipewire")]
    list.push(Candidate::new(crate::pipewire::PipeWire, want, &format!("{reason}; through its own library")));
    if want.device.is_none() {
        let layer = Want { device: Some("pipewire".into()), ..want.clone() };
        let reason = format!("{reason}; through its ALSA layer");
        list.push(Candidate::new(Alsa, &layer, &reason).with_period());
    }
    list
}

/// The null clock that plays until something else can be opened.
fn stop_gap(want: &Want) -> Candidate {
    let reason = "no sound device can be opened: nothing will be heard";
    Candidate::new(Null, want, reason).of_kind(Kind::StopGap)
}

/// A device that is there and refuses says more than those that do not know it.
fn summed_up(refusals: Vec<OpenError>) -> Option<OpenError> {
    let mut unknown = None;
    for refusal in refusals {
        match (refusal, &mut unknown) {
            (OpenError::NoSuchDevice { found, .. }, Some(OpenError::NoSuchDevice { found: all, .. })) => {
                all.extend(found);
            }
            (OpenError::NoSuchDevice { wanted, found, .. }, unknown) => {
                *unknown = Some(OpenError::NoSuchDevice { backend: "auto", wanted, found });
            }
            (OpenError::NoServer { .. }, Some(_)) => {}
            (error @ OpenError::NoServer { .. }, unknown) => *unknown = Some(error),
            (error, _) => return Some(error),
        }
    }
    unknown
}

/// The file by its full path: which folder the program was started in must not matter later. A name that does not say the kind
/// is that of a WAV file.
fn file_want(want: &Want) -> Want {
    let path: PathBuf = want.device.clone().unwrap_or_else(|| "forebay.wav".into()).into();
    let format = media::SoundFormat::of(&path).unwrap_or_default();
    let file = FileWant { path, format, real_time: true, skip_frames: 0, frames: None };
    let mut file = want.file.clone().unwrap_or(file);
    file.path = std::path::absolute(&file.path).unwrap_or(file.path);
    Want { file: Some(file), ..want.clone() }
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

    fn offered(name: &str, want: &Want) -> Vec<Candidate> {
        Selection::new(name, want).unwrap().offers()
    }

    /// An unknown backend is answered with those there are; `auto` has one that always opens.
    #[test]
    fn names() {
        let error = Selection::new("oss", &Want::default()).err().unwrap();
        assert_eq!(error.to_string(), "no backend `oss`; there are: auto, jack, pipewire, alsa, null, file");
        assert!(Selection::new("auto", &Want::default()).unwrap().last_resort.unwrap().is_null());
        for name in BACKENDS {
            assert!(!offered(name, &Want::default()).is_empty());
        }
    }

    /// A device that was named is meant: neither PipeWire's ALSA layer nor null takes its place, and each way is told the name.
    #[test]
    fn a_named_device_is_meant() {
        let want = Want { device: Some("hw:7".into()), ..Want::default() };
        assert!(Selection::new("auto", &want).unwrap().last_resort.is_none());
        for name in ["auto", "pipewire"] {
            let mut list = offered(name, &want);
            assert!(list.iter().all(|candidate| candidate.want.device.as_deref() == Some("hw:7")));
            list.retain(|candidate| candidate.is_null());
            assert!(list.is_empty());
        }
        assert!(offered("pipewire", &Want::default()).iter().any(|it| it.backend.name() == "alsa"));
    }

    /// What is listed is chosen by its backend and its name: a server's own name means its own outputs. `auto` hears a device
    /// of the system in it.
    #[test]
    fn a_server_is_no_client() {
        let device = |backend: &str, device: &str| {
            let want =
                Want { device: Some(device.into()), jack_server: Some("studio".into()), ..Want::default() };
            offered(backend, &want).remove(0).want.device
        };
        assert_eq!(device("jack", "studio"), None);
        assert_eq!(device("jack", "mixer").as_deref(), Some("mixer"));
        assert_eq!(device("pipewire", "default"), None);
        assert_eq!(device("pipewire", "nullsink").as_deref(), Some("nullsink"));
        assert_eq!(device("auto", "default").as_deref(), Some("default"));
        for (name, _) in devices() {
            assert!(BACKENDS.contains(&name), "{name}");
        }
    }

    /// The ways to PipeWire have one name and are told apart all the same: one that hangs is not the other.
    #[test]
    fn ways_are_told_apart() {
        let ways = offered("pipewire", &Want::default());
        for (at, way) in ways.iter().enumerate() {
            assert!(ways.iter().enumerate().all(|(other, it)| it.is_same(way) == (other == at)));
        }
    }

    /// Where nobody knows the device, the error names it and all that there is; one that knows it and refuses comes first.
    #[test]
    fn refusals_in_one() {
        let unknown = |backend, found: &str| OpenError::NoSuchDevice {
            backend,
            wanted: "hw:7".into(),
            found: vec![found.into()],
        };
        let gone =
            OpenError::NoServer { backend: "jack", detail: "no server".into(), remedy: "start one".into() };
        let selection = Selection::of(Vec::new(), true, None);
        let all = vec![gone.clone(), unknown("jack", "system"), gone, unknown("alsa", "hw:0")];
        let said = selection.refusal(all.clone()).to_string();
        assert_eq!(said, "auto: no device `hw:7`; there are: system, hw:0");
        let busy = OpenError::Busy { backend: "alsa", device: "hw:7".into() };
        assert_eq!(selection.refusal([all, vec![busy.clone()]].concat()), busy);
    }

    /// A file is known by its full path.
    #[test]
    fn a_file_has_its_full_path() {
        let want = Want { device: Some("out.wav".into()), ..Want::default() };
        let file = offered("file", &want).remove(0);
        let path = file.want.file.unwrap().path;
        assert!(path.is_absolute() && path.ends_with("out.wav"), "{path:?}");
        assert_eq!(file.kind, Kind::Recording);
    }
}

//! Which backend was asked for, and by what.

use crate::cli::AudioArgs;
use crate::trouble::{Exit, Trouble};

/// The backends by name, with a word on each.
pub(crate) const NAMES: [(&str, &str); 6] = [
    ("auto", "a running JACK, else PipeWire, else ALSA, else null"),
    ("null", "no device, in real time"),
    ("file", "a sound file, in real time"),
    ("jack", "a running JACK server"),
    ("alsa", "the sound card through ALSA"),
    ("pipewire", "PipeWire itself"),
];

/// The backend to use, and what there is to say about where it came from.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// One of [`NAMES`].
    pub(crate) name: String,
    /// Said once at the start.
    pub(crate) warning: Option<String>,
}

/// Takes `--backend` or FOREBAY_BACKEND, else AUDIO_BACKEND, else auto.
///
/// # Errors
/// When `--backend` or FOREBAY_BACKEND names none of ours. AUDIO_BACKEND belongs to other programs too: a name
/// that is none of ours is only warned about.
pub(crate) fn asked(audio: &AudioArgs) -> Result<Asked, Trouble> {
    choose(audio.backend.as_deref(), std::env::var("AUDIO_BACKEND").ok().as_deref())
}

fn choose(ours: Option<&str>, shared: Option<&str>) -> Result<Asked, Trouble> {
    let known = |name: &str| NAMES.iter().any(|(n, _)| *n == name);
    let plain = |name: &str| Asked { name: name.to_owned(), warning: None };
    match (ours, shared.filter(|name| !name.is_empty())) {
        (Some(name), _) if known(name) => Ok(plain(name)),
        (Some(name), _) => {
            let names: Vec<_> = NAMES.iter().map(|(name, _)| *name).collect();
            Err(Trouble::new(Exit::Usage, format!("there is no backend '{name}'"))
                .remedy(format!("choose one of {}", names.join(", "))))
        }
        (None, Some(name)) if known(name) => Ok(plain(name)),
        (None, Some(name)) => {
            let warning = format!("AUDIO_BACKEND is '{name}', which is no backend of forebay: auto is used");
            Ok(Asked { name: "auto".to_owned(), warning: Some(warning) })
        }
        (None, None) => Ok(plain("auto")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ours wins over the shared variable, a wrong one of ours lists what there is, a foreign one only warns.
    #[test]
    fn order_of_choice() {
        assert_eq!(choose(Some("null"), Some("jack")).unwrap().name, "null");
        assert_eq!(choose(None, Some("jack")).unwrap().name, "jack");
        assert_eq!(choose(None, None).unwrap().name, "auto");
        let foreign = choose(None, Some("speaker")).unwrap();
        assert_eq!(foreign.name, "auto");
        assert!(foreign.warning.unwrap().contains("speaker"));
        let error = anyhow::Error::new(choose(Some("asio"), None).unwrap_err());
        assert_eq!(crate::trouble::exit_code(&error), 2);
        assert!(crate::trouble::describe(&error, false).contains("null, file, jack, alsa, pipewire"));
    }
}

//! What a session knows of itself from what its host says, so that questions are answered also while the host is busy.

use serde_json::{Value, json};

use crate::event::{Event, Status};
use crate::outside::Values;

/// The newest of everything.
#[derive(Debug, Default)]
pub(super) struct Known {
    runtime: Option<(String, String)>,
    rate_hz: Option<u32>,
    language: Vec<String>,
    /// Names that the piece and blocks share; `None` where nobody has looked for those of the piece yet.
    names: Option<Vec<String>>,
    voices: Vec<String>,
    status: Option<Box<Status>>,
    /// Whether the status is newer than the last edit.
    is_fresh: bool,
}

impl Known {
    pub(super) fn learn(&mut self, event: &Event) {
        match event {
            Event::Started { runtime, version, .. } => {
                *self = Self { runtime: Some((runtime.clone(), version.clone())), ..Self::default() };
            }
            Event::Connected { rate_hz, .. } => self.rate_hz = Some(*rate_hz),
            Event::Ready { language, .. } => self.language.clone_from(language),
            Event::Edited(edit) => self.heard(&edit.voices, &edit.names),
            Event::Rejoined { voices, names, .. } => self.heard(voices, names),
            // A block that was heard meanwhile has told more.
            Event::Names { names } => drop(self.names.get_or_insert_with(|| names.clone())),
            Event::Status(status) => {
                self.voices = status.voices.iter().map(|voice| voice.name.clone()).collect();
                self.status = Some(status.clone());
                self.is_fresh = true;
            }
            _ => {}
        }
    }

    fn heard(&mut self, voices: &[String], names: &[String]) {
        // Where blocks share any, those of the piece are among them.
        self.names = Some(names.to_vec()).filter(|names| !names.is_empty());
        self.voices = voices.to_vec();
        self.is_fresh = false;
    }

    /// Whether `complete` tells the names of the piece that plays.
    pub(super) fn has_names(&self) -> bool {
        self.names.is_some()
    }

    /// Whether `list` tells what plays now.
    pub(super) fn is_fresh(&self) -> bool {
        self.is_fresh
    }

    /// The answer to `list`.
    pub(super) fn list(&self) -> Value {
        let Some(status) = &self.status else { return json!({ "voices": [] }) };
        let voices: Vec<_> = status
            .voices
            .iter()
            .map(|voice| {
                json!({
                    "name": voice.name, "muted": voice.muted, "solo": voice.solo, "gain": voice.gain,
                    "leaving": voice.leaving, "failed": voice.failed,
                })
            })
            .collect();
        json!({
            "voices": voices, "lead_ms": status.lead_ms, "target_lead_ms": status.target_lead_ms,
            "speed": status.speed, "underruns": status.underruns, "controls": status.controls,
        })
    }

    /// The keys of `values` to which nothing listens.
    pub(super) fn unheard(&self, values: &Values) -> Vec<String> {
        let known = self.status.as_ref().map_or(&[][..], |status| &status.controls);
        let is_heard = |key: &&String| known.iter().any(|control| control.key == **key);
        values.keys().filter(|key| !is_heard(key)).cloned().collect()
    }

    /// The answer to `complete`: voices, names that blocks share and names of the language, each kind in order. A name is
    /// what it is to code that is sent: a shared one hides that of the language.
    pub(super) fn complete(&self, prefix: &str) -> Value {
        let mut found: Vec<(&str, &String)> = Vec::new();
        let shared = self.names.as_deref().unwrap_or_default();
        for (kind, names) in [("voice", &self.voices[..]), ("name", shared), ("language", &self.language[..])]
        {
            let mut names: Vec<_> = names.iter().filter(|name| name.starts_with(prefix)).collect();
            names.sort();
            for name in names {
                let is_hidden = kind == "language" && found.contains(&("name", name));
                if !is_hidden {
                    found.push((kind, name));
                }
            }
        }
        let names: Vec<_> = found.iter().map(|(kind, name)| json!({ "kind": kind, "name": name })).collect();
        json!({ "names": names })
    }

    /// What `hello` tells of it.
    pub(super) fn describe(&self, into: &mut Value) {
        into["runtime"] = json!(self.runtime.as_ref().map(|(name, version)| format!("{name} {version}")));
        into["rate_hz"] = json!(self.rate_hz);
        into["voices"] = json!(self.voices);
    }
}

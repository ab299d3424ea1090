//! What a session knows of itself from what its host says, so that questions are answered also while the host is busy.

use serde_json::{Value, json};

use crate::event::{Control, Event, Status};
use crate::outside::Values;

/// What a value may be where it comes in: of a MIDI controller it is a part of its range in the piece.
fn range(control: &Control) -> Option<(f64, f64)> {
    let (least, most) = control.least.zip(control.most)?;
    if control.key.starts_with("midi:") { Some((0.0, 1.0)) } else { (least <= most).then_some((least, most)) }
}

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
            "state_mb": status.state_mb, "snapshot_ms": status.snapshot_ms,
        })
    }

    fn control(&self, key: &str) -> Option<&Control> {
        self.status.as_ref()?.controls.iter().find(|control| control.key == key)
    }

    /// The keys of `values` to which nothing listens.
    pub(super) fn unheard(&self, values: &Values) -> Vec<String> {
        values.keys().filter(|key| self.control(key).is_none()).cloned().collect()
    }

    /// Brings `values` into the range of what listens to them. Returns what was cut: to what, and the range.
    pub(super) fn cut(&self, values: &mut Values) -> Vec<Value> {
        let mut cuts = Vec::new();
        for (key, value) in values {
            let Some((least, most)) = self.control(key).and_then(range) else { continue };
            if (least..=most).contains(value) {
                continue;
            }
            *value = value.clamp(least, most);
            cuts.push(json!({ "key": key, "value": value, "least": least, "most": most }));
        }
        cuts
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A value goes no further than what listens to it: a knob has its range, a MIDI controller a part of one, a key none.
    #[test]
    fn values_are_cut_to_their_range() {
        let control = |key: &str, range: &str| format!(r#"{{"key":"{key}"{range}}}"#);
        let wide = r#","least":100,"most":1000"#;
        let controls = [control("knob:f", wide), control("midi:7", wide), control("midi:note", "")].join(",");
        let status = format!(
            r#"{{"event":"status","lead_ms":1,"target_lead_ms":1,"busy_ms":1,"longest_chunk_ms":1,"worst_stall_ms":1,
            "underruns":0,"voices":[],"controls":[{controls}]}}"#
        );
        let mut known = Known::default();
        known.learn(&crate::event::parse(&status));
        let mut values: Values = [("knob:f", 9999.0), ("midi:7", -1.0), ("midi:note", 60.0), ("knob:g", 5.0)]
            .map(|(key, value)| (key.to_owned(), value))
            .into();
        assert_eq!(
            known.cut(&mut values),
            [
                json!({ "key": "knob:f", "value": 1000.0, "least": 100.0, "most": 1000.0 }),
                json!({ "key": "midi:7", "value": 0.0, "least": 0.0, "most": 1.0 }),
            ]
        );
        assert_eq!(values.into_values().collect::<Vec<_>>(), [1000.0, 5.0, 0.0, 60.0]);
    }
}

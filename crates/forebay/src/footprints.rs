//! What live sessions say of the state of their scripts: figures that the daemon does not have, beside those that it does.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use live::remote::{Client, find, running};
use protocol::Status;
use serde_json::{Value, json};

use crate::console;

/// A session that takes longer to answer is left out: `status` is of the daemon first.
const PATIENCE: Duration = Duration::from_millis(500);

/// How much state a script has, and how often that is kept: a change goes back to the last time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Footprint {
    state_mb: f64,
    snapshot_ms: f64,
}

/// Of each session that answers, by its name, which is that of its producer.
pub(crate) type Footprints = BTreeMap<String, Footprint>;

/// Asks the sessions whose producers are in `status`.
pub(crate) fn of_sessions(status: &Status) -> Footprints {
    let Ok(place) = console::place() else { return Footprints::new() };
    let is_here = |name: &String| status.producers.iter().any(|producer| producer.client == *name);
    let names = running(&place).unwrap_or_default().into_iter().filter(is_here);
    let asked = names.map(|name| (find(&place, Some(&name)).ok().and_then(|socket| ask(&socket)), name));
    asked.filter_map(|(footprint, name)| Some((name, footprint?))).collect()
}

fn ask(socket: &Path) -> Option<Footprint> {
    let mut client = Client::connect(socket).ok()?;
    client.set_patience(Some(PATIENCE)).ok()?;
    Footprint::of(&client.call("list", &json!({})).ok()?)
}

impl Footprint {
    fn of(list: &Value) -> Option<Self> {
        let number = |member: &str| list[member].as_f64();
        Some(Self { state_mb: number("state_mb")?, snapshot_ms: number("snapshot_ms")? })
    }

    /// For people.
    pub(crate) fn line(&self) -> String {
        let Self { state_mb, snapshot_ms } = self;
        format!("state {state_mb:.1} MB, kept every {snapshot_ms:.0} ms: a change goes back as far")
    }
}

/// The status document, with the footprint of a session in its producer.
pub(crate) fn document(status: &Status, footprints: &Footprints) -> serde_json::Result<Value> {
    let mut document = serde_json::to_value(status)?;
    for producer in document["producers"].as_array_mut().into_iter().flatten() {
        let Some(footprint) = producer["client"].as_str().and_then(|client| footprints.get(client)) else {
            continue;
        };
        producer["state_mb"] = json!(footprint.state_mb);
        producer["snapshot_ms"] = json!(footprint.snapshot_ms);
    }
    Ok(document)
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::ProducerStatus;

    /// A session's figures are in its producer; one that has said none has none.
    #[test]
    fn in_the_document() {
        let producer = |client: &str| ProducerStatus { client: client.into(), ..ProducerStatus::default() };
        let status = Status { producers: vec![producer("song.js"), producer("other")], ..Status::default() };
        let told = Footprint::of(&json!({ "state_mb": 16.04, "snapshot_ms": 85.3 })).unwrap();
        assert_eq!(told.line(), "state 16.0 MB, kept every 85 ms: a change goes back as far");
        assert_eq!(Footprint::of(&json!({ "voices": [] })), None);
        let document = document(&status, &[("song.js".to_owned(), told)].into()).unwrap();
        assert_eq!(document["producers"][0]["snapshot_ms"], 85.3);
        assert!(document["producers"][1].get("snapshot_ms").is_none());
    }
}

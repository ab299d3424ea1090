//! A pair of JACK ports for each voice, as voices come and go.

use std::collections::HashMap;

use control::Server;
use device::{Supervisor, VoicePort};
use engine::{Engine, VoiceId};
use ring::BroadcastReader;

/// The voices that have ports.
#[derive(Debug, Default)]
pub(crate) struct VoicePorts {
    keys: HashMap<VoiceId, u64>,
    next_key: u64,
}

impl VoicePorts {
    /// Gives ports to the voices that have none yet, and takes away those of voices that are gone.
    pub(crate) fn follow(&mut self, server: &Server, supervisor: &Supervisor) {
        let known: Vec<_> = self.keys.keys().copied().collect();
        let Ok((here, new)) = server.ask_engine(move |engine| look(engine, &known)) else { return };
        self.keys.retain(|voice, key| {
            let stays = here.contains(voice);
            if !stays {
                supervisor.remove_voice_port(*key);
            }
            stays
        });
        for (voice, name, tap) in new {
            self.next_key += 1;
            self.keys.insert(voice, self.next_key);
            supervisor.add_voice_port(VoicePort { key: self.next_key, name, tap });
        }
    }
}

/// All voices, and a tap of each that is not known.
fn look(engine: &mut Engine, known: &[VoiceId]) -> (Vec<VoiceId>, Vec<(VoiceId, String, BroadcastReader)>) {
    let here: Vec<_> = engine.voices().collect();
    let new = here.iter().filter(|voice| !known.contains(voice)).filter_map(|voice| {
        let name = engine.name(*voice).ok()?.to_string();
        Some((*voice, name, engine.tap_voice(*voice).ok()?))
    });
    let new = new.collect();
    (here, new)
}

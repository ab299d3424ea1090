//! The knobs of voices, as people turn them.

use engine::Engine;
use protocol::{ErrorWord, VoiceRef, VoiceSet};
use units::{Decibels, Pan};

use crate::checks::{PAN_RANGE, Refused, check_range, refused, shortened};
use crate::core::Core;
use crate::producer::{Producer, VoiceRecord};

impl Core {
    /// `voice.set`.
    pub(crate) fn voice_set(&mut self, peer: u64, set: &VoiceSet) -> Result<(), Refused> {
        if let Some(gain_db) = set.gain_db {
            check_range("gain_db", gain_db, &protocol::GAIN_DB_RANGE)?;
        }
        if let Some(pan) = set.pan {
            check_range("pan", pan, &PAN_RANGE)?;
        }
        let meant = self.meant(peer, &set.voice)?;
        for (session, slot) in meant {
            let voice = self.producers.get_mut(&session).and_then(|producer| producer.voices.get_mut(&slot));
            if let Some(voice) = voice {
                apply(&mut self.engine, voice, set);
            }
        }
        Ok(())
    }

    /// The voices that a reference means.
    fn meant(&self, peer: u64, voice: &VoiceRef) -> Result<Vec<(u32, usize)>, Refused> {
        let meant: Vec<_> = match voice {
            VoiceRef::Slot(slot) => {
                let session = self.session_of(peer)?;
                let slot = *slot as usize;
                let open = self.producers[&session].voices.contains_key(&slot);
                open.then_some((session, slot)).into_iter().collect()
            }
            VoiceRef::Name(name) => self
                .all_voices()
                .filter(|(producer, _, voice)| {
                    name == "*"
                        || voice.name == *name
                        || name.strip_prefix(&producer.client).and_then(|rest| rest.strip_prefix('/'))
                            == Some(&voice.name)
                })
                .map(|(producer, slot, _)| (producer.session, slot))
                .collect(),
        };
        if meant.is_empty() && *voice != VoiceRef::Name("*".into()) {
            let message = match voice {
                VoiceRef::Slot(slot) => format!("this session has no open voice in slot {slot}"),
                VoiceRef::Name(name) => {
                    format!("no voice {:?} is open: `forebay status` lists them", shortened(name))
                }
            };
            return Err(refused(ErrorWord::NoSuchVoice, message));
        }
        Ok(meant)
    }

    fn all_voices(&self) -> impl Iterator<Item = (&Producer, usize, &VoiceRecord)> {
        let of = |producer: &'_ Producer| producer.voices.keys().copied().collect::<Vec<_>>();
        self.producers.values().flat_map(move |producer| {
            of(producer).into_iter().map(move |slot| (producer, slot, &producer.voices[&slot]))
        })
    }

    /// `hush`: every voice that is open now is muted; `voice.set` with `mute: false` brings one back.
    pub(crate) fn hush(&mut self) {
        for producer in self.producers.values_mut() {
            for voice in producer.voices.values_mut() {
                voice.strip.mute = true;
                let _left_already = self.engine.set_mute(voice.id, true);
            }
        }
    }
}

fn apply(engine: &mut Engine, voice: &mut VoiceRecord, set: &VoiceSet) {
    let strip = &mut voice.strip;
    let id = voice.id;
    // A voice that has left in the meantime needs no setting.
    if let Some(gain_db) = set.gain_db {
        strip.gain_db = gain_db;
        let _left_already = engine.set_gain(id, Decibels(gain_db as f32).amplitude());
    }
    if let Some(pan) = set.pan {
        strip.pan = pan;
        let _left_already = engine.set_pan(id, Pan::new(pan as f32));
    }
    if let Some(mute) = set.mute {
        strip.mute = mute;
        let _left_already = engine.set_mute(id, mute);
        if !mute {
            voice.silenced.guard = None;
        }
    }
    if let Some(solo) = set.solo {
        strip.solo = solo;
        let _left_already = engine.set_solo(id, solo);
    }
    if let Some(priority) = set.priority {
        strip.priority = priority;
        let _left_already = engine.set_priority(id, priority);
    }
}

//! Voices: opened with a ring of their own, closed at once or once they have played out.

use engine::VoiceSpec;
use protocol::{
    CloseMode, ErrorWord, Id, LatePolicy, LeadSetting, VoiceClose, VoiceOpen, VoiceOpenReply, reply_line,
};
use ring::{Reader, ReaderConfig};
use session::OpenSlotError;
use units::{ChannelCount, Decibels, Pan, SampleRate};

use crate::checks::{PAN_RANGE, Refused, check_lead, check_name, check_range, refused, system};
use crate::core::Core;
use crate::producer::{Leaving, VoiceRecord};
use crate::sessions::{hand_off, take_places};
use crate::stalls::CEILING_MS;

/// Room in a ring beside the lead: for the cover of a splice, which is written before the old lead is given up.
const COVER_MS: f64 = 200.0;
/// The shortest ring that is made where nothing is said.
const SHORTEST_RING_MS: f64 = 1_000.0;
/// A voice that is closed or evicted fades out over this.
pub(crate) const FADE_MS: f64 = 20.0;

impl Core {
    /// `voice.open`.
    pub(crate) fn voice_open(&mut self, peer: u64, id: &Id, open: VoiceOpen) -> Result<(), Refused> {
        let session = self.session_of(peer)?;
        check_name("voice name", &open.name)?;
        let channels = ChannelCount::new(open.channels as usize)
            .map_err(|error| refused(ErrorWord::InvalidParams, error.to_string()))?;
        check_range("gain_db", open.gain_db, &protocol::GAIN_DB_RANGE)?;
        check_range("pan", open.pan, &PAN_RANGE)?;
        check_range("fade_in_ms", open.fade_in_ms, &protocol::FADE_IN_MS_RANGE)?;
        check_lead(open.lead_ms)?;
        let capacity_frames = self.capacity(session, &open)?;
        let bytes = capacity_frames as usize * channels.get() * 4;
        self.check_ring_bytes(session, bytes)?;
        if self.producers[&session].slot_named(&open.name).is_some() {
            let message =
                format!("this session has a voice {:?} already: close it, or choose another name", open.name);
            return Err(refused(ErrorWord::NameTaken, message));
        }
        let slot = self.make_voice(session, &open, channels, capacity_frames)?;
        let producer = &self.producers[&session];
        let (voice, samples) = (&producer.voices[&slot], producer.host.samples(slot));
        let target_lead_frames = voice.target_frames;
        let samples = samples.ok_or_else(|| refused(ErrorWord::Internal, "the ring is gone"))?;
        let handed = hand_off(samples, producer.way);
        if handed.is_err() {
            self.let_go(session, slot);
        }
        let (ring, fd) = handed?;
        let reply = VoiceOpenReply {
            slot: slot as u32,
            name: open.name,
            channels: open.channels,
            capacity_frames,
            first: self.settings.first_position,
            target_lead_frames,
            ring,
        };
        self.send(peer, reply_line(id, &reply), fd);
        self.hooks.voices(self.voices.len());
        Ok(())
    }

    /// The capacity of a new ring: what was asked for, or what the deepest lead needs beside a cover.
    fn capacity(&self, session: u32, open: &VoiceOpen) -> Result<u32, Refused> {
        let range = &protocol::CAPACITY_FRAMES_RANGE;
        if let Some(frames) = open.capacity_frames {
            let message =
                || format!("capacity_frames is {frames}, possible is {} to {}", range.start(), range.end());
            return if range.contains(&frames) {
                Ok(frames.next_power_of_two())
            } else {
                Err(refused(ErrorWord::InvalidParams, message()))
            };
        }
        let deepest_ms = match open.lead_ms.unwrap_or(self.producers[&session].lead.setting()) {
            LeadSetting::Ms(ms) => ms,
            LeadSetting::Auto(_) => CEILING_MS,
        };
        let frames = self.engine.config().rate.frames_in_ms(deepest_ms.max(SHORTEST_RING_MS) + COVER_MS).0;
        Ok((frames as u32).next_power_of_two().clamp(*range.start(), *range.end()))
    }

    fn check_ring_bytes(&mut self, session: u32, bytes: usize) -> Result<(), Refused> {
        let mut of_session = 0;
        let mut of_all = 0;
        for (number, producer) in &mut self.producers {
            let mapped = producer.host.ring_bytes();
            of_all += mapped;
            if *number == session {
                of_session = mapped;
            }
        }
        let settings = &self.settings;
        for (held, most, whose) in [
            (of_session, settings.max_session_ring_bytes, "this session"),
            (of_all, settings.max_ring_bytes, "all sessions together"),
        ] {
            if held + bytes > most {
                let message = format!(
                    "the rings of {whose} would have {} bytes, at most {most} are given: close a voice, or ask for a smaller capacity",
                    held + bytes
                );
                return Err(refused(ErrorWord::MemoryFull, message));
            }
        }
        Ok(())
    }

    fn make_voice(
        &mut self,
        session: u32,
        open: &VoiceOpen,
        channels: ChannelCount,
        capacity_frames: u32,
    ) -> Result<usize, Refused> {
        let now = self.now_frame();
        let (rate, crossfade_frames) = (self.engine.config().rate, self.engine.config().crossfade_frames);
        let Some(producer) = self.producers.get_mut(&session) else {
            return Err(refused(ErrorWord::HelloFirst, "the session is over"));
        };
        let (group, events) = take_places(&mut self.engine, producer, now)?;
        let slot = producer.host.open_slot(channels, capacity_frames).map_err(|error| match error {
            OpenSlotError::Full => refused(ErrorWord::SlotsFull, error.to_string()),
            other => system(other),
        })?;
        let memory = producer.host.ring(slot).ok_or_else(|| system("the ring is gone"))?.clone();
        let policy = match open.policy {
            LatePolicy::Hold => ring::LatePolicy::Hold,
            LatePolicy::Skip => ring::LatePolicy::Skip,
        };
        let reader = Reader::attach(memory, ReaderConfig { policy, crossfade_frames });
        let spec = VoiceSpec {
            gain: Decibels(open.gain_db as f32).amplitude(),
            pan: Pan::new(open.pan as f32),
            priority: open.priority,
            fade_in_frames: rate.frames_in_ms(open.fade_in_ms).0 as u32,
            ..VoiceSpec::new(open.name.clone(), reader, group)
        };
        let id = match self.engine.add_voice(spec) {
            Ok(id) => id,
            Err(error) => {
                producer.host.close_slot(slot);
                return Err(refused(ErrorWord::VoicesFull, error.to_string()));
            }
        };
        self.engine.map_events(events, slot as u32, Some(id));
        let target_ms = open.lead_ms.map_or(producer.lead.target_ms(), |own| producer.lead.target_of(own));
        let target_frames = target_in_ring(target_ms, rate, capacity_frames);
        producer.host.set_target_lead(slot, target_frames);
        let record = VoiceRecord::new(id, open, capacity_frames, target_frames, now);
        if let Some(samples) = producer.host.samples(slot) {
            self.hooks.memory(&samples.region(), true);
        }
        producer.voices.insert(slot, record);
        self.voices.insert(id, (session, slot));
        Ok(slot)
    }

    /// `voice.close`.
    pub(crate) fn voice_close(&mut self, peer: u64, close: VoiceClose) -> Result<(), Refused> {
        let session = self.session_of(peer)?;
        let slot = close.slot as usize;
        let open = self.producers.get(&session).and_then(|producer| producer.voices.get(&slot));
        if open.is_none_or(|voice| voice.leaving.is_some()) {
            return Err(refused(
                ErrorWord::NoSuchVoice,
                format!("this session has no open voice in slot {slot}"),
            ));
        }
        match close.mode {
            CloseMode::Fade => self.let_go(session, slot),
            CloseMode::Drain => self.play_out(session, slot),
        }
        Ok(())
    }

    /// Lets a voice play what it has, then fade and go.
    pub(crate) fn play_out(&mut self, session: u32, slot: usize) {
        let now = self.now_frame();
        let patience = self.engine.config().rate.hz() * 2;
        let voice = self.producers.get_mut(&session).and_then(|producer| producer.voices.get_mut(&slot));
        let Some(voice) = voice.filter(|voice| voice.leaving.is_none()) else { return };
        voice.leaving =
            Some(Leaving::PlaysOut { until: now + u64::from(voice.capacity_frames) + u64::from(patience) });
        self.active = true;
        self.stir();
    }

    /// Has the engine fade a voice out and give it back.
    pub(crate) fn let_go(&mut self, session: u32, slot: usize) {
        let fade_frames = self.engine.config().rate.frames_in_ms(FADE_MS).0 as u32;
        let Some(producer) = self.producers.get_mut(&session) else { return };
        let Some(voice) = producer.voices.get_mut(&slot).filter(|voice| voice.leaving != Some(Leaving::Told))
        else {
            return;
        };
        voice.leaving = Some(Leaving::Told);
        if let Some((_, events)) = producer.places {
            self.engine.map_events(events, slot as u32, None);
        }
        let _left_already = self.engine.remove_voice(voice.id, fade_frames);
        if let Some(samples) = producer.host.samples(slot) {
            self.hooks.memory(&samples.region(), false);
        }
        producer.host.close_slot(slot);
        producer.speed.remove(slot);
        self.active = true;
        self.stir();
    }
}

/// The frames of a target lead in a ring: it leaves room for a cover, or for an eighth in a ring that is short.
pub(crate) fn target_in_ring(wanted_ms: f64, rate: SampleRate, capacity_frames: u32) -> u32 {
    let cover = rate.frames_in_ms(COVER_MS).0.min(u64::from(capacity_frames / 8));
    rate.frames_in_ms(wanted_ms).0.min(u64::from(capacity_frames) - cover) as u32
}

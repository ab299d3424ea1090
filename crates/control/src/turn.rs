//! A turn: what the engine noticed, who stalls, who needs a bell, who leaves.

use engine::{Blame, NoticeKind, VoiceId, VoiceStats};
use protocol::{EvictReason, MuteReason, Muted, Resumed, TargetLead, Underrun, UnderrunCause, Unmuted};
use ring::State;
use ring::sync::Ordering;
use session::Host;

use crate::core::Core;
use crate::producer::{Leaving, Producer, Silenced};
use crate::stalls::{Glance, Phase};
use crate::voices::target_in_ring;

/// Voices of one producer that may be muted for their counters.
const MAX_CORRUPT: u32 = 32;
/// A voice that starves for longer (in parts of a second) is no reason for quick turns: its producer is stopped.
const STARVED_PARTS: u64 = 2;

impl Core {
    /// One look at everything.
    pub(crate) fn turn(&mut self) {
        self.take_notices();
        self.look_for_holes();
        let frame = self.now_frame();
        self.active = false;
        for session in self.producers.keys().copied().collect::<Vec<_>>() {
            self.look_at(session, frame);
            self.leave(session, frame);
        }
    }

    fn take_notices(&mut self) {
        let mut notices = Vec::new();
        notices.extend(self.engine.poll());
        for notice in notices {
            let Some((id, name)) = notice.voice else { continue };
            let Some(&(session, slot)) = self.voices.get(&id) else { continue };
            self.take_notice(id, session, slot, &name, notice.frame.0, notice.kind);
        }
    }

    fn take_notice(
        &mut self,
        id: VoiceId,
        session: u32,
        slot: usize,
        name: &str,
        frame: u64,
        kind: NoticeKind,
    ) {
        let name = name.to_owned();
        let on_slot = slot as u32;
        match kind {
            NoticeKind::Underrun => {
                let dead = self.producers.get(&session).is_none_or(|producer| producer.connection.is_none());
                let cause = if dead { UnderrunCause::ProducerDead } else { UnderrunCause::ProducerLate };
                let frames = self.engine.stats(id).map_or(0, |stats| stats.ledger.concealed);
                self.notify(session, &Underrun { slot: on_slot, name, frame, frames, cause });
                self.bell(session);
            }
            NoticeKind::Resumed { frames } => {
                self.notify(session, &Resumed { slot: on_slot, name, frame, frames })
            }
            NoticeKind::Muted(blame) => {
                let reason = match blame {
                    Blame::Blast => MuteReason::Blast,
                    Blame::Dc => MuteReason::DirectCurrent,
                    _ => MuteReason::NotSound,
                };
                self.muted(session, slot, name, reason, frame);
            }
            NoticeKind::Corrupt(fault) => {
                self.hooks.say(&format!("voice {name:?} is muted for good: {fault}"));
                self.muted(session, slot, name, MuteReason::Counters, frame);
                self.count_corrupt(session);
            }
            NoticeKind::Shed => self.muted(session, slot, name, MuteReason::Overload, frame),
            NoticeKind::Restored => self.restored(session, Unmuted { slot: on_slot, name, frame }),
            NoticeKind::PageFaults { faults } => self.page_faults(session, faults),
            NoticeKind::Returned(returned) => {
                // First the memory, then the slot: it is free once nothing maps it.
                drop(returned);
                self.voices.remove(&id);
                if let Some(producer) = self.producers.get_mut(&session) {
                    producer.voices.remove(&slot);
                }
                self.bury(session);
                self.hooks.voices(self.voices.len());
            }
            _ => {}
        }
    }

    fn silenced(&mut self, session: u32, slot: usize) -> Option<&mut Silenced> {
        let voice = self.producers.get_mut(&session).and_then(|producer| producer.voices.get_mut(&slot));
        voice.map(|voice| &mut voice.silenced)
    }

    fn muted(&mut self, session: u32, slot: usize, name: String, reason: MuteReason, frame: u64) {
        if let Some(silenced) = self.silenced(session, slot) {
            silenced.add(reason);
        }
        self.hooks.say(&format!("voice {name:?} is muted: {reason:?}").to_lowercase());
        self.notify(session, &Muted { slot: slot as u32, name, reason, frame });
    }

    /// The overload is over; a voice that is silent for another cause stays so.
    fn restored(&mut self, session: u32, news: Unmuted) {
        let Some(silenced) = self.silenced(session, news.slot as usize) else { return };
        silenced.shed = false;
        if silenced.reason().is_none() {
            self.notify(session, &news);
        }
    }

    fn count_corrupt(&mut self, session: u32) {
        let Some(producer) = self.producers.get_mut(&session) else { return };
        producer.corrupt += 1;
        if producer.corrupt >= MAX_CORRUPT
            && let Some(connection) = producer.connection
        {
            self.evict(connection, EvictReason::Counters);
        }
    }

    /// A voice's memory made the audio thread fault: forgiven as far as the kernel can be the reason.
    fn page_faults(&mut self, session: u32, faults: u64) {
        let (now, rate_hz) = (self.now_frame(), self.engine.config().rate.hz());
        let Some(producer) = self.producers.get_mut(&session) else { return };
        let bytes = producer.host.control().bytes() + producer.host.ring_bytes();
        if producer.faults.add(faults, bytes, now, rate_hz) {
            self.evict_for_holes(session);
        }
    }

    /// After any fault of the audio thread: whose memory lacks pages has punched them out. A hole is proof, also where
    /// the fault could not be told to a voice.
    fn look_for_holes(&mut self) {
        let faults = self.engine.main_stats().page_faults;
        if faults == std::mem::replace(&mut self.page_faults, faults) {
            return;
        }
        let holed = |(session, producer): (&u32, &Producer)| producer.host.has_hole().then_some(*session);
        let guilty: Vec<u32> = self.producers.iter().filter_map(holed).collect();
        for session in guilty {
            self.evict_for_holes(session);
        }
    }

    fn evict_for_holes(&mut self, session: u32) {
        match self.producers.get(&session).and_then(|producer| producer.connection) {
            Some(connection) => self.evict(connection, EvictReason::Hole),
            None => self.producer_evicted(session),
        }
    }

    /// Wakes a producer.
    fn bell(&mut self, session: u32) {
        let connection = self.producers.get(&session).and_then(|producer| producer.connection);
        if let Some(peer) = connection.and_then(|connection| self.peers.get_mut(&connection)) {
            peer.connection.ring_bell();
        }
    }

    /// Stalls, leads and bells of one producer.
    fn look_at(&mut self, session: u32, now: u64) {
        let rate = self.engine.config().rate;
        let Some(producer) = self.producers.get_mut(&session) else { return };
        producer.lead.pass(now);
        let mut ring_bell = false;
        for (slot, voice) in &mut producer.voices {
            let Ok(stats) = self.engine.stats(voice.id) else { continue };
            self.active |= keeps_turns_quick(&stats, now, rate.hz()) || voice.leaving.is_some();
            let told = producer.host.render_stats(*slot);
            producer.speed.add(*slot, told.frames_rendered, told.busy_us);
            voice.drain.look(rate.hz().into(), voice.target_frames, &stats);
            let is_fed = voice.leaving.is_none() && producer.connection.is_some();
            let seen = Glance {
                produced: stats.ledger.produced,
                lead_frames: stats.lead_frames,
                target_frames: voice.target_frames,
                phase: match stats.state {
                    State::Playing if is_fed => Phase::Plays,
                    State::Starved if is_fed => Phase::Starves,
                    State::Idle if is_fed && was_given_up(&producer.host, *slot) => Phase::GivenUp,
                    _ => Phase::Stopped,
                },
            };
            if let Some(stall_frames) = voice.stall.look(now, seen) {
                producer.lead.add(stall_frames);
            }
            let waits = matches!(seen.phase, Phase::Plays | Phase::Starves);
            if waits && stats.lead_frames < voice.target_frames / 2 {
                let (produced, when) = voice.rung;
                if produced != seen.produced || now.saturating_sub(when) >= u64::from(rate.hz()) {
                    voice.rung = (seen.produced, now);
                    ring_bell = true;
                }
            }
        }
        producer.speed.pass(now, rate.hz());
        let changed = retarget(producer, rate);
        for news in changed {
            self.notify(session, &news);
            ring_bell = true;
        }
        if ring_bell {
            self.bell(session);
        }
    }

    /// Lets those voices go that have played out.
    fn leave(&mut self, session: u32, now: u64) {
        let Some(producer) = self.producers.get(&session) else { return };
        let dead = producer.connection.is_none();
        let done = |slot: usize, until: u64| {
            let Some(ring) = producer.host.ring(slot) else { return true };
            let (engine, theirs) = (ring.engine_words(), ring.producer_words());
            // Against the order in which the engine stores them: a marker that counts as taken has changed the state.
            let marker_read = engine.marker_read.load(Ordering::Acquire);
            let state = engine.state.load(Ordering::Acquire);
            let no_marker = marker_read == theirs.marker_write.load(Ordering::Acquire);
            // These words may lie: then the voice only goes early, or at its deadline.
            let rests = state == State::Idle as u32 && no_marker;
            let starves = state == State::Starved as u32 && (dead || no_marker);
            rests || starves || state == State::Faulted as u32 || now >= until
        };
        let gone: Vec<usize> = producer
            .voices
            .iter()
            .filter_map(|(slot, voice)| match voice.leaving {
                Some(Leaving::PlaysOut { until }) if done(*slot, until) => Some(*slot),
                _ => None,
            })
            .collect();
        for slot in gone {
            self.let_go(session, slot);
        }
    }
}

/// Whether the last underrun of a voice was so long that the engine gave it up.
fn was_given_up(host: &Host, slot: usize) -> bool {
    host.ring(slot).is_some_and(|ring| {
        ring.engine_words().last_stall.load(Ordering::Acquire) >= ring.shape().capacity_frames
    })
}

/// Whether a voice is worth a look every 20 ms: it plays, or has starved for less than half a second.
fn keeps_turns_quick(stats: &VoiceStats, now: u64, rate_hz: u32) -> bool {
    let late = stats.losses.of(engine::LossCause::ProducerLate).last.0;
    match stats.state {
        State::Playing => true,
        State::Starved => now.saturating_sub(late) < u64::from(rate_hz) / STARVED_PARTS,
        State::Idle | State::Faulted => false,
    }
}

/// Gives every voice the lead that its producer's stalls ask for; what changed is to be told.
fn retarget(producer: &mut Producer, rate: units::SampleRate) -> Vec<TargetLead> {
    let mut changed = Vec::new();
    for (slot, voice) in producer.voices.iter_mut().filter(|(_, voice)| voice.leaving.is_none()) {
        let target_ms = voice.lead.map_or(producer.lead.target_ms(), |own| producer.lead.target_of(own));
        let frames = target_in_ring(target_ms, rate, voice.capacity_frames);
        if frames != voice.target_frames {
            voice.target_frames = frames;
            producer.host.set_target_lead(*slot, frames);
            changed.push(TargetLead { slot: *slot as u32, frames });
        }
    }
    changed
}

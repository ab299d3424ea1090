//! The status document.

use engine::{LossCause, VoiceStats};
use protocol::{
    ChangeLatency, DaemonStatus, DeviceStatus, EngineStatus, LedgerStatus, LossStatus, MainStatus,
    ProducerStatus, Status, StatusRequest, VoiceState, VoiceStatus,
};
use ring::State;
use units::{Decibels, Frames, SampleRate};

use crate::core::Core;
use crate::health;
use crate::producer::{Producer, VoiceRecord};

/// What producers may take of a line; the rest of the document is far below the other part.
const PRODUCER_BYTES: usize = 56 * 1024;
/// What silence is in the document.
const SILENCE_DB: f64 = -144.0;

/// Two digits behind the point are what anybody reads.
fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

fn level(amplitude: f32) -> f64 {
    rounded(f64::from(Decibels::of(amplitude).0).max(SILENCE_DB))
}

impl Core {
    /// The document, from a session on, as far as it fits into a line.
    pub(crate) fn status(&self, wish: StatusRequest) -> Status {
        let device = self.hooks.device();
        let mut status = Status {
            daemon: self.daemon_status(),
            engine: self.engine_status(),
            recordings: self.recordings.status(),
            producers: Vec::new(),
            more_from: None,
            device: device.clone(),
        };
        let mut bytes = 0;
        for (session, producer) in self.producers.range(wish.from.unwrap_or(0)..) {
            let mut described = self.producer_status(producer, device.as_ref());
            bytes += fit(&mut described);
            if bytes > PRODUCER_BYTES && !status.producers.is_empty() {
                status.more_from = Some(*session);
                break;
            }
            status.producers.push(described);
        }
        status
    }

    fn daemon_status(&self) -> DaemonStatus {
        DaemonStatus {
            version: self.settings.version.clone(),
            pid: std::process::id(),
            uptime_ms: self.began.elapsed().as_millis() as u64,
            socket: self.settings.socket.clone(),
            connections: self.peers.len() as u32,
            sessions: self.producers.len() as u32,
            evicted: self.evicted,
            refused_lines: self.refused_lines,
        }
    }

    fn engine_status(&self) -> EngineStatus {
        let (config, main) = (self.engine.config(), self.engine.main_stats());
        let protection = self.main_wishes.effective();
        EngineStatus {
            rate_hz: config.rate.hz(),
            channels: config.channels.get() as u32,
            frame: main.frame.0,
            block_frames: main.block_frames,
            load: (main.load > 0.0).then(|| (f64::from(main.load) * 1e4).round() / 1e4),
            voices: main.voices,
            shed_voices: main.shed_voices,
            events_applied: main.events_applied,
            events_late: main.events_late,
            events_refused: main.events_refused,
            latency_ms: rounded(self.latency_ms()),
            main: MainStatus {
                peak_db: vec![level(main.meter.held_peak)],
                rms_db: vec![level(main.meter.rms)],
                limiter_db: if main.blocks > 0 { level(main.limiter_gain) } else { 0.0 },
                ceiling_db: protection.ceiling_db.map(rounded),
                is_unsafe: protection.is_unsafe,
            },
        }
    }

    /// From a voice to main.
    fn latency_ms(&self) -> f64 {
        ms(self.engine.config().rate, self.engine.latency_frames() as u32)
    }

    fn producer_status(&self, producer: &Producer, device: Option<&DeviceStatus>) -> ProducerStatus {
        let histogram = producer.lead.histogram();
        let speed = producer.speed.speed().map(rounded);
        ProducerStatus {
            session: producer.session,
            client: producer.client.clone(),
            pid: producer.pid,
            dead: producer.connection.is_none(),
            lead_setting: producer.lead.setting(),
            target_lead_ms: rounded(producer.lead.target_ms()),
            speed,
            speed_health: speed.map(health::of_speed).unwrap_or_default(),
            last_stall_ms: rounded(histogram.last_ms()),
            worst_stall_ms: rounded(histogram.worst_ms()),
            stalls: histogram.counts(),
            change_latency: self.change_latency(producer, device),
            voices: producer.voices.iter().map(|(slot, voice)| self.voice_status(*slot, voice)).collect(),
        }
    }

    fn voice_status(&self, slot: usize, voice: &VoiceRecord) -> VoiceStatus {
        let rate = self.engine.config().rate;
        let stats = self.engine.stats(voice.id).unwrap_or_default();
        let now = self.now_frame();
        let (lead_ms, target_ms) = (ms(rate, stats.lead_frames), ms(rate, voice.target_frames));
        let lead_percent = 100.0 * lead_ms / target_ms.max(1e-9);
        let hours = rate.ms(Frames(now.saturating_sub(voice.opened))) / 3.6e6;
        let lasts_ms = health::lasts_ms(lead_ms, target_ms, voice.drain.rate());
        let plays = matches!(stats.state, State::Playing | State::Starved);
        VoiceStatus {
            slot: slot as u32,
            name: voice.name.clone(),
            channels: voice.channels,
            state: state(voice, &stats),
            policy: voice.policy,
            priority: voice.strip.priority,
            gain_db: rounded(voice.strip.gain_db),
            pan: rounded(voice.strip.pan),
            mute: voice.strip.mute,
            solo: voice.strip.solo,
            lead_ms: rounded(lead_ms),
            target_lead_ms: rounded(target_ms),
            lead_percent: rounded(lead_percent),
            health: if plays {
                health::of_lead(lead_percent, voice.drain.is_refilling(now), lasts_ms)
            } else {
                Default::default()
            },
            underruns: stats.ledger.underruns as u32,
            underruns_per_hour: rounded(stats.ledger.underruns as f64 / hours.max(1.0 / 60.0)),
            peak_db: level(stats.meter.held_peak),
            rms_db: level(stats.meter.rms),
            losses: losses(&stats),
            fault: voice.silenced.reason(),
            ledger: LedgerStatus {
                produced: stats.ledger.produced,
                delivered: stats.ledger.delivered,
                superseded: stats.ledger.superseded,
                shed: stats.ledger.shed,
                in_ring: stats.ledger.in_ring,
                concealed: stats.ledger.concealed,
                late: stats.ledger.late,
            },
        }
    }

    /// The way of the latest splice to the ear, from what the producer told, in parts.
    fn change_latency(&self, producer: &Producer, device: Option<&DeviceStatus>) -> Option<ChangeLatency> {
        let rate = self.engine.config().rate;
        let told = producer.host.pacing();
        if told.splices == 0 {
            return None;
        }
        let render_ms = f64::from(told.change_us) / 1e3;
        let guard_ms = ms(rate, told.guard_frames);
        let block_ms = ms(rate, self.engine.main_stats().block_frames);
        let engine_ms = self.latency_ms();
        let device_ms = device.map(|device| device.latency.total_ms);
        // On time the change is heard at the frame that was chosen; a late one when the engine looks.
        let total_ms = guard_ms.max(render_ms + block_ms) + engine_ms + device_ms.unwrap_or(0.0);
        Some(ChangeLatency {
            render_ms: rounded(render_ms),
            guard_ms: rounded(guard_ms),
            block_ms: rounded(block_ms),
            engine_ms: rounded(engine_ms),
            device_ms: device_ms.map(rounded),
            total_ms: rounded(total_ms),
            health: health::of_change_latency(total_ms),
        })
    }
}

/// The bytes of a producer's part, which are made to fit into a line: without its losses it does.
fn fit(described: &mut ProducerStatus) -> usize {
    let bytes = |described: &ProducerStatus| serde_json::to_vec(described).map_or(0, |text| text.len() + 1);
    let whole = bytes(described);
    if whole <= PRODUCER_BYTES {
        return whole;
    }
    described.voices.iter_mut().for_each(|voice| voice.losses.clear());
    bytes(described)
}

fn ms(rate: SampleRate, frames: u32) -> f64 {
    rate.ms(Frames(frames.into()))
}

fn state(voice: &VoiceRecord, stats: &VoiceStats) -> VoiceState {
    if voice.leaving.is_some() {
        return VoiceState::Closing;
    }
    match stats.state {
        State::Idle => VoiceState::Idle,
        State::Playing => VoiceState::Playing,
        State::Starved => VoiceState::Starved,
        State::Faulted => VoiceState::Faulted,
    }
}

fn losses(stats: &VoiceStats) -> Vec<LossStatus> {
    let of = |cause: LossCause| {
        let loss = stats.losses.of(cause);
        LossStatus { cause: cause.name().into(), frames: loss.frames, last_frame: loss.last.0 }
    };
    LossCause::ALL.into_iter().map(of).filter(|loss| loss.frames > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{MuteReason, StallCount};

    /// The most that a producer can be: 64 voices with the longest names, every figure at its longest.
    fn largest() -> ProducerStatus {
        let long = -123.45;
        let many = 1 << 52;
        let losses = LossCause::ALL.map(|cause| LossStatus {
            cause: cause.name().into(),
            frames: many,
            last_frame: many,
        });
        let voice = VoiceStatus {
            slot: 63,
            name: "\"".repeat(protocol::MAX_NAME_BYTES),
            channels: 8,
            state: VoiceState::Playing,
            priority: 255,
            gain_db: long,
            pan: -0.99,
            lead_ms: 12_345.67,
            target_lead_ms: 12_345.67,
            lead_percent: 12_345.67,
            underruns: u32::MAX,
            underruns_per_hour: 12_345.67,
            peak_db: long,
            rms_db: long,
            losses: losses.into(),
            fault: Some(MuteReason::DirectCurrent),
            ledger: LedgerStatus {
                produced: many,
                delivered: many,
                superseded: many,
                shed: many,
                in_ring: many,
                concealed: many,
                late: many,
            },
            ..VoiceStatus::default()
        };
        ProducerStatus {
            client: "\"".repeat(protocol::MAX_NAME_BYTES),
            stalls: vec![StallCount { from_ms: 40_960.0, count: many }; 12],
            voices: vec![voice; session::layout::SLOTS],
            ..ProducerStatus::default()
        }
    }

    /// The largest producer, and as many recordings as there may be, still fit into a line, beside the rest of the document.
    #[test]
    fn the_largest_producer_fits_into_a_line() {
        let mut producer = largest();
        assert!(fit(&mut producer) <= PRODUCER_BYTES);
        let many = 1 << 52;
        let recording = protocol::RecordingStatus {
            record: u32::MAX,
            path: "\"".repeat(protocol::MAX_PATH_BYTES),
            format: "flac".into(),
            frames: many,
            lost_frames: many,
            saved_frames: many,
            waiting_frames: many,
            file_bytes: many,
            room_bytes: Some(many),
            ..Default::default()
        };
        let status = Status {
            producers: vec![producer],
            recordings: vec![recording; crate::recordings::MAX_RECORDINGS],
            more_from: Some(u32::MAX),
            ..Status::default()
        };
        assert!(protocol::notification_line(&status).len() + 1024 < protocol::MAX_LINE_BYTES);
    }
}

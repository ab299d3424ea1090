//! The status document for people: a page for `status`, a line for `live` and `play`.

use std::fmt::Write;
use std::time::Duration;

use protocol::{
    DeviceStatus, Health, ProducerStatus, RecordingState, RecordingStatus, Status, VoiceState, VoiceStatus,
};

use crate::footprints::{Footprint, Footprints};

/// Levels at or below this are shown as silence.
const SILENCE_DB: f64 = -120.0;

/// The whole document, with what sessions say of their state. `wanted` names the voices to show; empty means all.
pub(crate) fn page(status: &Status, footprints: &Footprints, wanted: &[String]) -> String {
    let mut page = String::new();
    let out = &mut page;
    let daemon = &status.daemon;
    let _ = writeln!(out, "forebay {}, process {}, up {}", daemon.version, daemon.pid, age(daemon.uptime_ms));
    let _ = writeln!(out, "device    {}", device(status.device.as_ref()));
    let _ = writeln!(out, "main      {}", main_bus(status));
    let _ = writeln!(out, "latency   {}", latency(status));
    if daemon.evicted + daemon.refused_lines > 0 {
        let _ =
            writeln!(out, "refused   {} lines, {} producers evicted", daemon.refused_lines, daemon.evicted);
    }
    for recording in &status.recordings {
        let _ = writeln!(out, "record    {}", recording_line(recording, status.engine.rate_hz));
    }
    for producer in &status.producers {
        let voices: Vec<_> = producer
            .voices
            .iter()
            .filter(|voice| wanted.is_empty() || wanted.contains(&voice.name))
            .collect();
        if !voices.is_empty() || wanted.is_empty() {
            producer_lines(out, producer, footprints.get(&producer.client), &voices);
        }
    }
    if status.producers.is_empty() {
        out.push_str("no producers\n");
    }
    page
}

fn device(device: Option<&DeviceStatus>) -> String {
    let Some(device) = device else { return "closed (it opens with the first voice)".to_owned() };
    let lost =
        if device.lost_frames > 0 { format!(", {} frames lost", device.lost_frames) } else { String::new() };
    let why = if device.why.is_empty() { String::new() } else { format!("; {}", device.why) };
    format!(
        "{} '{}' {}: {} Hz, {} channels, {} frames, xruns {} ({:.1}/h, {}){lost}{why}",
        device.backend,
        device.name,
        device.state,
        device.rate_hz,
        device.channels,
        device.period_frames,
        device.xruns,
        device.xruns_per_hour,
        word(device.health),
    )
}

/// From a voice to the ear, in parts.
fn latency(status: &Status) -> String {
    let engine_ms = status.engine.latency_ms;
    let Some(device) = &status.device else { return format!("limiter {engine_ms:.1} ms") };
    let parts = &device.latency;
    let mut text = format!("{:.1} ms: limiter {engine_ms:.1}", engine_ms + parts.total_ms);
    for (part, ms) in
        [("resampler", parts.resampler_ms), ("period", parts.period_ms), ("device", parts.device_ms)]
    {
        if ms > 0.0 {
            let _ = write!(text, " + {part} {ms:.1}");
        }
    }
    text
}

fn main_bus(status: &Status) -> String {
    let engine = &status.engine;
    let peaks: Vec<_> = engine.main.peak_db.iter().map(|peak| level(*peak)).collect();
    let load = engine.load.map_or("-".to_owned(), |load| format!("{:.1} %", load * 100.0));
    let ceiling = engine.main.ceiling_db.map_or(String::new(), |db| format!(", ceiling {db} dB"));
    let warning = if engine.main.is_unsafe { ", UNSAFE: no guards, no limiter, no ceiling" } else { "" };
    format!(
        "{} Hz, {} channels, {} voices, load {load}, peak {} dB, limiter {:.1} dB{ceiling}{warning}",
        engine.rate_hz,
        engine.channels,
        engine.voices,
        peaks.join(" / "),
        engine.main.limiter_db,
    )
}

fn recording_line(recording: &RecordingStatus, rate_hz: u32) -> String {
    let seconds = |frames: u64| frames as f64 / f64::from(rate_hz.max(1));
    let length = clock(Duration::from_secs_f64(seconds(recording.frames)));
    let state = match recording.state {
        RecordingState::Held => ", waits for the first sound",
        RecordingState::Running => "",
        RecordingState::Ending => ", ends",
    };
    let waiting = match seconds(recording.waiting_frames) {
        0.0..0.5 => String::new(),
        late => format!(", {late:.1} s wait for the disk"),
    };
    let room =
        recording.room_bytes.map_or(String::new(), |room| format!(", room for {} on the disk", size(room)));
    format!(
        "{}: {length}, {}, {} frames lost{waiting}{room}{state}",
        recording.path,
        size(recording.file_bytes),
        recording.lost_frames,
    )
}

/// A size as people say it.
pub(crate) fn size(bytes: u64) -> String {
    let mega = bytes as f64 / 1e6;
    match mega {
        0.0..0.1 => format!("{bytes} bytes"),
        0.1..1e3 => format!("{mega:.1} MB"),
        _ => format!("{:.1} GB", mega / 1e3),
    }
}

fn producer_lines(
    out: &mut String,
    producer: &ProducerStatus,
    footprint: Option<&Footprint>,
    voices: &[&VoiceStatus],
) {
    let gone = if producer.dead { ", gone: plays out" } else { "" };
    let _ = writeln!(out, "\n{} (process {}{gone})", producer.client, producer.pid);
    let rate = producer.speed.map_or("not said".to_owned(), |speed| {
        format!("{speed:.1}x real time ({})", word(producer.speed_health))
    });
    let _ = writeln!(
        out,
        "  rate {rate}, stalls: last {:.0} ms, worst {:.0} ms, target lead {:.0} ms",
        producer.last_stall_ms, producer.worst_stall_ms, producer.target_lead_ms
    );
    if let Some(change) = &producer.change_latency {
        let device = change.device_ms.map_or(String::new(), |ms| format!(" + device {ms:.1}"));
        let _ = writeln!(
            out,
            "  a change is heard after {:.1} ms ({}): render {:.1} + guard {:.1} + block {:.1} + limiter {:.1}{device}",
            change.total_ms,
            word(change.health),
            change.render_ms,
            change.guard_ms,
            change.block_ms,
            change.engine_ms,
        );
    }
    if let Some(footprint) = footprint {
        let _ = writeln!(out, "  {}", footprint.line());
    }
    if voices.is_empty() {
        return;
    }
    let head = ["voice", "state", "lead / target ms", "%", "health", "underruns (/h)", "peak dB", "gain dB"];
    let rows: Vec<_> = voices.iter().map(|voice| row(voice)).collect();
    table(out, &head.map(str::to_owned), &rows);
}

fn row(voice: &VoiceStatus) -> [String; 8] {
    let state = match (voice.state, voice.mute) {
        (VoiceState::Faulted, _) => "faulted",
        (_, true) => "muted",
        (VoiceState::Idle, _) => "idle",
        (VoiceState::Playing, _) => "playing",
        (VoiceState::Starved, _) => "starved",
        (VoiceState::Closing, _) => "closing",
    };
    let solo = if voice.solo { " solo" } else { "" };
    [
        voice.name.clone(),
        format!("{state}{solo}"),
        format!("{:.0} / {:.0}", voice.lead_ms, voice.target_lead_ms),
        format!("{:.0}", voice.lead_percent),
        word(voice.health).to_owned(),
        format!("{} ({:.1})", voice.underruns, voice.underruns_per_hour),
        level(voice.peak_db),
        level(voice.gain_db),
    ]
}

/// Columns as wide as their widest cell; the first two are flush left.
fn table<const N: usize>(out: &mut String, head: &[String; N], rows: &[[String; N]]) {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| &row[column]).chain([&head[column]]);
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    for row in std::iter::once(head).chain(rows) {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
            let _ =
                if column < 2 { write!(line, "  {cell:<width$}") } else { write!(line, "  {cell:>width$}") };
        }
        let _ = writeln!(out, "{}", line.trim_end());
    }
}

/// One calm line: voices, lead, load, underruns, peak: of the producers of these processes, or of all where none is given.
pub(crate) fn line(status: &Status, pids: &[u32]) -> String {
    let producers =
        status.producers.iter().filter(|producer| pids.is_empty() || pids.contains(&producer.pid));
    let voices: Vec<_> = producers.flat_map(|producer| &producer.voices).collect();
    let engine = &status.engine;
    let count = match voices.len() {
        1 => "1 voice".to_owned(),
        n => format!("{n} voices"),
    };
    // The voice that is nearest to trouble speaks for all.
    let lead = voices
        .iter()
        .filter(|voice| matches!(voice.state, VoiceState::Playing | VoiceState::Starved))
        .min_by(|a, b| a.lead_percent.total_cmp(&b.lead_percent))
        .map_or("lead -".to_owned(), |voice| format!("lead {:.0} ms {}", voice.lead_ms, word(voice.health)));
    let load = engine.load.map_or("load -".to_owned(), |load| format!("load {:.0} %", load * 100.0));
    let underruns: u64 = voices.iter().map(|voice| u64::from(voice.underruns)).sum();
    let peak = engine.main.peak_db.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let device = match status.device.as_ref() {
        Some(device) if device.state == "running" => device.backend.clone(),
        Some(device) => format!("{} {}", device.backend, device.state),
        None => "no device".to_owned(),
    };
    format!("{count} | {lead} | {load} | underruns {underruns} | peak {} dB | {device}", level(peak))
}

fn word(health: Health) -> &'static str {
    match health {
        Health::Unknown => "-",
        Health::Fine => "fine",
        Health::Good => "good",
        Health::Fair => "fair",
        Health::Refilling => "refilling",
        Health::Watch => "watch",
        Health::Warning => "warning",
        Health::Critical => "critical",
    }
}

fn level(db: f64) -> String {
    if db > SILENCE_DB { format!("{db:.1}") } else { "-inf".to_owned() }
}

/// Minutes and seconds, as players show them.
pub(crate) fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..=3599 => format!("{}:{:02}", seconds / 60, seconds % 60),
        _ => format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60),
    }
}

fn age(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{DaemonStatus, EngineStatus, MainStatus};

    fn voice(name: &str, lead_percent: f64, health: Health) -> VoiceStatus {
        VoiceStatus {
            name: name.into(),
            state: VoiceState::Playing,
            lead_ms: lead_percent * 6.8,
            target_lead_ms: 680.0,
            lead_percent,
            health,
            peak_db: -144.0,
            ..VoiceStatus::default()
        }
    }

    fn status() -> Status {
        let voices = vec![voice("kick", 98.0, Health::Fine), voice("bass", 15.0, Health::Warning)];
        let song = ProducerStatus { client: "song.js".into(), pid: 7, voices, ..ProducerStatus::default() };
        let other = ProducerStatus { client: "other".into(), pid: 8, ..ProducerStatus::default() };
        Status {
            daemon: DaemonStatus {
                version: "0.1.0".into(),
                pid: 5,
                uptime_ms: 7_380_000,
                ..Default::default()
            },
            engine: EngineStatus {
                rate_hz: 48_000,
                channels: 2,
                voices: 2,
                load: Some(0.042),
                main: MainStatus { peak_db: vec![-12.34, -144.0], ..MainStatus::default() },
                ..EngineStatus::default()
            },
            producers: vec![song, other],
            ..Status::default()
        }
    }

    /// The line speaks of the voice that is nearest to trouble, and only of the process asked for.
    #[test]
    fn line_names_the_weakest() {
        assert_eq!(
            line(&status(), &[7]),
            "2 voices | lead 102 ms warning | load 4 % | underruns 0 | peak -12.3 dB | no device"
        );
        assert!(line(&status(), &[8]).starts_with("0 voices | lead - |"));
    }

    /// What is recorded and what is not guarded is seen at a glance.
    #[test]
    fn page_warns_and_shows_recordings() {
        let mut status = status();
        status.engine.main.ceiling_db = Some(-0.3);
        assert!(page(&status, &Footprints::new(), &[]).contains("limiter 0.0 dB, ceiling -0.3 dB\n"));
        status.engine.main.ceiling_db = None;
        status.engine.main.is_unsafe = true;
        status.recordings = vec![RecordingStatus {
            path: "/tmp/take.flac".into(),
            frames: 48_000 * 75,
            lost_frames: 12,
            waiting_frames: 96_000,
            file_bytes: 12_340_000,
            room_bytes: Some(120_000_000_000),
            state: RecordingState::Running,
            ..Default::default()
        }];
        let page = page(&status, &Footprints::new(), &[]);
        assert!(page.contains("UNSAFE: no guards, no limiter, no ceiling"));
        let line = "record    /tmp/take.flac: 1:15, 12.3 MB, 12 frames lost, 2.0 s wait for the disk, room for 120.0 GB on the disk\n";
        assert!(page.contains(line), "{page}");
    }

    /// Every voice has its row in aligned columns; a filter leaves out the others, and producers without a match.
    #[test]
    fn page_shows_and_filters() {
        let whole = page(&status(), &Footprints::new(), &[]);
        assert!(whole.contains("up 2 h 3 min"));
        assert!(whole.contains("peak -12.3 / -inf dB"));
        assert!(
            whole.contains(
                "  kick   playing         666 / 680  98     fine         0 (0.0)     -inf      0.0"
            ),
            "{whole}"
        );
        assert!(whole.contains("other (process 8)"));
        let bass = page(&status(), &Footprints::new(), &["bass".into()]);
        assert!(bass.contains("bass") && !bass.contains("kick") && !bass.contains("other"));
    }
}

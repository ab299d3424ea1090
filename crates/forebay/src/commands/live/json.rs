//! What the live host says, for programs.

use live::Event;
use serde_json::{Value, json};

use super::as_text;

/// What a program wants to know of it.
pub(crate) fn as_json(event: &Event) -> Option<Value> {
    Some(match event {
        Event::Started { runtime, version, pid } => {
            json!({ "event": "started", "runtime": runtime, "version": version, "pid": pid })
        }
        Event::Ready { uptime_ms, .. } => json!({ "event": "ready", "uptime_ms": uptime_ms }),
        Event::Edited(edit) => {
            let times = &edit.timings_ms;
            let timings = json!({
                "hand_over": times.hand_over, "compile": times.compile, "warm": times.warm, "cover": times.cover,
                "publish": times.publish, "guard": times.guard, "total": times.total,
            });
            json!({
                "event": "edited", "revision": edit.revision, "sent": edit.sent, "uptime_ms": edit.uptime_ms,
                "seen_ms": edit.seen_ms, "voices": edit.voices, "names": edit.names,
                "value": edit.value, "joined": edit.joined, "left": edit.left, "unrewindable": edit.unrewindable,
                "state_mb": edit.state_mb, "snapshot_ms": edit.snapshot_ms,
                "engine_frame": edit.engine_frame, "cover_frames": edit.cover_frames,
                "late_frames": edit.late_frames, "speed": edit.speed, "timings_ms": timings,
            })
        }
        Event::Refused(it) => json!({
            "event": "refused", "what": it.what, "sent": it.sent, "file": it.file, "line": it.line,
            "column": it.column, "source_line": it.source_line, "voice": it.voice, "message": it.message,
        }),
        Event::Fault(it) => json!({
            "event": "fault", "what": it.what, "file": it.file, "line": it.line, "column": it.column,
            "source_line": it.source_line, "voice": it.voice, "frame": it.frame, "message": it.message,
        }),
        Event::Log { level, text } => json!({ "event": "log", "level": level, "text": text }),
        Event::Lost { frames } => json!({ "event": "lost", "frames": frames }),
        Event::Underrun { name, frame, frames, cause } => {
            json!({ "event": "underrun", "voice": name, "frame": frame, "frames": frames, "cause": cause })
        }
        Event::Resumed { name, frames } => json!({ "event": "resumed", "voice": name, "frames": frames }),
        Event::Muted { name, reason } => json!({ "event": "muted", "voice": name, "reason": reason }),
        Event::Unmuted { name } => json!({ "event": "unmuted", "voice": name }),
        Event::Main { ceiling_db, is_unsafe, client } => {
            json!({ "event": "main", "ceiling_db": ceiling_db, "unsafe": is_unsafe, "client": client })
        }
        Event::Device { backend, name, state } => {
            json!({ "event": "device", "backend": backend, "name": name, "state": state })
        }
        other => json!({ "event": "message", "message": as_text(other)? }),
    })
}

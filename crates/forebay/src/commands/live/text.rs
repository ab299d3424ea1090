//! What the live host says, for people.

use live::{Edit, Event};

use crate::cli::UNSAFE_WARNING;

/// What a person wants to know of it.
pub(crate) fn as_text(event: &Event) -> Option<String> {
    Some(match event {
        Event::Edited(edit) => edited(edit),
        Event::Refused(refusal) => format!("{refusal}\n    what played plays on"),
        Event::Fault(fault) => fault.to_string(),
        Event::Log { level, text } if level == "log" => text.clone(),
        Event::Log { level, text } => format!("{level}: {text}"),
        Event::Problem { message } => format!("forebay: {message}"),
        Event::Lost { frames } => {
            format!("forebay: the script was not in time: {frames:.0} frames of silence")
        }
        Event::Underrun { name, cause, .. } => {
            format!("forebay: '{name}' ran dry ({})", cause.replace('_', " "))
        }
        Event::Resumed { name, .. } => format!("forebay: '{name}' plays again"),
        Event::Muted { name, reason } => format!("forebay: '{name}' is muted: {}", reason.replace('_', " ")),
        Event::Unmuted { name } => format!("forebay: '{name}' is heard again"),
        Event::Main { ceiling_db: Some(db), client, .. } => {
            format!("forebay: main has a ceiling of {db} dB now ({client})")
        }
        Event::Main { client, .. } => format!("forebay: main has {UNSAFE_WARNING} ({client})"),
        Event::Device { backend, name, state } => format!("forebay: {backend} '{name}' {state}"),
        Event::Complaint { line } => line.clone(),
        Event::Rejoined { voices, silent_ms, .. } => {
            let silence = silent_ms.map(|ms| format!(", {ms:.0} ms of silence")).unwrap_or_default();
            format!("forebay: the piece goes on: {}{silence}", voices.join(", "))
        }
        Event::Restarted { reason } => format!("forebay: {reason}; started again"),
        _ => return None,
    })
}

/// With this much state or less it is kept with every chunk.
const SPARSE_MS: f64 = 10.0;

fn edited(edit: &Edit) -> String {
    let named =
        |sign: &str, names: &[String]| names.iter().map(|name| format!(" {sign}{name}")).collect::<String>();
    let count = match edit.voices.len() {
        0 if edit.left.is_empty() => {
            return "it plays nothing: play('name', s => ...) makes a voice".to_owned();
        }
        1 => "1 voice".to_owned(),
        n => format!("{n} voices"),
    };
    let speed =
        if edit.voices.is_empty() { String::new() } else { format!(" ({:.1}x real time)", edit.speed) };
    let mut text = format!(
        "heard in {:.0} ms: {count}{}{}{speed}",
        edit.timings_ms.hand_over + edit.timings_ms.total,
        named("+", &edit.joined),
        named("-", &edit.left),
    );
    if let Some(value) = &edit.value {
        text.push_str(&format!("\n    = {value}"));
    }
    let lines = edit.unrewindable_lines.iter().copied().chain(std::iter::repeat(None));
    for (name, line) in edit.unrewindable.iter().zip(lines) {
        let place = line.map(|line| format!(" (line {line})")).unwrap_or_default();
        text.push_str(&format!(
            "\n    {name}{place}: keeps state that can't be restored, so each save begins it anew"
        ));
    }
    if edit.snapshot_ms > SPARSE_MS {
        text.push_str(&format!(
            "\n    {:.1} MB of state: kept every {:.0} ms only, and a change goes back as far",
            edit.state_mb, edit.snapshot_ms
        ));
    }
    text
}

//! What the live host says.

use serde::{Deserialize, Serialize};
use std::fmt;

/// One message of the live host. Members that a version does not know are ignored; whole events come as
/// [`Event::Other`].
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// The runtime is up.
    Started {
        /// `node`, `bun` or `quickjs`.
        runtime: String,
        /// Its version.
        version: String,
        /// The process.
        pid: u32,
    },
    /// The session is open.
    Connected {
        /// Version of the daemon.
        daemon: String,
        /// Process of the daemon.
        pid: u32,
        /// Frames per second of everything.
        rate_hz: u32,
        /// Channels of main.
        channels: u32,
    },
    /// The evaluator is there.
    Ready {
        /// Since the runtime was up, in ms.
        uptime_ms: f64,
        /// The names of the language.
        #[serde(default)]
        language: Vec<String>,
    },
    /// New code is heard.
    Edited(Box<Edit>),
    /// A host that was started again goes on where the one before has ended.
    Rejoined {
        /// All voices of the piece.
        voices: Vec<String>,
        /// Names that the piece and the blocks share.
        #[serde(default)]
        names: Vec<String>,
        /// How long nothing sounded; `None` with another daemon, whose clock is another.
        silent_ms: Option<f64>,
        /// Engine frame at which it goes on: its low 32 bits, as in [`Edit::engine_frame`].
        engine_frame: u64,
    },
    /// The names that the piece declares, which somebody has asked for.
    Names {
        /// In order.
        names: Vec<String>,
    },
    /// New code was refused; what played plays on.
    Refused(Refusal),
    /// A voice went wrong while it played.
    Fault(Fault),
    /// How things stand, four times a second.
    Status(Box<Status>),
    /// The song was not rendered in time and went on where it stopped.
    Lost {
        /// Frames of silence.
        frames: f64,
    },
    /// A line that the piece logged.
    Log {
        /// `log`, `warn` or `error`.
        level: String,
        /// The line.
        text: String,
    },
    /// Something that does not stop the sound.
    Problem {
        /// With the remedy, where there is one.
        message: String,
    },
    /// The daemon says that a voice ran dry.
    Underrun {
        /// The voice.
        #[serde(alias = "voice")]
        name: String,
        /// Engine frame.
        frame: u64,
        /// Frames that were missing up to now.
        frames: u64,
        /// Why.
        cause: String,
    },
    /// The daemon says that a voice plays again.
    Resumed {
        /// The voice.
        #[serde(alias = "voice")]
        name: String,
        /// Frames that were missing.
        frames: u64,
    },
    /// The engine muted a voice.
    Muted {
        /// The voice.
        #[serde(alias = "voice")]
        name: String,
        /// Why.
        reason: String,
    },
    /// The engine lets a voice sound again.
    Unmuted {
        /// The voice.
        #[serde(alias = "voice")]
        name: String,
    },
    /// The device changed.
    Device {
        /// Its backend.
        backend: String,
        /// Its name.
        name: String,
        /// What became of it.
        state: String,
    },
    /// What keeps ears from harm is this from now on.
    Main {
        /// The sample value that nothing on main passes; absent: there is none.
        #[serde(default)]
        ceiling_db: Option<f64>,
        /// Neither guards nor limiter nor ceiling.
        #[serde(rename = "unsafe")]
        is_unsafe: bool,
        /// Whose wish it was, or who went with a wish.
        client: String,
    },
    /// The host gives up; [`Event::Ended`] or [`Event::Restarted`] follows.
    Fatal {
        /// `file`, `connect`, `main` (what was asked of it is refused), `daemon`, `stopped` (the daemon, by somebody) or
        /// `evaluator`.
        what: String,
        /// With the remedy.
        message: String,
    },
    /// The host wrote a line that is no message: its runtime complains.
    #[serde(skip)]
    Complaint {
        /// The line.
        line: String,
    },
    /// The host died and was started again; [`Event::Rejoined`] or [`Event::Edited`] follows.
    #[serde(skip)]
    Restarted {
        /// How it ended.
        reason: String,
    },
    /// The host has ended; nothing follows.
    #[serde(skip)]
    Ended {
        /// Exit code for this process: 0 after a stop.
        code: i32,
    },
    /// An event that this version does not know.
    #[serde(other)]
    Other,
}

/// New code is heard.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Edit {
    /// Which save: counts from 1.
    pub revision: u64,
    /// The number that the code was sent with; absent for a save.
    #[serde(default)]
    pub sent: Option<u64>,
    /// Since the runtime was up, in ms.
    pub uptime_ms: f64,
    /// When the save was seen, in ms since 1970.
    pub seen_ms: f64,
    /// All voices of the piece.
    pub voices: Vec<String>,
    /// Names that the piece and the blocks share; those of the piece are looked for when the first block comes.
    #[serde(default)]
    pub names: Vec<String>,
    /// What the last statement of a block came to, as a person may read it; absent where that says nothing.
    #[serde(default)]
    pub value: Option<String>,
    /// Voices that are new.
    pub joined: Vec<String>,
    /// Voices that fade out.
    pub left: Vec<String>,
    /// Voices that keep state which can't be restored: they begin anew at each save.
    pub unrewindable: Vec<String>,
    /// The lines on which those are declared, in the same order.
    #[serde(default)]
    pub unrewindable_lines: Vec<Option<u32>>,
    /// Engine frame of the change: its low 32 bits, counted on from where they were when the session began.
    pub engine_frame: u64,
    /// Frames rendered before the commit.
    pub cover_frames: u32,
    /// Frames by which the commit came after the chosen frame.
    pub late_frames: u32,
    /// How many times faster than real time the piece renders.
    pub speed: f64,
    /// State that is restored with every change, in MB.
    #[serde(default)]
    pub state_mb: f64,
    /// How often it is kept, in ms: a change goes back to the last time.
    #[serde(default)]
    pub snapshot_ms: f64,
    /// Seconds of a bar, where the host says them; see [`Edit::bar_s`].
    #[serde(default, rename = "bar_s")]
    told_bar_s: Option<f64>,
    /// Where the time went.
    pub timings_ms: Timings,
}

impl Edit {
    /// How long a bar is: four quarters at 120 a minute where the host says nothing.
    pub fn bar_s(&self) -> f64 {
        self.told_bar_s.filter(|bar_s| bar_s.is_finite() && *bar_s > 0.0).unwrap_or(2.0)
    }
}

/// Where the time of a save went, in ms.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub struct Timings {
    /// From the host's file event to the evaluator.
    pub hand_over: f64,
    /// Compiling.
    pub compile: f64,
    /// Running the file and the shadow run.
    pub warm: f64,
    /// Replay and rendering the cover.
    pub cover: f64,
    /// Writing markers, frames and the commit.
    pub publish: f64,
    /// From choosing the frame to that frame.
    pub guard: f64,
    /// In the evaluator, all together.
    pub total: f64,
}

/// Why new code is not heard, and where.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Refusal {
    /// `syntax`, `import`, `throw`, `nan`, `blast`, `return`, `state`, `slow`, `hang`, `end`, `outdated` (newer code came
    /// first) or `blocks` (too many of them).
    pub what: String,
    /// The number that the code was sent with; absent for a save.
    #[serde(default)]
    pub sent: Option<u64>,
    /// The user's file.
    #[serde(default)]
    pub file: Option<String>,
    /// Line, from 1.
    #[serde(default)]
    pub line: Option<u32>,
    /// Column, from 1.
    #[serde(default)]
    pub column: Option<u32>,
    /// The text of that line.
    #[serde(default)]
    pub source_line: Option<String>,
    /// The voice, where it is one's fault.
    #[serde(default)]
    pub voice: Option<String>,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Refusal {
    /// `file:line:column: message (voice)`, then the line and a caret below the column.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        place(f, self.file.as_deref(), self.line, self.column)?;
        write!(f, "{}", self.message)?;
        if let Some(voice) = unnamed(self.voice.as_deref(), &self.message) {
            write!(f, " (voice {voice})")?;
        }
        caret(f, self.source_line.as_deref(), self.column)
    }
}

/// What went wrong in a voice that was playing.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Fault {
    /// `throw`, `nan`, `return`, `amiss` (a helper that gets what it can't use), `slow`, `hang` or `end`.
    pub what: String,
    /// The voice; absent when it is the file's top level.
    #[serde(default)]
    pub voice: Option<String>,
    /// Frame of the piece, from 0, where it is one's.
    #[serde(default)]
    pub frame: Option<u64>,
    /// The user's file.
    #[serde(default)]
    pub file: Option<String>,
    /// Line, from 1.
    #[serde(default)]
    pub line: Option<u32>,
    /// Column, from 1.
    #[serde(default)]
    pub column: Option<u32>,
    /// The text of that line.
    #[serde(default)]
    pub source_line: Option<String>,
    /// What happened and what became of the voice.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        place(f, self.file.as_deref(), self.line, self.column)?;
        match unnamed(self.voice.as_deref(), &self.message) {
            Some(voice) => write!(f, "voice {voice}: {}", self.message)?,
            None => write!(f, "{}", self.message)?,
        }
        caret(f, self.source_line.as_deref(), self.column)
    }
}

/// The voice, unless the message begins with it: "voice NAME gives NaN". Elsewhere in the words its name may be anything, a
/// short one a part of another word.
fn unnamed<'a>(voice: Option<&'a str>, message: &str) -> Option<&'a str> {
    let told = |voice: &str| {
        let rest = message.strip_prefix("voice ").and_then(|rest| rest.strip_prefix(voice));
        rest.is_some_and(|rest| rest.starts_with(' '))
    };
    voice.filter(|voice| !told(voice))
}

fn place(
    f: &mut fmt::Formatter<'_>,
    file: Option<&str>,
    line: Option<u32>,
    column: Option<u32>,
) -> fmt::Result {
    let Some(file) = file else { return Ok(()) };
    write!(f, "{file}:")?;
    for number in [line, column].into_iter().flatten() {
        write!(f, "{number}:")?;
    }
    write!(f, " ")
}

fn caret(f: &mut fmt::Formatter<'_>, line: Option<&str>, column: Option<u32>) -> fmt::Result {
    let Some(line) = line else { return Ok(()) };
    write!(f, "\n    {line}")?;
    if let Some(column) = column {
        let before: String =
            line.chars().take(column as usize - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        write!(f, "\n    {before}^")?;
    }
    Ok(())
}

/// How things stand.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Status {
    /// Rendered and not yet played.
    pub lead_ms: f64,
    /// What is aimed at.
    pub target_lead_ms: f64,
    /// Times real time; absent when nothing was rendered.
    #[serde(default)]
    pub speed: Option<f64>,
    /// Time spent rendering since the last status.
    pub busy_ms: f64,
    /// Slowest chunk since the last status.
    pub longest_chunk_ms: f64,
    /// Latest wake-up of the evaluator so far.
    pub worst_stall_ms: f64,
    /// Underruns of all voices so far.
    pub underruns: u64,
    /// State that is restored with every change, in MB.
    #[serde(default)]
    pub state_mb: f64,
    /// How often it is kept, in ms: a change goes back to the last time.
    #[serde(default)]
    pub snapshot_ms: f64,
    /// The voices.
    pub voices: Vec<VoiceStatus>,
    /// Values from outside that the piece listens to.
    #[serde(default)]
    pub controls: Vec<Control>,
}

/// A value from outside: a knob, an OSC address, something of MIDI.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Control {
    /// `knob:NAME`, `osc:/ADDRESS`, or `midi:` with the number of a controller, `note`, `gate`, `bend` or `pressure`.
    pub key: String,
    /// The least that it becomes in the piece; `None`: there is no end.
    #[serde(default)]
    pub least: Option<f64>,
    /// The most.
    #[serde(default)]
    pub most: Option<f64>,
    /// What it is until somebody turns it.
    #[serde(default)]
    pub usual: Option<f64>,
    /// What it was set to last; `None`: never.
    #[serde(default)]
    pub value: Option<f64>,
}

/// One voice.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct VoiceStatus {
    /// Its name in the piece and at the daemon.
    pub name: String,
    /// Its slot.
    pub slot: u32,
    /// Muted by the piece.
    pub muted: bool,
    /// Solo by the piece.
    #[serde(default)]
    pub solo: bool,
    /// On its way out.
    pub leaving: bool,
    /// It threw and is silent until the next save.
    pub failed: bool,
    /// Where its fade is, 0 to 1.
    pub gain: f64,
}

/// Types a line of the host. A line that is no message becomes a complaint.
pub(crate) fn parse(line: &str) -> Event {
    serde_json::from_str(line).unwrap_or_else(|_| Event::Complaint { line: line.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    // What the host sends is understood; what is new is passed over; what is no message is kept as a complaint.
    #[test]
    fn lines_become_events() {
        let ready = parse(r#"{"event":"ready","uptime_ms":42.5,"more":1}"#);
        assert_eq!(ready, Event::Ready { uptime_ms: 42.5, language: Vec::new() });
        assert_eq!(parse(r#"{"event":"from_the_future","x":1}"#), Event::Other);
        assert!(matches!(parse("Segmentation fault"), Event::Complaint { .. }));
        let edited = r#"{"event":"edited","uptime_ms":169.1,"seen_ms":1.5,"revision":1,"joined":["a"],"left":[],"voices":["a"],
            "unrewindable":[],"engine_frame":4315,"cover_frames":2560,"late_frames":0,"speed":4.1,"timings_ms":
            {"hand_over":1,"compile":0.2,"warm":4.3,"cover":19.9,"publish":1.1,"guard":21.0,"total":37.6}}"#;
        let Event::Edited(edit) = parse(edited) else { panic!("{:?}", parse(edited)) };
        assert_eq!((edit.revision, edit.cover_frames, edit.bar_s()), (1, 2560, 2.0));
        let slow = edited.replacen('{', "{\"bar_s\":3.5,", 1);
        assert!(matches!(parse(&slow), Event::Edited(edit) if edit.bar_s() == 3.5));
    }

    // A refusal reads as compilers' errors do, with a caret under the column, tabs kept.
    #[test]
    fn a_refusal_points_at_the_place() {
        let line = r#"{"event":"refused","what":"syntax","file":"song.js","line":2,"column":3,
            "source_line":"\tx )","message":"Unexpected token","revision":3}"#;
        let Event::Refused(refusal) = parse(line) else { panic!() };
        assert_eq!(refusal.to_string(), "song.js:2:3: Unexpected token\n    \tx )\n    \t ^");
        let line = r#"{"event":"refused","what":"nan","file":"song.js","line":2,"voice":"x","message":"voice x gives NaN"}"#;
        let Event::Refused(refusal) = parse(line) else { panic!() };
        assert_eq!(refusal.to_string(), "song.js:2: voice x gives NaN");
    }
    // Whatever the words are, the voice is named, once: also one whose name is a part of a word of them.
    #[test]
    fn a_voice_is_named_whatever_it_is_called() {
        let told = |voice: &str, message: &str| {
            let fault = format!(
                r#"{{"event":"fault","what":"nan","voice":"{voice}","file":"song.js","line":3,"message":"{message}"}}"#
            );
            let refused = fault.replace(r#""fault""#, r#""refused""#);
            let (Event::Fault(fault), Event::Refused(refusal)) = (parse(&fault), parse(&refused)) else {
                panic!()
            };
            [fault.to_string(), refusal.to_string()]
        };
        let poisoned = "gives NaN or blasts: cut there, its poisoned state reset";
        let named = format!("song.js:3: voice p: {poisoned}");
        assert_eq!(told("p", poisoned), [named, format!("song.js:3: {poisoned} (voice p)")]);
        assert_eq!(told("a", "voice a gives NaN"), ["song.js:3: voice a gives NaN"; 2]);
        let [fault, refusal] = told("a", "voice ab is not defined");
        assert!(fault.starts_with("song.js:3: voice a: ") && refusal.ends_with("(voice a)"), "{fault}");
    }
}

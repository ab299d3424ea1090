//! Where everything lies in the control memory of a session. The contract with producers in every language.
//!
//! Little endian, all fields aligned, every line of 64 bytes written by one side only. `golden/layout-1.json` holds
//! every offset and size; a test compares it with this file, with the types of `ring`, and with what a mapped
//! session really holds. A change of anything here needs a new [`LAYOUT_VERSION`].
//!
//! ```text
//! 0x0000  header, clock, commit, event counters, pacing    (a line of 64 bytes each)
//! 0x1000  producer words   64 slots x 64 bytes             written by the producer
//! 0x2000  engine words     64 slots x 64 bytes             written by the daemon
//! 0x3000  markers          64 slots x 8 x 32 bytes         written by the producer
//! 0x7000  producer stats   64 slots x 64 bytes             written by the producer
//! 0x8000  spare page
//! 0x9000  timed events     1024 x 32 bytes                 written by the producer
//! ```
//! The hot lines of all slots lie together, so that a page serves all slots. Samples are not here: each ring is a
//! memory of its own, interleaved f32, frame `p` at byte `(p & (capacity - 1)) * channels * 4`.

/// The version of this layout.
pub const LAYOUT_VERSION: u32 = 1;
/// The first word of every control memory: "FBAY" as bytes.
pub const MAGIC: u32 = 0x5941_4246;
/// Slots, and so voices, of a session.
pub const SLOTS: usize = 64;
/// Markers in the queue of a ring.
pub const MARKERS: usize = 8;
/// Timed events in the queue of a session.
pub const EVENTS: usize = 1024;
/// Size of the control memory.
pub const CONTROL_BYTES: usize = 0x1_1000;
/// Bytes of a line, the unit of ownership.
pub const LINE_BYTES: usize = 64;
/// Bytes of a marker and of a timed event.
pub const ENTRY_BYTES: usize = 32;

/// Offset of the header.
pub const HEADER: usize = 0x000;
/// Offset of the clock line: `engine_frame`, `block_frames`.
pub const CLOCK: usize = 0x040;
/// Offset of the commit line: `group`.
pub const COMMIT: usize = 0x080;
/// Offset of the line with `event_write`.
pub const EVENT_WRITE: usize = 0x0C0;
/// Offset of the line with `event_read`.
pub const EVENT_READ: usize = 0x100;
/// Offset of the pacing line of the producer as a whole.
pub const PACING: usize = 0x140;
/// Offset of the producer words of slot 0.
pub const PRODUCER_WORDS: usize = 0x1000;
/// Offset of the engine words of slot 0.
pub const ENGINE_WORDS: usize = 0x2000;
/// Offset of the markers of slot 0.
pub const MARKER_WORDS: usize = 0x3000;
/// Offset of the producer stats of slot 0.
pub const PRODUCER_STATS: usize = 0x7000;
/// Offset of the spare page.
pub const SPARE: usize = 0x8000;
/// Offset of the first timed event.
pub const EVENT_ENTRIES: usize = 0x9000;

/// Which side writes an area.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The daemon, once, before the hand-off.
    DaemonOnce,
    /// The daemon, while the session lives.
    Daemon,
    /// The producer.
    Producer,
    /// Nobody: zero.
    Nobody,
}

/// The type of a field; all are 4 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// An unsigned number; counters and frames wrap.
    U32,
    /// An IEEE 754 float.
    F32,
}

/// A field of a record.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// Its offset from the start of its record, in bytes.
    pub offset: usize,
    /// Its type.
    pub word: Word,
}

/// A table of equal records.
#[derive(Clone, Copy, Debug)]
pub struct Area {
    /// Its name.
    pub name: &'static str,
    /// Offset of the first record.
    pub offset: usize,
    /// From record to record.
    pub stride_bytes: usize,
    /// How many records.
    pub count: usize,
    /// Who writes it.
    pub owner: Owner,
    /// What a record holds. What no field names is reserved: zero, not read.
    pub fields: &'static [Field],
}

const fn u32_at(offset: usize, name: &'static str) -> Field {
    Field { name, offset, word: Word::U32 }
}

const fn f32_at(offset: usize, name: &'static str) -> Field {
    Field { name, offset, word: Word::F32 }
}

const fn line(name: &'static str, offset: usize, owner: Owner, fields: &'static [Field]) -> Area {
    Area { name, offset, stride_bytes: LINE_BYTES, count: 1, owner, fields }
}

const fn per_slot(name: &'static str, offset: usize, owner: Owner, fields: &'static [Field]) -> Area {
    Area { name, offset, stride_bytes: LINE_BYTES, count: SLOTS, owner, fields }
}

/// Fields of the header.
pub mod header {
    /// [`super::MAGIC`].
    pub const MAGIC: usize = 0x00;
    /// [`super::LAYOUT_VERSION`].
    pub const LAYOUT_VERSION: usize = 0x04;
    /// [`super::CONTROL_BYTES`].
    pub const TOTAL_BYTES: usize = 0x08;
    /// [`super::SLOTS`].
    pub const SLOTS: usize = 0x0C;
    /// Frames per second.
    pub const RATE_HZ: usize = 0x10;
    /// Frames of a cross-fade.
    pub const CROSSFADE_FRAMES: usize = 0x14;
    /// Number of the session.
    pub const SESSION_ID: usize = 0x18;
    /// [`super::EVENTS`].
    pub const EVENT_CAPACITY: usize = 0x1C;
}

/// Fields of the clock line.
pub mod clock {
    /// Low word of the engine frame of the next block.
    pub const ENGINE_FRAME: usize = 0x00;
    /// Frames of the latest block.
    pub const BLOCK_FRAMES: usize = 0x04;
}

/// Fields of the pacing line.
pub mod pacing {
    /// Counts up at every turn of the producer's pacing loop.
    pub const TURNS: usize = 0x00;
    /// Its latest stall: how much later than planned it woke.
    pub const LAST_STALL_US: usize = 0x04;
    /// Its worst stall.
    pub const WORST_STALL_US: usize = 0x08;
    /// Splices committed.
    pub const SPLICES: usize = 0x0C;
    /// Latest splice: from the trigger to the commit.
    pub const CHANGE_US: usize = 0x10;
    /// Latest splice: from the voice frame at the trigger to `at`.
    pub const GUARD_FRAMES: usize = 0x14;
    /// Latest splice: frames of the new future at the commit.
    pub const COVER_FRAMES: usize = 0x18;
}

/// Fields of a slot's producer stats.
pub mod stats {
    /// Frames rendered, wrapping.
    pub const FRAMES_RENDERED: usize = 0x00;
    /// Time spent rendering them, wrapping.
    pub const BUSY_US: usize = 0x04;
    /// The longest chunk.
    pub const LONGEST_CHUNK_US: usize = 0x08;
    /// Frames of the latest chunk.
    pub const CHUNK_FRAMES: usize = 0x0C;
}

/// Everything in the control memory.
pub const AREAS: &[Area] = &[
    line(
        "header",
        HEADER,
        Owner::DaemonOnce,
        &[
            u32_at(header::MAGIC, "magic"),
            u32_at(header::LAYOUT_VERSION, "layout_version"),
            u32_at(header::TOTAL_BYTES, "total_bytes"),
            u32_at(header::SLOTS, "slots"),
            u32_at(header::RATE_HZ, "rate_hz"),
            u32_at(header::CROSSFADE_FRAMES, "crossfade_frames"),
            u32_at(header::SESSION_ID, "session_id"),
            u32_at(header::EVENT_CAPACITY, "event_capacity"),
        ],
    ),
    line(
        "clock",
        CLOCK,
        Owner::Daemon,
        &[u32_at(clock::ENGINE_FRAME, "engine_frame"), u32_at(clock::BLOCK_FRAMES, "block_frames")],
    ),
    line("commit", COMMIT, Owner::Producer, &[u32_at(0, "group")]),
    line("event_write", EVENT_WRITE, Owner::Producer, &[u32_at(0, "event_write")]),
    line("event_read", EVENT_READ, Owner::Daemon, &[u32_at(0, "event_read")]),
    line(
        "pacing",
        PACING,
        Owner::Producer,
        &[
            u32_at(pacing::TURNS, "turns"),
            u32_at(pacing::LAST_STALL_US, "last_stall_us"),
            u32_at(pacing::WORST_STALL_US, "worst_stall_us"),
            u32_at(pacing::SPLICES, "splices"),
            u32_at(pacing::CHANGE_US, "change_us"),
            u32_at(pacing::GUARD_FRAMES, "guard_frames"),
            u32_at(pacing::COVER_FRAMES, "cover_frames"),
        ],
    ),
    per_slot(
        "producer_words",
        PRODUCER_WORDS,
        Owner::Producer,
        &[
            u32_at(0x00, "write"),
            u32_at(0x04, "marker_write"),
            f32_at(0x08, "gain"),
            f32_at(0x0C, "pan"),
            u32_at(0x10, "flags"),
        ],
    ),
    per_slot(
        "engine_words",
        ENGINE_WORDS,
        Owner::Daemon,
        &[
            u32_at(0x00, "read"),
            u32_at(0x04, "voice_frame"),
            u32_at(0x08, "anchor"),
            u32_at(0x0C, "marker_read"),
            u32_at(0x10, "late"),
            u32_at(0x14, "superseded"),
            u32_at(0x18, "state"),
            u32_at(0x1C, "underruns"),
            u32_at(0x20, "concealed"),
            u32_at(0x24, "shed"),
            u32_at(0x28, "fault"),
            u32_at(0x2C, "target_lead"),
            u32_at(0x30, "last_stall"),
            u32_at(0x34, "offset"),
            u32_at(0x38, "jumped"),
        ],
    ),
    Area {
        name: "markers",
        offset: MARKER_WORDS,
        stride_bytes: ENTRY_BYTES,
        count: SLOTS * MARKERS,
        owner: Owner::Producer,
        fields: &[
            u32_at(0x00, "at"),
            u32_at(0x04, "to"),
            u32_at(0x08, "group"),
            u32_at(0x0C, "anchor"),
            u32_at(0x10, "kind"),
        ],
    },
    per_slot(
        "producer_stats",
        PRODUCER_STATS,
        Owner::Producer,
        &[
            u32_at(stats::FRAMES_RENDERED, "frames_rendered"),
            u32_at(stats::BUSY_US, "busy_us"),
            u32_at(stats::LONGEST_CHUNK_US, "longest_chunk_us"),
            u32_at(stats::CHUNK_FRAMES, "chunk_frames"),
        ],
    ),
    Area { name: "spare", offset: SPARE, stride_bytes: 0x1000, count: 1, owner: Owner::Nobody, fields: &[] },
    Area {
        name: "events",
        offset: EVENT_ENTRIES,
        stride_bytes: ENTRY_BYTES,
        count: EVENTS,
        owner: Owner::Producer,
        fields: &[
            u32_at(0x00, "at"),
            u32_at(0x04, "slot"),
            u32_at(0x08, "kind"),
            f32_at(0x0C, "value"),
            u32_at(0x10, "ramp_frames"),
        ],
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn areas() -> Vec<Value> {
        let mut out = Vec::new();
        for area in AREAS {
            let fields: Vec<_> = area
                .fields
                .iter()
                .map(|field| {
                    let word = if field.word == Word::F32 { "f32" } else { "u32" };
                    json!({ "name": field.name, "offset": field.offset, "bytes": 4, "type": word })
                })
                .collect();
            let owner = match area.owner {
                Owner::DaemonOnce => "daemon, once",
                Owner::Daemon => "daemon",
                Owner::Producer => "producer",
                Owner::Nobody => "nobody",
            };
            out.push(json!({
                "name": area.name, "offset": area.offset, "stride_bytes": area.stride_bytes,
                "count": area.count, "bytes": area.stride_bytes * area.count, "owner": owner, "fields": fields,
            }));
        }
        out
    }

    fn layout() -> Value {
        json!({
            "layout_version": LAYOUT_VERSION, "magic": MAGIC, "byte_order": "little",
            "control_bytes": CONTROL_BYTES, "slots": SLOTS, "markers_per_slot": MARKERS,
            "event_capacity": EVENTS, "areas": areas(),
            "values": values(),
        })
    }

    /// What the words of `ring` can hold, by the types that the engine reads and writes them with.
    fn values() -> Value {
        use ring::{EventKind, Fault, MarkerKind, State};
        json!({
            "state": {
                "idle": State::Idle as u32, "playing": State::Playing as u32,
                "starved": State::Starved as u32, "faulted": State::Faulted as u32,
            },
            "fault": {
                "none": 0, "write": Fault::Write as u32, "marker_count": Fault::MarkerCount as u32,
                "marker_kind": Fault::MarkerKind as u32, "marker_to": Fault::MarkerTo as u32,
                "marker_at": Fault::MarkerAt as u32, "marker_group": Fault::MarkerGroup as u32,
            },
            "marker_kind": {
                "start": MarkerKind::Start as u32, "splice": MarkerKind::Splice as u32,
                "flush": MarkerKind::Flush as u32,
            },
            "event_kind": {
                "gain": EventKind::Gain as u32, "pan": EventKind::Pan as u32, "mute": EventKind::Mute as u32,
            },
            "flags": { "mute": ring::FLAG_MUTE },
        })
    }

    /// Every offset and size is what the golden file says, which SDKs are generated from or checked against.
    /// `FOREBAY_BLESS=1` writes it anew; a difference needs a new version.
    #[test]
    fn golden_layout() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/layout-1.json");
        let text = serde_json::to_string_pretty(&layout()).unwrap() + "\n";
        if std::env::var_os("FOREBAY_BLESS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        assert!(std::fs::read_to_string(&path).unwrap() == text, "golden/layout-1.json differs");
    }

    /// The areas cover the memory without gap or overlap (but for the rest of page 0), and no line has two owners.
    #[test]
    fn areas_tile_the_memory() {
        let mut end = 0;
        for area in AREAS {
            if area.offset >= PRODUCER_WORDS {
                assert_eq!(area.offset, end.max(PRODUCER_WORDS), "{}", area.name);
            } else {
                assert_eq!(area.offset, end, "{}", area.name);
            }
            assert_eq!(area.offset % LINE_BYTES, 0);
            assert!(
                area.fields.iter().all(|field| field.offset % 4 == 0 && field.offset < area.stride_bytes)
            );
            end = area.offset + area.stride_bytes * area.count;
        }
        assert_eq!(end, CONTROL_BYTES);
    }
}

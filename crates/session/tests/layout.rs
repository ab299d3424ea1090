//! The layout, the golden file, the types of `ring` and a real session agree byte for byte.

use std::collections::BTreeSet;
use std::mem::{offset_of, size_of};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;

use forebay_session::layout::{self, AREAS, Area};
use forebay_session::{Host, HostConfig};
use ring::words::{ClockWords, CounterWord, EngineWords, MarkerWords, ProducerWords};
use ring::{EventKind, EventWords, Marker, MarkerKind, Reader, ReaderConfig, TimedEvent, Writer};
use serde_json::Value;
use units::{ChannelCount, SampleRate};

fn area(name: &str) -> &'static Area {
    AREAS.iter().find(|area| area.name == name).expect("a known area")
}

fn offset(area_name: &str, field_name: &str) -> usize {
    let field = area(area_name).fields.iter().find(|field| field.name == field_name).expect("a known field");
    area(area_name).offset + field.offset
}

fn host() -> Host {
    Host::new(HostConfig {
        session_id: 77,
        rate: SampleRate::DEFAULT,
        crossfade_frames: 240,
        first: 0xFFFF_FFF0,
    })
    .unwrap()
}

/// What lies at a byte of the control memory, read by a plain positional read as another language would.
fn word_at(host: &Host, offset: usize) -> u32 {
    let file = std::fs::File::from(host.control().fd().as_fd().try_clone_to_owned().unwrap());
    let mut bytes = [0; 4];
    file.read_exact_at(&mut bytes, offset as u64).unwrap();
    u32::from_le_bytes(bytes)
}

/// Every word of `ring`'s types is where the table says.
#[test]
fn types_of_ring_match_the_table() {
    macro_rules! same {
        ($area:literal, $words:ty, [$($field:ident),*]) => {
            assert_eq!(area($area).stride_bytes, size_of::<$words>(), $area);
            $(assert_eq!(offset($area, stringify!($field)) - area($area).offset, offset_of!($words, $field));)*
            let named = [$(stringify!($field)),*];
            assert!(area($area).fields.iter().all(|field| named.contains(&field.name)), "{} has more", $area);
        };
    }
    same!("producer_words", ProducerWords, [write, marker_write, gain, pan, flags]);
    same!(
        "engine_words",
        EngineWords,
        [
            read,
            voice_frame,
            anchor,
            marker_read,
            late,
            superseded,
            state,
            underruns,
            concealed,
            shed,
            fault,
            target_lead,
            last_stall,
            offset,
            jumped
        ]
    );
    same!("markers", MarkerWords, [at, to, group, anchor, kind]);
    same!("events", EventWords, [at, slot, kind, value, ramp_frames]);
    same!("clock", ClockWords, [engine_frame, block_frames]);
    for one_counter in ["commit", "event_write", "event_read"] {
        assert_eq!(area(one_counter).stride_bytes, size_of::<CounterWord>());
    }
    assert_eq!(area("markers").count, layout::SLOTS * ring::words::MARKERS);
}

/// The header of a fresh session, read from the outside at the offsets of the golden file.
#[test]
fn a_fresh_header_reads_as_the_golden_file_says() {
    let golden: Value = serde_json::from_str(include_str!("../golden/layout-1.json")).unwrap();
    let fields = golden["areas"][0]["fields"].as_array().unwrap();
    let host = host();
    let read = |name: &str| {
        let field = fields.iter().find(|field| field["name"] == name).expect("in the golden file");
        word_at(&host, field["offset"].as_u64().unwrap() as usize)
    };
    assert_eq!(u64::from(read("magic")), golden["magic"].as_u64().unwrap());
    assert_eq!(&read("magic").to_le_bytes(), b"FBAY");
    assert_eq!(u64::from(read("layout_version")), golden["layout_version"].as_u64().unwrap());
    assert_eq!(u64::from(read("total_bytes")), golden["control_bytes"].as_u64().unwrap());
    assert_eq!(read("slots"), 64);
    assert_eq!(read("rate_hz"), 48_000);
    assert_eq!(read("crossfade_frames"), 240);
    assert_eq!(read("session_id"), 77);
    assert_eq!(read("event_capacity"), 1024);
}

/// What a Writer, a Commit and an EventWriter do is seen from the outside at the offsets of the table, in slot 1 as
/// well: one table for producers that use these types and for those that write bytes.
#[test]
fn what_is_written_is_where_the_table_says() {
    let mut host = host();
    let channels = ChannelCount::STEREO;
    let _first = host.open_slot(channels, 1024).unwrap();
    let slot = host.open_slot(channels, 1024).unwrap();
    assert_eq!(slot, 1);
    let memory = host.ring(slot).unwrap().clone();
    let _reader = Reader::attach(memory.clone(), ReaderConfig::default());
    memory.set_target_lead(4321);
    let mut writer = Writer::attach(memory);
    let mut commit = ring::Commit::attach(host.group());
    let at = writer.position();
    assert_eq!(at, 0xFFFF_FFF0);
    writer.mark(Marker { at: 9, to: at, group: commit.next(), anchor: 3, kind: MarkerKind::Start }).unwrap();
    let samples: Vec<f32> = (0..64).map(|sample| sample as f32).collect();
    assert_eq!(writer.write(&samples), 32);
    commit.bump();
    let mut events = ring::EventWriter::attach(host.events());
    events.push(TimedEvent { at: 5, slot: 1, kind: EventKind::Pan, value: 0.25, ramp_frames: 7 }).unwrap();

    let in_slot = |area: &str, field: &str| word_at(&host, offset(area, field) + 64 * slot);
    assert_eq!(in_slot("producer_words", "write"), at.wrapping_add(32));
    assert_eq!(in_slot("producer_words", "marker_write"), 1);
    assert_eq!(in_slot("producer_words", "gain"), 1.0_f32.to_bits());
    assert_eq!(in_slot("engine_words", "read"), at);
    assert_eq!(in_slot("engine_words", "target_lead"), 4321);
    let in_marker = |field: &str| word_at(&host, offset("markers", field) + 256 * slot);
    assert_eq!((in_marker("at"), in_marker("to"), in_marker("group")), (9, at, 1));
    assert_eq!((in_marker("anchor"), in_marker("kind")), (3, 1));
    assert_eq!(word_at(&host, offset("commit", "group")), 1);
    assert_eq!(word_at(&host, offset("event_write", "event_write")), 1);
    assert_eq!(word_at(&host, offset("events", "slot")), 1);
    assert_eq!(word_at(&host, offset("events", "value")), 0.25_f32.to_bits());

    let ring = std::fs::File::from(host.samples(slot).unwrap().fd().try_clone_to_owned().unwrap());
    for frame in 0..32_u32 {
        let byte = u64::from(at.wrapping_add(frame) & 1023) * 8;
        let mut bytes = [0; 8];
        ring.read_exact_at(&mut bytes, byte).unwrap();
        let left = f32::from_le_bytes(bytes[..4].try_into().unwrap());
        assert_eq!(left, (frame * 2) as f32);
    }
}

/// What a page names in code, word by word: `at` and `to` stand in any English text.
fn named_in_code(page: &str) -> BTreeSet<&str> {
    let prose = page.split("```").step_by(2); // without the examples
    let spans = prose.flat_map(|text| text.split('`').skip(1).step_by(2));
    spans.flat_map(|span| span.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')).collect()
}

/// Every word of the table that a producer needs is named on the protocol page, with its version.
#[test]
fn the_protocol_page_names_every_word() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/protocol.md");
    let page = std::fs::read_to_string(path).expect("the protocol page");
    let named = named_in_code(&page);
    for area in AREAS {
        for field in area.fields {
            assert!(named.contains(field.name), "{}.{}", area.name, field.name);
        }
    }
    assert!(page.contains(&format!("layout version **{}**", layout::LAYOUT_VERSION)));
    assert_eq!(
        named_in_code("at, to `late` x\n```json\nidle\n```\n`a.b_c`"),
        BTreeSet::from(["late", "a", "b_c"])
    );
}

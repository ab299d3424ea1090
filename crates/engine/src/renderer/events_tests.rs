use super::*;
use ring::{EventMemory, EventWriter};

const VOICE: VoiceId = VoiceId { slot: 3, generation: 0 };

fn source() -> (EventWriter, Events) {
    let (writer, reader) = ring::events(EventMemory::heap(1024).with_count(u32::MAX - 2));
    let mut events = Events::new(1);
    let mut source = EventSource::new(reader);
    source.map(5, Some(VOICE));
    assert!(events.replace(0, Some(Box::new(source))).is_none());
    (writer, events)
}

fn event(at: u32, slot: u32) -> TimedEvent {
    TimedEvent { at, slot, kind: EventKind::Gain, value: 0.5, ramp_frames: 10 }
}

fn due(events: &mut Events, now: u64, frames: usize) -> Vec<u64> {
    let mut places = vec![];
    events.find_due(now, frames, true, |_, voice, place| {
        assert_eq!(voice, VOICE);
        places.push(place);
        true
    });
    places.into_iter().map(|place| events.get(place).unwrap().frame).collect()
}

/// Events come out at their frame, in order, whatever order they were written in; late ones at once, and counted.
#[test]
fn in_order_of_time() {
    let (mut writer, mut events) = source();
    for at in [300, 100, 200, 150, 10] {
        writer.push(event(at, 5)).unwrap();
    }
    assert_eq!(due(&mut events, 50, 64), [50, 100]);
    assert_eq!(due(&mut events, 114, 64), [150]);
    assert_eq!(due(&mut events, 178, 200), [200, 300]);
    assert_eq!((events.applied, events.late, events.refused), (5, 1, 0));
}

/// Times are compared around the wrap of their 32 bits.
#[test]
fn across_the_wrap() {
    let (mut writer, mut events) = source();
    let now = (7 << 32) - 32;
    writer.push(event(5, 5)).unwrap();
    writer.push(event(u32::MAX - 3, 5)).unwrap();
    assert_eq!(due(&mut events, now, 64), [now + 28, now + 37]);
}

/// Events for slots that are no voice are refused, also for absurd slots.
#[test]
fn unknown_slots() {
    let (mut writer, mut events) = source();
    for slot in [0, 63, 64, u32::MAX] {
        writer.push(event(1, slot)).unwrap();
    }
    assert_eq!(due(&mut events, 0, 64), [0u64; 0]);
    assert_eq!(events.refused, 4);
}

/// While it is not known what slots mean, events wait in their ring.
#[test]
fn unknown_meanings_are_waited_for() {
    let (mut writer, mut events) = source();
    writer.push(event(100, 5)).unwrap();
    events.find_due(0, 64, false, |_, _, _| panic!("nothing is due"));
    assert_eq!((events.refused, events.applied), (0, 0));
    assert_eq!(due(&mut events, 64, 64), [100]);
}

/// A flood is taken in bounded portions: the rest stays in the ring, and nothing of it is lost.
#[test]
fn floods_wait_in_the_ring() {
    let (mut writer, mut events) = source();
    let mut pushed = 0;
    while writer.push(event(1_000_000 + pushed, 5)).is_ok() {
        pushed += 1;
    }
    let mut room = 0;
    for block in 0..1000u64 {
        assert_eq!(due(&mut events, block * 64, 64), [0u64; 0]);
        let before = room;
        while room < 5000 && writer.push(event(1_100_000, 5)).is_ok() {
            room += 1;
        }
        assert!(room - before <= 64, "one block takes a bounded number");
    }
    assert_eq!(room, PENDING_EVENTS as u32, "and then the ring is full for good");
    let first = due(&mut events, 1_000_000, 2000);
    assert_eq!(first, (0..u64::from(pushed)).map(|k| 1_000_000 + k).collect::<Vec<_>>());
}

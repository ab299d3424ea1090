//! Timed events take effect at their very frame.

mod common;

use common::{Rig, channel, open_config, steady};
use ring::{EventKind, EventMemory, TimedEvent};
use testkit::signal::{constant, noise};

/// A gain without a ramp changes exactly the frame it names, whatever the block; one with a ramp is a straight line from
/// there.
#[test]
fn to_the_frame() {
    for block in [1, 17, 64, 441, 4096] {
        let mut rig = Rig::new(open_config());
        let id = rig.voice("constant", steady(2, constant(0.5)));
        let mut tap = rig.engine.tap_voice(id).unwrap();
        let (mut events, reader) = ring::events(EventMemory::heap(64));
        let source = rig.engine.add_events(reader).unwrap();
        rig.engine.map_events(source, 9, Some(id));
        let gain =
            |at, value, ramp_frames| TimedEvent { at, slot: 9, kind: EventKind::Gain, value, ramp_frames };
        events.push(gain(2001, 0.25, 100)).unwrap();
        events.push(gain(1000, 0.5, 0)).unwrap();
        rig.run(4096, block);
        let mut heard = vec![0.0; 2 * 4096];
        assert_eq!(tap.read(&mut heard).frames, 4096);
        let left = channel(&heard, 0);
        assert_eq!((left[999], left[1000], left[2001]), (0.5, 0.25, 0.25), "blocks of {block}");
        for k in 0..100 {
            let want = 0.25 - 0.125 * k as f32 / 100.0;
            assert!((left[2001 + k] - want).abs() < 1e-6, "frame {}", 2001 + k);
        }
        assert_eq!(left[2101], 0.125);
    }
}

/// A flood from one session neither loses its own events nor delays another's, and leaves the other's voice alone.
#[test]
fn floods_are_bounded() {
    let mut config = open_config();
    config.first_frame = 1 << 33;
    let first = config.first_frame as u32;
    let mut rig = Rig::new(config);
    let start = |seed| testkit::producer::ProducerSpec { start_frame: 1 << 33, ..steady(2, noise(seed)) };
    let flooded = rig.voice("flooded", start(1));
    let calm = rig.voice("calm", start(2));
    let mut tap = rig.engine.tap_voice(calm).unwrap();
    let (mut flood, flood_reader) = ring::events(EventMemory::heap(1024));
    let (mut quiet, quiet_reader) = ring::events(EventMemory::heap(64));
    let source = rig.engine.add_events(flood_reader).unwrap();
    rig.engine.map_events(source, 0, Some(flooded));
    let source = rig.engine.add_events(quiet_reader).unwrap();
    rig.engine.map_events(source, 0, Some(calm));
    let mute = |at, value| TimedEvent { at, slot: 0, kind: EventKind::Mute, value, ramp_frames: 0 };
    quiet.push(mute(first + 5000, 1.0)).unwrap();
    let mut pushed = 0;
    for _ in 0..400 {
        while flood.push(mute(first + pushed % 9000, 0.0)).is_ok() {
            pushed += 1;
        }
        rig.run(64, 64);
    }
    rig.run(64 * 64, 64);
    let stats = rig.engine.main_stats();
    assert_eq!(stats.events_applied, u64::from(pushed) + 1);
    let mut heard = vec![0.0; 2 * 6000];
    tap.read(&mut heard);
    let left = channel(&heard, 0);
    assert!(left[4990..5000].iter().any(|x| *x != 0.0));
    assert!(left[5000..].iter().all(|x| *x == 0.0));
}

/// Many sessions that flood at one frame, with events that mean something and with ones that do not, delay nobody else's
/// event by a frame.
#[test]
fn many_floods_delay_nobody() {
    let mut rig = Rig::new(open_config());
    let mut floods = vec![];
    for k in 0..40 {
        let voice = (k % 2 == 0).then(|| rig.voice("flooded", steady(2, noise(k))));
        let (mut flood, reader) = ring::events(EventMemory::heap(1024));
        let source = rig.engine.add_events(reader).unwrap();
        rig.engine.map_events(source, 0, voice);
        while flood
            .push(TimedEvent { at: 5000, slot: 0, kind: EventKind::Mute, value: 0.0, ramp_frames: 0 })
            .is_ok()
        {}
        floods.push(flood);
    }
    let calm = rig.voice("calm", steady(2, noise(99)));
    let mut tap = rig.engine.tap_voice(calm).unwrap();
    let (mut quiet, reader) = ring::events(EventMemory::heap(64));
    let source = rig.engine.add_events(reader).unwrap();
    rig.engine.map_events(source, 0, Some(calm));
    quiet.push(TimedEvent { at: 5000, slot: 0, kind: EventKind::Mute, value: 1.0, ramp_frames: 0 }).unwrap();
    rig.run(12_800, 64);
    let mut heard = vec![0.0; 2 * 12_800];
    tap.read(&mut heard);
    let left = channel(&heard, 0);
    assert!(left[4990..5000].iter().any(|x| *x != 0.0));
    assert!(left[5000..].iter().all(|x| *x == 0.0));
    // And nothing of the floods is lost: in a little while all of it was dealt with.
    let stats = rig.engine.main_stats();
    assert_eq!((stats.events_applied, stats.events_refused), (20 * 1024 + 1, 20 * 1024));
}

/// An event that waits for a voice does not hit the one that comes after it in its slot.
#[test]
fn events_know_their_voice() {
    let mut rig = Rig::new(open_config());
    let first = rig.voice("first", steady(1, noise(1)));
    let (mut events, reader) = ring::events(EventMemory::heap(64));
    let source = rig.engine.add_events(reader).unwrap();
    rig.engine.map_events(source, 0, Some(first));
    events.push(TimedEvent { at: 5000, slot: 0, kind: EventKind::Mute, value: 1.0, ramp_frames: 0 }).unwrap();
    rig.run(64, 64);
    rig.engine.remove_voice(first, 0).unwrap();
    rig.run(64, 64);
    rig.notices();
    let start = testkit::producer::ProducerSpec { start_frame: 128, ..steady(1, noise(2)) };
    let second = rig.voice("second", start);
    assert_eq!(second.slot(), first.slot());
    rig.engine.map_events(source, 0, Some(second));
    let out = rig.run(6400, 64);
    assert!(out[2 * 5500..].chunks(64).all(|part| part.iter().any(|x| *x != 0.0)));
    assert_eq!(rig.engine.main_stats().events_refused, 1);
}

/// Events for a voice that has left are refused and counted; the queue lives on.
#[test]
fn events_outlive_voices() {
    let mut rig = Rig::new(open_config());
    let id = rig.voice("short", steady(1, noise(1)));
    let (mut events, reader) = ring::events(EventMemory::heap(64));
    let source = rig.engine.add_events(reader).unwrap();
    rig.engine.map_events(source, 0, Some(id));
    rig.engine.remove_voice(id, 0).unwrap();
    rig.run(640, 64);
    events
        .push(TimedEvent { at: 0, slot: 0, kind: EventKind::Gain, value: f32::NAN, ramp_frames: 0 })
        .unwrap();
    rig.run(640, 64);
    let stats = rig.engine.main_stats();
    assert_eq!((stats.events_applied, stats.events_refused), (0, 1));
    rig.engine.remove_events(source);
    rig.run(64, 64);
    assert_eq!(rig.notices().len(), 1);
}

//! The witnesses of purity see what they are there to see.

use std::thread;

use forebay_testkit::purity::{Faults, Trapped, touch_stack, trap_thread};

/// Arithmetic under the filter passes, and the thread ends and is joined as any other.
#[test]
fn pure_work_passes() {
    let work = thread::spawn(|| {
        touch_stack(64 * 1024);
        let trap = trap_thread();
        let before = Faults::now();
        let sum = (0..1_000_000_u64).fold(0, |sum, x| std::hint::black_box(sum ^ x));
        (sum, Faults::now().since(before), trap.trapped())
    });
    let (_, faults, trapped) = work.join().unwrap();
    assert!(faults.is_pure(), "{faults:?}");
    assert_eq!(trapped, Trapped::default());
}

/// A system call is counted, named, and does not happen; other threads go on unhindered.
#[test]
fn system_calls_are_caught() {
    let work = thread::spawn(|| {
        let trap = trap_thread();
        let opened = std::fs::metadata("/");
        thread::yield_now();
        (opened.is_err(), trap.trapped())
    });
    let (failed, trapped) = work.join().unwrap();
    assert!(failed);
    assert!(trapped.calls >= 2, "{trapped}");
    assert!(trapped.to_string().contains("the first was number"));
    assert!(std::fs::metadata("/").is_ok());
}

/// Touching fresh memory is seen as faults, waiting as a voluntary switch.
#[test]
fn faults_and_switches_are_seen() {
    let before = Faults::now();
    let fresh = vec![1_u8; 8 << 20];
    std::hint::black_box(&fresh);
    let (send, receive) = std::sync::mpsc::channel();
    let other = thread::spawn(move || {
        let sum = (0..20_000_000_u64).fold(0, |sum, x| std::hint::black_box(sum ^ x));
        send.send(sum).unwrap();
    });
    receive.recv().unwrap();
    other.join().unwrap();
    let seen = Faults::now().since(before);
    assert!(seen.minor > 0 && seen.voluntary_switches > 0, "{seen:?}");
}

//! A daemon at rest: what it costs. In a file of its own, for it counts threads and mappings of the whole process.

mod common;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use common::hostile::Hostile;
use common::{Stage, Wire};
use forebay_control::Settings;
use protocol::Ping;

/// One test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An idle daemon with 32 producers, each with an open stereo voice, wakes at most twice a second; and it says so when
/// nobody was there for a while.
#[test]
fn idle_is_quiet() {
    let _alone = alone();
    let settings = Settings { idle_after: Some(Duration::from_millis(300)), ..Settings::default() };
    let stage = Stage::with(settings, |_| {});
    let producers: Vec<_> = (0..32).map(|_| Hostile::new(&stage.socket(), 1)).collect();
    // What was opened is watched closely for two seconds.
    std::thread::sleep(Duration::from_millis(2_200));
    let (before, began) = (wakes(), Instant::now());
    std::thread::sleep(Duration::from_secs(3));
    let woken = wakes() - before;
    let most = 2 * began.elapsed().as_secs_f64().ceil() as u64;
    assert!(woken <= most, "{woken} wakes where {most} are allowed");
    assert_eq!(*stage.told.idle.lock().unwrap(), 0);
    drop(producers);
    let mut stage = stage;
    stage.steps_until("it says that it is idle", |stage| *stage.told.idle.lock().unwrap() > 0);
}

/// How often the control thread of this process went to sleep.
fn wakes() -> u64 {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path());
    let read =
        |folder: &std::path::Path, name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
    let control = tasks.filter(|folder| read(folder, "comm").trim() == "forebay-control");
    let counts = control.map(|folder| {
        let status = read(&folder, "status");
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        line.expect("a count").trim().parse::<u64>().unwrap()
    });
    let counts: Vec<u64> = counts.collect();
    assert_eq!(counts.len(), 1, "one stage at a time");
    counts[0]
}

/// Sessions that come and go while nothing renders leave no memory behind: the Renderer that would give it back rests.
#[test]
fn sessions_without_a_voice_leave_nothing() {
    let _alone = alone();
    let stage = Stage::new();
    let mut console = Wire::connect(&stage.socket());
    for _ in 0..50 {
        drop(Hostile::new(&stage.socket(), 0));
    }
    while stage.status().daemon.sessions > 0 {
        console.call(&Ping {});
    }
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let mapped = maps.lines().filter(|line| line.contains("forebay-control")).count();
    assert_eq!(mapped, 0, "of 50 sessions");
}

/// The clock of a session whose first voice comes late is that of the engine from then on.
#[test]
fn the_clock_runs_from_the_first_voice_on() {
    let _alone = alone();
    let mut stage = Stage::new();
    let session = stage.session("late");
    for _ in 0..100 {
        stage.step();
    }
    let _voice = session.voice("one", producer::ChannelCount::MONO).unwrap();
    assert_eq!(u64::from(session.engine_frame()), stage.frame());
    stage.step();
    assert_eq!(u64::from(session.engine_frame()), stage.frame());
}

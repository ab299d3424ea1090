//! What the daemon costs when nothing plays, and with many producers.

use std::time::Duration;

use crate::support::process::Process;
use crate::support::scene::Scene;
use crate::support::{quiet, say};

/// How often the threads of a process gave up the processor of themselves: each wake-up ends in one.
fn voluntary_switches(pid: u32) -> u64 {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).expect("it lives");
    let status = tasks.flatten().filter_map(|task| std::fs::read_to_string(task.path().join("status")).ok());
    status.filter_map(|status| field(&status, "voluntary_ctxt_switches:")).sum()
}

fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it lives");
    field(&status, "VmRSS:").expect("it has memory")
}

/// Without voices the device is closed after its time, and then the daemon wakes at most twice a second.
#[test]
fn idle_daemon_sleeps() {
    let _quiet = quiet();
    let scene = Scene::new();
    let daemon = scene.daemon(&["--backend", "null", "--close-device", "0.2"]);
    scene.await_status("the device is closed", |status| status["device"]["state"] == "closed");
    let window = Duration::from_secs(5);
    // The question itself woke it: let that pass.
    std::thread::sleep(Duration::from_millis(500));
    let before = voluntary_switches(daemon.pid());
    std::thread::sleep(window);
    let wakes = voluntary_switches(daemon.pid()) - before;
    say(&format!(
        "idle daemon: {wakes} wakes in {} s, {} KiB resident",
        window.as_secs(),
        resident_kib(daemon.pid())
    ));
    assert!(wakes <= 2 * window.as_secs(), "{wakes} wakes");
}

/// A device that was closed for want of voices opens with the next one.
#[test]
fn the_device_comes_back_with_a_voice() {
    let scene = Scene::new();
    let _daemon = scene.daemon(&["--backend", "null", "--close-device", "0.1"]);
    scene.await_status("the device is closed", |status| status["device"]["state"] == "closed");
    let mut command = scene.producer("noise");
    command.args(["0", "2", "1", "200"]);
    let mut producer = Process::start("noise", command);
    producer.line_with("started");
    scene.await_status("the device runs", |status| status["device"]["state"] == "running");
    assert_eq!(producer.wait().code(), Some(0));
    scene.await_status("the device is closed again", |status| status["device"]["state"] == "closed");
}

/// 32 producers with one stereo voice each: 25 MB and the bytes of the rings.
#[test]
fn memory_of_32_producers() {
    let _quiet = quiet();
    let scene = Scene::new();
    let daemon = scene.daemon(&["--backend", "null"]);
    let start = |number: u32| {
        let mut command = scene.producer("noise");
        command.args([number, 2, 30, 680].map(|n| n.to_string()));
        let mut producer = Process::start("noise", command);
        producer.line_with("started");
        producer
    };
    let producers: Vec<_> = (0..32).map(start).collect();
    let status = scene.await_status("all voices play", |status| status["engine"]["voices"] == 32);
    // Read, so that no page of a ring is missing from the count.
    std::thread::sleep(Duration::from_secs(1));
    let ring_bytes: u64 =
        status["producers"].as_array().into_iter().flatten().count() as u64 * 65_536 * 2 * 4;
    let resident = resident_kib(daemon.pid()) * 1024;
    let beside = resident.saturating_sub(ring_bytes);
    say(&format!(
        "{} producers: {:.1} MB resident, rings {:.1} MB, beside them {:.1} MB",
        producers.len(),
        resident as f64 / 1e6,
        ring_bytes as f64 / 1e6,
        beside as f64 / 1e6
    ));
    assert!(beside <= 25_000_000, "{beside} bytes beside the rings");
}

//! Servers for tests come up, are found by clients, and leave nothing behind.

use std::process::Command;

use forebay_testkit::servers::{Jackd, PipeWire, Process};

/// A client finds the server under its name, and no file of it is left when it is gone, even killed.
#[test]
fn jackd_comes_and_goes() {
    for killed in [false, true] {
        let mut server = match Jackd::start(48_000, 256, 2, false) {
            Ok(server) => server,
            Err(missing) => return println!("{missing}"),
        };
        let ports = Command::new("jack_lsp").envs(server.env()).output().expect("jack_lsp runs");
        assert!(String::from_utf8_lossy(&ports.stdout).contains("system:playback_2"));
        let name = server.name().to_string();
        if killed {
            server.process().kill();
        }
        drop(server);
        let left = std::fs::read_dir("/dev/shm").unwrap().flatten();
        let left: Vec<_> = left.map(|entry| entry.file_name().into_string().unwrap()).collect();
        assert!(!left.iter().any(|file| file.contains(&format!("_{name}_"))), "{left:?}");
    }
}

/// The sink is there, at the rate that was asked for.
#[test]
fn pipewire_comes_and_goes() {
    let server = match PipeWire::start(44_100, 256) {
        Ok(server) => server,
        Err(missing) => return println!("{missing}"),
    };
    let sinks =
        Command::new("pactl").args(["list", "sinks"]).envs(server.env()).output().expect("pactl runs");
    let said = String::from_utf8_lossy(&sinks.stdout);
    assert!(said.contains("Name: nullsink") && said.contains("44100Hz"), "{said}");
}

/// A program that is not there is missing, not a failure; one that talks without end is not waited for.
#[test]
fn odd_processes() {
    let missing = Process::start(Command::new("no-such-program-here")).unwrap_err();
    assert_eq!(missing.to_string(), "SKIPPED: no-such-program-here is not installed");
    let mut endless = Process::start(Command::new("yes")).unwrap();
    while endless.said().len() < 64 * 1024 {
        std::thread::yield_now(); // it writes without end: what is kept fills up and stays
    }
    endless.stop();
    assert!(endless.ended().is_some());
    assert!(endless.said().starts_with("y\ny\n"));
}

/// A server in a static ends with its test, though nothing drops it.
#[test]
fn statics_end_too() {
    // This test runs itself once more as a child that leaves a process behind and says which.
    if std::env::var_os("FOREBAY_LEAVE_ONE").is_some() {
        let mut sleeper = Command::new("sleep");
        sleeper.arg("1000");
        let process = Process::start(sleeper).unwrap();
        println!("left {}", process.pid());
        std::mem::forget(process);
        std::process::abort();
    }
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args(["statics_end_too", "--exact", "--nocapture"]).env("FOREBAY_LEAVE_ONE", "1");
    let output = again.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let pid =
        said.split("left ").nth(1).and_then(|rest| rest.lines().next()).unwrap_or_else(|| panic!("{said}"));
    let process = format!("/proc/{pid}");
    while std::path::Path::new(&process).exists() {
        std::thread::yield_now(); // its guard ends it; a test that waits for ever is a failure too
    }
}

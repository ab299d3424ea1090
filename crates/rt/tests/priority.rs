//! Real-time priority for real: limits and schedulers belong to a process, so each case runs in a child of its own.
#![cfg(target_os = "linux")]

use forebay_rt as rt;
use std::process::{Command, Output};
use std::time::Duration;

const CASE: &str = "FOREBAY_RT_CASE";

/// Whether this process is the child of `case`; else runs it and hands back what it said.
fn child_of(case: &str, wrap: &[&str], env: &[(&str, &str)]) -> Option<Output> {
    if std::env::var(CASE).is_ok_and(|running| running == case) {
        return None;
    }
    let exe = std::env::current_exe().unwrap();
    let mut words = wrap.iter().map(std::ffi::OsString::from).collect::<Vec<_>>();
    words.extend([exe.into(), case.into(), "--exact".into(), "--nocapture".into()]);
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).env(CASE, case);
    for (name, value) in env {
        command.env(name, value);
    }
    Some(command.output().unwrap())
}

fn assert_child(output: &Output) {
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}\n{}", said(&output.stdout), said(&output.stderr));
    for line in said(&output.stderr).lines().filter(|line| line.starts_with("SKIPPED")) {
        eprintln!("{line}");
    }
}

/// Promotes the thread, or says that this machine does not let it.
fn promoted() -> bool {
    match rt::promote_current_thread(rt::Want { priority: 10, time_limit: Duration::from_millis(50) }) {
        Ok(_) => true,
        Err(refused) => {
            eprintln!("SKIPPED: {refused}");
            false
        }
    }
}

/// A thread is promoted once; asked again it is left as it is, whatever priority is asked for then. Its children are
/// ordinary.
#[test]
fn promoted_once() {
    if let Some(output) = child_of("promoted_once", &[], &[]) {
        return assert_child(&output);
    }
    if !promoted() {
        return;
    }
    let policy = rt::current_policy();
    assert!(policy.is_realtime());
    assert_eq!(rt::promote_current_thread(rt::Want::AUDIO), Ok(rt::Promotion::Already(policy)));
    assert_eq!(std::thread::spawn(rt::current_policy).join().unwrap(), rt::Policy::Ordinary);
}

/// A real-time thread that never waits is dropped to ordinary scheduling and counted, each time anew; the process
/// lives and the limit is as before.
#[test]
fn endless_loop_is_dropped() {
    if let Some(output) = child_of("endless_loop_is_dropped", &[], &[]) {
        return assert_child(&output);
    }
    for round in 1..=2 {
        let dropped = std::thread::spawn(move || {
            if !promoted() {
                return false;
            }
            while rt::time_limit_hits() < round {
                std::hint::spin_loop();
            }
            assert_eq!(rt::current_policy(), rt::Policy::Ordinary);
            assert_eq!(rt::Limits::read().rt_time_us, rt::Limit::At(50_000));
            true
        });
        if !dropped.join().unwrap() {
            return;
        }
    }
    assert_eq!(rt::time_limit_hits(), 2);
}

/// Without permission and without rtkit the answer is a refusal that names both and the remedy; nothing changed.
#[test]
fn refusal_has_a_remedy() {
    let nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];
    let wrap: &[&str] = if is_root() { &nobody } else { &[] };
    let env = [("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus")];
    if let Some(output) = child_of("refusal_has_a_remedy", wrap, &env) {
        return assert_child(&output);
    }
    if rt::Limits::read().rt_priority != rt::Limit::At(0) {
        eprintln!("SKIPPED: this user may have real-time priority");
        return;
    }
    let refused = rt::promote_current_thread(rt::Want::AUDIO).unwrap_err();
    assert!(refused.reason.contains("limits:") && refused.reason.contains("rtkit:"), "{refused}");
    assert!(refused.remedy.contains("limits.d") && !refused.to_string().contains('\n'), "{refused}");
    assert_eq!(rt::current_policy(), rt::Policy::Ordinary);
}

fn is_root() -> bool {
    // SAFETY: geteuid takes nothing and can't fail.
    unsafe { libc::geteuid() == 0 }
}

#[cfg(feature = "rtkit")]
mod rtkit {
    use super::*;
    use std::os::unix::fs::MetadataExt;
    use std::process::{Child, Stdio};

    /// What rtkit does, as far as a client sees it; its own checks of the caller's limit included.
    struct Desk {
        client: std::sync::mpsc::Sender<(u64, u32, u64)>,
    }

    #[zbus::interface(name = "org.freedesktop.RealtimeKit1")]
    impl Desk {
        #[zbus(property, name = "MaxRealtimePriority")]
        fn max_realtime_priority(&self) -> i32 {
            20
        }

        #[zbus(property, name = "RTTimeUSecMax")]
        fn rttime_usec_max(&self) -> i64 {
            200_000
        }

        fn make_thread_realtime(&self, thread: u64, priority: u32) -> zbus::fdo::Result<()> {
            let hard_us = hard_rttime_us(thread);
            self.client.send((thread, priority, hard_us)).unwrap();
            let param = libc::sched_param { sched_priority: priority as i32 };
            // SAFETY: a valid sched_param; a wrong thread is an error.
            match unsafe {
                libc::sched_setscheduler(thread as i32, libc::SCHED_RR | libc::SCHED_RESET_ON_FORK, &param)
            } {
                0 => Ok(()),
                _ => Err(zbus::fdo::Error::AccessDenied("no".into())),
            }
        }
    }

    fn hard_rttime_us(thread: u64) -> u64 {
        let limits = std::fs::read_to_string(format!("/proc/{thread}/limits")).unwrap();
        let line = limits.lines().find(|line| line.starts_with("Max realtime timeout")).unwrap();
        line.split_whitespace().nth(4).unwrap().parse().unwrap_or(u64::MAX)
    }

    struct Bus(Child);

    impl Drop for Bus {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    fn start_bus(path: &std::path::Path) -> Option<Bus> {
        let bus = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--nopidfile"])
            .arg(format!("--address=unix:path={}", path.display()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let bus = Bus(bus.ok()?);
        let patience = std::time::Instant::now() + Duration::from_secs(10);
        while std::fs::metadata(path).map(|it| it.mode()).is_err() {
            assert!(std::time::Instant::now() < patience, "dbus-daemon made no socket");
            std::thread::yield_now();
        }
        Some(bus)
    }

    /// A user without any right is promoted through rtkit: at most at its priority, with the hard limit that it
    /// insists on set before the call, and a soft limit below that.
    #[test]
    fn through_rtkit() {
        const NAME: &str = "rtkit::through_rtkit";
        if std::env::var(CASE).is_ok_and(|running| running == NAME) {
            let promotion = rt::promote_current_thread(rt::Want::AUDIO);
            assert_eq!(promotion, Ok(rt::Promotion::Rtkit(rt::Policy::RoundRobin(20))));
            assert_eq!(rt::Limits::read().rt_time_us, rt::Limit::At(150_000));
            return;
        }
        if !is_root() {
            eprintln!("SKIPPED: the stand-in for rtkit needs root");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bus");
        let Some(_bus) = start_bus(&path) else {
            eprintln!("SKIPPED: no dbus-daemon here");
            return;
        };
        let address = format!("unix:path={}", path.display());
        let (client, calls) = std::sync::mpsc::channel();
        let _service = zbus::blocking::connection::Builder::address(address.as_str())
            .unwrap()
            .name("org.freedesktop.RealtimeKit1")
            .unwrap()
            .serve_at("/org/freedesktop/RealtimeKit1", Desk { client })
            .unwrap()
            .build()
            .unwrap();
        let wrap = ["setpriv", "--bounding-set", "-sys_nice"];
        let output = child_of(NAME, &wrap, &[("DBUS_SYSTEM_BUS_ADDRESS", &address)]).unwrap();
        assert_child(&output);
        let (_, priority, hard_us) = calls.try_recv().unwrap();
        assert_eq!((priority, hard_us), (20, 200_000));
    }
}

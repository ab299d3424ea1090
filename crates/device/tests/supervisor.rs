//! Devices that die, stand still, change and return, for real; and a Renderer that hangs or panics.
#![cfg(target_os = "linux")]

mod common;

use common::jack_tools::{Capture, Freewheel, connections, jackd, tool, turn};
use common::{LATENCY_FRAMES, Log, Numbered, is_child, is_child_under, run_of_frames, wait_for};
use forebay_device::{
    Alsa, Backend, Block, Clock, Gate, JackPorts, Notice, OpenError, Poke, Render, RendererSeat, Supervisor,
    SupervisorConfig, VoicePort, Want,
};
use ring::sync::{AtomicBool, Ordering::SeqCst};
use ring::{Region, broadcast};
use rustix::process::Signal;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};
use testkit::servers::{Jackd, PipeWire};
use units::{ChannelCount, FramePos, SampleRate};

fn on(backend: &str, want: Want) -> (Supervisor, Receiver<Notice>) {
    Supervisor::open(SupervisorConfig { backend: backend.into(), want }).unwrap()
}

fn on_server(server: &Jackd, want: Want) -> (Supervisor, Receiver<Notice>, Arc<Log>) {
    let want = Want { jack_server: Some(server.name().into()), ..want };
    let (supervisor, notices) = on("jack", want);
    let (renderer, log) = Numbered::new(48_000, 2);
    assert!(supervisor.seat(renderer).unwrap().is_none());
    wait_more(&log, 1000);
    (supervisor, notices, log)
}

/// Waits until `frames` more have been rendered.
fn wait_more(log: &Log, frames: u64) {
    let before = log.frames.load(SeqCst);
    wait_for("time to go on", || log.frames.load(SeqCst) >= before + frames);
}

/// Waits for a notice that `fits`.
fn wait_notice(notices: &Receiver<Notice>, fits: impl Fn(&Notice) -> bool) -> Notice {
    loop {
        let notice = notices.recv_timeout(Duration::from_secs(20)).expect("a notice");
        if fits(&notice) {
            return notice;
        }
    }
}

/// jackd is killed: the null clock goes on and no frame is rendered twice or beside another. jackd returns, at another
/// rate and period: the device is taken back, resampled. The times are printed: the goals are 100 ms and 1 s.
#[test]
fn jackd_killed_and_back() {
    let _turn = turn();
    let Some(mut server) = jackd(48_000, 128) else { return };
    let (supervisor, notices, log) = on_server(&server, Want::default());
    assert!(matches!(wait_notice(&notices, |_| true), Notice::Chosen(choice) if choice.backend == "jack"));
    let killed = Instant::now();
    server.process().kill();
    let frames = log.frames.load(SeqCst);
    wait_for("the null clock", || {
        supervisor.status().clock == Clock::Null && log.frames.load(SeqCst) > frames
    });
    eprintln!("FIGURE: null clock {:?} after SIGKILL of jackd", killed.elapsed());
    let lost = wait_notice(&notices, |notice| matches!(notice, Notice::Lost { .. }));
    assert!(lost.to_string().starts_with("jack ("), "{lost}");
    wait_more(&log, 10_000);
    assert_eq!(supervisor.status().losses, 1);

    let name = server.name().to_string();
    drop(server);
    let _server = Jackd::start_named(&name, 44_100, 441, 8, true).unwrap();
    let back = Instant::now();
    wait_notice(&notices, |notice| matches!(notice, Notice::Back { .. }));
    eprintln!("FIGURE: jackd taken back {:?} after it answered", back.elapsed());
    wait_more(&log, 10_000);
    let status = supervisor.status();
    assert_eq!(status.clock, Clock::Device);
    assert_eq!(status.away, None);
    let device = status.device.unwrap();
    assert_eq!((device.format.rate.hz(), device.period_frames), (44_100, 441));
    assert!(device.latency.resampler_frames > 0);
    assert_eq!(log.beside.load(SeqCst), 0);
    supervisor.close().unwrap();
}

/// The server learns how far main lies behind its sources, although the Renderer came after the client.
#[test]
fn latency_is_reported() {
    let _turn = turn();
    let Some(server) = jackd(48_000, 256) else { return };
    let (supervisor, _notices, _log) = on_server(&server, Want::default());
    let wanted = format!("port capture latency = [ {LATENCY_FRAMES} {LATENCY_FRAMES} ] frames");
    wait_for("the latency", || tool(&server, "jack_lsp", &["-l", "forebay:out_1"]).contains(&wanted));
    supervisor.close().unwrap();
}

/// jackd stands still without dying: that is said, the null clock goes on; it moves again: it is the clock again, and
/// nothing is rendered twice.
#[test]
fn jackd_frozen_and_thawed() {
    let _turn = turn();
    let Some(mut server) = jackd(48_000, 256) else { return };
    let (supervisor, notices, log) = on_server(&server, Want::default());
    server.process().signal(Signal::STOP);
    wait_notice(&notices, |notice| matches!(notice, Notice::NotMoving { .. }));
    wait_more(&log, 5000);
    assert_eq!(supervisor.status().clock, Clock::Null);
    server.process().signal(Signal::CONT);
    wait_notice(&notices, |notice| matches!(notice, Notice::Back { .. }));
    wait_more(&log, 5000);
    assert_eq!(supervisor.status().clock, Clock::Device);
    assert_eq!(log.beside.load(SeqCst), 0);
}

/// The server's period changes under way, in both directions: sound goes on, bit for bit, and the status shows it.
#[test]
fn period_changes_are_followed() {
    let _turn = turn();
    let Some(server) = jackd(48_000, 256) else { return };
    let (supervisor, _notices, log) = on_server(&server, Want::default());
    for period in [1024, 64] {
        tool(&server, "jack_bufsize", &[&period.to_string()]);
        wait_for("the new period", || supervisor.status().device.unwrap().period_frames == period);
        wait_more(&log, 5000);
    }
    let figures = supervisor.status().figures;
    assert_eq!(figures.asked_frames, figures.rendered_frames + figures.silent_frames);
    assert_eq!(supervisor.status().losses, 0);
}

/// Freewheeling goes as fast as producers let it: never past the gate, and on when it opens.
#[test]
fn freewheel_waits_at_the_gate() {
    let _turn = turn();
    let Some(server) = jackd(48_000, 4096) else { return };
    let open = Arc::new(AtomicBool::new(true));
    let gate: Gate = {
        let open = Arc::clone(&open);
        Arc::new(move |_| open.load(SeqCst))
    };
    let (_supervisor, _notices, log) = on_server(&server, Want { gate: Some(gate), ..Want::default() });
    let freewheel = Freewheel::start(&server);
    // Faster than real time is the only way to get this far before the wait gives up.
    wait_more(&log, 48_000 * 60);
    open.store(false, SeqCst);
    std::thread::sleep(Duration::from_millis(20));
    let shut = log.frames.load(SeqCst);
    std::thread::sleep(Duration::from_millis(300));
    assert!(log.frames.load(SeqCst) <= shut + 4096);
    open.store(true, SeqCst);
    wait_more(&log, 48_000);
    drop(freewheel);
    wait_more(&log, 1000);
}

/// Two instances on one server have names of their own, the second says so; main is connected to the outputs unless that
/// is refused; ports are `out_1`, `out_2`.
#[test]
fn side_by_side() {
    let _turn = turn();
    let Some(server) = jackd(48_000, 256) else { return };
    let (_first, _, _) = on_server(&server, Want::default());
    let (_second, notices, _) = on_server(&server, Want { no_connect: true, ..Want::default() });
    let remark = wait_notice(&notices, |notice| matches!(notice, Notice::Remark(_))).to_string();
    assert!(remark.contains("forebay-01"), "{remark}");
    let named = Want { client_name: "booth".into(), device: Some("system".into()), ..Want::default() };
    let (_third, _, _) = on_server(&server, named);
    assert_eq!(connections(&server, "forebay:out_1"), ["system:playback_1"]);
    assert_eq!(connections(&server, "booth:out_2"), ["system:playback_2"]);
    assert!(connections(&server, "forebay-01:out_1").is_empty());
    assert!(tool(&server, "jack_lsp", &[]).contains("forebay-01:out_2"));
}

/// With `--jack-ports voice` a voice has a pair of ports that carries its tap in the same cycle as main, bit for bit; the
/// ports come back after the server was restarted, and go with the voice.
#[test]
fn voice_ports() {
    let _turn = turn();
    let Some(mut server) = jackd(48_000, 256) else { return };
    let want =
        Want { jack_server: Some(server.name().into()), jack_ports: JackPorts::Voice, ..Want::default() };
    let (supervisor, notices) = on("jack", want);
    let (mut renderer, log) = Numbered::new(48_000, 2);
    let (writer, tap) = broadcast(&Region::heap(64 + 8 * 65_536), ChannelCount::STEREO);
    renderer.tap = Some(writer);
    supervisor.seat(renderer).unwrap();
    supervisor.add_voice_port(VoicePort { key: 7, name: "bass".into(), tap });
    let is_there = |server: &Jackd| tool(server, "jack_lsp", &[]).contains("forebay:bass_2");
    wait_for("the voice's ports", || is_there(&server));
    let ports = ["out_1", "out_2", "bass_1", "bass_2"].map(|port| format!("forebay:{port}"));
    let capture = Capture::start(&server, &ports);
    wait_more(&log, 30_000);
    let frames = capture.finish();
    let pick =
        |at: usize| frames.chunks(4).flat_map(|frame| [frame[at], frame[at + 1]]).collect::<Vec<f32>>();
    let (main, voice) = (pick(0), pick(2));
    let sounding = main.iter().position(|x| *x != 0.0).unwrap();
    assert_eq!(main[sounding..sounding + 40_000], voice[sounding..sounding + 40_000]);
    assert!(run_of_frames(&voice, 2, 2).1 > 20_000);

    let name = server.name().to_string();
    server.process().kill();
    drop(server);
    let server = Jackd::start_named(&name, 48_000, 256, 8, true).unwrap();
    wait_notice(&notices, |notice| matches!(notice, Notice::Back { .. }));
    wait_for("the voice's ports again", || is_there(&server));
    supervisor.remove_voice_port(7);
    wait_for("the voice's ports to go", || !is_there(&server));
}

/// A voice that comes while jackd stands still waits for its ports, and nothing else waits: the null clock goes on, other
/// voices come and go, and the end comes though the client can't be closed.
#[test]
fn ports_of_a_frozen_server() {
    let _turn = turn();
    let Some(mut server) = jackd(48_000, 256) else { return };
    let (supervisor, notices, log) =
        on_server(&server, Want { jack_ports: JackPorts::Voice, ..Want::default() });
    server.process().signal(Signal::STOP);
    let port = |key| VoicePort {
        key,
        name: format!("voice {key}"),
        tap: broadcast(&Region::heap(64 + 8 * 4096), ChannelCount::STEREO).1,
    };
    supervisor.add_voice_port(port(1));
    supervisor.add_voice_port(port(2));
    wait_notice(&notices, |notice| matches!(notice, Notice::NotMoving { .. }));
    supervisor.remove_voice_port(1);
    wait_more(&log, 5000);
    supervisor.rest();
    wait_notice(&notices, |notice| matches!(notice, Notice::Resting));
    supervisor.wake();
    assert_eq!(supervisor.status().clock, Clock::Null);
    wait_more(&log, 5000);
    supervisor.close().unwrap();
    server.process().signal(Signal::CONT);
}

/// A recording goes on while there are no voices, and holds what was played before and after, without a gap.
#[test]
fn a_recording_survives_the_want_of_voices() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.wav");
    let want = Want { device: Some(path.to_str().unwrap().into()), ..Want::default() };
    let (supervisor, _notices) = on("file", want);
    let (renderer, log) = Numbered::new(48_000, 2);
    supervisor.seat(renderer).unwrap();
    wait_more(&log, 5000);
    supervisor.rest();
    wait_more(&log, 5000);
    supervisor.wake();
    assert_eq!(supervisor.status().clock, Clock::Device);
    wait_more(&log, 5000);
    supervisor.close().unwrap();
    let frames: Vec<f32> =
        hound::WavReader::open(&path).unwrap().samples::<f32>().map(Result::unwrap).collect();
    let (first, count) = run_of_frames(&frames, 2, 2);
    assert_eq!((first, count as u64), (0, log.frames.load(SeqCst)));
}

/// rtkit that never answers does not keep the null clock from going on.
#[test]
fn no_clock_waits_for_rtkit() {
    const CASE: &str = "no_clock_waits_for_rtkit";
    let folder = tempfile::tempdir().unwrap();
    let bus = folder.path().join("bus");
    // It takes connections and says nothing.
    let _silent = std::os::unix::net::UnixListener::bind(&bus).unwrap();
    let address = format!("unix:path={}", bus.display());
    let wrap = ["setpriv", "--bounding-set", "-sys_nice"];
    let wrap = if rustix::process::geteuid().is_root() { &wrap[..] } else { &[] };
    if !is_child_under(wrap, CASE, &[("DBUS_SYSTEM_BUS_ADDRESS", address.into())]) {
        return;
    }
    let (supervisor, _notices) = on("null", Want::default());
    let (renderer, log) = Numbered::new(48_000, 2);
    supervisor.seat(renderer).unwrap();
    wait_more(&log, 5000);
    if supervisor.status().promotion.is_some() {
        eprintln!("SKIPPED: this user may have real-time priority without rtkit");
    }
}

/// `auto` with the name of a device that is nowhere is an error with all that there are, not silence.
#[test]
fn auto_takes_the_device_by_its_name() {
    let want = Want { device: Some("no-such-device".into()), ..Want::default() };
    let error = Supervisor::open(SupervisorConfig { backend: "auto".into(), want }).unwrap_err();
    assert!(
        matches!(&error, OpenError::NoSuchDevice { wanted, .. } if wanted == "no-such-device"),
        "{error}"
    );
}

/// A machine without a card is looked at again and again, and ALSA's library says nothing about it.
#[test]
fn looking_for_cards_is_quiet() {
    const CASE: &str = "looking_for_cards_is_quiet";
    const CHILD: &str = "FOREBAY_TEST_QUIET";
    if std::env::var_os(CHILD).is_some() {
        // Whether there is one does not matter.
        let _ = Alsa.open(&Want::default(), RendererSeat::new().claim(), Poke::none());
        let _ = Alsa.devices();
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("asound.conf");
    std::fs::write(&config, "").unwrap();
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args([CASE, "--exact", "--nocapture"]).env(CHILD, "1").env("ALSA_CONFIG_PATH", config);
    let said = command.output().unwrap();
    assert!(said.status.success());
    assert_eq!(String::from_utf8_lossy(&said.stderr), "");
}

/// A device closed for want of voices stops time; woken, it goes on where it was.
#[test]
fn rest_and_wake() {
    let (supervisor, notices) = on("null", Want::default());
    let (renderer, log) = Numbered::new(48_000, 2);
    supervisor.seat(renderer).unwrap();
    wait_more(&log, 1000);
    supervisor.rest();
    wait_notice(&notices, |notice| matches!(notice, Notice::Resting));
    assert_eq!(supervisor.status().clock, Clock::Resting);
    let figures = supervisor.status().figures;
    supervisor.wake();
    assert_eq!(supervisor.status().clock, Clock::Device);
    wait_more(&log, 1000);
    assert!(supervisor.status().figures.rendered_frames > figures.rendered_frames);
    let renderer = supervisor.close().unwrap().unwrap();
    assert_eq!(renderer.frame().0, log.frames.load(SeqCst));
}

/// Hangs, or panics, when told.
struct Bad {
    hang: Arc<AtomicBool>,
    panic: bool,
}

impl Render for Bad {
    fn render(&mut self, block: Block<'_>) {
        block.out.fill(0.0);
        assert!(!self.panic, "on purpose");
        while self.hang.load(SeqCst) {
            std::thread::yield_now();
        }
    }

    fn rate(&self) -> SampleRate {
        SampleRate::DEFAULT
    }

    fn channels(&self) -> ChannelCount {
        ChannelCount::STEREO
    }

    fn frame(&self) -> FramePos {
        FramePos(0)
    }
}

/// A callback that hangs inside the render is reported; its seat is neither stolen nor given to another.
#[test]
fn a_hang_is_reported() {
    let (supervisor, notices) = on("null", Want { no_realtime: true, ..Want::default() });
    let hang = Arc::new(AtomicBool::new(true));
    supervisor.seat(Box::new(Bad { hang: Arc::clone(&hang), panic: false })).unwrap();
    wait_notice(&notices, |notice| *notice == Notice::Hung);
    assert!(supervisor.status().hung);
    assert!(supervisor.unseat().is_none());
    assert!(supervisor.seat(Numbered::new(48_000, 2).0).is_err());
    hang.store(false, SeqCst);
    wait_for("the end of the hang", || !supervisor.status().hung);
    let (renderer, log) = Numbered::new(48_000, 2);
    assert!(supervisor.seat(renderer).unwrap().is_some());
    wait_more(&log, 1000);
}

/// A render that panics is reported and silent; another Renderer in its place plays.
#[test]
fn a_panic_is_reported() {
    let (supervisor, notices) = on("null", Want::default());
    let hang = Arc::new(AtomicBool::new(false));
    supervisor.seat(Box::new(Bad { hang, panic: true })).unwrap();
    wait_notice(&notices, |notice| *notice == Notice::Panicked);
    assert!(supervisor.status().broken);
    let (renderer, log) = Numbered::new(48_000, 2);
    supervisor.seat(renderer).unwrap();
    wait_more(&log, 1000);
}

/// A named server that does not run is an error with a remedy, at once; nothing is started.
#[test]
fn no_server() {
    let want = Want { jack_server: Some("no-such-server".into()), ..Want::default() };
    let error = Supervisor::open(SupervisorConfig { backend: "jack".into(), want }).unwrap_err().to_string();
    assert!(
        error.contains("no server `no-such-server` is running") && error.contains("--backend"),
        "{error}"
    );
}

/// `auto` where there is nothing at all: null, saying what was tried; when a jackd appears, it is taken.
#[test]
fn auto_takes_what_is_there() {
    const CASE: &str = "auto_takes_what_is_there";
    let nowhere = std::env::temp_dir().join("forebay-no-such-folder");
    let name = format!("fbauto{}", std::process::id());
    let mut env: Vec<(&str, std::ffi::OsString)> = vec![
        ("ALSA_CONFIG_PATH", nowhere.join("asound.conf").into()),
        ("XDG_RUNTIME_DIR", nowhere.clone().into()),
        ("PIPEWIRE_RUNTIME_DIR", nowhere.into()),
    ];
    if std::env::var_os("JACK_DEFAULT_SERVER").is_none() {
        env.push(("JACK_DEFAULT_SERVER", name.into()));
    }
    if !is_child(CASE, &env) {
        return;
    }
    let (supervisor, notices) = on("auto", Want::default());
    let said = wait_notice(&notices, |notice| matches!(notice, Notice::Chosen(_))).to_string();
    assert!(said.starts_with("playing on null (null): no sound device") && !said.contains('\n'), "{said}");
    let (renderer, log) = Numbered::new(48_000, 2);
    supervisor.seat(renderer).unwrap();
    wait_more(&log, 1000);
    let name = std::env::var("JACK_DEFAULT_SERVER").unwrap();
    let Ok(_server) = Jackd::start_named(&name, 48_000, 256, 2, false) else {
        eprintln!("SKIPPED: no jackd");
        return;
    };
    let said = wait_notice(&notices, |notice| matches!(notice, Notice::Chosen(_))).to_string();
    assert!(said.starts_with("playing on jack (") && said.ends_with("a JACK server is running"), "{said}");
    wait_more(&log, 1000);
}

/// Each line of what can be played on, chosen by what it says, plays there.
#[test]
fn what_is_listed_can_be_chosen() {
    const CASE: &str = "what_is_listed_can_be_chosen";
    if std::env::var_os("PIPEWIRE_RUNTIME_DIR").is_none() {
        let (pipewire, jackd) = match (PipeWire::start(48_000, 256), Jackd::start(48_000, 256, 2, false)) {
            (Ok(pipewire), Ok(jackd)) => (pipewire, jackd),
            (Err(missing), _) | (_, Err(missing)) => return eprintln!("{missing}"),
        };
        let mut env: Vec<_> = pipewire.env().into_iter().map(|(name, value)| (name, value.into())).collect();
        env.push(("JACK_DEFAULT_SERVER", jackd.name().into()));
        is_child(CASE, &env);
        return;
    }
    let listed = forebay_device::devices().into_iter().flat_map(|(_, devices)| devices.unwrap_or_default());
    let listed: Vec<_> = listed.filter(|it| ["jack", "pipewire"].contains(&it.backend)).collect();
    assert!(["jack", "pipewire"].iter().all(|name| listed.iter().any(|it| it.backend == *name)));
    for it in listed {
        let (supervisor, notices) = on(it.backend, Want { device: Some(it.name), ..Want::default() });
        let said = wait_notice(&notices, |notice| matches!(notice, Notice::Chosen(_))).to_string();
        assert!(said.starts_with(&format!("playing on {} (", it.backend)), "{said}");
        supervisor.close().unwrap();
    }
}

/// PipeWire, found by `auto` and reached through its JACK library, is killed and started again: null in between, then taken
/// back.
#[test]
fn pipewire_killed_and_back() {
    const CASE: &str = "pipewire_killed_and_back";
    if std::env::var_os("PIPEWIRE_RUNTIME_DIR").is_none() {
        let mut server = match PipeWire::start(48_000, 256) {
            Ok(server) => server,
            Err(missing) => return eprintln!("{missing}"),
        };
        let mut env: Vec<_> = server.env().into_iter().map(|(name, value)| (name, value.into())).collect();
        env.push(("FOREBAY_TEST_SERVER", server.process().pid().to_string().into()));
        env.push(("JACK_DEFAULT_SERVER", "no-such-server".into()));
        is_child(CASE, &env);
        return;
    }
    let (supervisor, notices) = on("auto", Want::default());
    let said = wait_notice(&notices, |notice| matches!(notice, Notice::Chosen(_))).to_string();
    assert!(said.starts_with("playing on pipewire ("), "{said}");
    let (renderer, log) = Numbered::new(48_000, 2);
    supervisor.seat(renderer).unwrap();
    wait_more(&log, 5000);
    if testkit::servers::is_installed("pw-jack") && testkit::servers::is_installed("jack_lsp") {
        let ports =
            || std::process::Command::new("pw-jack").args(["jack_lsp", "-l", "forebay:out_1"]).output();
        let wanted = format!("port capture latency = [ {LATENCY_FRAMES} {LATENCY_FRAMES} ] frames");
        wait_for("the latency", || String::from_utf8_lossy(&ports().unwrap().stdout).contains(&wanted));
    } else {
        eprintln!("SKIPPED: the latency on PipeWire, for pw-jack or jack_lsp is not installed");
    }
    let pid: i32 = std::env::var("FOREBAY_TEST_SERVER").unwrap().parse().unwrap();
    let killed = Instant::now();
    rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    wait_for("the null clock", || supervisor.status().clock == Clock::Null);
    eprintln!("FIGURE: null clock {:?} after SIGKILL of PipeWire", killed.elapsed());
    wait_more(&log, 5000);
    let mut again = testkit::servers::Process::start(std::process::Command::new("pipewire")).unwrap();
    let back = Instant::now();
    wait_notice(&notices, |notice| matches!(notice, Notice::Back { .. }));
    eprintln!("FIGURE: PipeWire taken back {:?} after its start", back.elapsed());
    wait_more(&log, 5000);
    assert_eq!(supervisor.status().clock, Clock::Device);
    assert_eq!(log.beside.load(SeqCst), 0);
    supervisor.close().unwrap();
    again.stop();
}

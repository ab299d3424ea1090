//! One list, run on every backend.
#![cfg(target_os = "linux")]

mod common;

use common::jack_tools::{Capture, jackd, turn};
use common::{Log, is_child, run_of_frames, seated, wait_for};
use forebay_device::{Alsa, Backend, File, FileWant, Health, Jack, Null, OpenError, Poke, Running, Want};
use ring::sync::Ordering::SeqCst;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use testkit::servers::{Jackd, PipeWire};

/// An allocation in a callback ends the test binary, where it is built with this feature.
#[cfg(feature = "no-alloc")]
#[global_allocator]
static ALLOCATOR: rt::AllocDisabler = rt::AllocDisabler;

/// Frames that a captured run must have without a flaw.
const RUN_FRAMES: usize = 20_000;

/// A backend with what it needs around it.
trait Rig {
    fn backend(&self) -> &dyn Backend;
    fn want(&self) -> Want;
    /// Rate of its device where it can't be chosen.
    fn fixed_rate(&self) -> Option<u32> {
        None
    }
    /// Whether the period can be chosen.
    fn takes_periods(&self) -> bool {
        true
    }
    /// Plays a seated Renderer of `channels` and gives what came out: (interleaved frames, their channels).
    fn captured(&self, channels: usize) -> Option<(Vec<f32>, usize)>;
}

fn play(rig: &dyn Rig, want: &Want, hz: u32, channels: usize) -> (Box<dyn Running>, Arc<Log>) {
    let (_seat, claim, log) = seated(hz, channels);
    let running = rig.backend().open(want, claim, Poke::none()).unwrap();
    (running, log)
}

fn wait_frames(log: &Log, frames: u64) {
    wait_for("frames to be rendered", || log.frames.load(SeqCst) >= frames);
}

/// Every check, in order.
fn conforms(rig: &dyn Rig) {
    bits_are_the_renderers(rig);
    the_account_is_exact(rig);
    any_period(rig);
    any_channels(rig);
    any_rate(rig);
    position_goes_on_over_many_openings(rig);
    only_the_assigned_one_plays(rig);
    wrong_wants_are_answered(rig);
}

/// What comes out is what the Renderer made, bit for bit, from its first frame on, without a gap.
fn bits_are_the_renderers(rig: &dyn Rig) {
    for channels in [2, 1] {
        let Some((frames, wide)) = rig.captured(channels) else { return };
        if channels > wide {
            continue;
        }
        let mono_on_both = channels == 1 && wide > 1;
        let frames: Vec<f32> =
            if mono_on_both { frames.chunks(wide).map(|frame| frame[0]).collect() } else { frames };
        let wide = if mono_on_both { 1 } else { wide };
        let (first, count) = run_of_frames(&frames, wide, channels);
        let begin = frames.chunks_exact(wide).position(|frame| frame[0] != 0.0).unwrap_or(0);
        let after: Vec<f32> =
            frames.iter().skip((begin + count) * wide).step_by(wide).take(4).copied().collect();
        let after: Vec<_> = after.into_iter().map(common::frame_of).collect();
        let name = rig.backend().name();
        assert!(count >= RUN_FRAMES, "{name}: {count} good frames from frame {first}, then {after:?}");
    }
}

/// Asked = rendered + silent, and what was rendered is what the Renderer gave, to the frame.
fn the_account_is_exact(rig: &dyn Rig) {
    let hz = rig.fixed_rate().unwrap_or(48_000);
    let (running, log) = play(rig, &rig.want(), hz, 2);
    wait_frames(&log, 10_000);
    let counters = Arc::clone(running.counters());
    running.close().unwrap();
    let figures = counters.snapshot();
    assert_eq!(figures.asked_frames, figures.rendered_frames + figures.silent_frames);
    assert_eq!(figures.rendered_frames, log.frames.load(SeqCst));
    assert!(figures.cycles > 0 && figures.busy_ns > 0);
    assert_eq!(log.beside.load(SeqCst), 0);
}

/// Periods from 16 to 8192, odd ones too; none outside.
fn any_period(rig: &dyn Rig) {
    if !rig.takes_periods() {
        return;
    }
    for period in [16, 17, 64, 441, 1023, 8192] {
        let want = Want { period_frames: Some(period), ..rig.want() };
        let (running, log) = play(rig, &want, 48_000, 2);
        wait_frames(&log, 2 * period as u64);
        let opened = running.info().period_frames as usize;
        // A device may round; the Renderer is never asked for more than it was promised.
        assert!(log.largest.load(SeqCst) <= opened.max(period), "{period}: {opened}");
    }
    for period in [0, 15, 8193] {
        let want = Want { period_frames: Some(period), ..rig.want() };
        let (_seat, claim, _) = seated(48_000, 2);
        let error = rig.backend().open(&want, claim, Poke::none()).err().unwrap();
        assert_eq!(error, OpenError::Period(period));
        assert!(error.to_string().contains("16 to 8192"));
    }
}

/// 1 to 8 channels of the Renderer on whatever the device has.
fn any_channels(rig: &dyn Rig) {
    for channels in 1..=8 {
        let (running, log) = play(rig, &rig.want(), rig.fixed_rate().unwrap_or(48_000), channels);
        wait_frames(&log, 2000);
        assert_eq!(running.counters().snapshot().silent_frames, 0);
    }
}

/// A Renderer of another rate plays at its own speed: the frames taken from it are to those given as the rates are.
fn any_rate(rig: &dyn Rig) {
    for hz in [32_000, 96_000] {
        let want = match rig.fixed_rate() {
            Some(_) => rig.want(),
            None => Want { rate: Some(units::SampleRate::DEFAULT), ..rig.want() },
        };
        let (running, log) = play(rig, &want, hz, 2);
        wait_frames(&log, 20_000);
        let info = running.info();
        let counters = Arc::clone(running.counters());
        running.close().unwrap();
        assert!(info.latency.resampler_frames > 0);
        let given = counters.snapshot().rendered_frames as f64 / f64::from(info.format.rate.hz());
        let taken = log.frames.load(SeqCst) as f64 / f64::from(hz);
        // The filter's length and one period lie between.
        assert!(
            (given - taken).abs() < 0.02 + f64::from(info.period_frames) / 48_000.0,
            "{given} s of {taken} s"
        );
    }
}

/// Opened and closed twelve times over one Renderer, no frame is lost or played twice: the position goes on.
fn position_goes_on_over_many_openings(rig: &dyn Rig) {
    let hz = rig.fixed_rate().unwrap_or(48_000);
    let (seat, _, log) = seated(hz, 2);
    let mut rendered = 0;
    for _ in 0..12 {
        let claim = seat.claim();
        seat.assign(&claim);
        let running = rig.backend().open(&rig.want(), claim, Poke::none()).unwrap();
        let before = log.frames.load(SeqCst);
        wait_frames(&log, before + 1000);
        let counters = Arc::clone(running.counters());
        running.close().unwrap();
        rendered += counters.snapshot().rendered_frames;
    }
    assert_eq!(rendered, log.frames.load(SeqCst));
}

/// A device without the turn plays silence and keeps moving; given the turn, it plays; the other one stops.
fn only_the_assigned_one_plays(rig: &dyn Rig) {
    let hz = rig.fixed_rate().unwrap_or(48_000);
    let (seat, first, log) = seated(hz, 2);
    let null = Null.open(&Want::default(), first, Poke::none()).unwrap();
    let second = seat.claim();
    let mut running = rig.backend().open(&rig.want(), second.clone(), Poke::none()).unwrap();
    wait_for("silent cycles", || running.counters().snapshot().silent_frames > 1000);
    assert_eq!(running.counters().snapshot().rendered_frames, 0);
    seat.assign(&second);
    wait_for("rendered cycles", || running.counters().snapshot().rendered_frames > 1000);
    wait_for("silence of the other", || null.counters().snapshot().silent_frames > 1000);
    assert!(matches!(running.health(), Health::Well | Health::Finished));
    assert_eq!(log.beside.load(SeqCst), 0);
}

/// A device that does not exist is answered with its name and with those that do.
fn wrong_wants_are_answered(rig: &dyn Rig) {
    if rig.backend().name() == "file" {
        return;
    }
    let (_seat, claim, _) = seated(48_000, 2);
    let want = Want { device: Some("no-such-device".into()), ..rig.want() };
    let error = rig.backend().open(&want, claim, Poke::none()).err().unwrap();
    assert!(matches!(error, OpenError::NoSuchDevice { .. }), "{error}");
    let said = error.to_string();
    assert!(said.contains("no-such-device") && said.contains("there are:") && !said.contains('\n'), "{said}");
}

struct NullRig;

impl Rig for NullRig {
    fn backend(&self) -> &dyn Backend {
        &Null
    }
    fn want(&self) -> Want {
        Want::default()
    }
    fn captured(&self, _: usize) -> Option<(Vec<f32>, usize)> {
        None
    }
}

/// The null backend.
#[test]
fn null() {
    conforms(&NullRig);
}

struct FileRig {
    folder: tempfile::TempDir,
    real_time: bool,
}

impl FileRig {
    fn file(&self, frames: Option<u64>) -> FileWant {
        let path = self.folder.path().join("out.wav");
        FileWant {
            path,
            format: media::SoundFormat::default(),
            real_time: self.real_time,
            skip_frames: 0,
            frames,
        }
    }
}

impl Rig for FileRig {
    fn backend(&self) -> &dyn Backend {
        &File
    }
    fn want(&self) -> Want {
        Want { file: Some(self.file(None)), ..Want::default() }
    }
    fn captured(&self, channels: usize) -> Option<(Vec<f32>, usize)> {
        let want = Want { file: Some(self.file(Some(RUN_FRAMES as u64 + 7))), ..self.want() };
        let (mut running, _) = play(self, &want, 48_000, channels);
        wait_for("the file to be complete", || running.health() == Health::Finished);
        running.close().unwrap();
        let mut reader = hound::WavReader::open(self.folder.path().join("out.wav")).unwrap();
        let frames: Vec<f32> = reader.samples::<f32>().map(Result::unwrap).collect();
        assert_eq!(frames.len(), (RUN_FRAMES + 7) * channels);
        Some((frames, channels))
    }
}

/// The file backend, as fast as possible and paced.
#[test]
fn file() {
    for real_time in [false, true] {
        conforms(&FileRig { folder: tempfile::tempdir().unwrap(), real_time });
    }
}

struct JackRig {
    server: Jackd,
    hz: u32,
}

impl Rig for JackRig {
    fn backend(&self) -> &dyn Backend {
        &Jack::JACKD
    }
    fn want(&self) -> Want {
        Want { jack_server: Some(self.server.name().into()), ..Want::default() }
    }
    fn fixed_rate(&self) -> Option<u32> {
        Some(self.hz)
    }
    fn takes_periods(&self) -> bool {
        false
    }
    fn captured(&self, channels: usize) -> Option<(Vec<f32>, usize)> {
        // Opened without its turn, connected, then given it: the first frame is on the record.
        let (seat, _, log) = seated(self.hz, channels);
        let claim = seat.claim();
        let running = self.backend().open(&self.want(), claim.clone(), Poke::none()).unwrap();
        let ports: Vec<String> = (1..=channels).map(|number| format!("forebay:out_{number}")).collect();
        let capture = Capture::start(&self.server, &ports);
        seat.assign(&claim);
        wait_frames(&log, RUN_FRAMES as u64 + 4096);
        drop(running);
        let frames = capture.finish();
        let (first, _) = run_of_frames(&frames, channels, channels);
        assert_eq!(first, 0);
        Some((frames, channels))
    }
}

/// A real JACK server at several periods and rates, odd ones too.
#[test]
fn jack() {
    let _turn = turn();
    for (hz, period) in [(48_000, 64), (44_100, 441), (48_000, 1024)] {
        let Some(server) = jackd(hz, period) else { return };
        conforms(&JackRig { server, hz });
    }
}

struct AlsaRig<'a> {
    folder: &'a Path,
}

impl Rig for AlsaRig<'_> {
    fn backend(&self) -> &dyn Backend {
        &Alsa
    }
    fn want(&self) -> Want {
        Want::default()
    }
    fn captured(&self, channels: usize) -> Option<(Vec<f32>, usize)> {
        let path = self.folder.join("out.raw");
        let _ = std::fs::remove_file(&path);
        let want = Want {
            rate: Some(units::SampleRate::DEFAULT),
            channels: Some(units::ChannelCount::STEREO),
            ..self.want()
        };
        let (running, log) = play(self, &want, 48_000, channels);
        wait_frames(&log, RUN_FRAMES as u64 + 4096);
        running.close().unwrap();
        Some((raw_frames(&std::fs::read(&path).unwrap()), 2))
    }
}

fn raw_frames(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|it| f32::from_le_bytes(it.try_into().unwrap())).collect()
}

/// ALSA without a card: the file plugin over null, by a configuration of its own.
#[test]
fn alsa() {
    let folder = std::env::temp_dir().join(format!("forebay-alsa-{}", std::process::id()));
    let path = folder.join("asound.conf");
    if let Some(path) = std::env::var_os("ALSA_CONFIG_PATH").filter(|_| is_child("alsa", &[])) {
        return conforms(&AlsaRig { folder: Path::new(&path).parent().unwrap() });
    }
    std::fs::create_dir_all(&folder).unwrap();
    let text = format!(
        "pcm.!default {{ type plug slave {{ format FLOAT_LE rate 48000 channels 2 pcm {{ type file slave.pcm {{ type null \
         }} file \"{}\" format raw }} }} hint {{ show on description \"into a file\" }} }}\n",
        folder.join("out.raw").display()
    );
    std::fs::write(&path, text).unwrap();
    is_child("alsa", &[("ALSA_CONFIG_PATH", path.into())]);
    std::fs::remove_dir_all(&folder).unwrap();
}

struct PipeWireRig {
    backend: Box<dyn Backend>,
    fixed_rate: Option<u32>,
}

impl Rig for PipeWireRig {
    fn backend(&self) -> &dyn Backend {
        &*self.backend
    }
    fn want(&self) -> Want {
        Want::default()
    }
    fn fixed_rate(&self) -> Option<u32> {
        self.fixed_rate
    }
    fn takes_periods(&self) -> bool {
        false
    }
    fn captured(&self, channels: usize) -> Option<(Vec<f32>, usize)> {
        // A cycle that the server itself missed spoils the record; the device counts it, so that is known.
        let mut records = (0..10).map(|_| self.record(channels));
        let clean = records.find_map(|(frames, xruns)| (xruns == 0).then_some(frames));
        Some((clean.expect("one record of ten without an xrun of the server"), 2))
    }
}

impl PipeWireRig {
    /// What came out, and how many xruns the device counted meanwhile.
    fn record(&self, channels: usize) -> (Vec<f32>, u64) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.f32");
        let (seat, _, log) = seated(48_000, channels);
        let claim = seat.claim();
        let mut running = self.backend().open(&self.want(), claim.clone(), Poke::none()).unwrap();
        wait_for("the connection", || running.health() == Health::Well && running.info().remark.is_none());
        let mut record = Command::new("parec")
            .args(["-d", "nullsink.monitor", "--raw", "--format=float32le", "--rate=48000", "--channels=2"])
            .arg("--latency-msec=400")
            .stdin(Stdio::null())
            .stdout(std::fs::File::create(&path).unwrap())
            .spawn()
            .unwrap();
        wait_for("the recording to run", || path.metadata().unwrap().len() > 10_000);
        seat.assign(&claim);
        wait_frames(&log, RUN_FRAMES as u64 + 4096);
        let bytes_now = path.metadata().unwrap().len();
        wait_for("the recording to have it", || path.metadata().unwrap().len() > bytes_now + 400_000);
        let xruns = running.counters().snapshot().xruns;
        drop(running);
        record.kill().unwrap();
        record.wait().unwrap();
        (raw_frames(&std::fs::read(&path).unwrap()), xruns)
    }
}

/// Runs the list on a PipeWire of its own, reached as the rig does.
fn conforms_on_pipewire(case: &str, rig: impl FnOnce() -> PipeWireRig) {
    if std::env::var_os("PIPEWIRE_RUNTIME_DIR").is_some() && is_child(case, &[]) {
        return conforms(&rig());
    }
    match PipeWire::start(48_000, 256) {
        Err(missing) => eprintln!("{missing}"),
        Ok(server) => {
            let env: Vec<_> = server.env().into_iter().map(|(name, value)| (name, value.into())).collect();
            is_child(case, &env);
        }
    }
}

/// PipeWire through the JACK library that it brings.
#[test]
fn pipewire_jack() {
    conforms_on_pipewire("pipewire_jack", || PipeWireRig {
        backend: Box::new(Jack::PIPEWIRE),
        fixed_rate: Some(48_000),
    });
}

/// PipeWire by its own library.
#[cfg(feature = "pipewire")]
#[test]
fn pipewire_native() {
    conforms_on_pipewire("pipewire_native", || PipeWireRig {
        backend: Box::new(forebay_device::PipeWire),
        fixed_rate: None,
    });
}

//! A loaded engine on a real JACK server at 64 frames, beside a client that does nothing: the engine must be no later and
//! miss no more than that client. Judged in `make prove`, where it takes its time; visibly skipped without SCHED_FIFO.
#![cfg(target_os = "linux")]

mod common;

use common::jack_tools::turn;
use engine::{EngineConfig, VoiceSpec};
use forebay_device::{Histogram, Supervisor, SupervisorConfig, Want};
use ring::sync::{AtomicBool, AtomicU64, Ordering::Relaxed};
use ring::{GroupMemory, LatePolicy, Marker, MarkerKind, ReaderConfig, RingMemory, RingShape};
use std::ffi::{CString, c_char, c_int, c_void};
use std::sync::Arc;
use std::time::Duration;
use testkit::servers::Jackd;
use units::{ChannelCount, SampleRate};

const VOICES: usize = 64;
const BUSY_LOOPS: usize = 4;
const ROUNDS: usize = 3;

/// A bare client with one output: what any JACK program pays on this machine.
struct Silent {
    library: *mut c_void,
    client: *mut c_void,
    heard: *mut Heard,
}

type GetBuffer = unsafe extern "C" fn(*mut c_void, u32) -> *mut f32;
type GetTimes = unsafe extern "C" fn(*mut c_void, *mut u32, *mut u64, *mut u64, *mut f32) -> c_int;
type GetTime = unsafe extern "C" fn() -> u64;

/// What it measures.
struct Heard {
    client: *mut c_void,
    port: *mut c_void,
    buffer: GetBuffer,
    times: GetTimes,
    now_us: GetTime,
    lateness: Histogram,
    xruns: AtomicU64,
}

unsafe extern "C-unwind" fn process(frames: u32, heard: *mut c_void) -> c_int {
    let (mut frame, mut began_us, mut next_us, mut period_us) = (0, 0, 0, 0.0);
    // SAFETY: `heard` outlives the client; libjack's functions in its process callback, a buffer of `frames` floats.
    unsafe {
        let heard = &*heard.cast::<Heard>();
        (heard.times)(heard.client, &mut frame, &mut began_us, &mut next_us, &mut period_us);
        heard.lateness.add((heard.now_us)().saturating_sub(began_us) * 1000);
        std::ptr::write_bytes((heard.buffer)(heard.port, frames), 0, frames as usize);
    }
    0
}

unsafe extern "C-unwind" fn xrun(heard: *mut c_void) -> c_int {
    // SAFETY: `heard` outlives the client.
    unsafe { &*heard.cast::<Heard>() }.xruns.fetch_add(1, Relaxed);
    0
}

impl Silent {
    fn start(server: &Jackd) -> Self {
        type Open = unsafe extern "C" fn(*const c_char, u32, *mut u32, ...) -> *mut c_void;
        type Register =
            unsafe extern "C" fn(*mut c_void, *const c_char, *const c_char, u64, u64) -> *mut c_void;
        type SetProcess = unsafe extern "C" fn(
            *mut c_void,
            unsafe extern "C-unwind" fn(u32, *mut c_void) -> c_int,
            *mut c_void,
        ) -> c_int;
        type SetXrun = unsafe extern "C" fn(
            *mut c_void,
            unsafe extern "C-unwind" fn(*mut c_void) -> c_int,
            *mut c_void,
        ) -> c_int;
        type Activate = unsafe extern "C" fn(*mut c_void) -> c_int;
        let name = CString::new(server.name()).unwrap();
        // SAFETY: libjack's own functions by their C signatures; no start (1), a server name (4), an output port (2).
        unsafe {
            let library = libc::dlopen(c"libjack.so.0".as_ptr(), libc::RTLD_NOW);
            assert!(!library.is_null());
            let find = |name: &std::ffi::CStr| libc::dlsym(library, name.as_ptr());
            let open: Open = std::mem::transmute(find(c"jack_client_open"));
            let client = open(c"silent".as_ptr(), 1 | 4, std::ptr::null_mut(), name.as_ptr());
            assert!(!client.is_null());
            let register: Register = std::mem::transmute(find(c"jack_port_register"));
            let port = register(client, c"out".as_ptr(), c"32 bit float mono audio".as_ptr(), 2, 0);
            let heard = Box::into_raw(Box::new(Heard {
                client,
                port,
                buffer: std::mem::transmute::<*mut c_void, GetBuffer>(find(c"jack_port_get_buffer")),
                times: std::mem::transmute::<*mut c_void, GetTimes>(find(c"jack_get_cycle_times")),
                now_us: std::mem::transmute::<*mut c_void, GetTime>(find(c"jack_get_time")),
                lateness: Histogram::default(),
                xruns: AtomicU64::new(0),
            }));
            let set_process: SetProcess = std::mem::transmute(find(c"jack_set_process_callback"));
            let set_xrun: SetXrun = std::mem::transmute(find(c"jack_set_xrun_callback"));
            let activate: Activate = std::mem::transmute(find(c"jack_activate"));
            set_process(client, process, heard.cast());
            set_xrun(client, xrun, heard.cast());
            assert_eq!(activate(client), 0);
            Self { library, client, heard }
        }
    }

    fn heard(&self) -> &Heard {
        // SAFETY: freed in drop alone.
        unsafe { &*self.heard }
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        type Close = unsafe extern "C" fn(*mut c_void) -> c_int;
        // SAFETY: libjack's functions by their C signatures; after the close nobody uses `heard`.
        unsafe {
            let end = |name: &std::ffi::CStr| -> Close {
                std::mem::transmute(libc::dlsym(self.library, name.as_ptr()))
            };
            end(c"jack_deactivate")(self.client);
            end(c"jack_client_close")(self.client);
            drop(Box::from_raw(self.heard));
        }
    }
}

/// An engine with [`VOICES`] voices, each fed from a ring by one producing thread until `stop`.
fn scene(stop: &Arc<AtomicBool>) -> (engine::Engine, engine::Renderer, std::thread::JoinHandle<()>) {
    let (mut engine, renderer) = engine::engine(EngineConfig::new(SampleRate::DEFAULT, ChannelCount::STEREO));
    let (mut commit, group) = ring::group(GroupMemory::heap());
    let group = engine.add_group(group).unwrap();
    let mut writers = Vec::new();
    for voice in 0..VOICES {
        let shape = RingShape { channels: ChannelCount::STEREO, capacity_frames: 65_536, first: 0 };
        let config = ReaderConfig { policy: LatePolicy::Hold, ..ReaderConfig::default() };
        let (mut writer, reader) = ring::ring(RingMemory::heap(shape).unwrap(), config);
        engine.add_voice(VoiceSpec::new(format!("voice {voice}"), reader, group)).unwrap();
        let start = Marker { at: 4800, to: 0, group: commit.next(), anchor: 0, kind: MarkerKind::Start };
        writer.mark(start).unwrap();
        writers.push(writer);
    }
    let stop = Arc::clone(stop);
    let produce = move || {
        let mut chunk = vec![0.0; 2 * 1024];
        let mut committed = false;
        while !stop.load(Relaxed) {
            for (at, writer) in writers.iter_mut().enumerate() {
                while writer.space_frames() > 32_768 {
                    chunk.iter_mut().enumerate().for_each(|(k, x)| *x = ((k * (at + 3)) % 97) as f32 * 1e-4);
                    writer.write(&chunk);
                }
            }
            if !std::mem::replace(&mut committed, true) {
                commit.bump();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    (engine, renderer, std::thread::spawn(produce))
}

/// Xruns and p99.9 lateness of a 64-voice engine at 64 frames, four busy loops beside, three rounds: at most those of the
/// silent client in the same rounds.
#[test]
fn no_later_than_silence() {
    let is_proof = std::env::var_os("FOREBAY_PROVE").is_some();
    let round = Duration::from_secs(if is_proof { 60 } else { 2 });
    let _turn = turn();
    let server = match Jackd::start(48_000, 64, 2, true) {
        Ok(server) => server,
        Err(missing) => return eprintln!("{missing}"),
    };
    let stop = Arc::new(AtomicBool::new(false));
    let busy = || {
        let stop = Arc::clone(&stop);
        std::thread::spawn(move || {
            while !stop.load(Relaxed) {
                std::hint::spin_loop();
            }
        })
    };
    let want = Want { jack_server: Some(server.name().into()), ..Want::default() };
    let (supervisor, _notices) = Supervisor::open(SupervisorConfig { backend: "jack".into(), want }).unwrap();
    let (mut engine, renderer, producer) = scene(&stop);
    assert!(supervisor.seat(Box::new(renderer)).unwrap().is_none());
    let loops: Vec<_> = (0..if is_proof { BUSY_LOOPS } else { 0 }).map(|_| busy()).collect();
    let silent = Silent::start(&server);
    for number in 1..=ROUNDS {
        std::thread::sleep(round);
        engine.poll().for_each(drop);
        let (ours, heard) = (supervisor.status().figures, silent.heard());
        eprintln!(
            "FIGURE: round {number}: engine {} xruns, p99.9 {} us late, load {:.3}; silent client {} xruns, p99.9 {} us late",
            ours.xruns,
            ours.late_p999_ns / 1000,
            ours.load,
            heard.xruns.load(Relaxed),
            heard.lateness.quantile_ns(999) / 1000
        );
    }
    let figures = supervisor.status().figures;
    stop.store(true, Relaxed);
    producer.join().unwrap();
    loops.into_iter().for_each(|it| it.join().unwrap());
    assert!(figures.rendered_frames > 0 && silent.heard().lateness.count() > 0);
    let is_fifo = matches!(supervisor.status().promotion, Some(Ok(_)));
    if !is_proof || !is_fifo {
        return eprintln!("SKIPPED: judged in `make prove`, with SCHED_FIFO");
    }
    let heard = silent.heard();
    assert!(figures.xruns <= heard.xruns.load(Relaxed));
    // One step of the histogram is 1/16.
    assert!(figures.late_p999_ns <= heard.lateness.quantile_ns(999) / 16 * 17);
}

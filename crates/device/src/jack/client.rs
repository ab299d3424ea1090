//! One client of a JACK server.

mod connect;
mod desk;

use super::ffi::{self, LatencyRange, Library, RawClient, text};
use super::process::{self, Port, Process, Signals};
use super::server::{jackd_answers, pipewire_answers};
use super::voices::rack;
use crate::backend::{
    CloseError, Health, LatencyParts, MAX_PERIOD_FRAMES, OpenError, Poke, RunInfo, Running, VoicePort, Want,
};
use crate::priority::Priority;
use crate::pump::Pump;
use crate::render::{Claim, Format};
use crate::stats::Counters;
use crate::sync::{AtomicU32, Ordering::Relaxed};
use desk::{Desk, DeskThread};
use dsp::room::touched;
use std::ffi::CString;
use std::ptr::null_mut;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use units::{ChannelCount, SampleRate};

/// A callback that stands still this long gives reason to see whether the server lives.
const STILL_NS: u64 = 40_000_000;
/// How long opening waits for another client of this process to be done with its opening or closing.
const TURN_PATIENCE: Duration = Duration::from_secs(4);

/// A client as libjack knows it.
#[derive(Clone, Copy)]
struct Handle {
    backend: &'static str,
    library: &'static Library,
    raw: *mut RawClient,
}

/// An open client: closed on drop, unless it was closed before.
pub(super) struct Client {
    backend: &'static str,
    server: String,
    library: &'static Library,
    raw: *mut RawClient,
    /// Freed after the client is closed.
    process: *mut Process,
    signals: Arc<Signals>,
    format: Format,
    want: Want,
    /// Asks the server what may take long, on a thread of its own.
    desk: Option<DeskThread>,
    told_latency_frames: u32,
    /// Cycles when they last moved (or the server was last asked), and when that was, in ns.
    moved: (u64, u64),
    priority: Priority,
}

// SAFETY: libjack's functions may be called from any thread; `process` is only freed, by the last owner.
unsafe impl Send for Client {}

impl Client {
    /// Opens a client, registers ports, starts processing and connects.
    pub(super) fn open(
        backend: &'static str,
        library: &'static Library,
        server: &str,
        want: &Want,
        claim: Claim,
        poke: Poke,
    ) -> Result<Self, OpenError> {
        let turn = library
            .turn(TURN_PATIENCE)
            .ok_or(OpenError::NoAnswer { backend, seconds: TURN_PATIENCE.as_secs() })?;
        let raw = connect_to_server(backend, library, server, want)?;
        // From here on the client must be closed on every way out.
        let handle = Handle { backend, library, raw: raw.0 };
        let opened = Self::build(handle, server, want, claim, poke);
        if opened.is_err() {
            // SAFETY: open and not active.
            unsafe { (library.jack_client_close)(raw.0) };
        }
        let (mut client, desk) = opened?;
        let started = client.start(desk);
        // Before a refused client goes: its drop takes a turn, too.
        drop(turn);
        started.map(|()| client)
    }

    fn build(
        handle: Handle,
        server: &str,
        want: &Want,
        claim: Claim,
        poke: Poke,
    ) -> Result<(Self, Desk), OpenError> {
        let Handle { backend, library, raw } = handle;
        let failed = |detail: String| OpenError::Failed { backend, detail };
        // SAFETY: an open client.
        let (hz, period) =
            unsafe { ((library.jack_get_sample_rate)(raw), (library.jack_get_buffer_size)(raw)) };
        let rate = SampleRate::new(hz).map_err(|error| failed(error.to_string()))?;
        let channels = want.channels.or(claim.format().map(|it| it.channels)).unwrap_or(ChannelCount::STEREO);
        let format = Format { rate, channels };
        let ports = (1..=channels.get())
            .map(|number| register(library, raw, &format!("out_{number}")))
            .collect::<Option<Vec<Port>>>()
            .ok_or_else(|| failed("the server has no room for our ports".into()))?;
        let counters = Arc::new(Counters::default());
        let mut pump = Pump::new(claim.clone(), format, Arc::clone(&counters));
        pump.settle();
        let engine = pump.engine();
        let signals = Arc::new(Signals {
            library,
            ports,
            opened_rate_hz: hz,
            rate_hz: AtomicU32::new(hz),
            period_frames: AtomicU32::new(period),
            freewheeling: AtomicBool::new(false),
            resampler_frames: pump.resampler_frames(),
            claim,
            engine_hz: u64::from(engine.rate.hz()),
            gone: Mutex::new(None),
            remark: Mutex::new(None),
            counters,
            poke,
        });
        let (rack_control, rack) = rack();
        let process = Box::into_raw(Box::new(Process {
            library,
            client: raw,
            pump,
            channels: channels.get(),
            frames: touched(MAX_PERIOD_FRAMES * channels.get()),
            rack,
            gate: want.gate.clone(),
            gave_up: false,
            signals: Arc::clone(&signals),
        }));
        let desk = Desk::new(handle, Arc::clone(&signals), want.clone(), engine, rate, rack_control);
        let client = Self {
            backend,
            server: server.into(),
            library,
            raw,
            process,
            signals,
            format,
            want: want.clone(),
            desk: None,
            told_latency_frames: 0,
            moved: (0, rt::monotonic_ns()),
            priority: Priority::new(want),
        };
        Ok((client, desk))
    }

    fn start(&mut self, mut desk: Desk) -> Result<(), OpenError> {
        let (library, raw) = (self.library, self.raw);
        // SAFETY: an open client; the name is a C string of libjack's.
        let name = unsafe { text((library.jack_get_client_name)(raw)) };
        if name != self.want.client_name() {
            self.signals.remark(Some(format!(
                "another `{}` is there: this one is `{name}`",
                self.want.client_name()
            )));
        }
        // SAFETY: open and not active; `process` is freed and `signals` let go only after it is closed.
        let active = unsafe {
            process::register(library, raw, self.process, &self.signals);
            (library.jack_activate)(raw) == 0
        };
        let failed = |detail: String| OpenError::Failed { backend: self.backend, detail };
        if !active {
            return Err(failed("the server does not let our client start".into()));
        }
        if !self.want.no_connect {
            desk.connect()?;
        }
        self.desk = Some(desk.start().map_err(|error| failed(error.to_string()))?);
        Ok(())
    }

    /// Whether the callback stands still and no server answers: PipeWire's library does not tell of its server's death.
    fn is_deserted(&mut self) -> bool {
        let (now_ns, cycles) = (rt::monotonic_ns(), self.signals.counters.cycles.load(Relaxed));
        if cycles != self.moved.0 {
            self.moved = (cycles, now_ns);
        }
        if now_ns - self.moved.1 < STILL_NS {
            return false;
        }
        // Asked again after as long.
        self.moved.1 = now_ns;
        !if self.library.is_pipewire() { pipewire_answers() } else { jackd_answers(&self.server) }
    }

    fn shut(&mut self) {
        if self.raw.is_null() {
            return;
        }
        // It may be waiting for the server's answer: so long the client is not closed.
        self.desk = None;
        let turn = self.library.coming_and_going.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: open; after close no callback runs any more, so what they used may be freed. Each once, for `raw` is
        // null from now on.
        unsafe {
            (self.library.jack_deactivate)(self.raw);
            (self.library.jack_client_close)(self.raw);
            drop(Box::from_raw(self.process));
        }
        drop(turn);
        self.raw = null_mut();
    }
}

/// A raw client between its opening and its owner.
struct Opened(*mut RawClient);

fn connect_to_server(
    backend: &'static str,
    library: &'static Library,
    server: &str,
    want: &Want,
) -> Result<Opened, OpenError> {
    let failed = |detail: &str| OpenError::Failed { backend, detail: detail.into() };
    let name = CString::new(want.client_name()).map_err(|_| failed("a client name with a zero byte"))?;
    let server_name = CString::new(server).map_err(|_| failed("a server name with a zero byte"))?;
    let mut status = 0;
    // SAFETY: C strings; the variadic argument is the one that SERVER_NAME announces.
    let raw = unsafe {
        (library.jack_client_open)(
            name.as_ptr(),
            ffi::NO_START_SERVER | ffi::SERVER_NAME,
            &mut status,
            server_name.as_ptr(),
        )
    };
    if !raw.is_null() {
        return Ok(Opened(raw));
    }
    if status & ffi::STATUS_VERSION != 0 {
        return Err(failed(
            "the server is of another version than its library: install both from one source",
        ));
    }
    if status & ffi::STATUS_SERVER_FAILED != 0 {
        return Err(OpenError::NoServer {
            backend,
            detail: format!("no server `{server}` is running"),
            remedy: "start one (for example: jackd -d alsa), or choose another with --backend".into(),
        });
    }
    Err(failed(&format!("the server `{server}` refuses our client (status {status:#x})")))
}

fn register(library: &Library, raw: *mut RawClient, name: &str) -> Option<Port> {
    let name = CString::new(name).ok()?;
    let flags = ffi::PORT_IS_OUTPUT | ffi::PORT_IS_TERMINAL;
    // SAFETY: an open client and C strings.
    let port = unsafe { (library.jack_port_register)(raw, name.as_ptr(), ffi::AUDIO.as_ptr(), flags, 0) };
    (!port.is_null()).then_some(Port(port))
}

impl Client {
    /// Has the server ask for our latency anew when it has changed: when somebody was seated.
    fn tell_latency(&mut self) {
        let latency_frames = self.signals.own_latency_frames();
        if let Some(desk) = self.desk.as_ref().filter(|_| latency_frames != self.told_latency_frames) {
            self.told_latency_frames = latency_frames;
            desk.ask(desk::Task::TellLatency);
        }
    }
}

impl Running for Client {
    fn info(&self) -> RunInfo {
        let period = self.signals.period_frames.load(Relaxed);
        let mut range = LatencyRange::default();
        if !self.raw.is_null() && !self.signals.is_gone() {
            // SAFETY: a port of an open client.
            unsafe {
                (self.library.jack_port_get_latency_range)(
                    self.signals.ports[0].0,
                    ffi::PLAYBACK_LATENCY,
                    &mut range,
                );
            }
        }
        RunInfo {
            backend: self.backend,
            device: self.want.device.clone().unwrap_or_else(|| self.server.clone()),
            format: self.format,
            period_frames: period,
            latency: LatencyParts {
                period_frames: period,
                device_frames: range.max,
                resampler_frames: self.signals.resampler_frames,
            },
            remark: self.signals.remarked(),
        }
    }

    fn health(&mut self) -> Health {
        if let Some(reason) = self.signals.gone.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            return Health::Gone(reason);
        }
        if self.is_deserted() {
            return Health::Gone("the server does not run any more".into());
        }
        self.tell_latency();
        match self.signals.rate_hz.load(Relaxed) {
            hz if hz != self.signals.opened_rate_hz => {
                Health::Changed(format!("the server runs at {hz} Hz now"))
            }
            _ => Health::Well,
        }
    }

    fn counters(&self) -> &Arc<Counters> {
        &self.signals.counters
    }

    fn is_paced(&self) -> bool {
        !self.signals.freewheeling.load(Relaxed)
    }

    fn promotion(&self) -> Option<Result<rt::Promotion, rt::Refused>> {
        // SAFETY: an open client (`raw` is null only in `drop` and `close`).
        let realtime = unsafe { (self.library.jack_is_realtime)(self.raw) } == 1;
        if !realtime || self.signals.freewheeling.load(Relaxed) {
            return None;
        }
        self.priority.ask_when_known(&self.signals.counters)
    }

    fn add_voice_port(&mut self, port: VoicePort) {
        if let Some(desk) = &self.desk {
            desk.ask(desk::Task::Add(port));
        }
    }

    fn remove_voice_port(&mut self, key: u64) {
        if let Some(desk) = &self.desk {
            desk.ask(desk::Task::Remove(key));
        }
    }

    fn close(mut self: Box<Self>) -> Result<(), CloseError> {
        self.shut();
        Ok(())
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.shut();
    }
}

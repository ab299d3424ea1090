//! What libjack calls: the process callback and the notifications.

use super::ffi::{self, LatencyRange, Library, RawClient, RawPort, text};
use super::voices::Rack;
use crate::backend::{Gate, MAX_PERIOD_FRAMES, Poke};
use crate::pump::{Pump, STACK_BYTES, Timing};
use crate::render::Claim;
use crate::stats::Counters;
use crate::sync::{AtomicU32, Ordering::Relaxed};
use std::ffi::{c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long a freewheeling cycle waits for producers, asked at [`GATE_PAUSE`]: well below the ten seconds after which
/// jackd gives up on a client.
const GATE_PATIENCE_NS: u64 = 2_000_000_000;
const GATE_PAUSE: Duration = Duration::from_micros(200);

/// What the server tells, outside the process callback.
pub(super) struct Signals {
    pub(super) library: &'static Library,
    pub(super) ports: Vec<Port>,
    pub(super) opened_rate_hz: u32,
    pub(super) rate_hz: AtomicU32,
    pub(super) period_frames: AtomicU32,
    pub(super) freewheeling: AtomicBool,
    /// Frames that the resampler delays.
    pub(super) resampler_frames: u32,
    /// Whose turn it is, and what is behind it.
    pub(super) claim: Claim,
    pub(super) engine_hz: u64,
    pub(super) gone: Mutex<Option<String>>,
    /// See `RunInfo::remark`.
    pub(super) remark: Mutex<Option<String>>,
    pub(super) counters: Arc<Counters>,
    pub(super) poke: Poke,
}

/// What the process callback owns.
pub(super) struct Process {
    pub(super) library: &'static Library,
    pub(super) client: *mut RawClient,
    pub(super) pump: Pump,
    pub(super) channels: usize,
    /// Interleaved frames of one pass.
    pub(super) frames: Box<[f32]>,
    pub(super) rack: Rack,
    pub(super) gate: Option<Gate>,
    /// Freewheeling waited in vain.
    pub(super) gave_up: bool,
    pub(super) signals: Arc<Signals>,
}

/// A port handle of libjack.
#[derive(Clone, Copy)]
pub(super) struct Port(pub(super) *mut RawPort);

// SAFETY: handles that libjack allows on any thread; they stay valid until the client is closed.
unsafe impl Send for Port {}
// SAFETY: as above.
unsafe impl Sync for Port {}

impl Signals {
    /// Frames from a source to our ports: limiter and resampler.
    pub(super) fn own_latency_frames(&self) -> u32 {
        let limiter =
            u64::from(self.claim.latency_frames()) * u64::from(self.opened_rate_hz) / self.engine_hz;
        limiter as u32 + self.resampler_frames
    }

    /// Says how long sound takes from its source to our ports; the other direction is for the server to work out.
    pub(super) fn give_latency(&self) {
        let frames = self.own_latency_frames();
        for port in &self.ports {
            let mut range = LatencyRange { min: frames, max: frames };
            // SAFETY: a port of this client, which is open.
            unsafe { (self.library.jack_port_set_latency_range)(port.0, ffi::CAPTURE_LATENCY, &mut range) };
        }
    }

    pub(super) fn is_gone(&self) -> bool {
        self.gone.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    pub(super) fn remark(&self, remark: Option<String>) {
        *self.remark.lock().unwrap_or_else(PoisonError::into_inner) = remark;
    }

    pub(super) fn remarked(&self) -> Option<String> {
        self.remark.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Process {
    /// One cycle of the server. `[rt]`
    fn cycle(&mut self, whole: usize) {
        self.rack.attend();
        let timing = self.timing(whole);
        let mut at = 0;
        while at < whole {
            let frames = (whole - at).min(MAX_PERIOD_FRAMES);
            let interleaved = &mut self.frames[..frames * self.channels];
            self.pump.cycle(interleaved, timing);
            for (channel, port) in self.signals.ports.iter().enumerate() {
                // SAFETY: a registered port of this client, in its process callback, asked for the cycle's frames; the
                // buffer holds `whole` floats until the callback returns, and each port has its own.
                let buffer = unsafe {
                    let buffer = (self.library.jack_port_get_buffer)(port.0, whole as u32).cast::<f32>();
                    if buffer.is_null() {
                        continue;
                    }
                    std::slice::from_raw_parts_mut(buffer.add(at), frames)
                };
                for (sample, frame) in buffer.iter_mut().zip(interleaved.chunks(self.channels)) {
                    *sample = frame[channel];
                }
            }
            self.rack.fill(self.library, at, frames, whole);
            at += frames;
        }
    }

    fn timing(&mut self, whole: usize) -> Timing {
        if self.signals.freewheeling.load(Relaxed) {
            self.wait_for_producers(whole);
            return Timing::Free;
        }
        let (mut frames, mut began_us, mut next_us, mut period_us) = (0, 0, 0, 0.0);
        // SAFETY: called in the process callback of this client with four writable places.
        let known = unsafe {
            (self.library.jack_get_cycle_times)(
                self.client,
                &mut frames,
                &mut began_us,
                &mut next_us,
                &mut period_us,
            ) == 0
        };
        if !known {
            return Timing::Interval;
        }
        // SAFETY: takes nothing.
        let now_us = unsafe { (self.library.jack_get_time)() };
        Timing::LateBy { ns: now_us.saturating_sub(began_us) * 1000 }
    }

    /// Freewheeling asks as fast as we answer: the answer waits until producers have written, for a while. Who does not
    /// write in that time is waited for again only after he has.
    fn wait_for_producers(&mut self, whole: usize) {
        let device_hz = u64::from(self.signals.opened_rate_hz);
        let frames = (whole as u64 * self.signals.engine_hz).div_ceil(device_hz) as usize;
        let until_ns = rt::monotonic_ns() + GATE_PATIENCE_NS;
        let shut = || self.gate.as_ref().is_some_and(|gate| !gate(frames));
        let mut waits = shut() || self.pump.awaits(frames);
        while waits && !self.gave_up && self.signals.freewheeling.load(Relaxed) {
            std::thread::sleep(GATE_PAUSE);
            waits = shut() || self.pump.awaits(frames);
            self.gave_up = waits && rt::monotonic_ns() >= until_ns;
        }
        self.gave_up &= waits;
    }
}

/// Registers all callbacks.
///
/// # Safety
/// `client` is open and not active; both contexts live until it is closed, and `process` is reached by libjack alone.
pub(super) unsafe fn register(
    library: &Library,
    client: *mut RawClient,
    process: *mut Process,
    signals: &Arc<Signals>,
) {
    let signals = Arc::as_ptr(signals).cast_mut().cast::<c_void>();
    // SAFETY: as the caller says; the callbacks have the signatures that libjack calls them with.
    unsafe {
        (library.jack_set_process_callback)(client, on_process, process.cast());
        (library.jack_set_thread_init_callback)(client, on_thread, std::ptr::null_mut());
        (library.jack_set_buffer_size_callback)(client, on_period, signals);
        (library.jack_set_sample_rate_callback)(client, on_rate, signals);
        (library.jack_set_freewheel_callback)(client, on_freewheel, signals);
        (library.jack_set_xrun_callback)(client, on_xrun, signals);
        if !library.is_pipewire() {
            (library.jack_set_latency_callback)(client, on_latency, signals);
        }
        (library.jack_on_info_shutdown)(client, on_shutdown, signals);
    }
}

/// Runs a callback's work where libjack can't cancel its thread: it does so at any instruction when a client closes, also in
/// the middle of a render. A cancellation that came meanwhile takes effect at the end, when nothing is left to drop.
fn uncancelled<R: Copy>(work: impl FnOnce() -> R) -> R {
    let before = cancel::disable();
    // A panic must not reach libjack's frames; those of a render are caught before.
    let done = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| std::process::abort());
    cancel::restore(before);
    done
}

#[cfg(target_os = "linux")]
mod cancel {
    use std::ffi::c_int;

    const DISABLE: c_int = 1;

    // Not libc's declaration: that one says that it never unwinds.
    unsafe extern "C-unwind" {
        fn pthread_setcancelstate(state: c_int, old: *mut c_int) -> c_int;
    }

    pub(super) fn disable() -> c_int {
        let mut old = 0;
        // SAFETY: `old` is writable; disabling never unwinds.
        unsafe { pthread_setcancelstate(DISABLE, &mut old) };
        old
    }

    pub(super) fn restore(state: c_int) {
        // SAFETY: a state that was read from it. A pending cancellation unwinds from here through frames that have nothing
        // to drop.
        unsafe { pthread_setcancelstate(state, std::ptr::null_mut()) };
    }
}

#[cfg(not(target_os = "linux"))]
mod cancel {
    pub(super) fn disable() {}

    pub(super) fn restore((): ()) {}
}

unsafe extern "C-unwind" fn on_process(frames: u32, context: *mut c_void) -> c_int {
    uncancelled(|| {
        // SAFETY: `context` is the Process of this client, alive until it is closed and reached by this callback alone.
        let process = unsafe { &mut *context.cast::<Process>() };
        process.cycle(frames as usize);
        0
    })
}

unsafe extern "C-unwind" fn on_thread(_: *mut c_void) {
    uncancelled(|| {
        rt::keep_stack_resident(STACK_BYTES);
    });
}

/// # Safety
/// `context` is the Signals of a client that is not yet closed.
unsafe fn signals<'a>(context: *mut c_void) -> &'a Signals {
    // SAFETY: as the caller says; it is only shared.
    unsafe { &*context.cast::<Signals>() }
}

unsafe extern "C-unwind" fn on_period(frames: u32, context: *mut c_void) -> c_int {
    // SAFETY: registered with the Signals.
    unsafe { signals(context) }.period_frames.store(frames, Relaxed);
    0
}

unsafe extern "C-unwind" fn on_rate(hz: u32, context: *mut c_void) -> c_int {
    uncancelled(|| {
        // SAFETY: registered with the Signals.
        let signals = unsafe { signals(context) };
        signals.rate_hz.store(hz, Relaxed);
        if hz != signals.opened_rate_hz {
            signals.poke.poke();
        }
        0
    })
}

unsafe extern "C-unwind" fn on_freewheel(starting: c_int, context: *mut c_void) {
    // SAFETY: registered with the Signals.
    unsafe { signals(context) }.freewheeling.store(starting != 0, Relaxed);
}

unsafe extern "C-unwind" fn on_xrun(context: *mut c_void) -> c_int {
    // SAFETY: registered with the Signals.
    unsafe { signals(context) }.counters.xruns.fetch_add(1, Relaxed);
    0
}

/// Asked for our latency. Only from here does jackd take it for good; PipeWire's library may hang for ever when it is given
/// from here (seen in 0.3.65), and takes it at any time: [`Signals::give_latency`] is called for it elsewhere.
unsafe extern "C-unwind" fn on_latency(mode: c_int, context: *mut c_void) {
    if mode == ffi::CAPTURE_LATENCY {
        // SAFETY: registered with the Signals.
        unsafe { signals(context) }.give_latency();
    }
}

unsafe extern "C-unwind" fn on_shutdown(_: u32, reason: *const c_char, context: *mut c_void) {
    uncancelled(|| {
        // SAFETY: registered with the Signals; the reason is a C string or null.
        let (signals, reason) = unsafe { (signals(context), text(reason)) };
        let reason = if reason.is_empty() { "the server went away".to_string() } else { reason };
        *signals.gone.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason);
        signals.poke.poke();
    });
}

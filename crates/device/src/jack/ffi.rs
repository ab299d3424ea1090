//! libjack, loaded at run time. The crate `jack` is not used, for three reasons: it does not build without libjack's dev
//! package even when it loads at run time, it can't name a server, and it holds one library per process, where jackd's and
//! PipeWire's may both be wanted.

use std::ffi::{CStr, CString, c_char, c_int, c_ulong, c_void};
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::time::{Duration, Instant};

/// A client of a server.
#[repr(C)]
pub(crate) struct RawClient {
    _opaque: [u8; 0],
}

/// A port of a client.
#[repr(C)]
pub(crate) struct RawPort {
    _opaque: [u8; 0],
}

/// Frames between a port and the hardware, over all ways.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(crate) struct LatencyRange {
    pub(crate) min: u32,
    pub(crate) max: u32,
}

pub(crate) const NO_START_SERVER: u32 = 0x01;
pub(crate) const SERVER_NAME: u32 = 0x04;
pub(crate) const STATUS_SERVER_FAILED: u32 = 0x10;
pub(crate) const STATUS_VERSION: u32 = 0x400;
pub(crate) const PORT_IS_INPUT: c_ulong = 0x1;
pub(crate) const PORT_IS_OUTPUT: c_ulong = 0x2;
pub(crate) const PORT_IS_PHYSICAL: c_ulong = 0x4;
pub(crate) const PORT_IS_TERMINAL: c_ulong = 0x10;
pub(crate) const CAPTURE_LATENCY: c_int = 0;
pub(crate) const PLAYBACK_LATENCY: c_int = 1;
pub(crate) const AUDIO: &CStr = c"32 bit float mono audio";

// "C-unwind": libjack cancels its threads, and a cancelled thread unwinds through the callback it is in.
pub(crate) type Process = unsafe extern "C-unwind" fn(frames: u32, context: *mut c_void) -> c_int;
pub(crate) type ThreadInit = unsafe extern "C-unwind" fn(context: *mut c_void);
pub(crate) type Frames = unsafe extern "C-unwind" fn(frames: u32, context: *mut c_void) -> c_int;
pub(crate) type Freewheel = unsafe extern "C-unwind" fn(starting: c_int, context: *mut c_void);
pub(crate) type Xrun = unsafe extern "C-unwind" fn(context: *mut c_void) -> c_int;
pub(crate) type Shutdown =
    unsafe extern "C-unwind" fn(code: u32, reason: *const c_char, context: *mut c_void);
pub(crate) type Latency = unsafe extern "C-unwind" fn(mode: c_int, context: *mut c_void);
type Open = unsafe extern "C" fn(*const c_char, u32, *mut u32, ...) -> *mut RawClient;
type Log = unsafe extern "C" fn(message: *const c_char);

/// Declares the functions of the library and how they are found.
macro_rules! library {
    ($($name:ident : fn($($argument:ty),*) $(-> $result:ty)?;)*) => {
        /// The functions of one loaded libjack. It stays loaded to the end: its threads may outlive a client.
        pub(crate) struct Library {
            pub(crate) jack_client_open: Open,
            /// Clients come and go one at a time: libjack is not safe for two at once (jackd 1.9.21 crashed here).
            pub(crate) coming_and_going: Mutex<()>,
            $(pub(crate) $name: unsafe extern "C" fn($($argument),*) $(-> $result)?,)*
        }

        impl Library {
            unsafe fn find(handle: *mut c_void) -> Result<Self, String> {
                // SAFETY: each symbol of libjack has the C signature that its field is declared with (jack.h).
                unsafe {
                    Ok(Self {
                        jack_client_open: std::mem::transmute::<*mut c_void, Open>(symbol(handle, "jack_client_open")?),
                        coming_and_going: Mutex::new(()),
                        $($name: std::mem::transmute::<
                            *mut c_void,
                            unsafe extern "C" fn($($argument),*) $(-> $result)?,
                        >(symbol(handle, stringify!($name))?),)*
                    })
                }
            }
        }
    };
}

library! {
    jack_client_close: fn(*mut RawClient) -> c_int;
    jack_get_client_name: fn(*mut RawClient) -> *mut c_char;
    jack_activate: fn(*mut RawClient) -> c_int;
    jack_deactivate: fn(*mut RawClient) -> c_int;
    jack_is_realtime: fn(*mut RawClient) -> c_int;
    jack_set_process_callback: fn(*mut RawClient, Process, *mut c_void) -> c_int;
    jack_set_thread_init_callback: fn(*mut RawClient, ThreadInit, *mut c_void) -> c_int;
    jack_set_buffer_size_callback: fn(*mut RawClient, Frames, *mut c_void) -> c_int;
    jack_set_sample_rate_callback: fn(*mut RawClient, Frames, *mut c_void) -> c_int;
    jack_set_freewheel_callback: fn(*mut RawClient, Freewheel, *mut c_void) -> c_int;
    jack_set_xrun_callback: fn(*mut RawClient, Xrun, *mut c_void) -> c_int;
    jack_set_latency_callback: fn(*mut RawClient, Latency, *mut c_void) -> c_int;
    jack_on_info_shutdown: fn(*mut RawClient, Shutdown, *mut c_void);
    jack_get_sample_rate: fn(*mut RawClient) -> u32;
    jack_get_buffer_size: fn(*mut RawClient) -> u32;
    jack_port_register: fn(*mut RawClient, *const c_char, *const c_char, c_ulong, c_ulong) -> *mut RawPort;
    jack_port_unregister: fn(*mut RawClient, *mut RawPort) -> c_int;
    jack_port_name: fn(*const RawPort) -> *const c_char;
    jack_port_get_buffer: fn(*mut RawPort, u32) -> *mut c_void;
    jack_port_get_latency_range: fn(*mut RawPort, c_int, *mut LatencyRange);
    jack_port_set_latency_range: fn(*mut RawPort, c_int, *mut LatencyRange);
    jack_recompute_total_latencies: fn(*mut RawClient) -> c_int;
    jack_get_ports: fn(*mut RawClient, *const c_char, *const c_char, c_ulong) -> *mut *const c_char;
    jack_connect: fn(*mut RawClient, *const c_char, *const c_char) -> c_int;
    jack_free: fn(*mut c_void);
    jack_get_time: fn() -> u64;
    jack_get_cycle_times: fn(*const RawClient, *mut u32, *mut u64, *mut u64, *mut f32) -> c_int;
    jack_get_version_string: fn() -> *const c_char;
    jack_set_error_function: fn(Log);
    jack_set_info_function: fn(Log);
}

impl Library {
    /// Loads the library of this file name or path. It says nothing on its own from now on.
    pub(crate) fn load(name: &str) -> Result<&'static Self, String> {
        let file = CString::new(name).map_err(|_| "a path with a zero byte".to_string())?;
        // SAFETY: libjack's initialisers have no requirements; RTLD_LOCAL keeps the symbols of two of them apart.
        let handle = unsafe { libc::dlopen(file.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        if handle.is_null() {
            // SAFETY: dlerror gives a string or null, valid until the next dl call of this thread.
            return Err(unsafe { text(libc::dlerror()) });
        }
        // SAFETY: an open handle; the functions are set before any other thread knows the library.
        let library = unsafe {
            let library = Self::find(handle)?;
            (library.jack_set_error_function)(silent);
            (library.jack_set_info_function)(silent);
            library
        };
        Ok(Box::leak(Box::new(library)))
    }

    /// The turn to let a client come or go; `None` where another one has been at it for `patience` (its server hangs).
    pub(crate) fn turn(&self, patience: Duration) -> Option<MutexGuard<'_, ()>> {
        let end = Instant::now() + patience;
        loop {
            match self.coming_and_going.try_lock() {
                Ok(turn) => return Some(turn),
                Err(TryLockError::Poisoned(turn)) => return Some(turn.into_inner()),
                Err(TryLockError::WouldBlock) if Instant::now() > end => return None,
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(1)),
            }
        }
    }

    /// Whether this libjack is PipeWire's (it is the only one on some systems).
    pub(crate) fn is_pipewire(&self) -> bool {
        // SAFETY: a constant string.
        unsafe { text((self.jack_get_version_string)()) }.contains("PipeWire")
    }
}

unsafe extern "C" fn silent(_: *const c_char) {}

unsafe fn symbol(handle: *mut c_void, name: &str) -> Result<*mut c_void, String> {
    let symbol = CString::new(name).expect("a C identifier");
    // SAFETY: an open handle and a C string.
    let found = unsafe { libc::dlsym(handle, symbol.as_ptr()) };
    if found.is_null() { Err(format!("its libjack has no {name}: it is too old")) } else { Ok(found) }
}

/// A C string as text; empty for null.
///
/// # Safety
/// `string` is null or a C string.
pub(crate) unsafe fn text(string: *const c_char) -> String {
    if string.is_null() {
        return String::new();
    }
    // SAFETY: as the caller says.
    unsafe { CStr::from_ptr(string) }.to_string_lossy().into_owned()
}

//! The one door into real-time code, and what a process may ask of its machine for it: flush to zero, a guard
//! against allocation, priority, locked memory, absolute sleeps.
//!
//! Every render, offline ones too, goes through [`enter`]. Everything here works without root: a refused
//! permission is a [`Refused`] value that carries its remedy, never a failure.
//!
//! Tags: `[rt]` may be called where nothing may block, allocate or make a system call; `[control]` may do all
//! of that and belongs outside; `[any]` is a plain read.
//!
//! Linux has all of it. Elsewhere the flush to zero, the door and the clock work; priority is left to the audio
//! system, memory locking and fault counting report nothing.

mod clock;
mod door;
mod faults;
mod flush;
mod jitter;
mod limits;
mod memory;
mod overrun;
mod promote;
#[cfg(all(target_os = "linux", feature = "rtkit"))]
mod rtkit;
mod stack;

pub use clock::{monotonic_ns, sleep_until_ns};
pub use door::{door_is_open, enter};
pub use faults::{minor_faults, voluntary_switches};
pub use flush::FlushToZero;
pub use jitter::{JitterProbe, JitterReport, probe_wakeups};
pub use limits::{Limit, Limits};
pub use memory::{MemoryTotals, Part, Touch, keep_resident, memory_totals, pretouch, release};
pub use overrun::time_limit_hits;
pub use promote::{
    Policy, Promotion, Refused, ThreadId, Want, current_policy, promote_at_once, promote_current_thread,
    promote_thread,
};
pub use stack::keep_stack_resident;

#[cfg(feature = "no-alloc")]
pub use assert_no_alloc::AllocDisabler;

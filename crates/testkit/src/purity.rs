//! Proving that a thread is pure: no system call, no page fault, no voluntary switch.
//!
//! Three witnesses together: a seccomp filter under which every system call but `getrusage` traps and is counted
//! by name, `getrusage(RUSAGE_THREAD)` around the work, and (in the test's own binary, as global allocator)
//! `assert_no_alloc`, because a small `malloc` makes no system call.
//!
//! The only unsafe code of the test kit is in this file: a signal handler and two calls of the C library.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Once;

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

thread_local! {
    /// Trapped calls of this thread: how many, and the number of the first. Const and without a destructor, so
    /// that the signal handler may use them.
    static TRAPPED: Cell<u64> = const { Cell::new(0) };
    static FIRST: Cell<i64> = const { Cell::new(-1) };
}

/// What a process ends with when the trapped thread aborts: as a shell shows SIGABRT.
const ABORTED: libc::c_int = 134;

/// A filter that lies on this thread until it ends. Neither Send nor Sync: its counts are the thread's.
#[derive(Debug)]
pub struct Trap {
    on_this_thread: PhantomData<*const ()>,
}

/// What a trapped thread did that it should not have done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trapped {
    /// System calls that were stopped.
    pub calls: u64,
    /// The number of the first, as in `asm/unistd.h`.
    pub first: Option<i64>,
}

/// Puts the calling thread under the filter, for the rest of its life. Every system call but `getrusage` (and what
/// ends a thread or a signal handler) then fails with ENOSYS and is counted. Prepare everything before; leave by
/// returning from the thread's closure.
///
/// # Panics
/// When the kernel refuses the filter: a test that cannot look must not pass.
pub fn trap_thread() -> Trap {
    static HANDLER: Once = Once::new();
    HANDLER.call_once(install_handler);
    TRAPPED.set(0);
    FIRST.set(-1);
    let allowed = [libc::SYS_getrusage, libc::SYS_exit, libc::SYS_exit_group, libc::SYS_rt_sigreturn];
    let rules: BTreeMap<i64, Vec<_>> = allowed.into_iter().map(|call| (call, Vec::new())).collect();
    let arch = std::env::consts::ARCH.try_into().expect("seccompiler knows this processor");
    let filter = SeccompFilter::new(rules, SeccompAction::Trap, SeccompAction::Allow, arch)
        .and_then(BpfProgram::try_from)
        .expect("four allowed calls make a filter");
    seccompiler::apply_filter(&filter).expect("the kernel takes a seccomp filter");
    drop_under_trap(filter);
    Trap { on_this_thread: PhantomData }
}

/// The filter's own memory stays: freeing it may unmap, which would be counted.
fn drop_under_trap(filter: BpfProgram) {
    std::mem::forget(filter);
}

impl Trap {
    /// What was trapped so far on this thread.
    pub fn trapped(&self) -> Trapped {
        let first = FIRST.get();
        Trapped { calls: TRAPPED.get(), first: (first >= 0).then_some(first) }
    }
}

impl fmt::Display for Trapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.first {
            Some(number) => write!(f, "{} system calls, the first was number {number}", self.calls),
            None => write!(f, "no system call"),
        }
    }
}

fn install_handler() {
    let handler: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) = on_trapped;
    // SAFETY: an all-zero sigaction is a valid value of this plain C struct; its fields are set before use.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler as libc::sighandler_t;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: `action` is valid, its handler has the SA_SIGINFO signature and only touches its own context.
    let set = unsafe { libc::sigaction(libc::SIGSYS, &raw const action, std::ptr::null_mut()) };
    assert_eq!(set, 0, "SIGSYS takes a handler");
}

/// Counts the call and makes it fail with ENOSYS.
extern "C" fn on_trapped(_: libc::c_int, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: with SA_SIGINFO the kernel passes a ucontext that is ours until the handler returns.
    let context = unsafe { &mut *context.cast::<libc::ucontext_t>() };
    let number = fail_call(context);
    if number == libc::SYS_tgkill {
        // The thread is on its way to abort, which the filter would not let it do: the test would hang.
        // SAFETY: ends the process at once; async-signal-safe.
        unsafe { libc::_exit(ABORTED) };
    }
    if TRAPPED.get() == 0 {
        FIRST.set(number);
    }
    TRAPPED.set(TRAPPED.get() + 1);
}

#[cfg(target_arch = "x86_64")]
fn fail_call(context: &mut libc::ucontext_t) -> i64 {
    let result = &mut context.uc_mcontext.gregs[libc::REG_RAX as usize];
    std::mem::replace(result, i64::from(-libc::ENOSYS))
}

#[cfg(target_arch = "aarch64")]
fn fail_call(context: &mut libc::ucontext_t) -> i64 {
    context.uc_mcontext.regs[0] = i64::from(-libc::ENOSYS) as u64;
    context.uc_mcontext.regs[8] as i64
}

/// What the kernel counted for the calling thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Page faults that took no I/O.
    pub minor: u64,
    /// Page faults that took I/O.
    pub major: u64,
    /// Times that the thread gave the processor away: it waited for something.
    pub voluntary_switches: u64,
    /// Times that the processor was taken from it. No fault of the thread.
    pub involuntary_switches: u64,
}

impl Faults {
    /// The counts of the calling thread since it began. One system call, `getrusage`.
    pub fn now() -> Self {
        // SAFETY: an all-zero rusage is a valid value of this plain C struct.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        // SAFETY: `usage` is valid for writing one rusage.
        let got = unsafe { libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage) };
        assert_eq!(got, 0, "getrusage answers for the calling thread");
        Self {
            minor: usage.ru_minflt as u64,
            major: usage.ru_majflt as u64,
            voluntary_switches: usage.ru_nvcsw as u64,
            involuntary_switches: usage.ru_nivcsw as u64,
        }
    }

    /// What came since `earlier`.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            minor: self.minor - earlier.minor,
            major: self.major - earlier.major,
            voluntary_switches: self.voluntary_switches - earlier.voluntary_switches,
            involuntary_switches: self.involuntary_switches - earlier.involuntary_switches,
        }
    }

    /// True without page faults and voluntary switches.
    pub fn is_pure(self) -> bool {
        self.minor + self.major + self.voluntary_switches == 0
    }
}

/// Touches `bytes` of the calling thread's stack, so that deep calls later cause no fault.
#[inline(never)]
pub fn touch_stack(bytes: usize) {
    let page = std::hint::black_box([0_u8; 4096]);
    if bytes > page.len() {
        touch_stack(bytes - page.len());
    }
    std::hint::black_box(&page);
}

//! Memory that processes share, and processes.

use forebay_ring::Region;
use std::ptr::NonNull;
use std::sync::Arc;

struct Mapping(NonNull<libc::c_void>, usize);

// SAFETY: the mapping is only unmapped by its drop.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped in `anonymous` with this length.
        unsafe { libc::munmap(self.0.as_ptr(), self.1) };
    }
}

/// Shared memory that children made by [`child`] see, too; already touched.
pub(crate) fn anonymous(bytes: usize) -> Region {
    let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS | libc::MAP_POPULATE;
    // SAFETY: a fresh anonymous mapping.
    let start =
        unsafe { libc::mmap(std::ptr::null_mut(), bytes, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
    assert_ne!(start, libc::MAP_FAILED, "shared memory");
    let start = NonNull::new(start).expect("a mapping");
    // SAFETY: mapped until the keeper is dropped; only atomics and raw copies reach it.
    unsafe { Region::foreign(start.cast(), bytes, Arc::new(Mapping(start, bytes))) }
}

/// A child process; killed when dropped.
pub(crate) struct Child(libc::pid_t);

/// Forks a child that runs `body` and exits.
pub(crate) fn child(body: impl FnOnce()) -> Child {
    // SAFETY: the bench has one thread, so the child may run any code.
    match unsafe { libc::fork() } {
        -1 => panic!("no child process"),
        0 => {
            body();
            // SAFETY: ends the child without running the parent's destructors.
            unsafe { libc::_exit(0) }
        }
        pid => Child(pid),
    }
}

impl Child {
    pub(crate) fn signal(&self, signal: libc::c_int) {
        // SAFETY: a signal to our own child.
        unsafe { libc::kill(self.0, signal) };
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.signal(libc::SIGKILL);
        // SAFETY: waits for our own child.
        unsafe { libc::waitpid(self.0, std::ptr::null_mut(), 0) };
    }
}

/// CPU time of this thread in ns.
pub(crate) fn cpu_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes one timespec.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

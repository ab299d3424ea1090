//! What the kernel counted against a thread: used to name a voice whose pages were punched out from under the
//! engine, and to prove that rendering neither faults nor waits.

/// Page faults of the calling thread that were served without a disk, since it began. One `getrusage`: the only
/// system call that the audio thread makes. 0 where the system does not count per thread. `[rt]`
pub fn minor_faults() -> u64 {
    usage().0
}

/// How often the calling thread gave up the processor of itself (it waited). 0 where the system does not count per
/// thread. `[rt]`
pub fn voluntary_switches() -> u64 {
    usage().1
}

#[cfg(target_os = "linux")]
fn usage() -> (u64, u64) {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: `usage` is a writable rusage; zeroed is a valid value of it, so it may be read whatever is returned.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_THREAD, usage.as_mut_ptr());
        usage.assume_init()
    };
    (usage.ru_minflt as u64, usage.ru_nvcsw as u64)
}

#[cfg(not(target_os = "linux"))]
fn usage() -> (u64, u64) {
    (0, 0)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// Fresh pages cost one fault each, and the count is the calling thread's own.
    #[test]
    fn counts_this_thread() {
        let before = minor_faults();
        let mut fresh = vec![0_u8; 64 << 20];
        for page in 0..1024 {
            *std::hint::black_box(&mut fresh[page * 65_536]) = 1;
        }
        // At least one fault, even where huge pages serve 2 MiB with each.
        assert!(minor_faults() > before);
        let here = minor_faults();
        std::thread::spawn(|| std::hint::black_box(vec![1_u8; 16 << 20])).join().unwrap();
        assert!(minor_faults() < here + 1024);
    }
}

//! Whether the machine itself was taken away: a virtual one's cores stand still while its host does something else.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The kernel's unit of such times.
const TICK_MS: u64 = 10;
const PAUSE: Duration = Duration::from_millis(50);

/// Does `work`; also how long the longest theft of a core was meanwhile, in ms.
pub(crate) fn longest_theft_ms<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let (mut before, mut longest) = (stolen_ticks(), 0);
            while !done.load(Ordering::Relaxed) {
                std::thread::sleep(PAUSE);
                let now = stolen_ticks();
                longest = now.iter().zip(&before).map(|(now, before)| now - before).fold(longest, u64::max);
                before = now;
            }
            longest * TICK_MS
        });
        let result = work();
        done.store(true, Ordering::Relaxed);
        (result, watcher.join().expect("it only reads"))
    })
}

/// Time that each core was ready and not let run, so far.
fn stolen_ticks() -> Vec<u64> {
    let text = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let cores = text.lines().filter(|line| line.starts_with("cpu") && !line.starts_with("cpu "));
    // cpuN user nice system idle iowait irq softirq steal
    cores.filter_map(|line| line.split_whitespace().nth(8)?.parse().ok()).collect()
}

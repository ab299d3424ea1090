//! Rings between processes, and a writer among hostile readers. Linux.
//! Run with `cargo bench -p forebay-ring --bench processes`.

mod common;

#[cfg(target_os = "linux")]
fn main() {
    linux::between();
    linux::hostile();
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("skipped: needs fork and shared anonymous memory");
}

#[cfg(target_os = "linux")]
mod linux {
    use super::common::shared::{anonymous, child, cpu_ns};
    use super::common::{over, playing, ring_bytes};
    use forebay_ring::broadcast;
    use std::hint::{black_box, spin_loop};
    use std::thread::yield_now;
    use std::time::Instant;
    use units::ChannelCount;

    const CHUNK: usize = 128;
    const CHUNKS: usize = 1 << 20;

    /// Frames per second from a writer to a reader that both run as fast as they can.
    pub(super) fn between() {
        println!("{CHUNKS} chunks of {CHUNK} f32 from one core to another, M samples/s, best of 5:");
        let (mut threads, mut processes) = (0.0_f64, 0.0_f64);
        for _ in 0..5 {
            threads = threads.max(rtrb_threads());
            processes = processes.max(ours_processes());
        }
        println!("  rtrb 0.4 slices between threads {threads:.0}, ours between processes {processes:.0}");
        println!("  goal: ours >= 1.0 x rtrb, measured {:.2}", processes / threads);
    }

    /// Spins for a while, then lets the other side have the core: both may be on one.
    fn wait(turns: &mut u32) {
        *turns += 1;
        if turns.is_multiple_of(64) { yield_now() } else { spin_loop() }
    }

    fn rate(start: Instant) -> f64 {
        (CHUNKS * CHUNK) as f64 / start.elapsed().as_secs_f64() / 1e6
    }

    fn rtrb_threads() -> f64 {
        let (mut push, mut pop) = rtrb::RingBuffer::<f32>::new(8192);
        let start = Instant::now();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let (source, mut turns) = ([0.5; CHUNK], 0);
                for _ in 0..CHUNKS {
                    while push.push_entire_slice(black_box(&source)).is_err() {
                        wait(&mut turns);
                    }
                }
            });
            let (mut out, mut turns) = ([0.0; CHUNK], 0);
            for _ in 0..CHUNKS {
                while pop.pop_entire_slice(black_box(&mut out)).is_err() {
                    wait(&mut turns);
                }
            }
        });
        rate(start)
    }

    fn ours_processes() -> f64 {
        let region = anonymous(ring_bytes(8192));
        let (mut writer, mut reader, mut now) = playing(over(&region, 8192).expect("a ring"), 0);
        let start = Instant::now();
        let writing = child(move || {
            let (source, mut turns, mut space) = ([0.5; CHUNK], 0, 0);
            for _ in 0..CHUNKS {
                while space < CHUNK {
                    space = writer.space_frames() as usize;
                    if space < CHUNK {
                        wait(&mut turns);
                    }
                }
                space -= writer.write(black_box(&source));
            }
        });
        let (mut out, mut turns) = ([0.0; CHUNK], 0);
        for _ in 0..CHUNKS {
            // Nobody is late here: the reader waits for a whole chunk as it would in a benchmark of rtrb.
            while (reader.begin(0, now).calm_frames as usize) < CHUNK {
                wait(&mut turns);
            }
            reader.read(black_box(&mut out), CHUNK);
            reader.finish();
            now += CHUNK as u64;
        }
        let rate = rate(start);
        drop(writing);
        rate
    }

    /// A writer whose 64 readers, each a process of its own, do their worst; one is stopped in the middle.
    pub(super) fn hostile() {
        const READERS: usize = 64;
        const WRITES: usize = 20_000;
        let region = anonymous(64 + 16_384 * 4);
        let (mut writer, reader) = broadcast(&region, ChannelCount::MONO);
        let children: Vec<_> = (0..READERS)
            .map(|index| {
                let mut reader = reader.clone();
                let scribble = region.clone();
                child(move || hostile_reader(index, &mut reader, &scribble))
            })
            .collect();
        children[0].signal(libc::SIGSTOP);
        let source = [0.5_f32; CHUNK];
        let mut times: Vec<u64> = (0..WRITES)
            .map(|_| {
                let before = cpu_ns();
                writer.write(black_box(&source));
                cpu_ns() - before
            })
            .collect();
        drop(children);
        times.sort_unstable();
        let (median, worst) = (times[WRITES / 2], times[WRITES - 1]);
        println!(
            "{WRITES} broadcast writes of {CHUNK} f32, {READERS} hostile reader processes, one stopped:"
        );
        println!(
            "  CPU per write: median {median} ns, worst {:.3} ms (two clock calls included)",
            worst as f64 / 1e6
        );
        println!("  goal: worst <= 0.1 ms");
    }

    /// Reads without end; every second one also writes over the counters and frames that it should only read.
    fn hostile_reader(
        index: usize,
        reader: &mut forebay_ring::BroadcastReader,
        scribble: &forebay_ring::Region,
    ) {
        let mut out = [0.0; 4096];
        loop {
            black_box(reader.read(&mut out));
            if index % 2 == 1 {
                // SAFETY: a hostile process writes where it should not, inside the mapping.
                unsafe { scribble.start().add(index * 8 % 4096).write_volatile(index as u8) };
            }
        }
    }
}

use super::*;
use crate::guard::{CELL_FRAMES, CellMeasure, HUGE, Watch};
use crate::ramp::{Ramp, Ramps};
use units::{ChannelCount, MAX_CHANNELS, Pan};

/// Deterministic noise in -1..1, with a different sequence per seed.
fn noise(seed: u32) -> impl FnMut() -> f32 {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state as i32) as f32 / 2_147_483_648.0
    }
}

/// Noise with every kind of unwelcome sample strewn in.
fn hostile(seed: u32, len: usize) -> Vec<f32> {
    let mut next = noise(seed);
    let specials =
        [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30, -HUGE, 1e-40, -1e-42, -0.0, 900.0];
    (0..len)
        .map(|k| {
            let x = next();
            if k % 7 == 3 { specials[(x.to_bits() as usize >> 3) % specials.len()] } else { x }
        })
        .collect()
}

fn route(from: usize, to: usize) -> Route {
    Route::new(ChannelCount::new(from).unwrap(), ChannelCount::new(to).unwrap())
}

fn moving(frame: u64) -> Gains {
    let mut sides = Ramps::steady([0.9, 0.3, 0.7]);
    sides.turn(100, [0.2, 0.8, 0.1], 700);
    let mut gate = Ramp::steady(1.0);
    gate.turn(150, 0.0, 900);
    Gains::Moving(Lines { sides: sides.line(frame), gate: gate.line(frame) })
}

/// Mixes `voice` in stretches of `block` frames and returns the bus and what was measured.
fn run(cpu: Cpu, route: &Route, ramped: bool, block: usize, voice: &[f32]) -> (Vec<f32>, Watch) {
    let frames = voice.len() / route.from_channels();
    let mut start = noise(99);
    let mut bus: Vec<f32> = (0..frames * route.to_channels()).map(|_| start()).collect();
    let mut watch = Watch::default();
    let mut voice = voice.to_vec();
    let pieces =
        voice.chunks_mut(block * route.from_channels()).zip(bus.chunks_mut(block * route.to_channels()));
    for (k, (voice, bus)) in pieces.enumerate() {
        let gains = if ramped {
            moving(200 + (k * block) as u64)
        } else {
            Gains::Steady(route.sides(0.8, Pan::new(-0.3)))
        };
        watch.admit(cpu, voice, route.from_channels(), 8.0);
        add(cpu, route, &gains, voice, bus);
    }
    (bus, watch)
}

fn bits(samples: &[f32]) -> Vec<u32> {
    samples.iter().map(|x| x.to_bits()).collect()
}

/// What a kernel must do, sample by sample in the plainest way.
fn naive(route: &Route, ramped: bool, voice: &[f32], bus: &mut [f32]) {
    for (k, (x, out)) in
        voice.chunks(route.from_channels()).zip(bus.chunks_mut(route.to_channels())).enumerate()
    {
        let gains = if ramped { moving(200).at(k as i32) } else { route.sides(0.8, Pan::new(-0.3)) };
        for (output, out) in out.iter_mut().enumerate() {
            for (input, x) in x.iter().enumerate() {
                let sound = x.is_finite() && x.abs() < HUGE && x.abs() >= f32::MIN_POSITIVE;
                let x = if sound { x.clamp(-8.0, 8.0) } else { 0.0 };
                *out += x * (route.weight(output, input) * gains[route.side(output)]);
            }
        }
    }
}

/// Every route on every CPU path, in blocks of 1, 17 and 64 frames, steady and ramped, with NaN, infinities,
/// denormals and huge samples in the input: always the bits of the plain model, always the same measurements.
#[test]
fn all_paths_and_blocks_give_the_same_bits() {
    for from in 1..=MAX_CHANNELS {
        for to in 1..=MAX_CHANNELS {
            let route = route(from, to);
            let voice = hostile(from as u32 * 8 + to as u32, 441 * from);
            for ramped in [false, true] {
                let mut start = noise(99);
                let mut want: Vec<f32> = (0..441 * to).map(|_| start()).collect();
                naive(&route, ramped, &voice, &mut want);
                let seen = run(Cpu::portable(), &route, ramped, 64, &voice).1.close_cell();
                for cpu in Cpu::all() {
                    for block in [1, 17, CELL_FRAMES] {
                        let (got, mut watch) = run(cpu, &route, ramped, block, &voice);
                        assert_eq!(bits(&got), bits(&want), "{from} to {to}, {cpu:?}, blocks of {block}");
                        let cell = watch.close_cell();
                        assert_eq!(
                            (cell.bad, cell.denormal, cell.peak),
                            (seen.bad, seen.denormal, seen.peak),
                            "{cpu:?}, blocks of {block}"
                        );
                        assert!((cell.energy - seen.energy).abs() <= seen.energy * 1e-5);
                    }
                }
            }
        }
    }
}

/// The sums of the guard are the same whatever the grouping, so that its verdict is.
#[test]
fn the_guards_measurements_do_not_depend_on_grouping() {
    for from in 1..=MAX_CHANNELS {
        let route = route(from, 2);
        let voice = hostile(from as u32, 640 * from);
        let watches: Vec<Watch> = Cpu::all()
            .into_iter()
            .flat_map(|cpu| [1, 17, 64].map(|block| run(cpu, &route, false, block, &voice).1))
            .map(|mut watch| {
                watch.close_cell();
                watch
            })
            .collect();
        assert!(watches.windows(2).all(|pair| pair[0] == pair[1]), "{from} channels");
    }
}

/// Nothing but finite numbers up to the blast limit gets through the door, and all the rest is counted.
#[test]
fn garbage_stays_outside() {
    let voice =
        [f32::NAN, f32::INFINITY, -f32::INFINITY, HUGE, -1e30, 1e-39, -1e-39, 0.0, -0.0, 100.0, -100.0, 1.0];
    for cpu in Cpu::all() {
        let mut bus = vec![0.0; voice.len() * 2];
        let mut watch = Watch::default();
        let mut voice = voice;
        watch.admit(cpu, &mut voice, 1, 8.0);
        add(cpu, &route(1, 2), &Gains::Steady([1.0, 0.5, 0.0]), &voice, &mut bus);
        let left: Vec<f32> = bus.iter().copied().step_by(2).collect();
        assert_eq!(left, [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 8.0, -8.0, 1.0]);
        assert_eq!(watch.close_cell(), CellMeasure { bad: 5, denormal: 2, peak: 8.0, energy: 129.0 });
    }
}

/// A stereo voice at unity gain in the centre arrives bit for bit.
#[test]
fn unity_is_transparent() {
    let mut next = noise(5);
    let voice: Vec<f32> = (0..128).map(|_| next()).collect();
    for cpu in Cpu::all() {
        let route = route(2, 2);
        let mut bus = vec![0.0; 128];
        let gains = Gains::Steady(route.sides(1.0, Pan::CENTRE));
        add(cpu, &route, &gains, &voice, &mut bus);
        assert_eq!(bits(&bus), bits(&voice));
    }
}

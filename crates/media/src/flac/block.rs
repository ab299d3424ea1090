//! A block of all channels as a FLAC frame.

use super::bits::{Bits, crc8, crc16};
use super::subframe::Subframe;
use super::{BITS, BLOCK_FRAMES};

/// Rates that have a number of their own in the header of a frame; every other one is said by the head of the file.
const NUMBERED_HZ: [u32; 11] =
    [88_200, 176_400, 192_000, 8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000];
const LEFT_SIDE: u32 = 8;
const SIDE_RIGHT: u32 = 9;
const MID_SIDE: u32 = 10;

/// Encodes interleaved `samples` of `channels` channels, 1 to a block of frames, as the block of that number.
pub(super) fn encode(samples: &[i32], channels: usize, hz: u32, number: u32) -> Vec<u8> {
    let rows: Vec<Vec<i32>> =
        (0..channels).map(|at| samples.iter().skip(at).step_by(channels).copied().collect()).collect();
    let mut out = Bits::default();
    let (assignment, parts) = match <[Vec<i32>; 2]>::try_from(rows) {
        Ok(pair) => of_pair(pair),
        Err(rows) => (channels as u32 - 1, rows.into_iter().map(|row| Part::new(row, BITS)).collect()),
    };
    write_header(&mut out, samples.len() / channels, hz, number, assignment);
    for part in &parts {
        part.plan.write(&part.samples, part.bits, &mut out);
    }
    out.align();
    let crc = crc16(out.bytes());
    out.put(crc.into(), 16);
    out.bytes().to_vec()
}

/// One channel as it is written.
struct Part {
    samples: Vec<i32>,
    bits: u32,
    plan: Subframe,
}

impl Part {
    fn new(samples: Vec<i32>, bits: u32) -> Self {
        let plan = Subframe::plan(&samples, bits);
        Self { samples, bits, plan }
    }
}

/// Left and right, or one of them with their difference, or their middle with it: whatever is the shortest.
fn of_pair([left, right]: [Vec<i32>; 2]) -> (u32, Vec<Part>) {
    let both = || left.iter().zip(&right);
    let middle: Vec<i32> = both().map(|(left, right)| (left + right) >> 1).collect();
    let side: Vec<i32> = both().map(|(left, right)| left - right).collect();
    // The difference needs a bit more.
    let [left, right, middle] = [left, right, middle].map(|samples| Part::new(samples, BITS));
    let side = Part::new(side, BITS + 1);
    let bits = |one: &Part, other: &Part| one.plan.most_bits + other.plan.most_bits;
    let ways = [
        (bits(&left, &right), 1),
        (bits(&left, &side), LEFT_SIDE),
        (bits(&side, &right), SIDE_RIGHT),
        (bits(&middle, &side), MID_SIDE),
    ];
    let (_, assignment) = ways.into_iter().min_by_key(|(bits, _)| *bits).expect("four ways");
    let parts = match assignment {
        LEFT_SIDE => vec![left, side],
        SIDE_RIGHT => vec![side, right],
        MID_SIDE => vec![middle, side],
        _ => vec![left, right],
    };
    (assignment, parts)
}

fn write_header(out: &mut Bits, frames: usize, hz: u32, number: u32, assignment: u32) {
    const SYNC_OF_EQUAL_BLOCKS: u32 = 0xfff8;
    const WHOLE_BLOCK: u32 = 0b1100;
    const LENGTH_FOLLOWS: u32 = 0b0111;
    const BITS_24: u32 = 0b110;
    let is_whole = frames == BLOCK_FRAMES;
    out.put(SYNC_OF_EQUAL_BLOCKS, 16);
    out.put(if is_whole { WHOLE_BLOCK } else { LENGTH_FOLLOWS }, 4);
    out.put(NUMBERED_HZ.iter().position(|numbered| *numbered == hz).map_or(0, |at| at as u32 + 1), 4);
    out.put(assignment, 4);
    out.put(BITS_24 << 1, 4);
    put_number(out, number);
    if !is_whole {
        out.put(frames as u32 - 1, 16);
    }
    let crc = crc8(out.bytes());
    out.put(crc.into(), 8);
}

/// A number as UTF-8 writes one, to 31 bits.
fn put_number(out: &mut Bits, number: u32) {
    if number < 0x80 {
        out.put(number, 8);
        return;
    }
    // So many bytes follow the first, with 6 bits each; the first says how many, and has the rest.
    let following = (1..=5).find(|more| number >> (5 * more + 6) == 0).unwrap_or(5);
    let ones = !(0xff_u32 >> (following + 1)) & 0xff;
    out.put(ones | number >> (6 * following), 8);
    for at in (0..following).rev() {
        out.put(0x80 | number >> (6 * at) & 0x3f, 8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Block numbers are written as UTF-8 writes characters, and go on beyond those.
    #[test]
    fn numbers() {
        let written = |number| {
            let mut out = Bits::default();
            put_number(&mut out, number);
            out.bytes().to_vec()
        };
        for number in [0, 0x7f, 0x80, 0x7ff, 0x800, 0xffff, 0x1_0000, 0x10_ffff] {
            let utf8 = char::from_u32(number).map(|character| character.to_string().into_bytes());
            assert_eq!(Some(written(number)), utf8, "{number:#x}");
        }
        assert_eq!(written(0x3ff_ffff), [0xfb, 0xbf, 0xbf, 0xbf, 0xbf]);
        assert_eq!(written(0x7fff_ffff), [0xfd, 0xbf, 0xbf, 0xbf, 0xbf, 0xbf]);
    }
}

//! One channel of a block: predicted from up to four samples before, the error Rice-coded in partitions. Whatever the samples
//! are, it takes no more than they do.

use super::bits::Bits;

/// The predictors that FLAC has built in: polynomials through so many samples.
const MOST_ORDER: usize = 4;
/// Partitions are halved at most so often: what every decoder takes.
const MOST_PARTITION_ORDER: u32 = 8;
/// Parameters up to this are written with 4 bits, greater ones make all of them take 5.
const MOST_SHORT_PARAMETER: u32 = 14;
const MOST_PARAMETER: u32 = 30;

/// How a channel is to be written.
#[derive(Debug)]
pub(super) struct Subframe {
    coding: Coding,
    /// Its size in bits is at most this.
    pub(super) most_bits: u64,
}

#[derive(Debug)]
enum Coding {
    Constant,
    Verbatim,
    Fixed { errors: Vec<i32>, order: usize, rice: Rice },
}

/// Rice parameters, one for each of a power of two of partitions.
#[derive(Debug)]
struct Rice {
    parameters: Vec<u32>,
    bits: u64,
}

impl Subframe {
    /// The shortest way to write `samples` of `sample_bits` bits that is known here.
    pub(super) fn plan(samples: &[i32], sample_bits: u32) -> Self {
        const HEADER_BITS: u64 = 8;
        let sample_bits = u64::from(sample_bits);
        if samples.windows(2).all(|pair| pair[0] == pair[1]) {
            return Self { coding: Coding::Constant, most_bits: HEADER_BITS + sample_bits };
        }
        let verbatim_bits = HEADER_BITS + sample_bits * samples.len() as u64;
        let order = best_order(samples);
        let errors = errors(samples, order);
        let rice = Rice::plan(&errors, order);
        let most_bits = HEADER_BITS + sample_bits * order as u64 + rice.bits;
        if most_bits < verbatim_bits {
            Self { coding: Coding::Fixed { errors, order, rice }, most_bits }
        } else {
            Self { coding: Coding::Verbatim, most_bits: verbatim_bits }
        }
    }

    /// Writes `samples`, for which this is the plan.
    pub(super) fn write(&self, samples: &[i32], sample_bits: u32, out: &mut Bits) {
        const VERBATIM: u32 = 1;
        const FIXED: u32 = 8;
        // One bit of padding before the kind, and after it a bit that says: no bits are left out.
        let mut header = |kind: u32| out.put(kind << 1, 8);
        match &self.coding {
            Coding::Constant => {
                header(0);
                out.put_signed(samples[0], sample_bits);
            }
            Coding::Verbatim => {
                header(VERBATIM);
                samples.iter().for_each(|sample| out.put_signed(*sample, sample_bits));
            }
            Coding::Fixed { errors, order, rice } => {
                header(FIXED | *order as u32);
                samples[..*order].iter().for_each(|sample| out.put_signed(*sample, sample_bits));
                rice.write(errors, *order, out);
            }
        }
    }
}

/// The order whose errors are the least in sum.
fn best_order(samples: &[i32]) -> usize {
    let mut sums = [0_u64; MOST_ORDER + 1];
    // The last error of each order: the differences of the one below.
    let mut last = [0_i64; MOST_ORDER + 1];
    for (at, sample) in samples.iter().enumerate() {
        let mut error = i64::from(*sample);
        for order in 0..=MOST_ORDER {
            let next = error - last[order];
            last[order] = error;
            sums[order] += if at >= MOST_ORDER { error.unsigned_abs() } else { 0 };
            error = next;
        }
    }
    let most = MOST_ORDER.min(samples.len().saturating_sub(1));
    (0..=most).min_by_key(|order| sums[*order]).unwrap_or(0)
}

/// What the predictor of `order` is wrong by, from sample `order` on. Fits: 25 bits and one more for each order.
fn errors(samples: &[i32], order: usize) -> Vec<i32> {
    let mut errors = samples.to_vec();
    for _ in 0..order {
        for at in (1..errors.len()).rev() {
            errors[at] -= errors[at - 1];
        }
        errors.remove(0);
    }
    errors
}

/// Signs to the low end: 0, -1, 1, -2, ..
#[inline]
fn folded(error: i32) -> u32 {
    (error << 1 ^ error >> 31) as u32
}

impl Rice {
    /// Parameters for the errors of a block whose first `order` samples have none.
    fn plan(errors: &[i32], order: usize) -> Self {
        let block = errors.len() + order;
        let mut depth = MOST_PARTITION_ORDER.min(block.trailing_zeros());
        while depth > 0 && block >> depth <= MOST_ORDER {
            depth -= 1;
        }
        let mut sums: Vec<(u64, u64)> = partitions(errors, order, depth)
            .map(|part| (part.len() as u64, part.iter().map(|error| u64::from(folded(*error))).sum()))
            .collect();
        let mut best = Self::of(&sums);
        while sums.len() > 1 {
            sums = sums.chunks_exact(2).map(|two| (two[0].0 + two[1].0, two[0].1 + two[1].1)).collect();
            let coarser = Self::of(&sums);
            if coarser.bits <= best.bits {
                best = coarser;
            }
        }
        best
    }

    /// The best parameters for partitions of so many errors with such sums.
    fn of(sums: &[(u64, u64)]) -> Self {
        const HEADER_BITS: u64 = 6;
        let chosen: Vec<(u32, u64)> = sums.iter().map(|(count, sum)| best_parameter(*count, *sum)).collect();
        let parameters: Vec<u32> = chosen.iter().map(|(parameter, _)| *parameter).collect();
        let bits: u64 = chosen.iter().map(|(_, bits)| bits).sum();
        let each = u64::from(parameter_bits(&parameters));
        Self { bits: HEADER_BITS + each * parameters.len() as u64 + bits, parameters }
    }

    fn write(&self, errors: &[i32], order: usize, out: &mut Bits) {
        let each = parameter_bits(&self.parameters);
        let depth = self.parameters.len().ilog2();
        out.put(u32::from(each == 5), 2);
        out.put(depth, 4);
        for (part, parameter) in partitions(errors, order, depth).zip(&self.parameters) {
            out.put(*parameter, each);
            for error in part {
                let folded = folded(*error);
                out.put_unary(folded >> parameter);
                out.put(folded, *parameter);
            }
        }
    }
}

/// The errors in `2^depth` partitions of the block; the first one lacks what has no error.
fn partitions(errors: &[i32], order: usize, depth: u32) -> impl Iterator<Item = &[i32]> {
    let length = (errors.len() + order) >> depth;
    let (first, rest) = errors.split_at(length - order);
    std::iter::once(first).chain(rest.chunks(length))
}

/// The parameter under which `count` numbers that add up to `sum` are the shortest, and how long they are at most.
fn best_parameter(count: u64, sum: u64) -> (u32, u64) {
    // The quotients add up to at most the quotient of the sum.
    let bits = |parameter: u32| count * u64::from(parameter + 1) + (sum >> parameter);
    let near = (sum / count.max(1)).max(1).ilog2();
    let candidates = near.saturating_sub(1)..=(near + 1).min(MOST_PARAMETER);
    candidates
        .map(|parameter| (parameter, bits(parameter)))
        .min_by_key(|(_, bits)| *bits)
        .expect("there are some")
}

fn parameter_bits(parameters: &[u32]) -> u32 {
    if parameters.iter().all(|parameter| *parameter <= MOST_SHORT_PARAMETER) { 4 } else { 5 }
}

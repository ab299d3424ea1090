//! Routes: how a voice of 1 to 8 channels reaches a bus of 1 to 8 channels.
//!
//! **Channel policy** (layouts in WAV order: 3 = L R C, 4 = L R Ls Rs, 5 = L R C Ls Rs, 6 = L R C LFE Ls Rs,
//! 7 = L R C LFE Cs Ls Rs, 8 = L R C LFE Lb Rb Ls Rs):
//! - equal counts: channel to channel, bit-transparent at unity gain and centre pan;
//! - mono to two or more: panned between left and right by the equal-power law;
//! - fewer to more: channel to the channel of the same number, the rest stays silent;
//! - more to fewer (at least two): channels that exist go across; the others fold into left and right: a left or right
//!   channel at -3 dB to its side, C and Cs at -3 dB to both, LFE is dropped;
//! - to mono: the stereo fold, halved (so two equal sides at full scale stay at full scale).

use crate::pan::{self, CENTRE, LEFT, RIGHT, Sides};
use units::{ChannelCount, MAX_CHANNELS, Pan};

/// Amplitude of -3 dB: half the power.
const HALF_POWER: f32 = std::f32::consts::FRAC_1_SQRT_2;

/// What a channel is in its layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Left,
    Right,
    Centre,
    Lfe,
}

use Role::{Centre as C, Left as L, Lfe as E, Right as R};

/// Role of each channel of a layout, by channel count.
const ROLES: [&[Role]; MAX_CHANNELS + 1] = [
    &[],
    &[C],
    &[L, R],
    &[L, R, C],
    &[L, R, L, R],
    &[L, R, C, L, R],
    &[L, R, C, E, L, R],
    &[L, R, C, E, C, L, R],
    &[L, R, C, E, L, R, L, R],
];

/// Which kernel serves a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One channel to left and right.
    MonoToStereo,
    /// Two channels to two.
    Stereo,
    /// Anything else, through the matrix.
    Matrix,
}

/// The fixed part of a strip's way to its bus: a matrix, and the side that each output belongs to.
#[derive(Clone, Debug)]
pub struct Route {
    from: usize,
    to: usize,
    shape: Shape,
    /// `weights[output][input]`.
    weights: [[f32; MAX_CHANNELS]; MAX_CHANNELS],
    /// Index into [`Sides`] per output.
    sides: [u8; MAX_CHANNELS],
}

impl Route {
    /// The route from a voice of `from` channels to a bus of `to` channels, by the policy above.
    pub fn new(from: ChannelCount, to: ChannelCount) -> Self {
        let (from, to) = (from.get(), to.get());
        let mut weights = [[0.0; MAX_CHANNELS]; MAX_CHANNELS];
        if from == 1 {
            weights[0][0] = 1.0;
            if to > 1 {
                weights[1][0] = 1.0;
            }
        } else if to == 1 {
            for (input, role) in ROLES[from].iter().enumerate() {
                let [left, right] = fold(*role, input);
                weights[0][input] = 0.5 * (left + right);
            }
        } else {
            for (input, role) in ROLES[from].iter().enumerate() {
                if input < to {
                    weights[input][input] = 1.0;
                } else {
                    [weights[LEFT][input], weights[RIGHT][input]] = fold(*role, input);
                }
            }
        }
        let mut sides = [CENTRE as u8; MAX_CHANNELS];
        for (side, role) in sides.iter_mut().zip(ROLES[to]) {
            *side = match role {
                L => LEFT as u8,
                R => RIGHT as u8,
                C | E => CENTRE as u8,
            };
        }
        let shape = match (from, to) {
            (1, 2) => Shape::MonoToStereo,
            (2, 2) => Shape::Stereo,
            _ => Shape::Matrix,
        };
        Self { from, to, shape, weights, sides }
    }

    /// Channels of the voice.
    pub fn from_channels(&self) -> usize {
        self.from
    }

    /// Channels of the bus.
    pub fn to_channels(&self) -> usize {
        self.to
    }

    pub(crate) fn shape(&self) -> Shape {
        self.shape
    }

    /// Weight of `input` in `output`.
    pub fn weight(&self, output: usize, input: usize) -> f32 {
        self.weights[output][input]
    }

    /// Which gain of [`Sides`] applies to `output`.
    pub fn side(&self, output: usize) -> usize {
        usize::from(self.sides[output])
    }

    /// The side gains of a strip with `gain` (linear) and `pan` on this route.
    pub fn sides(&self, gain: f32, pan: Pan) -> Sides {
        if self.from == 1 { pan::equal_power(gain, pan) } else { pan::balance(gain, pan) }
    }

    /// The largest gain that any sample meets on this route: what a meter multiplies with.
    pub fn loudest(&self, sides: &Sides) -> f32 {
        match self.shape {
            Shape::MonoToStereo | Shape::Stereo => sides[LEFT].max(sides[RIGHT]),
            Shape::Matrix => (0..self.to).fold(0.0, |most, output| most.max(sides[self.side(output)])),
        }
    }
}

/// How a channel that has no place of its own goes into left and right.
fn fold(role: Role, input: usize) -> [f32; 2] {
    let level = if input < 2 { 1.0 } else { HALF_POWER };
    match role {
        L => [level, 0.0],
        R => [0.0, level],
        C => [HALF_POWER, HALF_POWER],
        E => [0.0, 0.0],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(from: usize, to: usize) -> Route {
        Route::new(ChannelCount::new(from).unwrap(), ChannelCount::new(to).unwrap())
    }

    /// Equal counts are the identity, whatever the count.
    #[test]
    fn equal_counts_are_transparent() {
        for n in 1..=MAX_CHANNELS {
            let same = route(n, n);
            for output in 0..n {
                for input in 0..n {
                    assert_eq!(same.weight(output, input), f32::from(u8::from(output == input)));
                }
            }
        }
    }

    /// No channel but LFE is lost on the way to fewer channels, and nothing grows by more than its fold.
    #[test]
    fn folding_keeps_every_channel() {
        for (from, roles) in ROLES.iter().enumerate().skip(2) {
            for to in 1..from {
                let route = route(from, to);
                for (input, role) in roles.iter().enumerate() {
                    let heard: f32 = (0..to).map(|output| route.weight(output, input)).sum();
                    assert_eq!(
                        heard > 0.0,
                        *role != E || input < to && to > 1,
                        "{from} to {to}, channel {input}"
                    );
                }
            }
        }
    }

    /// Two equal sides stay as loud as they were in mono; mono is as loud in mono as it was.
    #[test]
    fn mono_does_not_clip() {
        assert_eq!(route(2, 1).weight(0, 0) + route(2, 1).weight(0, 1), 1.0);
        assert_eq!(route(1, 1).weight(0, 0), 1.0);
        assert_eq!(route(1, 1).sides(0.5, Pan::new(1.0))[route(1, 1).side(0)], 0.5);
    }

    /// A mono voice reaches left and right only; the other speakers stay silent.
    #[test]
    fn mono_to_many() {
        let route = route(1, 6);
        assert_eq!((0..6).filter(|o| route.weight(*o, 0) != 0.0).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(route.side(4), LEFT);
        assert_eq!(route.side(3), CENTRE);
    }
}

// SPDX-License-Identifier: Apache-2.0
use crate::learn::{
    logarithm::{exp, ln},
    panel::Change,
};

/// How much longer a request takes with more of them in flight in a replica: for each range of requests in flight, by
/// how many per cent the latency rises when there is one per cent more in flight. 0: they do not hinder each other;
/// 1: none more gets done.
///
/// Only from what changed in one replica from one time to the next, never from levels: so a slow day of a database moves
/// nothing. The regression of the logarithm of the latency on that of the requests in flight: A / B, with A = sum of dN dR
/// and B = sum of dN dN. A latency that rises while no more work is done is not taken for the replica's own doing, unless
/// it did about as much as was ever seen of one.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Curve {
    bins: [Bin; Self::BINS],
    /// Logarithm of the most requests in flight that count as seen.
    top: f64,
}

/// Sums over the changes that passed through one range.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Bin {
    /// A: dN dR.
    pub(crate) slower: f32,
    /// B: dN dN.
    pub(crate) busier: f32,
    /// (dN dR)^2, (dN dR)(dN dN), (dN dN)^2, for the error of A / B.
    pub(crate) squares: [f32; 3],
}

impl Curve {
    /// Each half as much again (a factor of the square root of two): a quarter of a request to 1,024.
    pub(crate) const BINS: usize = 24;
    const FIRST: f64 = -2.0 * std::f64::consts::LN_2;
    const WIDTH: f64 = std::f64::consts::LN_2 / 2.0;
    /// What is older counts less with each change.
    const FORGETTING: f32 = 0.995;
    /// The most that one bin may weigh, so that the usual load of a replica does not outweigh the rest, and what changes
    /// for good is learned again.
    const MOST: f32 = 4.0;
    /// Squared noise that is taken for granted.
    const DOUBT: f64 = 0.02;
    /// From this error on nothing is known.
    const UNKNOWN: f64 = 0.4;
    const STEEPEST: f64 = 0.98;
    /// A change in the requests in flight below this is none.
    const LEAST_CHANGE: f64 = 0.2;
    /// From here on a latency that rises has another cause, unless the replica does all that it can.
    const STEEP: f64 = 0.7;

    /// Learns from a change; false if it tells nothing.
    pub(crate) fn learn(&mut self, change: Change) -> bool {
        let busier = change.to - change.from;
        let slower = busier - change.rate;
        let steepness = slower / busier;
        let told = busier.abs() >= Self::LEAST_CHANGE.max(2.5 * change.noise)
            && (-Self::STEEP..=1.2).contains(&steepness)
            && (steepness < Self::STEEP || change.full);
        if !told {
            return false;
        }
        let (low, high) = if change.from < change.to {
            (change.from, change.to)
        } else {
            (change.to, change.from)
        };
        for (place, bin) in self.bins.iter_mut().enumerate() {
            let begin = Self::FIRST + place as f64 * Self::WIDTH;
            let overlap = high.min(begin + Self::WIDTH) - low.max(begin);
            if overlap > 0.0 {
                bin.add(
                    (overlap / (high - low)) as f32,
                    busier * slower,
                    busier * busier,
                );
            }
        }
        self.top = high.max(self.top - 1e-4).min(ln(1000.0));
        true
    }

    /// The most requests in flight at which the logarithm of the latency has risen by no more than `budget` over that of
    /// a request that is alone with `alone` in flight, as far as one may extrapolate; and whether it is that far.
    /// `doubt`: so many standard errors of the whole rise steeper than it seems.
    pub(crate) fn reach(&self, alone: f64, budget: f64, doubt: f64) -> (f64, bool) {
        let (limit, found) = self.reach_if(alone, budget, 0.0);
        if doubt == 0.0 {
            return (limit, found);
        }
        self.reach_if(alone, budget, doubt * self.together(ln(alone), ln(limit)))
    }

    /// As [`Curve::reach`], with every range so many of its standard errors steeper.
    fn reach_if(&self, alone: f64, budget: f64, doubt: f64) -> (f64, bool) {
        let most = self.top + ln(1.25);
        let mut risen = 0.0;
        for (begin, end, piece) in self.pieces(ln(alone), most, doubt) {
            let rise = piece.rise(begin, end);
            if risen + rise > budget {
                return (exp(piece.reach(begin, budget - risen).min(end)), true);
            }
            risen += rise;
        }
        (exp(most), false)
    }

    /// By how much the logarithm of the latency rises from `alone` to `in_flight`.
    pub(crate) fn rise(&self, alone: f64, in_flight: f64, doubt: f64) -> f64 {
        let (begin, end) = (ln(alone), ln(in_flight));
        let doubt = doubt * self.together(begin, end);
        let pieces = self.pieces(begin, end, doubt);
        pieces
            .map(|(begin, end, piece)| piece.rise(begin, end))
            .sum()
    }

    /// The middles of the ranges of which something is known, in requests in flight.
    pub(crate) fn known(&self) -> impl Iterator<Item = f64> {
        let known = (0..Self::BINS).filter(|place| self.slope(*place).is_some());
        known.map(|place| exp(Self::FIRST + (place as f64 + 0.5) * Self::WIDTH))
    }

    /// Whether anything is known.
    pub(crate) fn is_known(&self) -> bool {
        (0..Self::BINS).any(|place| self.slope(place).is_some())
    }

    pub(crate) const fn parts(&self) -> (&[Bin; Self::BINS], f64) {
        (&self.bins, self.top)
    }

    /// As it was, with the given share of its weight.
    pub(crate) fn recalled(bins: [Bin; Self::BINS], top: f64, share: f32) -> Self {
        let bins = bins.map(|bin| bin.scaled(share));
        Self { bins, top }
    }

    /// The standard error of the rise over several ranges, as a share of the sum of theirs: they do not all err the same
    /// way. Each takes half of what its neighbours say, so that two neighbours have two thirds in common, and the two
    /// neighbours of one a sixth.
    fn together(&self, begin: f64, end: f64) -> f64 {
        const IN_COMMON: [f64; 3] = [1.0, 2.0 * 2.0 / 3.0, 2.0 / 6.0];
        let errors: [f64; Self::BINS] = std::array::from_fn(|place| {
            let from = Self::FIRST + place as f64 * Self::WIDTH;
            let width = end.min(from + Self::WIDTH) - begin.max(from);
            (self.slope(place)).map_or(0.0, |(_, error)| width.max(0.0) * error)
        });
        let sum: f64 = errors.iter().sum();
        let apart = |distance: usize| {
            let pairs = errors.iter().zip(errors.iter().skip(distance));
            pairs.map(|(one, other)| one * other).sum::<f64>()
        };
        let squares: f64 = (IN_COMMON.iter().enumerate())
            .map(|(distance, common)| common * apart(distance))
            .sum();
        if sum > 0.0 { squares.sqrt() / sum } else { 1.0 }
    }

    fn pieces(&self, begin: f64, end: f64, doubt: f64) -> impl Iterator<Item = (f64, f64, Piece)> {
        let slopes: [Option<f64>; Self::BINS] = std::array::from_fn(|place| {
            self.slope(place)
                .map(|(slope, error)| (slope + doubt * error).clamp(0.0, Self::STEEPEST))
        });
        let first = slopes.iter().position(Option::is_some);
        let mut last = None;
        (0..Self::BINS).filter_map(move |place| {
            let bin = Self::FIRST + place as f64 * Self::WIDTH;
            last = slopes[place].map(|slope| (place, slope)).or(last);
            let piece = match (slopes[place], last, first) {
                (Some(slope), ..) => Piece::Power(slope),
                (None, known, first) => {
                    let nearest = known.or_else(|| first.and_then(|at| Some((at, slopes[at]?))));
                    nearest.map_or(Piece::Power(Self::STEEPEST), |(at, slope)| {
                        let middle = Self::FIRST + (at as f64 + 0.5) * Self::WIDTH;
                        Piece::Line(slope / ((1.0 - slope) * exp(middle)))
                    })
                }
            };
            let from = if place == 0 { begin } else { begin.max(bin) };
            let to = if place + 1 == Self::BINS {
                end
            } else {
                end.min(bin + Self::WIDTH)
            };
            (from < to).then_some((from, to, piece))
        })
    }

    /// The slope in a bin and its standard error, with half of what its neighbours say.
    fn slope(&self, place: usize) -> Option<(f64, f64)> {
        let mut sum = self.bins[place];
        for beside in [place.checked_sub(1), Some(place + 1)]
            .into_iter()
            .flatten()
        {
            if let Some(bin) = self.bins.get(beside) {
                sum = sum.plus(&bin.scaled(0.5));
            }
        }
        let (slower, busier) = (f64::from(sum.slower), f64::from(sum.busier));
        if busier <= 0.0 {
            return None;
        }
        let slope = slower / busier;
        let [slow, both, busy] = sum.squares.map(f64::from);
        let squares = (slow - 2.0 * slope * both + slope * slope * busy).max(0.0);
        let error = (squares + Self::DOUBT).sqrt() / busier;
        (error < Self::UNKNOWN).then_some((slope, error))
    }
}

/// How the latency rises in a range.
#[derive(Clone, Copy, Debug)]
enum Piece {
    /// As a power of the requests in flight.
    Power(f64),
    /// As 1 + c n: where nothing was seen, for one that is c n there is one of the kind that goes through what was seen.
    Line(f64),
}

impl Piece {
    fn rise(self, begin: f64, end: f64) -> f64 {
        match self {
            Self::Power(slope) => slope * (end - begin),
            Self::Line(c) => ln((1.0 + c * exp(end)) / (1.0 + c * exp(begin))),
        }
    }
    fn reach(self, begin: f64, budget: f64) -> f64 {
        match self {
            Self::Power(slope) => begin + budget / slope.max(1e-9),
            Self::Line(c) => ln(((1.0 + c * exp(begin)) * exp(budget) - 1.0) / c.max(1e-12)),
        }
    }
}

impl Bin {
    fn add(&mut self, share: f32, slower: f64, busier: f64) {
        let (slower, busier) = (slower as f32, busier as f32);
        let kept = 1.0 - share * (1.0 - Curve::FORGETTING);
        *self = self.scaled(kept).plus(&Self {
            slower: share * slower,
            busier: share * busier,
            squares: [slower * slower, slower * busier, busier * busier].map(|each| share * each),
        });
        if self.busier > Curve::MOST {
            *self = self.scaled(Curve::MOST / self.busier);
        }
    }
    fn scaled(&self, factor: f32) -> Self {
        Self {
            slower: factor * self.slower,
            busier: factor * self.busier,
            squares: self.squares.map(|each| factor * each),
        }
    }
    fn plus(&self, other: &Self) -> Self {
        Self {
            slower: self.slower + other.slower,
            busier: self.busier + other.busier,
            squares: std::array::from_fn(|place| self.squares[place] + other.squares[place]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A curve learned from small steps along a law, up and down again.
    fn learned(law: impl Fn(f64) -> f64, loads: &[f64]) -> Curve {
        let mut curve = Curve::default();
        for _ in 0..20 {
            for pair in loads.windows(2).chain(loads.windows(2)) {
                let rate = |n: f64| (n / law(n)).ln();
                curve.learn(Change {
                    from: pair[0].ln(),
                    to: pair[1].ln(),
                    rate: rate(pair[1]) - rate(pair[0]),
                    noise: 0.0,
                    full: true,
                });
            }
        }
        curve
    }

    fn loads(from: f64, to: f64) -> Vec<f64> {
        let steps = ((to / from).ln() / 0.3_f64).ceil() as i32;
        (0..=steps)
            .map(|step| from * (to / from).powf(f64::from(step) / f64::from(steps)))
            .collect()
    }

    fn near(found: f64, expected: f64, tolerance: f64) {
        let off = (found / expected - 1.0).abs();
        assert!(off < tolerance, "{found} is not {expected}");
    }

    #[test]
    fn a_law_that_was_seen_is_found() {
        let usl = |n: f64| 1.0 + 0.096 * (n - 1.0) + 0.004 * n * (n - 1.0);
        let (reach, found) = learned(usl, &loads(1.0, 9.0)).reach(1.0, 1.5_f64.ln(), 0.0);
        assert!(found);
        near(reach, 5.3, 0.1);
        // One server, as seen on average.
        let curve = learned(|n| 1.0 + n, &loads(0.5, 10.0));
        near(curve.reach(1.0, 1.5_f64.ln(), 0.0).0, 2.0, 0.1);
        near(curve.rise(1.0, 9.0, 0.0), 5.0_f64.ln(), 0.08);
    }

    #[test]
    fn beyond_what_was_seen_it_is_careful() {
        let flat = learned(|_| 1.0, &loads(2.0, 8.0));
        let (reach, found) = flat.reach(1.0, 1.5_f64.ln(), 0.0);
        assert!(!found);
        near(reach, 10.0, 0.05);
        // Below it: as if the latency grew in a line.
        let serial = learned(|n| n, &loads(6.0, 10.0));
        assert!(serial.reach(1.0, 1.5_f64.ln(), 0.0).0 < 2.0);
        assert!(!Curve::default().is_known());
    }

    /// Eight ranges of which each is told something else do not all err the same way: half as much as the sum of their
    /// errors, or a little more. One range alone errs as it does.
    #[test]
    fn ranges_do_not_all_err_the_same_way() {
        let mut curve = Curve::default();
        for (turn, from) in (0..400).zip((2..10).cycle()) {
            let from = f64::from(from) * Curve::WIDTH + Curve::FIRST;
            let steepness = if turn % 16 < 8 { 0.0 } else { 0.4 };
            curve.learn(Change {
                from,
                to: from + Curve::WIDTH,
                rate: (1.0 - steepness) * Curve::WIDTH,
                noise: 0.0,
                full: true,
            });
        }
        let begin = 2.0 * Curve::WIDTH + Curve::FIRST;
        let one = curve.together(begin, begin + Curve::WIDTH);
        let all = curve.together(begin, begin + 8.0 * Curve::WIDTH);
        near(one, 1.0, 0.01);
        assert!((0.4..0.65).contains(&all), "{all}");
    }

    #[test]
    fn another_cause_teaches_nothing() {
        let mut curve = Curve::default();
        let mut change = |busier: f64, rate: f64| {
            curve.learn(Change {
                from: 1.0,
                to: 1.0 + busier,
                rate,
                noise: 0.0,
                full: false,
            })
        };
        // Twice as slow with the same to do; and with as many in flight as the gateway lets in.
        assert!(!change(0.69, 0.01));
        assert!(!change(0.1, -0.6));
        assert!(change(0.5, 0.4));
    }

    #[test]
    fn the_size_is_as_the_documentation_says() {
        assert_eq!(size_of::<Curve>(), 24 * 20 + 8);
    }
}

// SPDX-License-Identifier: Apache-2.0

/// How requests at once in one replica slow each other.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Curve {
    /// Not at all: each waits for somebody else (a database, a sleep).
    #[default]
    None,
    /// The app has so many workers; requests beyond them wait inside it, first in first out.
    Workers(u32),
    /// All share so many cores evenly (processor sharing): each runs at its full speed up to that number.
    Sharing(f64),
    /// Universal Scalability Law (Gunther 1993): n at once take 1 + alpha (n - 1) + beta n (n - 1) times as long
    /// as one alone; alpha is what cannot be done in parallel, beta what each costs each.
    Usl {
        /// Contention.
        alpha: f64,
        /// Coherence.
        beta: f64,
    },
}

impl Curve {
    /// How long one of `n` requests at once takes, in times of one alone.
    #[must_use]
    pub fn slowdown(&self, n: u32) -> f64 {
        let n = f64::from(n.max(1));
        match *self {
            Self::None | Self::Workers(_) => 1.0,
            Self::Sharing(cores) => (n / cores).max(1.0),
            Self::Usl { alpha, beta } => 1.0 + alpha * (n - 1.0) + beta * n * (n - 1.0),
        }
    }
    /// Requests at once up to which each takes at most half as long again as one alone; `None`: any number.
    #[must_use]
    pub fn width(&self) -> Option<u32> {
        match *self {
            Self::None => None,
            Self::Workers(workers) => Some(workers.max(1)),
            Self::Sharing(_) | Self::Usl { .. } => {
                let slow = |n: &u32| self.slowdown(*n) > 1.5;
                (2..=Self::WIDEST).find(slow).map(|n| n - 1)
            }
        }
    }
    const WIDEST: u32 = 100_000;

    /// How many are worked on at once.
    pub(crate) fn workers(&self) -> usize {
        match *self {
            Self::Workers(workers) => workers.max(1) as usize,
            _ => usize::MAX,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_curve_has_its_width() {
        assert_eq!(Curve::None.width(), None);
        assert_eq!(Curve::Workers(4).width(), Some(4));
        assert_eq!(Curve::Sharing(2.0).width(), Some(3));
        let usl = Curve::Usl {
            alpha: 0.096,
            beta: 0.004,
        };
        assert_eq!(usl.width(), Some(5));
        let flat = Curve::Usl {
            alpha: 0.0,
            beta: 0.0,
        };
        assert_eq!(flat.width(), None);
    }
}

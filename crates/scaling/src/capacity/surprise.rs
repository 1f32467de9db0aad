// SPDX-License-Identifier: Apache-2.0
/// How far the load moves while a replica starts, against a load that comes by chance.
///
/// For independent requests (Poisson) the variance of the requests in flight is their mean, and two counts that
/// lie far apart differ by twice that. So `sum of (load - load a lead ago)^2 / sum of both loads` is 1 for them, below 1
/// where a lead is shorter than a request (the load cannot move so fast), and above 1 where requests come in bursts.
/// Its root times some deviations times the root of the load is the margin: the square-root rule with the load's own
/// dispersion, at the lead that matters.
#[derive(Clone, Debug)]
pub(crate) struct Surprise {
    /// The loads of the last seconds; the newest is at `newest`.
    ring: [f32; Self::SECONDS],
    newest: usize,
    filled: usize,
    /// Forgetting sums.
    pub(super) squares: f64,
    pub(super) loads: f64,
}

impl Default for Surprise {
    fn default() -> Self {
        Self {
            ring: [0.0; Self::SECONDS],
            newest: 0,
            filled: 0,
            squares: 0.0,
            loads: 0.0,
        }
    }
}

impl Surprise {
    const SECONDS: usize = 64;
    /// What remains of the sums after a second with load: about the last half hour of such counts.
    const REMAINS: f64 = 1.0 - 1.0 / 1800.0;
    /// So many requests' worth of a load that comes by chance are taken to have been seen before the first.
    const PRIOR: f64 = 30.0;
    /// Beyond it, bursts are so steep that to keep replicas for them is cheaper than to start some: see
    /// [`super::keeping::Keeping`].
    const MOST: f64 = 2.0;
    const LEAST: f64 = 0.4;

    /// Takes the load of the next second; a replica started `lead` seconds before it would be ready.
    /// Gives the load of then, where it is known.
    pub(crate) fn add(&mut self, load: f64, lead: usize) -> Option<f64> {
        let lead = lead.clamp(1, Self::SECONDS - 1);
        self.newest = (self.newest + 1) % Self::SECONDS;
        self.ring[self.newest] = load as f32;
        self.filled = (self.filled + 1).min(Self::SECONDS);
        if self.filled <= lead {
            return None;
        }
        let before = f64::from(self.ring[(self.newest + Self::SECONDS - lead) % Self::SECONDS]);
        if before >= 1.0 {
            self.squares = self.squares * Self::REMAINS + (load - before).powi(2);
            self.loads = self.loads * Self::REMAINS + load + before;
        }
        Some(before)
    }
    /// What lies before a pause is no longer compared.
    pub(crate) fn forget_the_last(&mut self) {
        self.filled = 0;
    }
    /// Standard deviations of a load that comes by chance that are one of this load, at this lead.
    pub(crate) fn factor(&self) -> f64 {
        ((self.squares + Self::PRIOR) / (self.loads + Self::PRIOR))
            .sqrt()
            .clamp(Self::LEAST, Self::MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constant_load_needs_the_least_and_bursts_the_most() {
        let mut surprise = Surprise::default();
        assert_eq!(surprise.factor(), 1.0);
        for _ in 0..2_000 {
            surprise.add(25.0, 3);
        }
        assert_eq!(surprise.factor(), Surprise::LEAST);
        for second in 0..2_000 {
            surprise.add(if second % 20 < 5 { 60.0 } else { 0.0 }, 3);
        }
        assert_eq!(surprise.factor(), Surprise::MOST);
    }

    #[test]
    fn a_pause_is_no_fall() {
        let mut surprise = Surprise::default();
        for _ in 0..100 {
            surprise.add(25.0, 3);
        }
        let before = surprise.factor();
        surprise.forget_the_last();
        surprise.add(0.0, 3);
        assert_eq!(surprise.factor(), before);
    }
}

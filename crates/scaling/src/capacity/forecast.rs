// SPDX-License-Identifier: Apache-2.0
/// What the load will be when a replica that is started now is ready, and how far it was off that so far.
///
/// A load that comes by chance goes back to its mean, one that rises goes on. So the forecast is the mean of the last
/// while and a part of what the load differs from it now: that part which would have been best of late (least squares),
/// at the lead that matters. What was not foreseen is counted in standard deviations of a load that comes by chance
/// (the root of what was foreseen, Poisson), so that what is known of a load holds when there is more of it too.
#[derive(Clone, Debug, Default)]
pub(crate) struct Forecast {
    /// The loads of the last seconds, each the mean of two, in a ring.
    loads: [[f32; 8]; Self::SECONDS / 8],
    /// The mean of the last while, as it was once in 8 seconds.
    means: [f32; Self::SECONDS / 8],
    /// Seconds entered since the last pause.
    entered: u32,
    /// The load of the last second.
    last: f64,
    /// The load over the last while.
    mean: f64,
    /// Forgetting sums: of the squared difference from the mean, and of that difference times the one a lead later.
    pub(super) squares: f64,
    pub(super) remained: f64,
    /// Forgetting counts of how far the load was off.
    pub(super) off: [f32; Self::BINS],
}

impl Forecast {
    const SECONDS: usize = 64;
    pub(super) const BINS: usize = 24;
    /// Deviations: where the first bin begins (all below are in it too), and how wide each is.
    const FIRST: f64 = -1.0;
    const WIDTH: f64 = 0.4;
    /// What remains of the sums after a second with load: about the last half hour of such counts.
    const REMAINS: f64 = 1.0 - 1.0 / 1800.0;
    /// Over so many seconds the load is averaged.
    const MEAN_SECONDS: f64 = 60.0;
    /// As if so many seconds of a load that comes by chance had been seen before the first.
    const PRIOR: f64 = 30.0;
    /// The share of a normal variable in each bin; beyond, less than one in a million.
    const NORMAL: [f64; 15] = [
        0.274_253_1,
        0.146_487_2,
        0.158_519_4,
        0.146_487_2,
        0.115_597_9,
        0.077_898_6,
        0.044_826_3,
        0.022_026_9,
        0.009_242_3,
        0.003_311_3,
        0.001_013,
        0.000_264_6,
        0.000_059,
        0.000_011_2,
        0.000_001_8,
    ];
    /// As if the load had differed by 10 requests once before the first, and all of it had remained.
    const REMAINED: f64 = 100.0;
    /// More than all of a difference is foreseen where a rise goes on, up to this.
    const MOST: f64 = 1.5;

    /// Takes the load of the next second; a replica started `lead` seconds before it would be ready.
    /// Gives what was foreseen then, where there was something.
    pub(crate) fn add(&mut self, load: f64, lead: usize) -> Option<f64> {
        let gain = 1.0 / (f64::from(self.entered) + 1.0).min(Self::MEAN_SECONDS);
        if self.entered == 0 {
            (self.last, self.mean) = (load, load);
        }
        self.mean += (load - self.mean) * gain;
        let now = self.entered as usize % Self::SECONDS;
        self.loads[now / 8][now % 8] = ((load + self.last) / 2.0) as f32;
        self.means[now / 8] = self.mean as f32;
        self.last = load;
        self.entered = self.entered.wrapping_add(1).max(1);

        let lead = lead.clamp(1, Self::SECONDS - 8);
        if (self.entered as usize) <= lead {
            return None;
        }
        let then = (now + Self::SECONDS - lead) % Self::SECONDS;
        let before = f64::from(self.loads[then / 8][then % 8]);
        let mean = f64::from(self.means[then / 8]);
        let foreseen = self.of(before, mean);
        if before >= 1.0 {
            self.learn(before - mean, load - mean, load - foreseen, foreseen);
        }
        Some(foreseen)
    }
    /// What lies before a pause is no longer compared.
    pub(crate) fn forget_the_last(&mut self) {
        self.entered = 0;
    }
    /// The load a lead later, where it is so large now.
    pub(crate) fn foresee(&self, load: f64) -> f64 {
        if self.entered == 0 {
            load
        } else {
            self.of(load, self.mean)
        }
    }
    /// So many deviations above what was foreseen the load was in one of so many seconds; 0 for two and less.
    pub(crate) fn deviations(&self, one_in: f64) -> f64 {
        if one_in <= 2.0 {
            return 0.0;
        }
        let known: f64 = self.off.iter().map(|count| f64::from(*count)).sum();
        let mut above = (known + Self::PRIOR) / one_in;
        for (bin, count) in self.off.iter().enumerate().rev() {
            let prior = Self::PRIOR * Self::NORMAL.get(bin).unwrap_or(&0.0);
            let here = f64::from(*count) + prior;
            if here > above {
                let within = bin as f64 + 1.0 - above / here;
                return (Self::FIRST + Self::WIDTH * within).max(0.0);
            }
            above -= here;
        }
        0.0
    }

    fn learn(&mut self, differed: f64, differs: f64, off: f64, foreseen: f64) {
        self.squares = self.squares * Self::REMAINS + differed * differed;
        self.remained = self.remained * Self::REMAINS + differed * differs;
        for count in &mut self.off {
            *count *= Self::REMAINS as f32;
        }
        let deviations = off / foreseen.max(1.0).sqrt();
        let bin = ((deviations - Self::FIRST) / Self::WIDTH).max(0.0) as usize;
        self.off[bin.min(Self::BINS - 1)] += 1.0;
    }
    fn of(&self, load: f64, mean: f64) -> f64 {
        let part = (self.remained + Self::REMAINED) / (self.squares + Self::REMAINED);
        (mean + part.clamp(0.0, Self::MOST) * (load - mean)).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_known_is_a_load_that_comes_by_chance() {
        let forecast = Forecast::default();
        assert_eq!(forecast.foresee(25.0), 25.0);
        for (one_in, quantile) in [(2.0, 0.0), (20.0, 1.6449), (100.0, 2.3263)] {
            let found = forecast.deviations(one_in);
            assert!((found - quantile).abs() < 0.1, "{one_in}: {found}");
        }
    }

    #[test]
    fn a_constant_load_needs_little_and_bursts_need_much() {
        let mut forecast = Forecast::default();
        for _ in 0..3_000 {
            forecast.add(25.0, 3);
        }
        assert!((forecast.foresee(25.0) - 25.0).abs() < 1e-9);
        let constant = forecast.deviations(50.0);
        assert!(constant < 0.5, "{constant}");
        for second in 0..3_000 {
            forecast.add(if second % 20 < 5 { 60.0 } else { 1.0 }, 3);
        }
        let bursts = forecast.deviations(50.0);
        assert!(bursts > 5.0, "{bursts}");
    }

    #[test]
    fn what_comes_by_chance_goes_back_to_its_mean_and_a_rise_goes_on() {
        let (mut chance, mut rise) = (Forecast::default(), Forecast::default());
        let mut state: u32 = 1;
        for second in 0..4_000_u32 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            chance.add(20.0 + f64::from(state >> 28), 10);
            rise.add(f64::from(second), 10);
        }
        let foreseen = chance.foresee(40.0);
        assert!((26.0..31.0).contains(&foreseen), "{foreseen}");
        let foreseen = rise.foresee(3_999.0);
        assert!(foreseen > 4_001.0, "{foreseen}");
    }

    #[test]
    fn a_pause_is_no_fall() {
        let mut forecast = Forecast::default();
        for _ in 0..100 {
            forecast.add(25.0, 3);
        }
        let before = forecast.deviations(50.0);
        forecast.forget_the_last();
        forecast.add(0.0, 3);
        assert_eq!(forecast.deviations(50.0), before);
    }
}

// SPDX-License-Identifier: Apache-2.0
/// A sum over the last second, exact in what it adds, to 1/16 s in when it forgets.
#[derive(Clone, Debug, Default)]
pub(crate) struct LastSecond {
    slots: [u64; Self::SLOTS],
    /// The newest tick with a slot.
    newest: u64,
}

impl LastSecond {
    const SLOTS: usize = 17;
    const TICK_MICROS: u64 = 62_500;

    /// Adds to the present; gives the tick under which [`LastSecond::remove`] finds it.
    pub(crate) fn add(&mut self, now_micros: u64, value: u64) -> u64 {
        let tick = now_micros / Self::TICK_MICROS;
        while self.newest < tick {
            // After one turn all slots are empty: no need to walk through a long silence.
            self.newest = (self.newest + 1).max(tick.saturating_sub(Self::SLOTS as u64));
            self.slots[Self::slot(self.newest)] = 0;
        }
        let slot = &mut self.slots[Self::slot(tick)];
        *slot = slot.saturating_add(value);
        tick
    }
    /// Takes back what was added at `tick`, if it still counts.
    pub(crate) fn remove(&mut self, tick: u64, value: u64) {
        if tick + Self::SLOTS as u64 > self.newest {
            let slot = &mut self.slots[Self::slot(tick)];
            *slot = slot.saturating_sub(value);
        }
    }
    /// What was added within the last second.
    pub(crate) fn sum(&self, now_micros: u64) -> u64 {
        let now = now_micros / Self::TICK_MICROS;
        let oldest = now.saturating_sub(Self::SLOTS as u64 - 1);
        let first = oldest.max(self.newest.saturating_sub(Self::SLOTS as u64 - 1));
        (first..=self.newest).fold(0, |sum: u64, tick| {
            sum.saturating_add(self.slots[Self::slot(tick)])
        })
    }
    fn slot(tick: u64) -> usize {
        (tick % Self::SLOTS as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgets_after_a_second() {
        let mut sum = LastSecond::default();
        sum.add(10_000_000, 5);
        sum.add(10_500_000, 2);
        assert_eq!(sum.sum(10_500_000), 7);
        assert_eq!(sum.sum(10_999_999), 7);
        assert_eq!(sum.sum(11_070_000), 2);
        assert_eq!(sum.sum(11_570_000), 0);
        sum.add(90_000_000, 1);
        assert_eq!(sum.sum(90_000_000), 1);
    }

    #[test]
    fn takes_back_only_what_still_counts() {
        let mut sum = LastSecond::default();
        let old = sum.add(1_000_000, 5);
        sum.remove(old, 5);
        assert_eq!(sum.sum(1_000_000), 0);
        let old = sum.add(2_000_000, 5);
        sum.add(5_000_000, 3);
        sum.remove(old, 5);
        assert_eq!(sum.sum(5_000_000), 3);
    }
}

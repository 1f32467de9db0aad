// SPDX-License-Identifier: Apache-2.0
use std::{collections::BTreeMap, time::Duration};

use super::process::{Process, TICKS};

/// CPU time that replicas have used up, as it was read last.
#[derive(Debug, Default)]
pub(super) struct Rates {
    last: BTreeMap<u32, (Duration, Used)>,
}

/// What a replica has used.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Used {
    /// By its control group, in microseconds.
    Group(u64),
    /// By each of its processes.
    Processes(BTreeMap<u32, Process>),
}

impl Rates {
    /// The CPU of each replica since the time before, in percent of one core; `None` for one that is read the first time.
    /// Those that are not there any more are forgotten.
    pub(super) fn step(
        &mut self,
        now: Duration,
        used: BTreeMap<u32, Used>,
    ) -> BTreeMap<u32, Option<f64>> {
        let mut rates = BTreeMap::new();
        let mut last = BTreeMap::new();
        for (replica, used) in used {
            let before = self.last.remove(&replica);
            let rate = before.and_then(|(then, before)| {
                let seconds = now.checked_sub(then)?.as_secs_f64();
                (seconds > 0.0).then_some(used.since(&before)? / seconds * 100.0)
            });
            rates.insert(replica, rate);
            last.insert(replica, (now, used));
        }
        self.last = last;
        rates
    }
}

impl Used {
    /// Seconds of CPU since `before`; `None` where they are not of the same replica.
    ///
    /// The sum over all processes is exact while each that ends is awaited by one of the family, to which its time
    /// goes over. Where one is not, the sum falls by all that it ever used; then what those that are still there have
    /// used is the least that it can be.
    fn since(&self, before: &Self) -> Option<f64> {
        match (self, before) {
            (Self::Group(now), Self::Group(before)) => {
                Some(seconds(now.checked_sub(*before)?, 1e6))
            }
            (Self::Processes(now), Self::Processes(before)) => {
                let same = |(pid, process): (&u32, &Process)| {
                    let before = before
                        .get(pid)
                        .filter(|before| before.start == process.start)?;
                    Some(process.own.saturating_sub(before.own))
                };
                let known: Vec<u64> = now.iter().filter_map(same).collect();
                if known.is_empty() {
                    return None;
                }
                let least = known
                    .iter()
                    .fold(0_u64, |sum, ticks| sum.saturating_add(*ticks));
                Some(seconds(
                    sum(now).saturating_sub(sum(before)).max(least),
                    TICKS,
                ))
            }
            _ => None,
        }
    }
}

fn sum(processes: &BTreeMap<u32, Process>) -> u64 {
    let all = processes
        .values()
        .map(|process| process.own.saturating_add(process.reaped));
    all.fold(0, u64::saturating_add)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "2^53 ticks are three million years"
)]
fn seconds(count: u64, each: f64) -> f64 {
    count as f64 / each
}

#[cfg(test)]
mod tests {
    use super::*;

    fn family(all: &[(u32, u64, u64, u64)]) -> BTreeMap<u32, Used> {
        let one = |&(pid, start, own, reaped): &(u32, u64, u64, u64)| {
            let process = Process {
                parent: 1,
                group: 7,
                start,
                own,
                reaped,
            };
            (pid, process)
        };
        [(7, Used::Processes(all.iter().map(one).collect()))].into()
    }

    fn rate(before: &[(u32, u64, u64, u64)], after: &[(u32, u64, u64, u64)]) -> Option<f64> {
        let mut rates = Rates::default();
        assert_eq!(
            rates.step(Duration::from_secs(10), family(before))[&7],
            None
        );
        rates.step(Duration::from_secs(20), family(after))[&7]
    }

    #[test]
    fn a_replica_uses_what_its_processes_use() {
        assert_eq!(
            rate(&[(7, 1, 100, 0)], &[(7, 1, 800, 0)]),
            Some(70.0),
            "7 s in 10"
        );
        assert_eq!(
            rate(
                &[(7, 1, 100, 0), (8, 2, 50, 0)],
                &[(7, 1, 200, 0), (8, 2, 950, 0)]
            ),
            Some(100.0)
        );
        let ended = rate(&[(7, 1, 100, 0), (8, 2, 50, 0)], &[(7, 1, 100, 90)]);
        assert_eq!(
            ended,
            Some(4.0),
            "a child ended and was awaited: 40 more than was known of it"
        );
        let born = rate(&[(7, 1, 100, 0)], &[(7, 1, 100, 0), (9, 5, 30, 0)]);
        assert_eq!(born, Some(3.0));
        let lost = rate(&[(7, 1, 100, 0), (8, 2, 5000, 0)], &[(7, 1, 200, 0)]);
        assert_eq!(lost, Some(10.0), "nobody awaited it: what is still there");
    }

    #[test]
    fn another_in_its_place_is_read_the_first_time() {
        assert_eq!(rate(&[(7, 1, 100, 0)], &[(7, 2, 800, 0)]), None);
        let mut rates = Rates::default();
        let group = |micros| BTreeMap::from([(7, Used::Group(micros))]);
        assert_eq!(rates.step(Duration::from_secs(1), group(0))[&7], None);
        assert_eq!(
            rates.step(Duration::from_secs(3), group(500_000))[&7],
            Some(25.0)
        );
        assert_eq!(
            rates.step(Duration::from_secs(3), group(600_000))[&7],
            None,
            "no time has passed"
        );
        assert_eq!(
            rates.step(Duration::from_secs(4), group(100_000))[&7],
            None,
            "it went back"
        );
        assert_eq!(
            rates.step(Duration::from_secs(5), family(&[(7, 1, 1, 0)]))[&7],
            None
        );
        assert!(
            rates
                .step(Duration::from_secs(6), BTreeMap::new())
                .is_empty()
                && rates.last.is_empty()
        );
    }
}

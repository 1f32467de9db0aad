// SPDX-License-Identifier: Apache-2.0
//! A decision in one sentence, for a person at three in the morning.
use std::{fmt, time::Duration};

use crate::{
    Bound, Decision, Learned, Mode, Objective, Why,
    capacity::{Ahead, Kept, Spare},
    gauges::{Aim, Leading, Watch},
};

impl Decision {
    /// One sentence, as a careful colleague would say it:
    /// `3 -> 8: 41 requests in flight on average over 6 s (panic), target 5.6 each; limited from 9 by max 8`.
    #[must_use]
    pub fn sentence(&self) -> String {
        let mut sentence = format!("{}: {}", self.change(), self.load());
        let by_requests = self.reasons.requests && self.reasons.signal.is_none();
        if self.decided && by_requests {
            let each = self.reasons.spare.map_or(self.target, |spare| spare.slots);
            sentence += &format!(", target {} each", number(each));
            if let Some(learned) = self.reasons.learned {
                sentence += &format!(" ({learned})");
            }
        }
        if self.reasons.backlog_discounted {
            let starting = self.present - self.ready;
            sentence += &format!(
                "; what piled up is not counted twice while {} {}",
                count(u64::from(starting), "replica"),
                if starting == 1 { "starts" } else { "start" },
            );
        }
        if let Some(bent) = self.bent() {
            sentence += &format!("; {bent}");
        }
        sentence
    }

    fn change(&self) -> String {
        if self.replicas == self.present {
            format!("stays at {}", self.replicas)
        } else {
            format!("{} -> {}", self.present, self.replicas)
        }
    }

    fn load(&self) -> String {
        if let (Some(signal), true) = (&self.reasons.signal, self.decided) {
            return signal.to_string();
        }
        if !self.reasons.requests && self.held == 0 {
            return match self.decided {
                true => "no signal asks for a replica".to_owned(),
                false => "no signal was read yet".to_owned(),
            };
        }
        if !self.decided {
            let over = seconds(self.reasons.stable_window);
            return match self.ready {
                0 if self.is_bounded_by(Bound::Initial) => "new, and no request yet".to_owned(),
                0 => format!("no replica is ready to report, and no request came over {over}"),
                ready => format!(
                    "no report from {} over {over}",
                    count(u64::from(ready), "ready replica")
                ),
            };
        }
        if let Some(spare) = self.reasons.spare
            && (spare.load > 0.0 || self.held > 0)
            && self.wanted > 0
        {
            return self.load_with_spare(&spare);
        }
        if let Some(burst) = self.burst {
            return format!("{} in flight or held right now (a burst)", requests(burst));
        }
        let (average, window) = match self.mode {
            Mode::Panic if self.panic >= self.stable => (self.panic, self.reasons.panic_window),
            _ => (self.stable, self.reasons.stable_window),
        };
        let panic = if self.mode == Mode::Panic {
            " (panic)"
        } else {
            ""
        };
        let window = seconds(window);
        match (average > 0.0, self.held > 0) {
            (false, false) => format!("no request in flight over {window}{panic}"),
            (false, true) => format!("{} held{panic}", count(self.held, "request")),
            (true, false) if self.wanted == 0 => {
                let delay = seconds(self.reasons.idle_delay);
                format!("the last request is longer ago than the idle delay of {delay}{panic}")
            }
            (true, false) => {
                format!(
                    "{} in flight on average over {window}{panic}",
                    requests(average)
                )
            }
            (true, true) => format!(
                "{} in flight on average over {window}{panic} and {} held",
                requests(average),
                self.held
            ),
        }
    }

    /// What is there, and what may come.
    fn load_with_spare(&self, spare: &Spare) -> String {
        let mut told = match (spare.load > 0.0, self.held > 0) {
            (false, _) => format!("{} held", count(self.held, "request")),
            (true, false) => format!("{} in flight", requests(spare.load)),
            (true, true) => {
                format!("{} in flight and {} held", requests(spare.load), self.held)
            }
        };
        if self.mode == Mode::Panic {
            told += " (panic)";
        }
        if spare.margin > 0.0 {
            let start = span(spare.start_up);
            told += &format!(
                ", room for {} more while a replica starts ({start})",
                number(spare.margin)
            );
        }
        told
    }

    fn bent(&self) -> Option<String> {
        // What only raises has not limited it.
        let limited = self.decided && self.replicas < self.wanted;
        let lowers = |bound: &Bound| matches!(bound, Bound::MaxUp | Bound::Max | Bound::Paused);
        let bent = self.bounds().filter(|bound| !limited || lowers(bound));
        let names: Vec<String> = bent.filter_map(|bound| self.name(bound)).collect();
        let by = names.join(", ");
        match self.replicas.cmp(&self.wanted) {
            _ if names.is_empty() => None,
            _ if !self.decided => Some(format!("held by {by}")),
            std::cmp::Ordering::Less => Some(format!("limited from {} by {by}", self.wanted)),
            std::cmp::Ordering::Equal => None,
            std::cmp::Ordering::Greater => Some(format!("kept from {} by {by}", self.wanted)),
        }
    }

    fn name(&self, bound: Bound) -> Option<String> {
        let reasons = &self.reasons;
        let remain = |remains| format!("{} to go", whole_seconds(remains));
        Some(match bound {
            Bound::MaxUp => format!("maxUp {}", number(reasons.max_up)),
            Bound::MaxDown => format!("maxDown {}", number(reasons.max_down)),
            Bound::PanicNeverFalls
                if reasons.spare.is_some() && reasons.panic_remains.is_zero() =>
            {
                "panic: what is ready is too little, and nothing falls".to_owned()
            }
            Bound::PanicNeverFalls if reasons.panic_remains.is_zero() => {
                "panic (goes on while replicas start)".to_owned()
            }
            Bound::PanicNeverFalls => {
                format!(
                    "panic, in which nothing falls ({})",
                    remain(reasons.panic_remains)
                )
            }
            Bound::Ahead => reasons.ahead?.to_string(),
            Bound::ScaleDownDelay => match reasons.kept {
                Some(kept) => kept.to_string(),
                None => format!(
                    "scaleDownDelay {} ({})",
                    seconds(reasons.scale_down_delay),
                    remain(reasons.scale_down_remains)
                ),
            },
            Bound::Signal => format!(
                "signals, which asked for more within {} ({})",
                seconds(Watch::HOLD),
                remain(reasons.signal_remains)
            ),
            Bound::Busy => format!(
                "{} that work in the background",
                count(reasons.busy.into(), "replica")
            ),
            Bound::Unread => format!("the signal {}, which was never read", reasons.unread?),
            Bound::Schedule => {
                let (name, least) = reasons.schedule?;
                format!("the schedule {name}: min {least}")
            }
            Bound::IdleDelay => format!(
                "idleDelay {} ({})",
                seconds(reasons.idle_delay),
                remain(reasons.idle_remains)
            ),
            Bound::GracePeriod => match reasons.grace_remains {
                None => "the gateway, which is not in the path yet".to_owned(),
                Some(remains) => {
                    format!(
                        "gracePeriod {} ({})",
                        seconds(reasons.grace_period),
                        remain(remains)
                    )
                }
            },
            Bound::Activation => format!("activation {}", reasons.activation),
            Bound::MissingData => "missing reports, without which nothing falls".to_owned(),
            Bound::NoData => return None,
            Bound::Initial => format!("initial {}", reasons.initial),
            Bound::Paused => format!("paused at {}", reasons.paused),
            Bound::Min => format!("min {}", reasons.min),
            Bound::Max => format!("max {}", reasons.max?),
        })
    }
}

/// `learned: latency rises 50 % above 7.4; 12 min of data`.
impl fmt::Display for Learned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let data = match self.seconds / 60.0 {
            minutes if minutes < 1.0 => format!("{:.0} s of data", self.seconds),
            minutes if minutes < 120.0 => format!("{minutes:.0} min of data"),
            minutes => format!("{:.0} h of data", minutes / 60.0),
        };
        let limit = number(self.limit.into());
        match (self.why, self.objective()) {
            (Why::NoData, _) => f.write_str("auto: not sure yet: no data"),
            (Why::FewData, _) => write!(f, "auto: not sure yet: {data}"),
            (Why::NoSpread, _) => {
                write!(
                    f,
                    "auto: not sure yet: the load of a replica hardly changes; {data}"
                )
            }
            (Why::Rises, None) => write!(f, "learned: latency rises 50 % above {limit}; {data}"),
            (Why::Flat, None) => {
                write!(
                    f,
                    "learned: latency rises less than 50 % up to {limit}; {data}"
                )
            }
            (Why::Rises, Some(objective)) => {
                write!(
                    f,
                    "learned: {} above {limit}; {data}",
                    Told(objective, "is over")
                )
            }
            (Why::Flat, Some(objective)) => {
                write!(
                    f,
                    "learned: {} up to {limit}; {data}",
                    Told(objective, "stays within")
                )
            }
            (Why::Unmet, Some(objective)) => {
                let told = Told(objective, "is over");
                write!(
                    f,
                    "learned: {told} even for a request that is alone; {data}"
                )
            }
            (Why::Unmet, None) => write!(f, "learned: {data}"),
        }
    }
}

/// `the signal queue-length wants 5: 48 over all, 10 each`.
impl fmt::Display for Leading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the signal {} wants {}: ", self.name, self.wants)?;
        match self.aim {
            Aim::Each(each) => write!(f, "{} over all, {} each", large(self.value), large(each))?,
            Aim::Mean(target) => write!(
                f,
                "{} on average over {}, target {}",
                large(self.value),
                count(self.replicas.into(), "replica"),
                large(target)
            )?,
        }
        if let Some(age) = self.gone {
            write!(f, " (not read for {}: it holds until it is)", span(age))?;
        }
        if self.requests_want > 0 {
            write!(f, "; the requests want {}", self.requests_want)?;
        }
        Ok(())
    }
}

/// `p95 is over 250 ms`.
struct Told(Objective, &'static str);

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Objective { percentile, within } = self.0;
        let within = if within < Duration::from_secs(1) {
            format!("{} ms", number(within.as_secs_f64() * 1e3))
        } else {
            seconds(within)
        };
        write!(f, "{} {} {within}", percentile.name(), self.1)
    }
}

/// `a replica that goes comes back within 90 s in 7 of 10 cases (4 min to go)`.
impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (delay, remains) = (span(self.delay), span(self.remains));
        match self.back_in_ten {
            Some(times) => write!(
                f,
                "what a start costs: a replica that goes comes back within {delay} in {times} of 10 cases ({remains} to go)"
            ),
            None => write!(
                f,
                "what a start costs: as much as {delay} of waiting for it to be needed ({remains} to go)"
            ),
        }
    }
}

/// `the next request, which in 9 of 10 cases came 4 min to 7 min after the last`.
impl fmt::Display for Ahead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the next request, which in {} of 10 cases came {} to {} after the last",
            self.in_ten,
            span(self.from),
            span(self.until)
        )
    }
}

/// `90 s`, `4 min`, `3 h`.
fn span(duration: Duration) -> String {
    match duration.as_secs_f64() {
        seconds if seconds < 10.0 => format!("{} s", number(seconds)),
        seconds if seconds < 120.0 => format!("{seconds:.0} s"),
        seconds if seconds < 7200.0 => format!("{:.0} min", seconds / 60.0),
        seconds => format!("{:.0} h", seconds / 3600.0),
    }
}

fn requests(value: f64) -> String {
    let unit = if value == 1.0 { "request" } else { "requests" };
    format!("{} {unit}", number(value))
}

fn count(value: u64, unit: &str) -> String {
    if value == 1 {
        format!("1 {unit}")
    } else {
        format!("{value} {unit}s")
    }
}

/// Three figures or so, and no zeros at the end.
fn number(value: f64) -> String {
    if value > 0.0 && value < 0.01 {
        return "less than 0.01".to_owned();
    }
    let decimals = if value >= 100.0 {
        0
    } else {
        1 + usize::from(value < 10.0)
    };
    let text = format!("{value:.decimals$}");
    if decimals == 0 {
        text
    } else {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

/// As [`number`], and bytes by the million.
fn large(value: f64) -> String {
    match value {
        value if value >= 1e12 => format!("{} T", number(value / 1e12)),
        value if value >= 1e9 => format!("{} G", number(value / 1e9)),
        value if value >= 1e6 => format!("{} M", number(value / 1e6)),
        value => number(value),
    }
}

fn seconds(duration: Duration) -> String {
    format!("{} s", number(duration.as_secs_f64()))
}

fn whole_seconds(duration: Duration) -> String {
    format!("{:.0} s", duration.as_secs_f64().ceil())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let texts = [0.0, 0.003, 0.25, 5.6, 9.999, 41.0, 41.26, 1234.5].map(number);
        let expected = [
            "0",
            "less than 0.01",
            "0.25",
            "5.6",
            "10",
            "41",
            "41.3",
            "1234",
        ];
        assert_eq!(texts, expected);
    }
}

// SPDX-License-Identifier: Apache-2.0
use std::{fmt, sync::Arc, time::Duration};

use cheerful_scaling::{Decision, Moment};
use cheerful_wire::Workload;

use super::{fleet::WorkloadState, key, leader::Leader, shared::Shared};
use crate::external::{Figures, Knows, Unknown};

/// What is told to HPAs: the same whichever replica of the autoscaler is asked, for only the one that leads a workload has
/// read its signals, and the others ask it.
#[derive(Clone)]
pub struct FiguresView {
    pub(super) shared: Arc<Shared>,
    pub(super) tick: Duration,
    pub(super) leader: Arc<Leader>,
}

impl Knows for FiguresView {
    async fn figures(&self, workload: &Workload) -> Result<Figures, Unknown> {
        match self.known(workload)? {
            Some(figures) => Ok(figures),
            None => self.leader.figures(workload).await,
        }
    }
}

impl FiguresView {
    /// What we know ourselves, for a replica that does not lead. `key`: as `shop/autoscaler/cart`.
    ///
    /// # Errors
    /// As [`Knows::figures`], and when we do not lead it.
    pub fn here(&self, key: &str) -> Result<Figures, Unknown> {
        let workload = key::workload(key).ok_or_else(|| Unknown::NotThere(key.to_owned()))?;
        self.known(&workload)?
            .ok_or_else(|| Unknown::Now(format!("{workload} is led by another replica by now")))
    }

    /// `None`: another replica leads it.
    fn known(&self, workload: &Workload) -> Result<Option<Figures>, Unknown> {
        let fleet = self.shared.fleet();
        if !fleet.is_synced() {
            let why = "the watches have not told everything yet";
            return Err(Unknown::Now(why.to_owned()));
        }
        let state = fleet.get(workload);
        let object = state.and_then(|state| state.object.as_ref());
        let (Some(state), Some(object)) = (state, object) else {
            return Err(Unknown::NotThere(workload.to_string()));
        };
        if object.dedicated {
            let why = format!("{workload} has an autoscaler of its own, which tells no HPA");
            return Err(Unknown::Now(why));
        }
        if !fleet.leads(workload) {
            return Ok(None);
        }
        let told = figures(state, self.shared.now(), self.tick);
        told.map(Some)
            .map_err(|why| Unknown::Now(format!("{workload}: {why}")))
    }
}

impl fmt::Debug for FiguresView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FiguresView").finish_non_exhaustive()
    }
}

/// Ticks after which a decision is too old to be told.
const STALE_TICKS: u32 = 5;

fn figures(state: &WorkloadState, now: Moment, tick: Duration) -> Result<Figures, String> {
    let Some(decision) = &state.decision else {
        return Err("nothing is decided yet".to_owned());
    };
    let age = now.since(decision.at);
    if age > tick.saturating_mul(STALE_TICKS) {
        return Err(format!("last decided {} s ago", age.as_secs()));
    }
    if !decision.decided {
        let why = decision.sentence();
        return Err(format!("nothing is known of its load ({why})"));
    }
    let in_flight = match decision.counts_requests() {
        false => None,
        true => Some((state.in_flight.0).ok_or("not all replicas have reported yet")?),
    };
    Ok(Figures {
        in_flight,
        wanted: decision.replicas,
    })
}

/// Requests in flight or held, as they are told: [`Figures::in_flight`]. `None` before all have reported once.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct InFlight(Option<f64>);

impl InFlight {
    /// While somebody is silent it only rises: an HPA knows nothing of missing reports, and would scale down.
    pub(crate) fn decided(&mut self, decision: &Decision) {
        let now = decision.stable.max(decision.panic) + decision.held as f64;
        if !decision.decided {
            return;
        }
        self.0 = match decision.is_whole() {
            true => Some(now),
            false => self.0.map(|before| before.max(now)),
        };
    }
}

#[cfg(test)]
mod tests {
    use cheerful_scaling::{Aim, Gauge, Measured, Observation, Report, Scaler, Scaling, Settings};
    use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};
    use serde_json::json;

    use super::*;
    use crate::scaler::fleet::{
        Fleet,
        listening_tests::{fleet, shop},
    };

    const TICK: Duration = Duration::from_secs(2);

    fn at(seconds: u64) -> Moment {
        Moment::from_micros(seconds * 1_000_000)
    }

    /// Two replicas of an Autoscaler `shop` that we lead, and who decides on it.
    struct Shop {
        fleet: Fleet,
        scaler: Scaler,
        second: u64,
    }

    impl Shop {
        fn open(settings: Settings) -> Self {
            let mut scaler =
                Scaler::new(Scaling::new(settings).unwrap(), Default::default(), at(100));
            scaler.observe(at(100), seen());
            Self {
                fleet: fleet(json!({}), None),
                scaler,
                second: 100,
            }
        }

        /// For so many seconds these report so many requests in flight each; then it is decided.
        fn run(&mut self, seconds: u64, replicas: &[&str], each: f64) {
            for _ in 0..seconds {
                self.second += 1;
                for replica in replicas {
                    let report =
                        json!({"replica": replica, "seconds": 1.0, "requestSeconds": each});
                    let report: Report = serde_json::from_value(report).unwrap();
                    self.scaler.report(at(self.second), &report).unwrap();
                }
            }
            self.scaler.observe(at(self.second), seen());
            let (now, time) = (at(self.second), Time(Timestamp::UNIX_EPOCH));
            let decision = self.scaler.decide(now);
            self.fleet
                .decided(&shop().to_string(), &decision, now, time);
        }

        fn told(&self, age: u64) -> Result<Figures, String> {
            figures(
                self.fleet.get(&shop()).unwrap(),
                at(self.second + age),
                TICK,
            )
        }
    }

    fn seen() -> Observation {
        Observation {
            ready: 2,
            ..Observation::default()
        }
    }

    #[test]
    fn what_is_not_known_is_an_error_and_never_0() {
        let mut shop = Shop::open(Settings::default());
        let told = |shop: &Shop, age| shop.told(age).unwrap_err();
        assert!(told(&shop, 0).contains("nothing is decided yet"));
        shop.run(2, &[], 0.0);
        assert!(told(&shop, 0).contains("nothing is known of its load"));
        shop.run(70, &["a", "b"], 0.0);
        // Known to be idle is another thing.
        assert_eq!(shop.told(10).unwrap().in_flight, Some(0.0));
        assert!(told(&shop, 11).contains("last decided 11 s ago"));
        shop.run(100, &[], 0.0);
        assert!(told(&shop, 0).contains("nothing is known of its load"));
    }

    #[test]
    fn it_rises_in_seconds_and_falls_in_a_minute() {
        let mut shop = Shop::open(Settings::default());
        shop.run(70, &["a", "b"], 4.0);
        assert_eq!(shop.told(0).unwrap().in_flight, Some(8.0));
        shop.run(8, &["a", "b"], 40.0);
        let told = shop.told(0).unwrap();
        assert!(told.in_flight > Some(75.0) && told.wanted > 2, "{told:?}");
        shop.run(20, &["a", "b"], 4.0);
        let told = shop.told(0).unwrap().in_flight.unwrap();
        assert!((12.0..30.0).contains(&told), "{told}");
    }

    #[test]
    fn while_a_replica_is_silent_it_only_rises() {
        let mut shop = Shop::open(Settings::default());
        shop.run(70, &["a", "b"], 10.0);
        let whole = shop.told(0).unwrap().in_flight.unwrap();
        assert_eq!(whole, 20.0);
        shop.run(30, &["a"], 0.0);
        assert_eq!(shop.told(0).unwrap().in_flight, Some(whole));
        shop.run(10, &["a"], 90.0);
        let more = shop.told(0).unwrap().in_flight.unwrap();
        assert!(more > 60.0, "{more}");
        shop.run(90, &["a", "b"], 1.0);
        assert_eq!(shop.told(0).unwrap().in_flight, Some(2.0));
    }

    #[test]
    fn where_no_request_is_counted_there_is_no_count() {
        let jobs = Gauge {
            name: "jobs".to_owned(),
            aim: Aim::Each(10.0),
            activation: None,
            interval: Gauge::INTERVAL,
            measured: Measured::Elsewhere,
        };
        let mut shop = Shop::open(Settings {
            requests: false,
            gauges: [jobs].into_iter().collect(),
            ..Settings::default()
        });
        shop.run(1, &[], 0.0);
        assert!(shop.told(0).unwrap_err().contains("nothing is known"));
        let reading = json!({"signal": "jobs", "value": 35.0});
        let reading = serde_json::from_value(reading).unwrap();
        shop.scaler.read(at(shop.second), &reading).unwrap();
        shop.run(1, &[], 0.0);
        let told = shop.told(0).unwrap();
        assert_eq!((told.in_flight, told.wanted), (None, 4));
    }
}

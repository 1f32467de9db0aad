// SPDX-License-Identifier: Apache-2.0
use std::{collections::BTreeMap, time::Duration};

use cheerful_gateway::{HoldLimits, RevisionConfig, Route, WakingRules};
use cheerful_processes::{Probe, ProcessRevision};
use cheerful_proxy::TimeLimits;
use cheerful_scaling::{Scaling, Settings};

use super::{Signals, Spec};

/// A revision for tests: program and arguments are told apart by blanks.
pub(crate) fn spec(name: &str, command: &str, initial: u32) -> Spec {
    let settings = Settings {
        initial,
        ..Settings::default()
    };
    Spec {
        process: ProcessRevision {
            name: name.to_owned(),
            command: command.split(' ').map(str::to_owned).collect(),
            env: BTreeMap::new(),
            directory: None,
            run_as: None,
            readiness: Probe::Tcp,
            drain: ProcessRevision::DRAIN,
            grace: ProcessRevision::GRACE,
        },
        door: RevisionConfig {
            name: name.to_owned(),
            routes: vec![Route::default()],
            limit: None,
            target: 10.0,
            hold: HoldLimits {
                requests: 10,
                bytes: 1000,
                wait: Duration::from_secs(1),
            },
            time_limits: TimeLimits::default(),
            waking: WakingRules::default(),
        },
        scaling: Scaling::new(settings).unwrap(),
        shadow: None,
        signals: Signals::default(),
    }
}

// SPDX-License-Identifier: Apache-2.0
use std::{path::Path, time::Duration};

use cheerful_gateway::{HoldLimits, RevisionConfig, Route, WakingRules};
use cheerful_manifest::{Matches, Revision};
use cheerful_processes::{Probe, ProcessRevision, RunAs};
use cheerful_proxy::TimeLimits;
use cheerful_signals::schedule::Schedule;

use super::Source;
use crate::site::{Signals, Spec};

/// Reads what is to run and makes sure that it can be: everything that is wrong comes in one text.
///
/// # Errors
/// For people: each fault with its field, its value and what would be right.
pub(crate) fn read(source: &Source) -> Result<Vec<Spec>, String> {
    let revisions = match source {
        Source::Command(revision) => {
            revision.check().map_err(|problems| {
                let problems = problems.iter().map(ToString::to_string);
                problems.collect::<Vec<_>>().join("\n")
            })?;
            vec![revision.as_ref().clone()]
        }
        Source::Manifest(path) => load(path)?,
    };
    let (mut specs, mut wrong) = (Vec::with_capacity(revisions.len()), Vec::new());
    for revision in &revisions {
        match spec(revision) {
            Ok(spec) => {
                if let Err(error) = spec.process.check() {
                    wrong.push(format!("{}: {error}", spec.name()));
                }
                specs.push(spec);
            }
            Err(error) => wrong.push(error),
        }
    }
    if wrong.is_empty() {
        Ok(specs)
    } else {
        Err(wrong.join("\n"))
    }
}

fn load(path: &Path) -> Result<Vec<Revision>, String> {
    cheerful_manifest::load_file(path).map_err(|errors| errors.to_string())
}

/// What a manifest says, in the words of the rooms that act on it.
fn spec(revision: &Revision) -> Result<Spec, String> {
    let name = revision.name().to_owned();
    let scaling = revision.scaling(Duration::ZERO).map_err(|faults| {
        let faults = faults.iter().map(|fault| {
            format!(
                "{name}: spec.scaling.{}: {} is not right: {}",
                fault.field, fault.value, fault.expected
            )
        });
        faults.collect::<Vec<_>>().join("\n")
    })?;
    let given = &revision.spec;
    let process = ProcessRevision {
        name: name.clone(),
        command: given.command.clone(),
        env: given.env.clone(),
        directory: given.working_directory.as_ref().map(Into::into),
        run_as: given.user.clone().map(|user| RunAs { user }),
        readiness: revision
            .readiness_path()
            .map_or(Probe::Tcp, |path| Probe::Http(path.to_owned())),
        drain: given.timeouts.drain(),
        grace: given.timeouts.stop(),
    };
    let name_of = name.clone();
    let door = RevisionConfig {
        name,
        routes: routes(revision),
        limit: revision.limit(),
        target: scaling.target(),
        hold: HoldLimits {
            requests: given.hold.requests(),
            bytes: given.hold.bytes(),
            wait: given.hold.wait(),
        },
        time_limits: TimeLimits {
            connect: given.timeouts.connect(),
            first_byte: given.timeouts.first_byte(),
            idle: given.timeouts.idle(),
            whole: given.timeouts.whole(),
        },
        waking: waking(&given.waking.answer_at_zero, &given.waking.uncounted),
    };
    Ok(Spec {
        process,
        door,
        scaling,
        signals: signals(&name_of, given)?,
    })
}

fn signals(name: &str, given: &cheerful_manifest::Spec) -> Result<Signals, String> {
    let schedules = given.scaling.schedules.iter().map(Schedule::read);
    let schedules = schedules
        .collect::<Result<_, _>>()
        .map_err(|fault| format!("{name}: spec.scaling.schedules: {fault}"))?;
    Ok(Signals {
        sources: given.signal.iter().chain(&given.signals).cloned().collect(),
        schedules,
    })
}

/// None given: all requests that no other revision takes.
fn routes(revision: &Revision) -> Vec<Route> {
    let given = &revision.spec.routes;
    if given.is_empty() {
        return vec![Route::default()];
    }
    let route = |route: &cheerful_manifest::Route| Route {
        host: route.host.clone(),
        path_prefix: route.path_prefix.clone(),
    };
    given.iter().map(route).collect()
}

fn waking(answer_at_zero: &Matches, uncounted: &Matches) -> WakingRules {
    WakingRules {
        answer_at_zero_paths: answer_at_zero.paths.clone(),
        answer_at_zero_user_agents: answer_at_zero.user_agents.clone(),
        uncounted_paths: uncounted.paths.clone(),
        uncounted_user_agents: uncounted.user_agents.clone(),
    }
}

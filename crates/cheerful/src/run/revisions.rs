// SPDX-License-Identifier: Apache-2.0
use std::{path::Path, time::Duration};

use cheerful_gateway::{HoldLimits, RevisionConfig, Route, WakingRules};
use cheerful_manifest::{Matches, PolicyText, Revision, ShadowSpec};
use cheerful_processes::{Probe, ProcessRevision, RunAs};
use cheerful_proxy::TimeLimits;
use cheerful_scaling::{Invalid, Policy, Scaling};
use cheerful_signals::schedule::Schedule;

use super::{Beside, Source};
use crate::site::{Signals, Spec};

/// Reads what is to run and makes sure that it can be: everything that is wrong comes in one text. `beside`: the second
/// policy of each that names none itself.
///
/// # Errors
/// For people: each fault with its field, its value and what would be right.
pub(crate) fn read(source: &Source, beside: Option<Beside>) -> Result<Vec<Spec>, String> {
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
        match spec(revision, beside) {
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
fn spec(revision: &Revision, beside: Option<Beside>) -> Result<Spec, String> {
    let name = revision.name().to_owned();
    let wrong = |block: &str, faults: Vec<Invalid>| {
        let faults = faults.iter().map(|fault| {
            format!(
                "{name}: spec.scaling.{block}{}: {} is not right: {}",
                fault.field, fault.value, fault.expected
            )
        });
        faults.collect::<Vec<_>>().join("\n")
    };
    let scaling = revision.scaling(Duration::ZERO);
    let scaling = scaling.map_err(|faults| wrong("", faults))?;
    let own = revision.spec.scaling.resolve_shadow(&scaling);
    let own = own.map_err(|faults| wrong("shadow.", faults))?;
    let shadow = match own {
        Some(own) => Some(own),
        None => shadow(&scaling, beside).map_err(|faults| wrong("shadow.", faults))?,
    };
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
        shadow,
        signals: signals(&name_of, given)?,
    })
}

/// The policy of the command line, if it is another than the one that acts.
fn shadow(acting: &Scaling, beside: Option<Beside>) -> Result<Option<Scaling>, Vec<Invalid>> {
    let policy = match (beside, acting.settings().policy) {
        (None, _) => return Ok(None),
        (Some(Beside::Policy(policy)), acts) if policy == acts => return Ok(None),
        (Some(Beside::Policy(policy)), _) => policy,
        (Some(Beside::Other), Policy::Auto) => Policy::StablePanic,
        (Some(Beside::Other), Policy::StablePanic) => Policy::Auto,
    };
    let spec = ShadowSpec {
        policy: Some(PolicyText(policy)),
        ..ShadowSpec::default()
    };
    spec.resolve(acting).map(Some)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read_with(scaling: &str, beside: Option<Beside>) -> Option<Scaling> {
        let scaling = serde_json::from_str(scaling).unwrap();
        let mut revision = Revision::from_command("a", vec!["true".to_owned()]);
        revision.spec.scaling = scaling;
        let source = Source::Command(Box::new(revision));
        read(&source, beside).unwrap().remove(0).shadow
    }

    #[test]
    fn its_own_second_policy_goes_before_that_of_the_command_line() {
        let policy = |shadow: Option<Scaling>| shadow.map(|shadow| shadow.settings().policy);
        let auto = Some(Beside::Policy(Policy::Auto));
        let classic = r#"{"policy": "stable-panic"}"#;
        assert_eq!(read_with(classic, None), None);
        assert_eq!(policy(read_with(classic, auto)), Some(Policy::Auto));
        assert_eq!(read_with(r#"{"policy": "auto"}"#, auto), None);
        let other = read_with(r#"{"policy": "auto"}"#, Some(Beside::Other));
        assert_eq!(policy(other), Some(Policy::StablePanic));
        let own = read_with(
            r#"{"policy": "stable-panic", "max": 9, "shadow": {"min": 2}}"#,
            auto,
        )
        .unwrap();
        let settings = own.settings();
        assert_eq!(
            (settings.policy, settings.min, settings.max),
            (Policy::StablePanic, 2, Some(9))
        );
        assert!(settings.grace_period.is_zero());
    }
}

// SPDX-License-Identifier: Apache-2.0
//! What the form of a manifest cannot say: bounds, names, paths and how the fields go together.
mod cluster;
mod process;
mod requests;
mod signals;

use cheerful_scaling::{Invalid, Scaling, Settings};

use self::requests::{is_dns_label, is_path};
use crate::{
    API_VERSION, Autoscaler, AutoscalerMode, KIND, Platform, Problem, Revision, ScalingSpec,
    ShadowSpec,
    node::{Node, shown},
};

/// Longest path, host or user agent, in bytes.
const MAX_TEXT: usize = 1_024;

const DNS_LABEL: &str = "should be a DNS label: 1 to 63 lower-case letters, digits and -, with a letter or digit at both ends";

impl Revision {
    /// Everything that is wrong with it on one machine, without a line: for a revision that was not loaded from text.
    ///
    /// # Errors
    /// Every field that cannot be used.
    pub fn check(&self) -> Result<(), Vec<Problem>> {
        self.check_for(Platform::OneMachine)
    }

    /// As [`Revision::check`], for a platform.
    ///
    /// # Errors
    /// Every field that cannot be used there.
    pub fn check_for(&self, platform: Platform) -> Result<(), Vec<Problem>> {
        all(Check::new().revision(self, platform))
    }
}

impl Autoscaler {
    /// Everything that is wrong with it, without a line.
    ///
    /// # Errors
    /// Every field that cannot be used.
    pub fn check(&self) -> Result<(), Vec<Problem>> {
        all(Check::new().autoscaler(self))
    }
}

fn all(problems: Vec<Problem>) -> Result<(), Vec<Problem>> {
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems)
    }
}

/// Collects what is wrong.
pub(crate) struct Check<'a> {
    node: Option<&'a Node>,
    /// What could not be read and so is at its default: a fault of that default is no news.
    reported: &'a [Problem],
    problems: Vec<Problem>,
}

impl Check<'static> {
    const fn new() -> Self {
        Self {
            node: None,
            reported: &[],
            problems: Vec::new(),
        }
    }
}

impl<'a> Check<'a> {
    /// For what was read from `node`; what is in `reported` already is left out.
    pub(crate) const fn of(node: &'a Node, reported: &'a [Problem]) -> Self {
        Self {
            node: Some(node),
            reported,
            problems: Vec::new(),
        }
    }

    pub(crate) fn revision(mut self, revision: &Revision, platform: Platform) -> Vec<Problem> {
        let (spec, name) = (&revision.spec, revision.name());
        self.kind(&revision.api_version, &revision.kind, KIND);
        match platform {
            Platform::OneMachine => {
                self.name(name, DNS_LABEL, is_dns_label);
                self.process(spec);
            }
            Platform::Cluster => {
                self.name(name, cluster::SERVICE_NAME, cluster::is_service_name);
                self.template(spec);
                self.counts(&spec.scaling, spec.replicas);
            }
        }
        self.queue(&spec.queue);
        self.routes(&spec.routes);
        if let Some(readiness) = &spec.readiness {
            self.text(
                "spec.readiness.path",
                &readiness.path,
                "should be a path such as /healthz",
                is_path,
            );
        }
        self.hold(&spec.hold);
        self.matches("spec.waking.answerAtZero", &spec.waking.answer_at_zero);
        self.matches("spec.waking.uncounted", &spec.waking.uncounted);
        self.signals(spec.signal.as_ref(), &spec.signals, platform);
        if platform == Platform::OneMachine && spec.scaling.max != Some(1) {
            self.ports(spec.signal.as_ref(), &spec.signals);
        }
        self.schedules(&spec.scaling.schedules, spec.scaling.max);
        self.scaling(
            revision.scaling(Settings::default().grace_period),
            &spec.scaling,
        );
        self.problems
    }

    pub(crate) fn autoscaler(mut self, autoscaler: &Autoscaler) -> Vec<Problem> {
        let spec = &autoscaler.spec;
        self.kind(&autoscaler.api_version, &autoscaler.kind, Autoscaler::KIND);
        self.name(autoscaler.name(), DNS_LABEL, is_dns_label);
        self.scale_target(&spec.scale_target_ref);
        self.counts(&spec.scaling, spec.replicas);
        self.signals(spec.signal.as_ref(), &spec.signals, Platform::Cluster);
        self.schedules(&spec.scaling.schedules, spec.scaling.max);
        if spec.scaling.min == Some(0) && !spec.may_be_at_zero() {
            let message = "should be at least 1: nothing holds the requests for a workload of somebody else's while it is at zero (0 is right where every signal is a gauge, and one of them, prometheus, external, or custom with an object, is known without a replica)";
            self.say("spec.scaling.min", Some("0".to_owned()), message);
        }
        if spec.mode == Some(AutoscalerMode::Shadow) && spec.scaling.shadow.is_some() {
            let message = "should be left out with mode: Shadow, where scaling itself is beside what scales the target";
            self.say("spec.scaling.shadow", None, message);
        }
        self.scaling(autoscaler.scaling(), &spec.scaling);
        self.problems
    }

    fn say(&mut self, field: &str, value: Option<String>, message: &str) {
        let told = |problem: &Problem| {
            field
                .strip_prefix(problem.field.as_str())
                .is_some_and(|rest| {
                    rest.is_empty() || problem.field.is_empty() || rest.starts_with(['.', '['])
                })
        };
        if !self.reported.iter().any(told) {
            self.problems.push(Problem {
                field: field.to_owned(),
                value,
                message: message.to_owned(),
                line: self.node.and_then(|node| node.line_near(field)),
            });
        }
    }

    /// Refuses a text for which `right` does not hold.
    fn text(&mut self, field: &str, text: &str, message: &str, right: impl Fn(&str) -> bool) {
        let value = if text.is_empty() {
            "empty".to_owned()
        } else {
            shown(text)
        };
        if text.len() > MAX_TEXT {
            self.say(field, Some(value), "should be at most 1024 bytes long");
        } else if !right(text) {
            self.say(field, Some(value), message);
        }
    }

    fn name(&mut self, name: &str, message: &str, right: fn(&str) -> bool) {
        match name {
            "" => self.say("metadata.name", None, message),
            name => self.text("metadata.name", name, message, right),
        }
    }

    fn scaling(&mut self, resolved: Result<Scaling, Vec<Invalid>>, spec: &ScalingSpec) {
        match resolved {
            Ok(scaling) => {
                if spec.shadow == Some(ShadowSpec::default()) {
                    let message = "should have at least one setting, such as policy: stable-panic";
                    self.say(
                        "spec.scaling.shadow",
                        Some("a map of 0".to_owned()),
                        message,
                    );
                }
                let faults = spec.resolve_shadow(&scaling).err();
                self.invalid("spec.scaling.shadow", faults.unwrap_or_default());
            }
            Err(faults) => self.invalid("spec.scaling", faults),
        }
    }

    fn invalid(&mut self, block: &str, faults: Vec<Invalid>) {
        for Invalid {
            field,
            value,
            expected,
        } in faults
        {
            // What is wrong with a gauge is told where it is written.
            let field = match field {
                field if field.starts_with("gauges") => continue,
                "concurrency" => "spec.concurrency".to_owned(),
                field => format!("{block}.{field}"),
            };
            self.say(&field, Some(value), &format!("should be {expected}"));
        }
    }

    fn kind(&mut self, version: &str, kind: &str, right: &str) {
        for (field, given, right) in [("apiVersion", version, API_VERSION), ("kind", kind, right)] {
            match given {
                given if given == right => {}
                "" => self.say(field, None, &format!("is missing, should be {right}")),
                given => self.say(field, Some(shown(given)), &format!("should be {right}")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_command_is_right() {
        let command = vec!["true".to_owned()];
        assert_eq!(
            Revision::from_command("hello", command.clone()).check(),
            Ok(())
        );
        let problems = Revision::from_command("Hello World", command)
            .check()
            .unwrap_err();
        assert_eq!(problems.len(), 1);
        assert!(
            problems[0]
                .to_string()
                .starts_with("metadata.name is \"Hello World\": should be")
        );
    }
}

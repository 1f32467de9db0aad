// SPDX-License-Identifier: Apache-2.0
//! What is refused in a cluster only. The API server has the same rules in CEL, in the definitions of both kinds.
use std::collections::BTreeMap;

use cheerful_scaling::Paused;
use serde_json::Value;

use super::{Check, requests::is_dns_label};
use crate::{
    PausedText, QueueSpec, ScaleTargetRef, ScalingSpec, Spec,
    node::{self, shown},
    scalar::Scalar,
};

pub(super) const SERVICE_NAME: &str = "should be 1 to 52 lower-case letters, digits and -, with a letter at the start and a letter or digit at the end, for it is the name of a Service and the beginning of others";

/// The container that is added to each pod.
const QUEUE_CONTAINER: &str = "cheerful-queue";

/// Most containers of either kind in a pod.
const MAX_CONTAINERS: usize = 100;

/// What a queue may ask for.
const RESOURCES: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];

/// The endings of a quantity.
const MULTIPLES: [&str; 14] = [
    "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "m", "k", "M", "G", "T", "P", "E", "",
];

pub(super) fn is_service_name(text: &str) -> bool {
    is_dns_label(text) && text.len() <= 52 && text.starts_with(|c: char| c.is_ascii_lowercase())
}

/// A number with or without a fraction and an ending, such as `10m` and `16Mi`.
fn is_quantity(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let end = text
        .find(|c: char| c != '.' && !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, multiple) = text.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    text.len() <= 32 && digits(whole) && digits(fraction) && MULTIPLES.contains(&multiple)
}

impl Check<'_> {
    /// The pod of each replica, as far as it concerns us; the rest is the API server's.
    pub(super) fn template(&mut self, spec: &Spec) {
        let Some(template) = &spec.template else {
            let message = "is missing: should be the pod of each replica, with at least one container; command is for one machine";
            return self.say("spec.template", None, message);
        };
        let Some(pod @ Value::Object(_)) = template.get("spec") else {
            return self.say("spec.template.spec", None, "should be a pod's spec");
        };
        let containers = pod.get("containers").and_then(Value::as_array);
        if containers.is_none_or(Vec::is_empty) {
            let message = "should be a list of at least one container";
            self.say("spec.template.spec.containers", None, message);
        }
        for kind in ["containers", "initContainers"] {
            self.containers(&format!("spec.template.spec.{kind}"), pod.get(kind));
        }
        match pod.get("restartPolicy").map(Value::as_str) {
            None | Some(Some("Always")) => {}
            Some(other) => self.say(
                "spec.template.spec.restartPolicy",
                other.map(shown),
                "should be Always, or left out",
            ),
        }
    }

    fn containers(&mut self, field: &str, containers: Option<&Value>) {
        let containers = match containers {
            None => return,
            Some(Value::Array(containers)) => containers,
            Some(_) => return self.say(field, None, "should be a list of containers"),
        };
        if containers.len() > MAX_CONTAINERS {
            let value = format!("a list of {}", containers.len());
            let message = format!("should have at most {MAX_CONTAINERS} items");
            return self.say(field, Some(value), &message);
        }
        let name = |container: &Value| Some(container.get("name")?.as_str()?.to_owned());
        let names: Vec<_> = containers.iter().map(name).collect();
        for (index, name) in names.iter().enumerate() {
            let field = format!("{field}[{index}].name");
            let Some(name) = name.as_deref().filter(|name| !name.is_empty()) else {
                self.say(&field, None, "should be the container's name");
                continue;
            };
            if name == QUEUE_CONTAINER {
                let message = "should be another name: a container of this name is added";
                self.say(&field, Some(shown(name)), message);
            }
            if names
                .iter()
                .take(index)
                .flatten()
                .any(|other| other == name)
            {
                self.say(&field, Some(shown(name)), "is the name of another");
            }
        }
    }

    /// Replicas are counted in 32 bits with a sign there, and a word or a number with a fraction is text.
    pub(super) fn counts(&mut self, scaling: &ScalingSpec, replicas: Option<u32>) {
        let paused = match scaling.paused {
            Some(PausedText(Paused::At(replicas))) => Some(replicas),
            _ => None,
        };
        let shadow = scaling.shadow.as_ref();
        for (field, count) in [
            ("spec.scaling.min", scaling.min),
            ("spec.scaling.max", scaling.max),
            ("spec.scaling.initial", scaling.initial),
            ("spec.scaling.activation", scaling.activation),
            ("spec.scaling.paused", paused),
            (
                "spec.scaling.shadow.min",
                shadow.and_then(|shadow| shadow.min),
            ),
            (
                "spec.scaling.shadow.max",
                shadow.and_then(|shadow| shadow.max),
            ),
            ("spec.replicas", replicas),
        ] {
            let most = i32::MAX.unsigned_abs();
            if let Some(count) = count.filter(|count| *count > most) {
                let message = format!("should be at most {most}");
                self.say(field, Some(count.to_string()), &message);
            }
        }
        for field in [
            "spec.scaling.target",
            "spec.scaling.burstCapacity",
            "spec.scaling.shadow.target",
        ] {
            let value = self.node.and_then(|node| node.field(field));
            if let Some(node::Value::Scalar(Scalar::Number(number))) = value.map(|node| &node.value)
                && number.fract() != 0.0
            {
                let message =
                    format!("should be text in a cluster; write it in quotes: \"{number}\"");
                self.say(field, Some(number.to_string()), &message);
            }
        }
    }

    pub(super) fn queue(&mut self, queue: &QueueSpec) {
        self.resources("spec.queue.requests", &queue.requests);
        self.resources("spec.queue.limits", &queue.limits);
    }

    fn resources(&mut self, field: &str, resources: &BTreeMap<String, String>) {
        for (name, quantity) in resources {
            if !RESOURCES.contains(&name.as_str()) {
                let message = format!("should be one of {}", RESOURCES.join(", "));
                self.say(field, Some(shown(name)), &message);
            } else if !is_quantity(quantity) {
                let message = "should be a quantity such as 10m or 16Mi";
                self.say(&format!("{field}.{name}"), Some(shown(quantity)), message);
            }
        }
    }

    pub(super) fn scale_target(&mut self, target: &ScaleTargetRef) {
        let version = target.api_version.as_deref();
        for (field, text, longest) in [
            ("apiVersion", version.unwrap_or("apps/v1"), 317),
            ("kind", &target.kind, 63),
            ("name", &target.name, 253),
        ] {
            let field = format!("spec.scaleTargetRef.{field}");
            let message = format!("should be 1 to {longest} characters long");
            self.text(&field, text, &message, |text| {
                (1..=longest).contains(&text.len())
            });
        }
        if let Some(version) = version.filter(|version| version.starts_with("cheerful.dev/")) {
            let message =
                "should be what nothing of cheerful scales already: no Revision and no Autoscaler";
            self.say("spec.scaleTargetRef", Some(shown(version)), message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_and_names() {
        for quantity in ["1", "10m", "16Mi", "0.5", "1.5Gi", "0"] {
            assert!(is_quantity(quantity), "{quantity}");
        }
        for quantity in ["", "m", "-1", "1.", ".5", "1 Mi", "1mi", "1e3", "1.2.3"] {
            assert!(!is_quantity(quantity), "{quantity}");
        }
        assert!(is_service_name("a1") && !is_service_name("1a"));
        assert!(is_service_name(&"a".repeat(52)) && !is_service_name(&"a".repeat(53)));
    }
}

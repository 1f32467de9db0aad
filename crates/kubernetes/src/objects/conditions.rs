// SPDX-License-Identifier: Apache-2.0
use k8s_openapi::{
    api::{
        apps::v1::Deployment,
        core::v1::{ContainerStatus, Pod},
    },
    apimachinery::pkg::apis::meta::v1::{Condition, Time},
};

use super::Way;
use crate::resources::PathNow;

/// What stands in a pod's way, as the cluster tells it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PodTrouble {
    /// `ImagePullBackOff`, `CrashLoopBackOff`, `Unschedulable` and so on.
    pub reason: String,
    /// The cluster's sentence.
    pub message: String,
}

/// What one thing is found to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it is as it should be; `None`: not known yet.
    pub holds: Option<bool>,
    /// One word for it.
    pub reason: String,
    /// A sentence for a person.
    pub message: String,
}

/// What is known of a Revision when its conditions are made.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Given<'a> {
    /// Why its objects could not be made.
    pub refused: Option<&'a Verdict>,
    pub deployment: Option<&'a Deployment>,
    pub trouble: Option<&'a PodTrouble>,
    pub way: Way,
    pub pods: usize,
    pub gateways: usize,
}

/// Longest text of a condition, which the API bounds at 32,768 bytes; a person reads less.
const MAX_MESSAGE: usize = 1_024;

/// Waiting reasons of a container that are no trouble: it is on its way.
const ON_ITS_WAY: [&str; 2] = ["ContainerCreating", "PodInitializing"];

impl PodTrouble {
    /// What keeps a pod from running; `None`: nothing that is known.
    #[must_use]
    pub fn of(pod: &Pod) -> Option<Self> {
        let status = pod.status.as_ref()?;
        let containers = status
            .init_container_statuses
            .iter()
            .chain(&status.container_statuses)
            .flatten();
        containers
            .filter_map(Self::of_container)
            .next()
            .or_else(|| {
                let conditions = status.conditions.iter().flatten();
                conditions
                    .filter(|condition| {
                        condition.type_ == "PodScheduled" && condition.status == "False"
                    })
                    .map(|condition| Self {
                        reason: condition
                            .reason
                            .clone()
                            .unwrap_or_else(|| "Unschedulable".to_owned()),
                        message: condition.message.clone().unwrap_or_default(),
                    })
                    .next()
            })
    }

    fn of_container(status: &ContainerStatus) -> Option<Self> {
        let name = &status.name;
        if let Some(waiting) = status
            .state
            .as_ref()
            .and_then(|state| state.waiting.as_ref())
        {
            let reason = waiting.reason.clone().unwrap_or_default();
            if !reason.is_empty() && !ON_ITS_WAY.contains(&reason.as_str()) {
                let message = waiting.message.clone().unwrap_or_default();
                return Some(Self {
                    reason,
                    message: format!("container {name}: {message}"),
                });
            }
        }
        // Between two starts of one that crashes again and again it runs for a moment.
        let last = status
            .last_state
            .as_ref()
            .and_then(|state| state.terminated.as_ref())?;
        (status.restart_count > 0 && !status.ready && last.exit_code != 0).then(|| Self {
            reason: "CrashLoopBackOff".to_owned(),
            message: format!(
                "container {name}: ended with exit code {}, started {} times",
                last.exit_code,
                status.restart_count + 1
            ),
        })
    }
}

/// A [`Verdict`].
#[must_use]
pub fn verdict(holds: Option<bool>, reason: &str, message: impl Into<String>) -> Verdict {
    Verdict {
        holds,
        reason: reason.to_owned(),
        message: message.into(),
    }
}

/// The conditions of a Revision; those that did not change keep their time.
#[must_use]
pub fn conditions(
    given: Given<'_>,
    before: &[Condition],
    generation: Option<i64>,
    now: &Time,
) -> Vec<Condition> {
    let template = template(given);
    let routed = routed(given);
    // An old pod that answers is enough, and so is a gateway before pods that were not tried yet.
    let ready = if template.holds == Some(false) && given.pods == 0 {
        template.clone()
    } else if routed.holds == Some(true) {
        verdict(Some(true), "Answering", "requests are answered")
    } else {
        routed.clone()
    };
    [
        ("Ready", ready),
        ("TemplateAccepted", template),
        ("Routed", routed),
    ]
    .into_iter()
    .map(|(name, verdict)| condition(name, verdict, before, generation, now))
    .collect()
}

fn condition(
    name: &str,
    verdict: Verdict,
    before: &[Condition],
    generation: Option<i64>,
    now: &Time,
) -> Condition {
    let status = match verdict.holds {
        Some(true) => "True",
        Some(false) => "False",
        None => "Unknown",
    };
    let since = before
        .iter()
        .find(|condition| condition.type_ == name && condition.status == status)
        .map_or_else(
            || now.clone(),
            |condition| condition.last_transition_time.clone(),
        );
    Condition {
        type_: name.to_owned(),
        status: status.to_owned(),
        reason: word(&verdict.reason),
        message: verdict.message.chars().take(MAX_MESSAGE).collect(),
        observed_generation: generation,
        last_transition_time: since,
    }
}

/// As the API wants a reason: it begins with a letter, and has letters, digits and `_` only.
fn word(reason: &str) -> String {
    let word: String = reason
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '_')
        .collect();
    if word.starts_with(|c: char| c.is_ascii_alphabetic()) {
        word
    } else {
        format!("Reason{word}")
    }
}

fn template(given: Given<'_>) -> Verdict {
    if let Some(refused) = given.refused {
        return refused.clone();
    }
    let Some(deployment) = given.deployment else {
        return verdict(None, "Creating", "the Deployment is being made");
    };
    let conditions = deployment
        .status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten());
    let mut late = None;
    for condition in conditions {
        let told = |default: &str| {
            verdict(
                Some(false),
                condition.reason.as_deref().unwrap_or(default),
                condition.message.clone().unwrap_or_default(),
            )
        };
        match (condition.type_.as_str(), condition.status.as_str()) {
            // A quota, a missing service account: no pod could be made at all.
            ("ReplicaFailure", "True") => return told("ReplicaFailure"),
            ("Progressing", "False") => late = Some(told("ProgressDeadlineExceeded")),
            _ => {}
        }
    }
    // The pod's own reason tells more than that it took long.
    if let Some(trouble) = given.trouble {
        return verdict(Some(false), &trouble.reason, &trouble.message);
    }
    late.unwrap_or_else(|| {
        verdict(
            Some(true),
            "Accepted",
            "the Deployment was taken and nothing keeps its pods from starting",
        )
    })
}

fn routed(given: Given<'_>) -> Verdict {
    let (pods, gateways) = (given.pods, given.gateways);
    if pods + gateways == 0 {
        let why = "no pod and no gateway is ready: requests are refused";
        return verdict(Some(false), "NoEndpoint", why);
    }
    // No numbers: they would change all the time.
    let (reason, message) = match given.way.now {
        PathNow::Gateway => ("Gateway", "requests go through the gateway"),
        PathNow::Both => (
            "Both",
            "requests go to the pods, and for a grace period through the gateway too",
        ),
        PathNow::Pods => ("Pods", "requests go to the pods"),
    };
    verdict(Some(true), reason, message)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "any moment will do")]
mod tests {
    use std::time::{Duration, Instant};

    use k8s_openapi::jiff::Timestamp;
    use serde_json::{Value, json};

    use super::*;

    fn told(given: Given<'_>, before: &[Condition], at: i64) -> Vec<Condition> {
        let now = Time(Timestamp::from_second(at).unwrap());
        conditions(given, before, Some(3), &now)
    }

    fn line(conditions: &[Condition]) -> Vec<String> {
        let words = |c: &Condition| format!("{} {} {}", c.type_, c.status, c.reason);
        conditions.iter().map(words).collect()
    }

    fn pod(status: Value) -> Pod {
        serde_json::from_value(json!({"status": status})).unwrap()
    }

    #[test]
    fn what_the_cluster_says_shows() {
        let way = Way::resume(None, Duration::ZERO, Instant::now());
        let trouble = PodTrouble {
            reason: "ImagePullBackOff".to_owned(),
            message: "container app: no such image".to_owned(),
        };
        let fine = Deployment::default();
        let quota: Deployment = serde_json::from_value(json!({"status": {"conditions": [{
            "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota",
        }]}}))
        .unwrap();
        let given = Given {
            refused: None,
            deployment: Some(&fine),
            trouble: None,
            way,
            pods: 0,
            gateways: 2,
        };
        let good = told(given, &[], 7);
        assert_eq!(
            line(&good),
            [
                "Ready True Answering",
                "TemplateAccepted True Accepted",
                "Routed True Gateway"
            ]
        );
        let bad = Given {
            trouble: Some(&trouble),
            ..given
        };
        let worse = told(bad, &good, 9);
        assert_eq!(
            line(&worse),
            [
                "Ready False ImagePullBackOff",
                "TemplateAccepted False ImagePullBackOff",
                "Routed True Gateway"
            ]
        );
        let times: Vec<i64> = worse
            .iter()
            .map(|c| c.last_transition_time.0.as_second())
            .collect();
        assert_eq!(times, [9, 9, 7], "what did not change keeps its time");
        let old_pods_answer = told(Given { pods: 1, ..bad }, &[], 9);
        assert_eq!(line(&old_pods_answer)[0], "Ready True Answering");
        let refused = Given {
            deployment: Some(&quota),
            ..bad
        };
        assert_eq!(
            line(&told(refused, &[], 9))[1],
            "TemplateAccepted False FailedCreate"
        );
        let nowhere = Given {
            gateways: 0,
            ..given
        };
        assert_eq!(line(&told(nowhere, &[], 9))[0], "Ready False NoEndpoint");
    }

    #[test]
    fn a_pod_tells_what_keeps_it() {
        let waiting = |reason: &str| {
            json!({"containerStatuses": [{"name": "app", "ready": false, "restartCount": 0, "image": "", "imageID": "",
                "state": {"waiting": {"reason": reason, "message": "m"}}}]})
        };
        assert_eq!(PodTrouble::of(&pod(waiting("ContainerCreating"))), None);
        let trouble = PodTrouble::of(&pod(waiting("CreateContainerConfigError"))).unwrap();
        assert_eq!(trouble.reason, "CreateContainerConfigError");
        let between = json!({"containerStatuses": [{"name": "app", "ready": false, "restartCount": 2, "image": "",
            "imageID": "", "state": {"running": {}}, "lastState": {"terminated": {"exitCode": 1}}}]});
        assert_eq!(
            PodTrouble::of(&pod(between)).unwrap().reason,
            "CrashLoopBackOff"
        );
        let nowhere = json!({"conditions": [{"type": "PodScheduled", "status": "False",
            "reason": "Unschedulable", "message": "0/1 nodes"}]});
        assert_eq!(PodTrouble::of(&pod(nowhere)).unwrap().message, "0/1 nodes");
    }
}

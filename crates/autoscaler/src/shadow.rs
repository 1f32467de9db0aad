// SPDX-License-Identifier: Apache-2.0
use cheerful_manifest::settings_to_json;
use cheerful_scaling::{Bill, Compared, Decision, Settings, Shadow};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The policy beside the one that acts, at a glance: what `top`, `explain` and an object's status show.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct ShadowView {
    /// What it does otherwise: `stable-panic`, `target 20, max 5`.
    pub policy: String,
    /// Replicas that there would be: those that answer, and those on their way.
    pub ready: u32,
    pub starting: u32,
    /// Its last decision, over those.
    pub why: String,
    pub compared: Compared,
    /// What is compared, in one sentence.
    pub sentence: String,
}

/// Less is not worth telling.
const LEAST_SECONDS: f64 = 60.0;

impl ShadowView {
    /// What is known of the one beside a policy; `policy` is what it does otherwise.
    pub(crate) fn of(shadow: &Shadow, policy: &str, acting: &Settings) -> Self {
        let compared = shadow.compared();
        let (ready, starting) = shadow.replicas();
        // With the same settings it is not ours that acts.
        let is_alone = otherwise(acting, shadow.scaling().settings()).is_empty();
        Self {
            policy: policy.to_owned(),
            ready,
            starting,
            why: shadow.last().map(Decision::sentence).unwrap_or_default(),
            sentence: sentence(&compared, policy, is_alone),
            compared,
        }
    }
}

/// What one policy does otherwise than another, in a few words.
pub(crate) fn named(acting: &Settings, shadow: &Settings) -> Box<str> {
    /// Of so many settings the rest is counted.
    const MOST: usize = 4;
    let mut parts = otherwise(acting, shadow);
    if parts.is_empty() {
        let policy = settings_to_json(shadow);
        return shown(&policy["policy"]).into();
    }
    if parts.len() > MOST {
        let more = parts.len() - MOST;
        parts.truncate(MOST);
        parts.push(format!("{more} more"));
    }
    parts.join(", ").into()
}

/// Each setting that is another; the policy first.
fn otherwise(acting: &Settings, shadow: &Settings) -> Vec<String> {
    let (acting, shadow) = (settings_to_json(acting), settings_to_json(shadow));
    let fields = shadow.as_object().into_iter().flatten();
    let mut parts: Vec<_> = fields
        .filter(|(field, value)| acting[*field] != **value && *field != "paused")
        .map(|(field, value)| match field.as_str() {
            "policy" => (false, shown(value)),
            field => (true, format!("{field} {}", shown(value))),
        })
        .collect();
    let left_out = |field: &&String| shadow.get(*field).is_none();
    let before = acting.as_object().into_iter().flatten();
    let gone = before.map(|(field, _)| field).filter(left_out);
    parts.extend(gone.map(|field| (true, format!("no {field}"))));
    parts.sort();
    parts.into_iter().map(|(_, part)| part).collect()
}

fn shown(value: &Value) -> String {
    let text = value.as_str().map(str::to_owned);
    text.unwrap_or_else(|| value.to_string())
}

/// `beside it, stable-panic would have used 41 % more replica-seconds and made 3 of 1,204 requests wait ...`.
fn sentence(compared: &Compared, policy: &str, is_alone: bool) -> String {
    let beside = if is_alone {
        "beside what is there"
    } else {
        "beside it"
    };
    if compared.seconds < LEAST_SECONDS {
        return format!("{beside}, {policy} is watched; there is less than a minute to compare");
    }
    let mut text = format!(
        "{beside}, {policy} would have used {}",
        cost(compared, is_alone)
    );
    if compared.requests > 0.0 {
        text += &waits(compared);
    }
    text += &format!(", in {}", span(compared.seconds));
    let silent = compared.silent_seconds / compared.seconds;
    if silent > 0.01 {
        text += &format!(
            "; for {:.0} % of it not all replicas reported",
            silent * 100.0
        );
    }
    if !compared.start_up_known && compared.shadow.starts > 0 {
        text += "; no start was seen yet, so that one is taken to last 5 s";
    }
    text
}

fn cost(compared: &Compared, is_alone: bool) -> String {
    let Some(times) = compared.cost() else {
        let seconds = compared.shadow.replica_seconds;
        return format!(
            "{} replica-seconds, where there was no replica",
            grouped(seconds)
        );
    };
    let than = if is_alone { "" } else { " of it" };
    match (times - 1.0) * 100.0 {
        off if off.abs() < 0.5 => "as many replica-seconds".to_owned(),
        off if off >= 100.0 => format!("{times:.1} times the replica-seconds{than}"),
        off if off > 0.0 => format!("{off:.0} % more replica-seconds"),
        off => format!("{:.0} % fewer replica-seconds", -off),
    }
}

fn waits(compared: &Compared) -> String {
    let waiting = |bill: &Bill| bill.long_waits.min(compared.requests).round();
    let (shadow, acting) = (waiting(&compared.shadow), waiting(&compared.acting));
    let now = match acting {
        _ if acting == shadow => "as many wait now".to_owned(),
        0.0 => "none waits now".to_owned(),
        many => format!("{} wait now", grouped(many)),
    };
    let shadow = match shadow {
        0.0 => "none".to_owned(),
        many => grouped(many),
    };
    let all = grouped(compared.requests);
    format!(" and made {shadow} of {all} requests wait longer than 0.1 s ({now})")
}

/// `1,204`.
fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `90 s`, `12 min`, `5 h`, `3 days`.
fn span(seconds: f64) -> String {
    match seconds {
        ..120.0 => format!("{seconds:.0} s"),
        ..7200.0 => format!("{:.0} min", seconds / 60.0),
        ..172_800.0 => format!("{:.0} h", seconds / 3600.0),
        _ => format!("{:.0} days", seconds / 86_400.0),
    }
}

#[cfg(test)]
mod tests {
    use cheerful_scaling::{Policy, Target};

    use super::*;

    fn compared(cost: f64, waits: f64) -> Compared {
        Compared {
            seconds: 3600.0,
            requests: 1204.0,
            start_up_known: true,
            acting: Bill {
                replica_seconds: 1000.0,
                long_waits: 12.0,
                ..Bill::default()
            },
            shadow: Bill {
                replica_seconds: 1000.0 * cost,
                long_waits: waits,
                ..Bill::default()
            },
            ..Compared::default()
        }
    }

    #[test]
    fn the_sentence_says_cost_and_waits() {
        let said = |cost, waits| sentence(&compared(cost, waits), "stable-panic", false);
        assert_eq!(
            said(1.41, 3.2),
            "beside it, stable-panic would have used 41 % more replica-seconds and made 3 of 1,204 requests wait \
             longer than 0.1 s (12 wait now), in 60 min"
        );
        assert!(said(0.9, 0.0).contains("10 % fewer replica-seconds and made none of 1,204"));
        assert!(said(2.34, 12.0).contains("2.3 times the replica-seconds of it and made 12 of"));
        assert!(said(1.001, 12.0).contains("as many replica-seconds"));
        assert!(said(1.0, 12.0).contains("(as many wait now)"));
    }

    #[test]
    fn what_is_not_known_is_said() {
        let short = Compared {
            seconds: 59.0,
            ..compared(1.0, 0.0)
        };
        assert!(
            sentence(&short, "auto", true).starts_with("beside what is there, auto is watched")
        );
        let mut unsure = Compared {
            silent_seconds: 360.0,
            start_up_known: false,
            ..compared(1.0, 0.0)
        };
        unsure.shadow.starts = 1;
        let said = sentence(&unsure, "auto", true);
        assert!(said.contains("; for 10 % of it not all"), "{said}");
        assert!(said.ends_with("one is taken to last 5 s"), "{said}");
        unsure.acting.replica_seconds = 0.0;
        let said = sentence(&unsure, "auto", true);
        assert!(said.contains("1,000 replica-seconds, where there was no"));
    }

    #[test]
    fn it_is_named_for_what_it_does_otherwise() {
        let acting = Settings {
            policy: Policy::StablePanic,
            max: Some(9),
            ..Settings::default()
        };
        let name = |change: fn(&mut Settings)| {
            let mut shadow = acting.clone();
            change(&mut shadow);
            named(&acting, &shadow)
        };
        assert_eq!(&*name(|other| other.policy = Policy::Auto), "auto");
        assert_eq!(&*name(|_| ()), "stable-panic");
        let several = name(|other| {
            (other.policy, other.thrift) = (Policy::Auto, 0.2);
            (other.target, other.min, other.max) = (Target::PerReplica(20.0), 2, None);
        });
        assert_eq!(&*several, "auto, min 2, no max, target 20, 1 more");
    }
}

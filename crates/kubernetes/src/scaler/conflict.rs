// SPDX-License-Identifier: Apache-2.0
use std::collections::BTreeMap;

/// Who says that he scales something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) target: TargetKey,
    /// For the order among those who claim the same: the older first.
    pub(crate) created: String,
}

/// What is claimed. The version is left out: two may name different ones of the same thing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TargetKey {
    pub(crate) group: String,
    pub(crate) kind: String,
    pub(crate) name: String,
}

impl TargetKey {
    pub(crate) fn new(api_version: &str, kind: &str, name: &str) -> Self {
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        Self {
            group: group.to_owned(),
            kind: kind.to_owned(),
            name: name.to_owned(),
        }
    }
}

/// The other who scales the target of the Autoscaler `name`, if there is one: a HorizontalPodAutoscaler, or an older
/// Autoscaler. Both maps are of one namespace, by name.
pub(crate) fn other(
    name: &str,
    claim: &Claim,
    autoscalers: &BTreeMap<String, Claim>,
    hpas: &BTreeMap<String, TargetKey>,
) -> Option<String> {
    let hpa = hpas.iter().find(|(_, target)| **target == claim.target);
    if let Some((hpa, _)) = hpa {
        return Some(format!("HorizontalPodAutoscaler {hpa}"));
    }
    let older = |(other, theirs): &(&String, &Claim)| {
        theirs.target == claim.target && (&theirs.created, other.as_str()) < (&claim.created, name)
    };
    autoscalers
        .iter()
        .find(older)
        .map(|(other, _)| format!("Autoscaler {other}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hpa_or_an_older_autoscaler_has_it() {
        let target = |version| TargetKey::new(version, "Deployment", "cart");
        let claim = |created: &str| Claim {
            target: target("apps/v1"),
            created: created.to_owned(),
        };
        let autoscalers = BTreeMap::from([
            ("new".to_owned(), claim("2026-11-02")),
            ("old".to_owned(), claim("2026-11-01")),
            ("twin".to_owned(), claim("2026-11-01")),
        ]);
        let none = BTreeMap::new();
        let find = |name: &str, hpas| other(name, &autoscalers[name], &autoscalers, hpas);
        assert_eq!(find("old", &none), None);
        assert_eq!(find("new", &none), Some("Autoscaler old".to_owned()));
        assert_eq!(find("twin", &none), Some("Autoscaler old".to_owned()));
        let hpas = BTreeMap::from([("cart-hpa".to_owned(), target("apps/v1beta1"))]);
        assert_eq!(
            find("old", &hpas),
            Some("HorizontalPodAutoscaler cart-hpa".to_owned())
        );
        let elsewhere = BTreeMap::from([("hpa".to_owned(), target("example.com/v1"))]);
        assert_eq!(find("old", &elsewhere), None);
    }
}

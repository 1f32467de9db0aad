// SPDX-License-Identifier: Apache-2.0
//! What is asked, and what is answered.
use cheerful_wire::{Workload, WorkloadKind};
use serde_json::{Value, json};

use super::status::Status;

/// The API's name and version.
pub(super) const GROUP: &str = "external.metrics.k8s.io";
pub(super) const VERSION: &str = "v1beta1";

/// What a request asks for. It stands first here, for all else is what is answered to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// Which groups there are.
    Groups,
    /// Which versions the group has.
    Group,
    /// Which metrics there are.
    Metrics,
    /// One of them, of one workload.
    Figure { metric: Metric, of: Workload },
}

/// What can be asked for, by name.
pub(crate) fn metric_names() -> impl Iterator<Item = &'static str> {
    METRICS.into_iter().map(|(name, _)| name)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Metric {
    /// [`super::Figures::in_flight`].
    InFlight,
    /// [`super::Figures::wanted`].
    Wanted,
}

/// What can be asked for: its name, and what it is.
const METRICS: [(&str, Metric); 2] = [
    ("cheerful_requests_in_flight", Metric::InFlight),
    ("cheerful_wanted_replicas", Metric::Wanted),
];

impl Asked {
    /// Reads path and query of a request.
    pub(super) fn of(path: &str, query: Option<&str>) -> Result<Self, Status> {
        let unknown = || Status::unknown(format!("{path:?} is not served here"));
        let mut parts = path.split('/').skip(1).filter(|part| !part.is_empty());
        if parts.next() != Some("apis") {
            return Err(unknown());
        }
        match (parts.next(), parts.next()) {
            (None, _) => return Ok(Self::Groups),
            (Some(GROUP), None) => return Ok(Self::Group),
            (Some(GROUP), Some(VERSION)) => {}
            _ => return Err(unknown()),
        }
        let rest: Vec<&str> = parts.collect();
        let (namespace, name) = match rest.as_slice() {
            [] => return Ok(Self::Metrics),
            ["namespaces", namespace, name] => (*namespace, *name),
            _ => return Err(unknown()),
        };
        let Some((_, metric)) = METRICS.into_iter().find(|(known, _)| *known == name) else {
            let known = METRICS.map(|(name, _)| name).join(" and ");
            return Err(Status::unknown(format!(
                "no metric is called {name:?}; there are {known}"
            )));
        };
        let (kind, workload) = selected(query)?;
        Ok(Self::Figure {
            metric,
            of: Workload {
                namespace: namespace.to_owned(),
                kind,
                name: workload,
            },
        })
    }
}

const SELECTOR: &str = "should have one label: matchLabels: {revision: NAME} or {autoscaler: NAME}";

/// The one workload that a selector names. The sum over several would be nobody's load.
fn selected(query: Option<&str>) -> Result<(WorkloadKind, String), Status> {
    let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let selector = pairs.filter_map(|(name, value)| (name == "labelSelector").then_some(value));
    let selector = selector.last().unwrap_or_default();
    let wrong = || Status::bad(format!("the selector is {selector:?}: {SELECTOR}"));
    let (label, name) = selector.split_once('=').ok_or_else(wrong)?;
    let name = name.strip_prefix('=').unwrap_or(name);
    let right = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    if name.is_empty() || !name.chars().all(right) {
        return Err(wrong());
    }
    match label {
        "revision" => Ok((WorkloadKind::Revision, name.to_owned())),
        "autoscaler" => Ok((WorkloadKind::Autoscaler, name.to_owned())),
        _ => Err(wrong()),
    }
}

/// What is there to be asked for.
pub(super) fn groups() -> Value {
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": [group()]})
}

pub(super) fn group() -> Value {
    let version = json!({"groupVersion": format!("{GROUP}/{VERSION}"), "version": VERSION});
    json!({
        "kind": "APIGroup", "apiVersion": "v1", "name": GROUP,
        "versions": [version], "preferredVersion": version,
    })
}

pub(super) fn metrics() -> Value {
    let resources = METRICS.map(|(name, _)| {
        json!({
            "name": name, "singularName": "", "namespaced": true,
            "kind": "ExternalMetricValueList", "verbs": ["get"],
        })
    });
    json!({
        "kind": "APIResourceList", "apiVersion": "v1",
        "groupVersion": format!("{GROUP}/{VERSION}"), "resources": resources,
    })
}

/// One figure as a list of one, as the API has it. `at`: when it was so.
pub(super) fn figure(metric: Metric, of: &Workload, value: f64, at: &str) -> Value {
    let label = match of.kind {
        WorkloadKind::Revision => "revision",
        WorkloadKind::Autoscaler => "autoscaler",
    };
    let name = METRICS.into_iter().find(|(_, known)| *known == metric);
    json!({
        "kind": "ExternalMetricValueList", "apiVersion": format!("{GROUP}/{VERSION}"), "metadata": {},
        "items": [{
            "metricName": name.map(|(name, _)| name),
            "metricLabels": {label: of.name},
            "timestamp": at,
            "value": quantity(value),
        }],
    })
}

/// In thousandths, rounded up: an HPA that reads 10.0001 with a target of 10 each needs two.
fn quantity(value: f64) -> String {
    let thousandths = (value.max(0.0) * 1000.0).ceil();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is not negative, and a float beyond the bounds becomes the largest number"
    )]
    let whole = thousandths as u64;
    if whole.is_multiple_of(1000) {
        (whole / 1000).to_string()
    } else {
        format!("{whole}m")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str =
        "/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/cheerful_wanted_replicas";

    fn refused(path: &str, query: Option<&str>) -> (u16, String) {
        let status = Asked::of(path, query).unwrap_err();
        (status.code.as_u16(), status.message)
    }

    #[test]
    fn what_an_hpa_asks_is_understood() {
        for (query, kind) in [
            ("labelSelector=revision%3Dcart", WorkloadKind::Revision),
            ("a=b&labelSelector=revision=cart", WorkloadKind::Revision),
            ("labelSelector=autoscaler==cart", WorkloadKind::Autoscaler),
        ] {
            let of = Workload {
                namespace: "shop".to_owned(),
                kind,
                name: "cart".to_owned(),
            };
            let metric = Metric::Wanted;
            assert_eq!(
                Asked::of(PATH, Some(query)),
                Ok(Asked::Figure { metric, of })
            );
        }
        assert_eq!(Asked::of("/apis", None), Ok(Asked::Groups));
        let group = "/apis/external.metrics.k8s.io";
        assert_eq!(Asked::of(group, None), Ok(Asked::Group));
        let version = format!("{group}/v1beta1");
        assert_eq!(Asked::of(&version, None), Ok(Asked::Metrics));
    }

    #[test]
    fn what_is_not_served_is_told_with_what_is() {
        let (code, told) = refused(PATH, None);
        assert!(
            code == 400 && told.contains("matchLabels: {revision: NAME}"),
            "{told}"
        );
        for selector in [
            "revision",
            "revision%3D",
            "app%3Da",
            "revision%3Da%2Cb%3Dc",
            "%zz",
        ] {
            let query = format!("labelSelector={selector}");
            assert_eq!(refused(PATH, Some(&query)).0, 400, "{selector}");
        }
        let (code, told) = refused(&PATH.replace("wanted_replicas", "x"), None);
        assert!(
            code == 404 && told.contains("cheerful_requests_in_flight"),
            "{told}"
        );
        for path in ["/", "/api", "/apis/x", &format!("{PATH}/x")] {
            assert_eq!(refused(path, None).0, 404, "{path}");
        }
    }

    #[test]
    fn figures_are_quantities() {
        for (value, text) in [
            (0.0, "0"),
            (10.0, "10"),
            (2.5, "2500m"),
            (10.000_01, "10001m"),
            (-1.0, "0"),
            (f64::NAN, "0"),
        ] {
            assert_eq!(quantity(value), text);
        }
    }
}

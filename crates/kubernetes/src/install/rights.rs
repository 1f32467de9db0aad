// SPDX-License-Identifier: Apache-2.0
use std::fmt::Write as _;

use super::granted::RIGHTS;
use crate::names;

/// One rule of one role, and what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Right {
    /// Who has it.
    pub role: Role,
    /// Where it holds.
    pub place: Place,
    /// The API group; empty is the core.
    pub group: &'static str,
    /// The resource, with its subresource.
    pub resource: &'static str,
    /// Only objects of these names; empty: of any.
    pub names: &'static [&'static str],
    /// What may be done.
    pub verbs: &'static [&'static str],
    /// What needs it.
    pub why: &'static str,
    /// Whether an autoscaler that serves one Revision alone has it too: in its namespace, or where it is the cluster's.
    pub dedicated: bool,
    /// By what it is asked for; `None`: every installation has it.
    pub opt_in: Option<OptIn>,
}

/// What an installation does only where it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptIn {
    /// [`super::InstallOptions::dedicated`].
    Dedicated,
    /// [`super::InstallOptions::external_metrics`].
    ExternalMetrics,
}

/// One of our service accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Turns Revisions into Deployments, Services and EndpointSlices.
    Controller,
    /// Decides how many replicas there are.
    Autoscaler,
    /// Holds requests.
    Gateway,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Controller, Self::Autoscaler, Self::Gateway];

    /// Its Deployment, its service account, its roles.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Controller => names::CONTROLLER,
            Self::Autoscaler => names::AUTOSCALER,
            Self::Gateway => names::GATEWAY,
        }
    }

    /// Its subcommand, and what [`names::COMPONENT_LABEL`] says.
    #[must_use]
    pub const fn component(self) -> &'static str {
        match self {
            Self::Controller => "controller",
            Self::Autoscaler => "autoscaler",
            Self::Gateway => "gateway",
        }
    }
}

/// Where a right holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the namespace where we are installed.
    Own,
    /// In each namespace; when installed for one, in that one.
    Everywhere,
    /// In each namespace; when installed for one, nowhere.
    Elsewhere,
    /// On what is in no namespace.
    Cluster,
    /// In the namespace `kube-system`.
    KubeSystem,
}

/// [`RIGHTS`] as a table in Markdown.
#[must_use]
pub fn rights_table() -> String {
    let mut table =
        "| role | where | resource | verbs | because it |\n|---|---|---|---|---|\n".to_owned();
    for right in RIGHTS {
        let place = match right.place {
            Place::Own => "own namespace",
            Place::Everywhere => "everywhere",
            Place::Elsewhere => "other namespaces",
            Place::Cluster => "cluster",
            Place::KubeSystem => "kube-system",
        };
        let group = match right.group {
            "" => String::new(),
            group => format!(".{group}"),
        };
        let (resource, sub) = right
            .resource
            .split_once('/')
            .map_or((right.resource, String::new()), |(resource, sub)| {
                (resource, format!("/{sub}"))
            });
        let also = match (right.dedicated, right.opt_in) {
            (true, _) => ", dedicated",
            (_, Some(OptIn::Dedicated)) => ", with `--dedicated`",
            (_, Some(OptIn::ExternalMetrics)) => ", with `--external-metrics`",
            _ => "",
        };
        let names = match right.names {
            [] => String::new(),
            names => format!(" named `{}`", names.join("`, `")),
        };
        // Writing to a String does not fail.
        writeln!(
            table,
            "| {}{also} | {place} | `{resource}{group}{sub}`{names} | {} | {} |",
            right.role.component(),
            right.verbs.join(", "),
            right.why,
        )
        .ok();
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_granted_by_a_wildcard_or_twice() {
        for (at, right) in RIGHTS.iter().enumerate() {
            let all = [right.group, right.resource]
                .into_iter()
                .chain(right.verbs.iter().copied());
            assert!(all.clone().all(|word| !word.contains('*')), "{right:?}");
            assert!(
                !right.verbs.is_empty() && !right.why.is_empty(),
                "{right:?}"
            );
            for other in RIGHTS.iter().skip(at + 1) {
                let same = other.role == right.role
                    && other.group == right.group
                    && other.resource == right.resource
                    && other.place == right.place;
                let twice = right.verbs.iter().find(|verb| other.verbs.contains(verb));
                assert!(!(same && twice.is_some()), "{right:?} {other:?}");
            }
        }
    }

    #[test]
    fn secrets_are_read_by_name_and_in_other_namespaces_only_our_own() {
        for right in RIGHTS.iter().filter(|right| right.resource == "secrets") {
            // Elsewhere only the one that is ours.
            let ours = [names::AUTOSCALER_TLS_SECRET];
            let elsewhere = right.place == Place::Elsewhere;
            assert!(right.place == Place::Own || elsewhere, "{right:?}");
            // Unless somebody asks for it, there are none outside our own namespace.
            assert_eq!(
                elsewhere,
                right.opt_in == Some(OptIn::Dedicated),
                "{right:?}"
            );
            assert!(!elsewhere || right.verbs == ["create"] || right.names == ours);
            assert!(
                right.verbs == ["create"] || !right.names.is_empty(),
                "{right:?}"
            );
        }
    }
}

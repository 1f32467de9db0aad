// SPDX-License-Identifier: Apache-2.0
use cheerful_kubernetes::{
    install::{Place, RIGHTS, Right, Role},
    names,
};
use cheerful_rig::cluster::{Cluster, eventually};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};
use kube::{
    Api,
    api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

/// For people: `controller Own leases.coordination.k8s.io create`.
pub(crate) fn name(right: &Right, verb: &str) -> String {
    let place = right.place;
    format!(
        "{} {place:?} {}.{} {verb}",
        right.role.name(),
        right.resource,
        right.group
    )
}

/// One verb of a right, and the object that grants it.
pub(crate) struct Grant {
    cluster: Cluster,
    pub(crate) right: &'static Right,
    pub(crate) verb: &'static str,
    /// Where the role's service account is.
    home: String,
    /// Where it may do what it may.
    place: Option<String>,
    role: Api<DynamicObject>,
    role_name: String,
    rules: Value,
}

impl Grant {
    /// `watched`: the namespace that is served, where Revisions are.
    pub(crate) async fn find(
        cluster: &Cluster,
        (home, watched): (&str, &str),
        right: &'static Right,
        verb: &'static str,
    ) -> Self {
        let (place, role_name) = match right.place {
            Place::Cluster => (None, format!("{}-{home}", right.role.name())),
            Place::KubeSystem => (Some("kube-system"), format!("{}-{home}", right.role.name())),
            Place::Own => (Some(home), right.role.name().to_owned()),
            Place::Everywhere | Place::Elsewhere => (Some(watched), right.role.name().to_owned()),
        };
        let role = roles(cluster, place);
        let rules = role.get(&role_name).await.unwrap().data["rules"].clone();
        Self {
            cluster: cluster.clone(),
            right,
            verb,
            home: home.to_owned(),
            place: place.map(str::to_owned),
            role,
            role_name,
            rules,
        }
    }

    /// Takes it away, and waits until it is.
    pub(crate) async fn take(&self) {
        let names = granted_names(self.right, &self.home);
        let mut left = Vec::new();
        let mut found = false;
        for rule in self.rules.as_array().unwrap() {
            let has = |field: &str, word: &str| {
                let all = rule[field].as_array().into_iter().flatten();
                all.into_iter().any(|one| one == word)
            };
            let same_names = rule["resourceNames"]
                .as_array()
                .cloned()
                .unwrap_or_default()
                == names;
            let is_it = has("apiGroups", self.right.group)
                && has("resources", self.right.resource)
                && has("verbs", self.verb)
                && same_names;
            if !is_it {
                left.push(rule.clone());
                continue;
            }
            found = true;
            // The rule for the other resources as it was, and for this one without the verb.
            let others = without(&rule["resources"], self.right.resource);
            let verbs = without(&rule["verbs"], self.verb);
            if !others.is_empty() {
                let mut rule = rule.clone();
                rule["resources"] = json!(others);
                left.push(rule);
            }
            if !verbs.is_empty() {
                let mut rule = rule.clone();
                rule["resources"] = json!([self.right.resource]);
                rule["verbs"] = json!(verbs);
                left.push(rule);
            }
        }
        assert!(found, "{} is in no rule", name(self.right, self.verb));
        self.write(&json!(left), false).await;
    }

    /// Gives it back, and waits until it is there.
    pub(crate) async fn give_back(&self) {
        self.write(&self.rules, true).await;
    }

    async fn write(&self, rules: &Value, has: bool) {
        let change = Patch::Merge(json!({"rules": rules}));
        self.role
            .patch(&self.role_name, &PatchParams::default(), &change)
            .await
            .unwrap();
        let what = name(self.right, self.verb);
        eventually(&format!("{what}: granted is {has}"), async || {
            (self.is_granted().await == has).then_some(())
        })
        .await;
    }

    async fn is_granted(&self) -> bool {
        let right = self.right;
        let (resource, subresource) = match right.resource.split_once('/') {
            Some((resource, sub)) => (resource, Some(sub.to_owned())),
            None => (right.resource, None),
        };
        let names = granted_names(right, &self.home);
        let review = SubjectAccessReview {
            spec: SubjectAccessReviewSpec {
                user: Some(user(&self.home, right.role)),
                groups: Some(vec!["system:authenticated".to_owned()]),
                resource_attributes: Some(ResourceAttributes {
                    group: Some(right.group.to_owned()),
                    resource: Some(resource.to_owned()),
                    subresource,
                    verb: Some(self.verb.to_owned()),
                    namespace: self.place.clone(),
                    name: names.first().cloned(),
                    ..ResourceAttributes::default()
                }),
                ..SubjectAccessReviewSpec::default()
            },
            ..SubjectAccessReview::default()
        };
        let reviews: Api<SubjectAccessReview> = Api::all(self.cluster.client());
        let reviewed = reviews.create(&PostParams::default(), &review).await;
        reviewed.unwrap().status.unwrap().allowed
    }

    /// Whether an event of the audit log says that it was refused for want of this very verb.
    pub(crate) fn refused_by(&self, event: &Value) -> bool {
        let is_ours = event["user"]["username"] == *user(&self.home, self.right.role)
            && event["responseStatus"]["code"] == 403;
        let object = &event["objectRef"];
        let text = |field: &str| object[field].as_str().unwrap_or_default();
        let resource = match text("subresource") {
            "" => text("resource").to_owned(),
            sub => format!("{}/{sub}", text("resource")),
        };
        let is_asked = event["annotations"]["authorization.k8s.io/decision"] == "forbid"
            && event["verb"] == self.verb
            && text("apiGroup") == self.right.group
            && resource == self.right.resource;
        // What is asked on the way, of one who may do what he began with.
        let said = event["responseStatus"]["message"].as_str();
        let said = said.unwrap_or_default();
        let asked = format!("cannot {} resource \"{}\"", self.verb, self.right.resource);
        // Who may not bind a role is told that he lacks what it grants.
        let binds = self.verb == "bind" && said.contains("attempting to grant RBAC permissions");
        is_ours && (is_asked || said.contains(&asked) || binds)
    }
}

/// The rights that the controller has in a namespace that is not its own, as an installation for the whole cluster gives
/// them.
pub(crate) fn elsewhere(home: &str, namespace: &str) -> [Value; 2] {
    let role = Role::Controller;
    let there = |right: &&Right| {
        right.role == role && matches!(right.place, Place::Everywhere | Place::Elsewhere)
    };
    let rules: Vec<Value> = RIGHTS
        .iter()
        .filter(there)
        .map(|right| {
            let mut rule = json!({
                "apiGroups": [right.group], "resources": [right.resource], "verbs": right.verbs,
            });
            if !right.names.is_empty() {
                rule["resourceNames"] = json!(granted_names(right, home));
            }
            rule
        })
        .collect();
    let metadata = json!({"name": role.name(), "namespace": namespace});
    let api = "rbac.authorization.k8s.io";
    [
        json!({
            "apiVersion": format!("{api}/v1"), "kind": "Role", "metadata": metadata, "rules": rules,
        }),
        json!({
            "apiVersion": format!("{api}/v1"), "kind": "RoleBinding", "metadata": metadata,
            "roleRef": {"apiGroup": api, "kind": "Role", "name": role.name()},
            "subjects": [{"kind": "ServiceAccount", "name": role.name(), "namespace": home}],
        }),
    ]
}

/// An installation for one namespace has ClusterRoles by names of their own.
fn granted_names(right: &Right, home: &str) -> Vec<String> {
    let own = (right.group == "rbac.authorization.k8s.io").then_some(home);
    let names = right.names.iter();
    names.map(|name| names::cluster_role(name, own)).collect()
}

fn roles(cluster: &Cluster, namespace: Option<&str>) -> Api<DynamicObject> {
    let kind = |kind| GroupVersionKind::gvk("rbac.authorization.k8s.io", "v1", kind);
    match namespace {
        Some(namespace) => {
            let resource = ApiResource::from_gvk(&kind("Role"));
            Api::namespaced_with(cluster.client(), namespace, &resource)
        }
        None => Api::all_with(
            cluster.client(),
            &ApiResource::from_gvk(&kind("ClusterRole")),
        ),
    }
}

fn user(home: &str, role: Role) -> String {
    format!("system:serviceaccount:{home}:{}", role.name())
}

fn without(list: &Value, word: &str) -> Vec<Value> {
    let all = list.as_array().unwrap().iter();
    all.filter(|one| **one != word).cloned().collect()
}

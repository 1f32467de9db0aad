// SPDX-License-Identifier: Apache-2.0
//! Who may speak: what the API server says of a token against what its bearer says of itself.
use cheerful_wire::{Refusal, VERSION, Who};
use k8s_openapi::api::authentication::v1::TokenReviewStatus;

use crate::names;

/// The pod that a token is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proven {
    pub(crate) namespace: String,
    pub(crate) pod: String,
    pub(crate) uid: String,
}

const POD_NAME: &str = "authentication.kubernetes.io/pod-name";
const POD_UID: &str = "authentication.kubernetes.io/pod-uid";

/// What can be said before anybody is asked.
pub(crate) fn before_review(version: u32, token: &str) -> Result<(), Refusal> {
    if version == 0 {
        let text = format!("the version of the messages is 0; 1 to {VERSION} is right");
        return Err(refusal("version", text));
    }
    if token.is_empty() {
        return Err(refusal("token", "no token was given".to_owned()));
    }
    Ok(())
}

/// Whether the token proves that its bearer is who it says. Whether that pod is there is another question.
pub(crate) fn judge(
    review: &TokenReviewStatus,
    who: &Who,
    gateway_namespace: &str,
) -> Result<Proven, Refusal> {
    let audiences = review.audiences.iter().flatten();
    let is_ours = audiences
        .into_iter()
        .any(|audience| audience == names::TOKEN_AUDIENCE);
    if review.authenticated != Some(true) || !is_ours {
        let why = review.error.as_deref().unwrap_or("it is not accepted");
        return Err(refusal("token", format!("the token is not valid: {why}")));
    }
    let user = review.user.clone().unwrap_or_default();
    let name = user.username.unwrap_or_default();
    let account = name
        .strip_prefix("system:serviceaccount:")
        .and_then(|rest| rest.split_once(':'));
    let Some((namespace, account)) = account else {
        let text = format!("the token is of {name:?}, no service account");
        return Err(refusal("token", text));
    };
    let extra = user.extra.unwrap_or_default();
    let one = |key: &str| match extra.get(key).map(Vec::as_slice) {
        Some([value]) if !value.is_empty() => Some(value.clone()),
        _ => None,
    };
    let (Some(pod), Some(uid)) = (one(POD_NAME), one(POD_UID)) else {
        let text = "the token is not bound to a pod".to_owned();
        return Err(refusal("token", text));
    };
    let (said_namespace, said_pod) = match who {
        Who::Queue { workload, pod, .. } => (&workload.namespace, pod),
        Who::Gateway { namespace, pod } => (namespace, pod),
    };
    if said_namespace != namespace || *said_pod != pod {
        let text =
            format!("the token is of pod {namespace}/{pod}, not of {said_namespace}/{said_pod}");
        return Err(refusal("pod", text));
    }
    if matches!(who, Who::Gateway { .. })
        && (namespace != gateway_namespace || account != names::GATEWAY)
    {
        let text = format!(
            "a gateway is {gateway_namespace}/{}, not {namespace}/{account}",
            names::GATEWAY
        );
        return Err(refusal("pod", text));
    }
    Ok(Proven {
        namespace: namespace.to_owned(),
        pod,
        uid,
    })
}

pub(crate) const fn refusal(reason: &'static str, text: String) -> Refusal {
    Refusal { reason, text }
}

#[cfg(test)]
mod tests {
    use cheerful_wire::{Workload, WorkloadKind};
    use serde_json::{Value, json};

    use super::*;

    fn review(change: impl FnOnce(&mut Value)) -> TokenReviewStatus {
        let mut review = json!({
            "authenticated": true,
            "audiences": ["cheerful.dev/autoscaler"],
            "user": {
                "username": "system:serviceaccount:shop:default",
                "extra": {
                    "authentication.kubernetes.io/pod-name": ["cart-1"],
                    "authentication.kubernetes.io/pod-uid": ["u1"],
                },
            },
        });
        change(&mut review);
        serde_json::from_value(review).unwrap()
    }

    fn queue(namespace: &str, pod: &str) -> Who {
        Who::Queue {
            workload: Workload {
                namespace: namespace.to_owned(),
                kind: WorkloadKind::Revision,
                name: "cart".to_owned(),
            },
            pod: pod.to_owned(),
            address: ([10, 1, 2, 3], 8012).into(),
        }
    }

    fn reason(review: &TokenReviewStatus, who: &Who) -> &'static str {
        match judge(review, who, "cheerful-system") {
            Ok(_) => "fine",
            Err(refusal) => refusal.reason,
        }
    }

    #[test]
    fn a_pods_own_token_is_taken_and_others_are_refused() {
        let who = queue("shop", "cart-1");
        type Change = fn(&mut Value);
        let cases: [(&str, Change); 8] = [
            ("fine", |_| {}),
            ("token", |review| review["authenticated"] = json!(false)),
            ("token", |review| {
                review["audiences"] = json!(["https://kubernetes"])
            }),
            ("token", |review| review["audiences"] = json!(null)),
            ("token", |review| {
                review["user"]["username"] = json!("admin")
            }),
            ("token", |review| review["user"]["extra"] = json!({})),
            ("pod", |review| {
                review["user"]["username"] = json!("system:serviceaccount:bank:default");
            }),
            ("pod", |review| {
                review["user"]["extra"]["authentication.kubernetes.io/pod-name"] =
                    json!(["cart-2"]);
            }),
        ];
        for (expected, change) in cases {
            assert_eq!(reason(&review(change), &who), expected);
        }
        assert_eq!(reason(&review(|_| {}), &queue("bank", "cart-1")), "pod");
    }

    #[test]
    fn only_our_own_gateways_are_gateways() {
        let who = |namespace: &str| Who::Gateway {
            namespace: namespace.to_owned(),
            pod: "cart-1".to_owned(),
        };
        assert_eq!(reason(&review(|_| {}), &who("shop")), "pod");
        let account =
            |name: &'static str| review(|review| review["user"]["username"] = json!(name));
        let ours = account("system:serviceaccount:cheerful-system:cheerful-gateway");
        assert_eq!(reason(&ours, &who("cheerful-system")), "fine");
        let other = account("system:serviceaccount:cheerful-system:default");
        assert_eq!(reason(&other, &who("cheerful-system")), "pod");
    }

    #[test]
    fn without_a_token_nobody_is_asked() {
        assert_eq!(before_review(1, "").unwrap_err().reason, "token");
        assert_eq!(before_review(0, "x").unwrap_err().reason, "version");
        assert_eq!(before_review(7, "x"), Ok(()));
    }
}

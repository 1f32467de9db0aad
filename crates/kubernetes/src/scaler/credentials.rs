// SPDX-License-Identifier: Apache-2.0
//! Tokens and certificates for signals: files that the installation brings along. Whoever may write an Autoscaler in one
//! namespace is not to send what belongs to another, nor our own token, to a server of his choice.
use std::path::Path;

use crate::names;

/// Whether an object in that namespace may name this file.
///
/// # Errors
/// What would be right.
pub(crate) fn check(field: &str, file: &str, namespace: &str) -> Result<(), String> {
    let path = Path::new(file);
    let name = path.file_name().and_then(|name| name.to_str());
    let is_own = name.is_some_and(|name| {
        let rest = name.strip_prefix(namespace);
        rest.and_then(|rest| rest.strip_prefix('.'))
            .is_some_and(|rest| !rest.is_empty())
            && Path::new(names::SIGNALS_FOLDER).join(name) == path
    });
    if is_own {
        return Ok(());
    }
    let (folder, secret) = (names::SIGNALS_FOLDER, names::SIGNALS_SECRET);
    Err(format!(
        "{field}: {file:?}; should be {folder}/{namespace}.NAME, where {namespace}.NAME is a key of the Secret {secret}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_of_the_namespace_may_be_named() {
        let may = |file: &str| check("tokenFile", file, "shop").is_ok();
        assert!(may("/etc/cheerful/signals/shop.token"));
        for wrong in [
            "",
            "/",
            "shop.token",
            "/etc/cheerful/signals",
            "/etc/cheerful/signals/shop",
            "/etc/cheerful/signals/shop.",
            "/etc/cheerful/signals/shopping.token",
            "/etc/cheerful/signals/shop/../bank.token",
            "/etc/cheerful/signals/../signals/shop.token",
            "/etc/cheerful/signals/a/shop.token",
            "/var/run/secrets/kubernetes.io/serviceaccount/token",
            "/var/run/secrets/shop.token",
        ] {
            assert!(!may(wrong), "{wrong}");
        }
        let why = check("tokenFile", "/x", "shop").unwrap_err();
        assert_eq!(
            why,
            "tokenFile: \"/x\"; should be /etc/cheerful/signals/shop.NAME, where shop.NAME is a key of the Secret \
             cheerful-signals"
        );
    }
}

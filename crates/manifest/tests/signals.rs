// SPDX-License-Identifier: Apache-2.0
//! Signals of a revision on one machine: what is refused, and how it is told.

use cheerful_manifest::load;

fn manifest(rest: &str) -> String {
    format!(
        "apiVersion: cheerful.dev/v1alpha1\nkind: Revision\nmetadata: {{name: shop}}\nspec:\n  command: [\"true\"]\n{rest}"
    )
}

#[test]
fn a_port_of_its_own_is_for_a_single_replica() {
    for good in [
        "  signal: {metrics: {inFlight: busy}}",
        "  signal: {path: /load}",
        "  scaling: {max: 1}\n  signal: {envoy: {port: 15090}}",
    ] {
        assert!(load(&manifest(good), "app.yaml").is_ok(), "{good}");
    }
    for (wrong, told) in [
        (
            "  signal: {envoy: {port: 15090}}",
            "app.yaml:6: shop: spec.signal.envoy.port is 15090: should be left out, for each replica listens at a port of its own (or spec.scaling.max should be 1)",
        ),
        (
            "  scaling: {max: 2}\n  signals: [{path: {path: /load, port: 81}}]",
            "app.yaml:7: shop: spec.signals[0].path.port is 81: should be left out",
        ),
    ] {
        let problems = load(&manifest(wrong), "app.yaml")
            .expect_err(wrong)
            .to_string();
        assert!(problems.contains(told), "{problems}");
    }
}

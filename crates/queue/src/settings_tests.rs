// SPDX-License-Identifier: Apache-2.0
use std::collections::BTreeMap;

use super::*;

const NEEDED: [(&str, &str); 7] = [
    ("CHEERFUL_NAMESPACE", "shop"),
    ("CHEERFUL_WORKLOAD", "cart"),
    ("CHEERFUL_POD", "cart-1"),
    ("CHEERFUL_POD_IP", "10.0.0.7"),
    ("CHEERFUL_AUTOSCALER", "autoscaler.system.svc:8443"),
    ("CHEERFUL_APP_PORT", "8080"),
    ("CHEERFUL_IDENTITY", "/var/run/cheerful"),
];

fn read(more: &[(&str, &str)]) -> Result<Settings, Vec<Fault>> {
    let values: BTreeMap<&str, &str> = NEEDED.iter().chain(more).copied().collect();
    Settings::read(|name| values.get(name).map(|&value| value.to_owned()))
}

#[test]
fn the_rest_has_defaults() {
    let settings = read(&[]).unwrap();
    assert_eq!(settings.workload.to_string(), "shop/cart");
    assert_eq!((settings.queue_port, settings.admin_port), (8012, 8022));
    assert_eq!((settings.concurrency, settings.waiting), (None, 100));
    assert_eq!(settings.probe, Probe::default());
    assert_eq!(settings.drain, Duration::from_secs(29));
    let link = settings.link();
    assert_eq!(link.server_name.as_deref(), Some("autoscaler.system.svc"));
    assert_eq!(
        link.token_file,
        Some(PathBuf::from("/var/run/cheerful/token"))
    );
    assert_eq!(
        link.who,
        Who::Queue {
            workload: settings.workload,
            pod: "cart-1".to_owned(),
            address: SocketAddr::from(([10, 0, 0, 7], 8012)),
        }
    );
}

#[test]
fn each_can_be_set() {
    let settings = read(&[
        ("CHEERFUL_WORKLOAD_KIND", "Autoscaler"),
        ("CHEERFUL_TRANSPORT", "websocket"),
        ("CHEERFUL_CONCURRENCY", "20"),
        ("CHEERFUL_PROBE", r#"{"tcp":{"port":9000}}"#),
        ("CHEERFUL_TIMEOUT_FIRST_BYTE", "1m30s"),
        ("CHEERFUL_DRAIN", "59s"),
        ("CHEERFUL_POD_IP", "fd00::7"),
    ])
    .unwrap();
    assert_eq!(settings.workload.to_string(), "shop/autoscaler/cart");
    assert_eq!(settings.transport, Transport::WebSocket);
    assert_eq!((settings.concurrency, settings.waiting), (Some(20), 200));
    assert_eq!(settings.probe.port, Some(9000));
    assert_eq!(settings.time_limits.first_byte, Duration::from_secs(90));
    assert_eq!(settings.drain, Duration::from_secs(59));
}

#[test]
fn all_faults_are_told_at_once_with_what_would_be_right() {
    let faults = Settings::read(|name| match name {
        "CHEERFUL_POD_IP" => Some("here".to_owned()),
        "CHEERFUL_APP_PORT" => Some("http".to_owned()),
        "CHEERFUL_AUTOSCALER" => Some("autoscaler".to_owned()),
        "CHEERFUL_CONCURRENCY" => Some("-1".to_owned()),
        "CHEERFUL_PROBE" => Some("exec".to_owned()),
        "CHEERFUL_DRAIN" => Some("29".to_owned()),
        "CHEERFUL_POD" => Some(String::new()),
        _ => None,
    })
    .unwrap_err();
    let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
    for wanted in [
        "CHEERFUL_NAMESPACE is not set: ",
        "CHEERFUL_WORKLOAD is not set: ",
        "CHEERFUL_POD is not set: ",
        "CHEERFUL_POD_IP=\"here\": ",
        "CHEERFUL_AUTOSCALER=\"autoscaler\": should be host:port",
        "CHEERFUL_APP_PORT=\"http\": should be a port",
        "CHEERFUL_CONCURRENCY=\"-1\": ",
        "CHEERFUL_PROBE=\"exec\": ",
        "CHEERFUL_DRAIN=\"29\": ",
    ] {
        assert!(
            told.iter().any(|fault| fault.starts_with(wanted)),
            "{wanted} {told:#?}"
        );
    }
    assert_eq!(told.len(), 9, "{told:#?}");
}

#[test]
fn without_an_identity_only_loopback_is_spoken_to() {
    let no_identity = ("CHEERFUL_IDENTITY", "");
    let faults = read(&[no_identity]).unwrap_err();
    assert!(
        faults[0]
            .to_string()
            .starts_with("CHEERFUL_IDENTITY is not set")
    );
    for autoscaler in ["127.0.0.1:1", "localhost:1", "[::1]:1"] {
        let settings = read(&[no_identity, ("CHEERFUL_AUTOSCALER", autoscaler)]).unwrap();
        assert_eq!(settings.link().server_name, None);
    }
}

#[test]
fn as_many_connections_as_fit_into_the_memory() {
    let of = |memory| {
        let config = read(&[]).unwrap().sidecar(0, memory);
        config.server.max_connections
    };
    assert_eq!(of(None), 65_536);
    assert_eq!(of(Some(64 << 20)), 896);
    assert_eq!(of(Some(1 << 20)), 64);
    assert_eq!(of(Some(u64::MAX)), 65_536);
}

#[test]
fn ports_differ() {
    let faults = read(&[("CHEERFUL_APP_PORT", "8012")]).unwrap_err();
    assert_eq!(faults[0].name, "CHEERFUL_APP_PORT");
    let faults = read(&[("CHEERFUL_ADMIN_PORT", "8012")]).unwrap_err();
    assert_eq!(faults[0].name, "CHEERFUL_ADMIN_PORT");
}

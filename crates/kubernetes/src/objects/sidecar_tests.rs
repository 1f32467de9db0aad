// SPDX-License-Identifier: Apache-2.0
use super::*;

fn settings() -> QueueSettings {
    QueueSettings {
        workload: Workload {
            namespace: "shop".to_owned(),
            kind: WorkloadKind::Revision,
            name: "cart".to_owned(),
        },
        image: "cheerful:1".to_owned(),
        autoscaler: "cheerful-autoscaler.cheerful-system.svc:8443".to_owned(),
        queue: QueueSpec::default(),
        timeouts: Timeouts::default(),
        limit: Some(20),
        app_port: None,
    }
}

fn queue_env(template: &Value, name: &str) -> Option<String> {
    let env = template["spec"]["initContainers"][0]["env"].as_array()?;
    let entry = env.iter().find(|entry| entry["name"] == name)?;
    entry["value"].as_str().map(str::to_owned)
}

#[test]
fn the_queue_comes_first_and_takes_over_the_probe() {
    let template = json!({"spec": {
        "initContainers": [{"name": "migrate"}],
        "containers": [{
            "name": "app",
            "image": "app:1",
            "ports": [{"name": "web", "containerPort": 3000}],
            "readinessProbe": {"httpGet": {"path": "/up", "port": "web"}, "periodSeconds": 3},
            "livenessProbe": {"httpGet": {"path": "/up", "port": "web"}},
        }],
        "terminationGracePeriodSeconds": 60,
    }});
    let done = add_queue(&template, &settings()).unwrap();
    let spec = &done["spec"];
    assert_eq!(spec["initContainers"][0]["name"], names::QUEUE_CONTAINER);
    assert_eq!(spec["initContainers"][0]["restartPolicy"], "Always");
    assert_eq!(spec["initContainers"][1]["name"], "migrate");
    let app = &spec["containers"][0];
    assert_eq!(app.get("readinessProbe"), None);
    assert_eq!(
        app["livenessProbe"],
        template["spec"]["containers"][0]["livenessProbe"]
    );
    assert_eq!(app["env"], json!([{"name": "PORT", "value": "3000"}]));
    assert_eq!(
        app["lifecycle"]["preStop"]["httpGet"]["path"],
        "/wait-for-drain"
    );
    let probe: Value = serde_json::from_str(&queue_env(&done, "CHEERFUL_PROBE").unwrap()).unwrap();
    assert_eq!(
        probe,
        json!({"http": {"path": "/up", "port": 3000}, "periodSeconds": 3})
    );
    assert_eq!(queue_env(&done, "CHEERFUL_APP_PORT").unwrap(), "3000");
    assert_eq!(queue_env(&done, "CHEERFUL_DRAIN").unwrap(), "59s");
    assert_eq!(queue_env(&done, "CHEERFUL_CONCURRENCY").unwrap(), "20");
    assert_eq!(spec["terminationGracePeriodSeconds"], 60);
}

#[test]
fn what_the_queue_cannot_ask_stays_with_the_kubelet() {
    for probe in [
        json!({"exec": {"command": ["true"]}}),
        json!({"httpGet": {"path": "/", "port": 8080, "scheme": "HTTPS"}}),
        json!({"httpGet": {"path": "/", "port": 8080, "host": "example.com"}}),
        json!({"tcpSocket": {"port": "nameless"}}),
    ] {
        let template = json!({"spec": {"containers": [{"name": "app", "readinessProbe": probe}]}});
        let done = add_queue(&template, &settings()).unwrap();
        assert_eq!(done["spec"]["containers"][0]["readinessProbe"], probe);
        assert_eq!(queue_env(&done, "CHEERFUL_PROBE"), None);
    }
}

#[test]
fn what_the_user_set_is_left_as_it_is() {
    let template = json!({
        "metadata": {"labels": {"team": "a"}, "annotations": {"x": "y"}},
        "spec": {
            "automountServiceAccountToken": false,
            "volumes": [{"name": "data", "emptyDir": {}}],
            "containers": [{
                "name": "app",
                "env": [{"name": "PORT", "value": "9"}],
                "lifecycle": {"preStop": {"exec": {"command": ["bye"]}}},
                "resources": {"limits": {"cpu": "1"}},
                "aFieldOfALaterKubernetes": {"kept": true},
            }],
        },
    });
    let done = add_queue(&template, &settings()).unwrap();
    assert_eq!(done["spec"]["containers"], template["spec"]["containers"]);
    // Draining begins with the pod's end all the same.
    let queue = &done["spec"]["initContainers"][0];
    assert_eq!(queue["lifecycle"]["preStop"], hook());
    assert_eq!(done["spec"]["volumes"][0], template["spec"]["volumes"][0]);
    assert_eq!(done["metadata"]["labels"]["team"], "a");
    assert_eq!(done["metadata"]["annotations"]["x"], "y");
    assert_eq!(done["spec"]["automountServiceAccountToken"], false);
}

#[test]
fn what_is_in_the_queues_place_is_told_with_its_field() {
    let app = json!({"name": "app"});
    for (spec, field) in [
        (json!({"containers": []}), "spec.containers"),
        (
            json!({"containers": [app], "hostNetwork": true}),
            "spec.hostNetwork",
        ),
        (
            json!({"containers": [app], "os": {"name": "windows"}}),
            "spec.os.name",
        ),
        (
            json!({"containers": [app, {"name": "cheerful-queue"}]}),
            "spec.containers[1].name",
        ),
        (
            json!({"containers": [app], "volumes": [{"name": "cheerful"}]}),
            "spec.volumes[0].name",
        ),
        (
            json!({"containers": [{"name": "app", "ports": [{"containerPort": 8022}]}]}),
            "spec.containers[0].ports[0].containerPort",
        ),
    ] {
        let error = add_queue(&json!({"spec": spec}), &settings()).unwrap_err();
        assert_eq!(error.field, field, "{error}");
    }
}

#[test]
fn the_queues_resources_are_small_and_can_be_set() {
    let of = |requests: &[(&str, &str)], limits: &[(&str, &str)]| {
        let texts = |pairs: &[(&str, &str)]| {
            let owned = pairs
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
            owned.collect::<BTreeMap<_, _>>()
        };
        resources(&QueueSpec {
            requests: texts(requests),
            limits: texts(limits),
            transport: None,
        })
    };
    assert_eq!(
        of(&[], &[]),
        json!({"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}})
    );
    assert_eq!(
        of(&[("memory", "128Mi")], &[]),
        json!({"requests": {"cpu": "10m", "memory": "128Mi"}, "limits": {"memory": "128Mi"}})
    );
    assert_eq!(
        of(&[], &[("memory", "8Mi")]),
        json!({"requests": {"cpu": "10m", "memory": "8Mi"}, "limits": {"memory": "8Mi"}})
    );
}

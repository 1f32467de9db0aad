// SPDX-License-Identifier: Apache-2.0
use super::*;

const SHOP: &str = "\
# The shop.
apiVersion: v1
kind: Service
metadata:
  name: cart # never mind
spec:
  selector: {app: cart}
  ports:
  - port: 80
    targetPort: http
---
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: cart
spec:
  replicas: 3
  template:
    metadata:
      labels:
        app: cart
    spec:
      containers:
      - name: app
        image: cart:1
        env:
        - name: ANSWER
          value: \"yes\"
        ports:
        - name: http
          containerPort: 3000
      volumes:
      - name: files
        configMap:
          name: files
          defaultMode: 0644
";

fn options() -> InjectOptions {
    InjectOptions {
        image: "cheerful:1".to_owned(),
        autoscaler: "cheerful-autoscaler.cheerful-system.svc:8443".to_owned(),
        name: None,
        app_port: None,
        limit: Some(5),
        services: false,
    }
}

#[test]
fn the_queue_is_added_and_the_rest_keeps_its_order() {
    let done = inject(SHOP, &options()).unwrap();
    let (service, workload) = done.yaml.split_once("---\n").unwrap();
    assert_eq!(
        service,
        SHOP.split_once("---\n").unwrap().0,
        "to the letter"
    );
    let read = Ordered::read(workload).unwrap();
    let value = read.value();
    let template = &value["spec"]["template"];
    assert_eq!(
        template["metadata"]["labels"]["cheerful.dev/autoscaler"],
        "cart"
    );
    assert_eq!(
        template["spec"]["containers"][0]["env"][0]["value"], "yes",
        "stays a text"
    );
    assert_eq!(
        template["spec"]["volumes"][0]["configMap"]["defaultMode"],
        420
    );
    let place = |what: &str| {
        workload
            .find(what)
            .unwrap_or_else(|| panic!("{what} in {workload}"))
    };
    assert!(place("replicas: 3") < place("template:"));
    assert!(place("containers:") < place("volumes:"), "{workload}");
    assert!(
        place("volumes:") < place("initContainers:"),
        "what is new comes last"
    );
    assert!(
        workload.contains("- name: cheerful-queue\n        image: cheerful:1\n"),
        "{workload}"
    );
    assert_eq!(done.notes.len(), 1, "{:?}", done.notes);
    assert!(done.notes[0].contains("Service cart leads past the queue"));
}

#[test]
fn services_lead_to_the_queue_when_that_is_asked_for() {
    let options = InjectOptions {
        services: true,
        ..options()
    };
    let done = inject(SHOP, &options).unwrap();
    assert!(done.yaml.contains("targetPort: 8012"), "{}", done.yaml);
    assert_eq!(done.notes, ["document 1: its comments are not kept"]);
    // Once more changes nothing.
    let again = inject(&done.yaml, &options).unwrap();
    assert_eq!(again.yaml, done.yaml);
    assert!(
        again.notes[0].contains("has the queue already"),
        "{:?}",
        again.notes
    );
}

#[test]
fn what_is_wrong_is_told_with_its_document() {
    let host = "kind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {hostNetwork: true, containers: [{name: b}]}}}\n";
    let error = inject(&format!("---\nkind: ConfigMap\n---\n{host}"), &options()).unwrap_err();
    assert_eq!(error.document, 2);
    assert!(
        error
            .message
            .contains("Deployment a: spec.template.spec.hostNetwork"),
        "{error}"
    );
    assert!(inject("a: [", &options()).is_err());
    let nothing = inject("kind: ConfigMap\n", &options()).unwrap();
    assert!(nothing.notes[0].starts_with("nothing was added"));
}

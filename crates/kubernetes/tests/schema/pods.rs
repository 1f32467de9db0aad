// SPDX-License-Identifier: Apache-2.0
use serde_json::{Value, json};

use crate::server::Server;

/// A pod with most of what one can have.
const POD: &str = r#"
metadata:
  labels: {app: all}
  annotations: {note: kept}
spec:
  activeDeadlineSeconds: null
  affinity:
    nodeAffinity:
      requiredDuringSchedulingIgnoredDuringExecution:
        nodeSelectorTerms: [{matchExpressions: [{key: a, operator: In, values: [b]}]}]
    podAntiAffinity:
      preferredDuringSchedulingIgnoredDuringExecution:
        - weight: 1
          podAffinityTerm: {topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: all}}}
  automountServiceAccountToken: false
  containers:
    - name: app
      image: example.com/app:1
      imagePullPolicy: IfNotPresent
      command: [/app]
      args: [--port, "$(PORT)"]
      workingDir: /srv
      env:
        - {name: A, value: b}
        - {name: A, value: again}
        - {name: CPU, valueFrom: {resourceFieldRef: {resource: limits.cpu, divisor: 0.001}}}
        - {name: IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
        - {name: S, valueFrom: {secretKeyRef: {name: s, key: k, optional: true}}}
      envFrom: [{prefix: P_, configMapRef: {name: c}}]
      lifecycle: {preStop: {sleep: {seconds: 1}}, postStart: {exec: {command: ["true"]}}}
      livenessProbe: {grpc: {port: 8080, service: s}, periodSeconds: 5}
      readinessProbe: {httpGet: {path: /, port: web, scheme: HTTP, httpHeaders: [{name: a, value: b}]}}
      startupProbe: {tcpSocket: {port: 8080}, failureThreshold: 30}
      ports: [{name: web, containerPort: 8080, protocol: TCP}, {name: also, containerPort: 8081}]
      resizePolicy: [{resourceName: cpu, restartPolicy: NotRequired}]
      resources: {requests: {cpu: 0.25, memory: 10Mi, ephemeral-storage: 1M}, limits: {cpu: 1, memory: 20000000}}
      securityContext:
        allowPrivilegeEscalation: false
        capabilities: {drop: [ALL], add: [NET_BIND_SERVICE]}
        readOnlyRootFilesystem: true
        runAsUser: 1000
        seccompProfile: {type: RuntimeDefault}
      terminationMessagePolicy: FallbackToLogsOnError
      volumeMounts:
        - {name: tmp, mountPath: /tmp}
        - {name: tmp, mountPath: /var/tmp, subPath: var, readOnly: true}
      volumeDevices: [{name: block, devicePath: /dev/block}]
    - {name: side, image: example.com/side:1, stdin: true, tty: true}
  dnsPolicy: None
  dnsConfig: {nameservers: [10.0.0.1], searches: [a.b], options: [{name: ndots, value: "2"}]}
  enableServiceLinks: false
  hostAliases: [{ip: 10.0.0.2, hostnames: [a]}]
  imagePullSecrets: [{name: registry}]
  initContainers:
    - {name: once, image: example.com/once:1, args: [setup]}
    - {name: beside, image: example.com/beside:1, restartPolicy: Always}
  nodeSelector: {kubernetes.io/os: linux}
  priorityClassName: ""
  restartPolicy: Always
  schedulerName: default-scheduler
  securityContext: {fsGroup: 1000, runAsNonRoot: true, sysctls: [{name: net.ipv4.ip_unprivileged_port_start, value: "0"}]}
  serviceAccountName: app
  shareProcessNamespace: true
  terminationGracePeriodSeconds: 90
  tolerations: [{key: a, operator: Exists, effect: NoExecute, tolerationSeconds: 30}]
  topologySpreadConstraints:
    - {maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {app: all}}}
  volumes:
    - {name: tmp, emptyDir: {medium: Memory, sizeLimit: 1.5}}
    - {name: block, persistentVolumeClaim: {claimName: p}}
    - {name: config, configMap: {name: c, defaultMode: 420, items: [{key: a, path: b}]}}
    - {name: csi, csi: {driver: a.example.com, volumeAttributes: {a: b}}}
    - name: identity
      projected:
        sources:
          - serviceAccountToken: {audience: a, expirationSeconds: 3600, path: token}
          - downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}]}
    - name: own
      ephemeral:
        volumeClaimTemplate:
          metadata: {labels: {a: b}}
          spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
"#;

fn pod() -> Value {
    let mut pod: Value = serde_saphyr::from_str(POD).unwrap();
    let spec = pod["spec"].as_object_mut().unwrap();
    spec.retain(|_, value| !value.is_null() && value != "");
    pod
}

/// All that one may set on a pod of a Deployment one may set on a Revision's, and all of it is kept as it was written.
#[tokio::test]
async fn a_template_takes_what_a_deployment_takes() {
    let Some(server) = Server::connect("schema-pods").await else {
        return;
    };
    let query = "dryRun=All&fieldValidation=Strict";
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "all"},
        "spec": {"selector": {"matchLabels": {"app": "all"}}, "template": pod()},
    });
    server.post(&deployment, query).await.unwrap();
    let revision = json!({
        "apiVersion": "cheerful.dev/v1alpha1", "kind": "Revision", "metadata": {"name": "all"},
        "spec": {"template": pod()},
    });
    let kept = server.post(&revision, query).await.unwrap();
    assert_eq!(kept["spec"]["template"], pod());

    // A typing error deep in it is found at once.
    let mut wrong = revision.clone();
    wrong["spec"]["template"]["spec"]["containers"][0]["livenessProb"] = json!({});
    let told = server.post(&wrong, query).await.unwrap_err();
    assert!(
        told.contains("spec.template.spec.containers[0].livenessProb"),
        "{told}"
    );
    for (field, value) in [
        ("cpu", json!("lots")),
        ("cpu", json!([])),
        ("memory", json!(true)),
    ] {
        let mut wrong = revision.clone();
        wrong["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"][field] = value;
        let told = server.post(&wrong, query).await.unwrap_err();
        assert!(
            told.contains(&format!(
                "spec.template.spec.containers[0].resources.limits.{field}"
            )),
            "{told}"
        );
    }
}

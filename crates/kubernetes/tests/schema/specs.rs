// SPDX-License-Identifier: Apache-2.0
//! Specifications, right and wrong, that the manifest's check and the API server must judge alike.

/// Changes to [`REVISION`] that leave it right: what is added to the specification.
pub(crate) const GOOD_REVISIONS: &[&str] = &[
    "",
    "scaling: {}",
    "scaling: {target: auto}",
    "scaling: {target: 12}",
    "scaling: {target: \"0.5\"}",
    "scaling: {target: \"12\"}",
    "scaling: {target: auto, latency: {p50: 1ms}}",
    "scaling: {latency: {p99: 1h}}",
    "concurrency: 10\nscaling: {target: 10}",
    "concurrency: single\nscaling: {target: \"0.7\"}",
    "concurrency: multi\nscaling: {target: 1000000}",
    "scaling: {min: 2, max: 2, initial: 2, activation: 2}",
    "scaling: {min: 0, max: 1}",
    "scaling: {initial: 0}",
    "scaling: {stableWindow: 1h, panicWindow: 1s}",
    "scaling: {stableWindow: 1m30s, panicWindow: 1500ms}",
    "scaling: {stableWindow: 6s}",
    "scaling: {panicThreshold: 1, maxUp: 1.5, maxDown: 3}",
    "scaling: {burstCapacity: -1}",
    "scaling: {burstCapacity: 0}",
    "scaling: {burstCapacity: \"12.5\"}",
    "scaling: {burstCapacity: auto}",
    "scaling: {paused: true}",
    "scaling: {paused: false}",
    "scaling: {paused: 0}",
    "scaling: {paused: \"7\"}",
    "scaling: {idleDelay: 24h, gracePeriod: 0s, scaleDownDelay: 59m59s}",
    "scaling: {idleDelay: auto, scaleDownDelay: auto}",
    "scaling: {policy: auto, thrift: 0.3}",
    "scaling: {policy: stable-panic, thrift: 1}",
    "scaling: {shadow: {policy: auto}}",
    "scaling: {min: 3, max: 9, initial: 4, shadow: {max: 2}}",
    "scaling: {max: 3, shadow: {min: 5, max: 6}}",
    "scaling: {latency: {p95: 1s}, shadow: {target: 5}}",
    "scaling: {target: 5, shadow: {target: auto, latency: {p95: 1s}}}",
    "scaling: {stableWindow: 90s, shadow: {panicWindow: 80s, thrift: 0.1}}",
    "scaling: {panicWindow: 20s, shadow: {stableWindow: 10s, maxUp: 2, maxDown: 1.5, panicThreshold: 3}}",
    "scaling: {shadow: {idleDelay: auto, scaleDownDelay: 5m, target: \"0.5\"}}",
    "routes: [{host: shop.example.com}, {host: \"*.example.com\", pathPrefix: /shop}, {pathPrefix: /}]",
    "command: [./server]\nenv: {A: \"1\"}\nuser: nobody\nworkingDirectory: /srv",
    "timeouts: {connect: 0s, firstByte: 1.5s, idle: 10000h, whole: 1h1m1s1ms1us, drain: 30s, stop: 10s}",
    "hold: {requests: 1, bytes: 1024, wait: 1ms}",
    "waking: {answerAtZero: {paths: [/healthz, /static/*, /*]}, uncounted: {userAgents: [kube-probe/]}}",
    "queue: {requests: {cpu: 10m, memory: 16Mi}, limits: {memory: \"67108864\"}, transport: websocket}",
    "autoscaler: dedicated\nreplicas: 3",
    "readiness: {path: /}",
];

/// Changes that make it wrong, and the field that both must name.
pub(crate) const BAD_REVISIONS: &[(&str, &str)] = &[
    ("scaling: {target: 0}", "spec.scaling.target"),
    ("scaling: {target: -1}", "spec.scaling.target"),
    ("scaling: {target: 0.5}", "spec.scaling.target"),
    ("scaling: {target: \"0.001\"}", "spec.scaling.target"),
    ("scaling: {target: 1000001}", "spec.scaling.target"),
    ("scaling: {target: Auto}", "spec.scaling.target"),
    ("scaling: {target: true}", "spec.scaling.target"),
    ("scaling: {target: [1]}", "spec.scaling.target"),
    (
        "concurrency: 5\nscaling: {target: 6}",
        "spec.scaling.target",
    ),
    (
        "concurrency: single\nscaling: {target: \"1.5\"}",
        "spec.scaling.target",
    ),
    ("concurrency: 0", "spec.concurrency"),
    ("concurrency: -3", "spec.concurrency"),
    ("concurrency: none", "spec.concurrency"),
    ("concurrency: \"10\"", "spec.concurrency"),
    ("concurrency: 1000001", "spec.concurrency"),
    ("scaling: {min: 5, max: 3}", "spec.scaling.min"),
    ("scaling: {min: -1}", "spec.scaling.min"),
    ("scaling: {min: 2147483648}", "spec.scaling.min"),
    ("scaling: {min: one}", "spec.scaling.min"),
    ("scaling: {max: 0}", "spec.scaling.max"),
    ("scaling: {initial: 4, max: 3}", "spec.scaling.initial"),
    (
        "scaling: {activation: 4, max: 3}",
        "spec.scaling.activation",
    ),
    ("scaling: {stableWindow: 60}", "spec.scaling.stableWindow"),
    ("scaling: {stableWindow: soon}", "spec.scaling.stableWindow"),
    ("scaling: {stableWindow: 2h}", "spec.scaling.stableWindow"),
    (
        "scaling: {stableWindow: 500ms}",
        "spec.scaling.stableWindow",
    ),
    (
        "scaling: {stableWindow: 30s1m}",
        "spec.scaling.stableWindow",
    ),
    ("scaling: {stableWindow: 5s}", "spec.scaling.panicWindow"),
    (
        "scaling: {stableWindow: 30s, panicWindow: 31s}",
        "spec.scaling.panicWindow",
    ),
    ("scaling: {panicWindow: 61s}", "spec.scaling.panicWindow"),
    (
        "scaling: {panicThreshold: 0.9}",
        "spec.scaling.panicThreshold",
    ),
    ("scaling: {maxUp: 1}", "spec.scaling.maxUp"),
    ("scaling: {maxDown: 0.5}", "spec.scaling.maxDown"),
    ("scaling: {burstCapacity: -2}", "spec.scaling.burstCapacity"),
    (
        "scaling: {burstCapacity: lots}",
        "spec.scaling.burstCapacity",
    ),
    ("scaling: {idleDelay: 25h}", "spec.scaling.idleDelay"),
    ("scaling: {idleDelay: never}", "spec.scaling.idleDelay"),
    ("scaling: {policy: classic}", "spec.scaling.policy"),
    ("scaling: {thrift: 1.1}", "spec.scaling.thrift"),
    ("scaling: {thrift: -0.1}", "spec.scaling.thrift"),
    ("scaling: {thrift: cheap}", "spec.scaling.thrift"),
    ("scaling: {gracePeriod: -1s}", "spec.scaling.gracePeriod"),
    (
        "scaling: {scaleDownDelay: 61m}",
        "spec.scaling.scaleDownDelay",
    ),
    (
        "scaling: {scaleDownDelay: 99999999999999h}",
        "spec.scaling.scaleDownDelay",
    ),
    ("scaling: {paused: -1}", "spec.scaling.paused"),
    ("scaling: {paused: 0.5}", "spec.scaling.paused"),
    ("scaling: {paused: \"yes\"}", "spec.scaling.paused"),
    ("scaling: {paused: {}}", "spec.scaling.paused"),
    ("scaling: {paused: []}", "spec.scaling.paused"),
    ("scaling: {stableWindw: 60s}", "spec.scaling.stableWindw"),
    ("scaling: {latency: {}}", "spec.scaling.latency"),
    ("scaling: {latency: {p95: 0s}}", "spec.scaling.latency.p95"),
    ("scaling: {latency: {p99: 61m}}", "spec.scaling.latency.p99"),
    ("scaling: {latency: {p95: 250}}", "spec.scaling.latency.p95"),
    (
        "scaling: {latency: {p94: 250ms}}",
        "spec.scaling.latency.p94",
    ),
    (
        "scaling: {latency: {p50: 1s, p99: 2s}}",
        "spec.scaling.latency",
    ),
    (
        "scaling: {target: 5, latency: {p95: 1s}}",
        "spec.scaling.latency",
    ),
    ("scaling: {shadow: {}}", "spec.scaling.shadow"),
    ("scaling: {shadow: auto}", "spec.scaling.shadow"),
    (
        "scaling: {shadow: {policy: classic}}",
        "spec.scaling.shadow.policy",
    ),
    (
        "scaling: {shadow: {initial: 1}}",
        "spec.scaling.shadow.initial",
    ),
    (
        "scaling: {shadow: {thrift: 2}}",
        "spec.scaling.shadow.thrift",
    ),
    ("scaling: {shadow: {max: 0}}", "spec.scaling.shadow.max"),
    (
        "scaling: {shadow: {max: 2147483648}}",
        "spec.scaling.shadow.max",
    ),
    (
        "scaling: {shadow: {min: 4, max: 3}}",
        "spec.scaling.shadow.min",
    ),
    (
        "scaling: {max: 3, shadow: {min: 4}}",
        "spec.scaling.shadow.min",
    ),
    (
        "scaling: {shadow: {panicWindow: 61s}}",
        "spec.scaling.shadow.panicWindow",
    ),
    (
        "scaling: {stableWindow: 90s, shadow: {stableWindow: 10s, panicWindow: 11s}}",
        "spec.scaling.shadow.panicWindow",
    ),
    (
        "scaling: {shadow: {stableWindow: 2h}}",
        "spec.scaling.shadow.stableWindow",
    ),
    (
        "scaling: {target: 5, shadow: {latency: {p95: 1s}}}",
        "spec.scaling.shadow.latency",
    ),
    (
        "scaling: {shadow: {latency: {p50: 1s, p95: 1s}}}",
        "spec.scaling.shadow.latency",
    ),
    (
        "scaling: {shadow: {latency: {p95: 2h}}}",
        "spec.scaling.shadow.latency.p95",
    ),
    (
        "concurrency: 5\nscaling: {shadow: {target: 6}}",
        "spec.scaling.shadow.target",
    ),
    (
        "scaling: {shadow: {target: 0.5}}",
        "spec.scaling.shadow.target",
    ),
    (
        "scaling: {shadow: {idleDelay: 25h}}",
        "spec.scaling.shadow.idleDelay",
    ),
    (
        "scaling: {shadow: {scaleDownDelay: 61m}}",
        "spec.scaling.shadow.scaleDownDelay",
    ),
    ("scaling: {shadow: {maxUp: 1}}", "spec.scaling.shadow.maxUp"),
    ("scaling: [1]", "spec.scaling"),
    ("signal: {statsd: {inFlight: a}}", "spec.signal.statsd"),
    (
        "signals: [{cpu: {target: 70}}, {statsd: {requests: a, seconds: b, tags: {env: live}}}]",
        "spec.signals[1].statsd",
    ),
    ("image: nginx", "spec.image"),
    ("routes: [{}]", "spec.routes[0]"),
    ("routes: [{host: One.example.com}]", "spec.routes[0].host"),
    ("routes: [{host: \"shop:80\"}]", "spec.routes[0].host"),
    (
        "routes: [{host: a.example.com}, {host: \"*\"}]",
        "spec.routes[1].host",
    ),
    ("routes: [{pathPrefix: shop}]", "spec.routes[0].pathPrefix"),
    (
        "routes: [{pathPrefix: /shop/}]",
        "spec.routes[0].pathPrefix",
    ),
    (
        "routes: [{pathPrefix: \"/a?b\"}]",
        "spec.routes[0].pathPrefix",
    ),
    ("readiness: {path: healthz}", "spec.readiness.path"),
    ("timeouts: {connect: 5}", "spec.timeouts.connect"),
    ("timeouts: {whole: 10001h}", "spec.timeouts.whole"),
    ("timeouts: {stop: 1d}", "spec.timeouts.stop"),
    ("hold: {requests: 0}", "spec.hold.requests"),
    ("hold: {bytes: 1000}", "spec.hold.bytes"),
    ("hold: {wait: 0s}", "spec.hold.wait"),
    (
        "waking: {answerAtZero: {paths: [healthz]}}",
        "spec.waking.answerAtZero.paths[0]",
    ),
    (
        "waking: {uncounted: {paths: [\"/a*b\"]}}",
        "spec.waking.uncounted.paths[0]",
    ),
    (
        "waking: {uncounted: {userAgents: [\"\"]}}",
        "spec.waking.uncounted.userAgents[0]",
    ),
    ("queue: {requests: {cpu: lots}}", "spec.queue.requests"),
    ("queue: {limits: {gpu: \"1\"}}", "spec.queue.limits"),
    ("queue: {transport: pigeon}", "spec.queue.transport"),
    ("autoscaler: mine", "spec.autoscaler"),
    ("replicas: -1", "spec.replicas"),
    ("env: {A: 1}", "spec.env.A"),
];

/// Pod templates that are refused, and the field that both must name.
pub(crate) const BAD_TEMPLATES: &[(&str, &str)] = &[
    ("spec: {}", "spec.template.spec.containers"),
    ("spec: {containers: []}", "spec.template.spec.containers"),
    ("metadata: {}", "spec.template.spec"),
    (
        "spec: {containers: [{image: a}]}",
        "spec.template.spec.containers[0].name",
    ),
    (
        "spec: {containers: [{name: a, image: a}, {name: a, image: b}]}",
        "spec.template.spec.containers[1]",
    ),
    (
        "spec: {containers: [{name: cheerful-queue, image: a}]}",
        "spec.template.spec.containers",
    ),
    (
        "spec: {initContainers: [{name: cheerful-queue}], containers: [{name: a, image: a}]}",
        "spec.template.spec.initContainers",
    ),
    (
        "spec: {restartPolicy: Never, containers: [{name: a, image: a}]}",
        "spec.template.spec.restartPolicy",
    ),
];

/// Names of a Revision that are refused.
pub(crate) const BAD_NAMES: &[&str] = &[
    "Hello",
    "1hello",
    "hello.world",
    "hello-",
    "a2345678901234567890123456789012345678901234567890123",
];

/// To which a change is added.
pub(crate) const REVISION: &str = "\
apiVersion: cheerful.dev/v1alpha1
kind: Revision
metadata: {name: hello}
spec:
  template:
    metadata: {labels: {team: a}, annotations: {b: c}}
    spec:
      serviceAccountName: default
      nodeSelector: {kubernetes.io/os: linux}
      containers:
        - name: app
          image: example.com/app:1
          args: [serve]
          ports: [{name: http, containerPort: 8080}]
          env: [{name: MODE, value: quick}, {name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}]
          resources: {requests: {cpu: 1, memory: 10Mi}, limits: {cpu: 1.5}}
          readinessProbe: {httpGet: {path: /healthz, port: http}}
          volumeMounts: [{name: tmp, mountPath: /tmp}]
      volumes: [{name: tmp, emptyDir: {sizeLimit: 1Mi}}]
";

/// As [`REVISION`], of the other kind.
pub(crate) const AUTOSCALER: &str = "\
apiVersion: cheerful.dev/v1alpha1
kind: Autoscaler
metadata: {name: hello}
spec:
  scaleTargetRef: {kind: Deployment, name: web}
";

/// Whole specifications of an Autoscaler that are right.
pub(crate) const GOOD_AUTOSCALERS: &[&str] = &[
    "scaleTargetRef: {kind: Deployment, name: web}",
    "scaleTargetRef: {apiVersion: apps/v1, kind: StatefulSet, name: web}\nmode: Shadow",
    "scaleTargetRef: {kind: Deployment, name: web}\nscaling: {min: 1, max: 4, target: \"2.5\"}\nconcurrency: 5",
    "scaleTargetRef: {kind: Deployment, name: web}\nscaling: {paused: 0}\nreplicas: 2",
    "scaleTargetRef: {kind: Deployment, name: web}\nscaling: {shadow: {policy: auto, max: 3}}\nmode: Active",
];

/// Those that are wrong, and the field that both must name.
pub(crate) const BAD_AUTOSCALERS: &[(&str, &str)] = &[
    ("{}", "spec.scaleTargetRef"),
    ("scaleTargetRef: {name: web}", "spec.scaleTargetRef.kind"),
    (
        "scaleTargetRef: {kind: Deployment, name: \"\"}",
        "spec.scaleTargetRef.name",
    ),
    (
        "scaleTargetRef: {apiVersion: cheerful.dev/v1alpha1, kind: Revision, name: web}",
        "spec.scaleTargetRef",
    ),
    (
        "scaleTargetRef: {kind: Deployment, name: web}\nsignal: {statsd: {inFlight: a}}",
        "spec.signal.statsd",
    ),
    (
        "scaleTargetRef: {kind: Deployment, name: web}\nmode: shadow",
        "spec.mode",
    ),
    (
        "scaleTargetRef: {kind: Deployment, name: web}\nscaling: {min: 0}",
        "spec.scaling.min",
    ),
    (
        "scaleTargetRef: {kind: Deployment, name: web}\nscaling: {max: 0}",
        "spec.scaling.max",
    ),
    (
        "scaleTargetRef: {kind: Deployment, name: web}\nconcurrency: 2\nscaling: {target: 3}",
        "spec.scaling.target",
    ),
    (
        "scaleTargetRef: {kind: Deployment, name: web}\nmode: Shadow\nscaling: {shadow: {policy: auto}}",
        "spec.scaling.shadow",
    ),
    (
        "scaleTargetRef: {kind: Deployment, name: web}\ntemplate: {}",
        "spec.template",
    ),
];

// SPDX-License-Identifier: Apache-2.0
use std::fmt::Write;

use serde_json::Value;

use crate::{
    Autoscaler, DECIMAL,
    schema::{revision_schema, schema_of},
};

const HEAD: &str = "\
<!-- Written by the tests of crates/manifest from the types there: change those, then run
CHEERFUL_UPDATE=1 cargo test -p cheerful-manifest -->
# Settings

A manifest is YAML (or JSON) of one or more documents, parted by `---`. Each is one revision:

```yaml
apiVersion: cheerful.dev/v1alpha1
kind: Revision
metadata: {name: hello}
spec:
  command: [./server, --port, \"{port}\"]   # on one machine: a process
  template:                               # in a cluster: a pod
    spec:
      containers: [{name: app, image: \"example.com/server:1\"}]
```

Of `command` and `template` only the platform's own is needed; a manifest with both serves both. Everything else has
a default. A duration is written with its unit: `250ms`, `60s`, `1m30s`, `1h`. A field that is not known is refused,
so a typing error is not a setting that silently does nothing; all faults of a manifest are told at once, with their
lines.

`cheerful schema` prints the JSON schema, which is also in
[revision.schema.json](revision.schema.json); an editor with YAML support completes the fields by it when the
manifest begins with

```yaml
# yaml-language-server: $schema=docs/revision.schema.json
```

## In a cluster

The API server checks a Revision and an [Autoscaler](#autoscaler) by the same rules, so `kubectl apply` refuses what
`cheerful run` refuses, with the field and what would be right; `kubectl explain revision.spec.scaling` tells this
page. What differs:

- `template` is required, with at least one container, none of them called `cheerful-queue`. It takes what a pod of
  Kubernetes 1.33 takes; fields that came later are refused as unknown. Quantities may be numbers, as in a Deployment.
- A `target` or `burstCapacity` with a fraction is text: `target: \"0.5\"`. On one machine both forms are right.
- The name has at most 52 characters and begins with a letter, for Services and others are called by it.
- `command`, `workingDirectory`, `user`, `env`, `readiness`, `timeouts.drain` and `timeouts.stop` have no effect; the
  template's own fields have.
- Counts of replicas are at most 2147483647, as everywhere in Kubernetes.
- `/scale` can be read by `kubectl get --raw` and by whatever works like an HPA: `spec.replicas` is the count that was
  wanted last, 0 before the first decision, `status.replicas` what is there. `kubectl scale` is taken by the API
  server, but holds nothing: the next decision writes over it. To hold a count, give `paused: 3`; `paused: true` holds
  the one that is there.
- A manifest with the kind `Autoscaler` is for a cluster only.
";

const AUTOSCALER: &str = "
# Autoscaler

What scales a workload that somebody else owns, in a cluster: a Deployment, a StatefulSet, or anything else with a
`/scale` subresource. Its pods have the queue that `cheerful inject` adds, or a `signal` says by what else the load becomes
known ([signals.md](signals.md)): where every signal is a gauge and none counts requests, the gauges alone tell the load.
Nothing holds requests for the pods while there is no replica, so `min` is at least 1, also where it is left out; 0 is right
where no request is counted and a signal is known without a replica: `prometheus`, `external`, or `custom` with an object.
`gracePeriod` and `burstCapacity`, which are about the gateway, have no effect, and `idleDelay` only with `min: 0`. `scaleTargetRef` may be changed: what was scaled before
keeps the count that it has then. `scaling`, `signal`
and `signals` are as those of a Revision.

```yaml
apiVersion: cheerful.dev/v1alpha1
kind: Autoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {kind: Deployment, name: web}
  scaling: {target: 20, max: 30}
```
";

/// The page of all settings, in Markdown, from the schemas.
#[must_use]
pub fn reference() -> String {
    let mut page = HEAD.to_owned();
    put(&mut page, format_args!("\n# Revision\n"));
    let mut revision = revision_schema();
    // Each is told at `signal`.
    let several = "/properties/spec/properties/signals/items";
    forget_fields(&mut revision, several);
    section(&mut page, "", &revision);
    page.push_str(AUTOSCALER);
    let mut autoscaler = schema_of::<Autoscaler>();
    // Told above already.
    for told in [
        "/properties/metadata",
        "/properties/spec/properties/scaling",
        "/properties/spec/properties/signal",
        several,
    ] {
        forget_fields(&mut autoscaler, told);
    }
    section(&mut page, "", &autoscaler);
    page
}

fn forget_fields(schema: &mut Value, at: &str) {
    if let Some(Value::Object(fields)) = schema.pointer_mut(at) {
        fields.remove("properties");
    }
}

/// A table of the fields of one map, then one section for each map in it.
fn section(page: &mut String, path: &str, schema: &Value) {
    let Some(fields) = schema.get("properties").and_then(Value::as_object) else {
        return;
    };
    let required = |name: &str| {
        schema
            .get("required")
            .and_then(Value::as_array)
            .is_some_and(|names| names.iter().any(|n| n == name))
    };
    let title = if path.is_empty() {
        "The document"
    } else {
        path
    };
    put(page, format_args!("\n## {title}\n\n"));
    if !path.is_empty() {
        put(page, format_args!("{}\n\n", text(schema, "description")));
    }
    put(
        page,
        format_args!("| field | value | default | meaning |\n|---|---|---|---|\n"),
    );
    for (name, field) in fields {
        let default = match field.get("default") {
            Some(Value::String(word)) => format!("`{word}`"),
            Some(value) => format!("`{value}`"),
            None if required(name) => "(required)".to_owned(),
            None => String::new(),
        };
        let meaning = text(field, "description").replace('|', "\\|");
        put(
            page,
            format_args!("| `{name}` | {} | {default} | {meaning} |\n", kind(field)),
        );
    }
    let inner = |name: &str| {
        if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        }
    };
    for (name, field) in fields {
        section(page, &inner(name), field);
        if let Some(items) = field.get("items") {
            section(page, &format!("{}[]", inner(name)), items);
        }
    }
}

fn text<'a>(schema: &'a Value, key: &str) -> &'a str {
    schema.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// What may be written, in a few words.
fn kind(schema: &Value) -> String {
    if let Some(Value::Array(choices)) = schema.get("oneOf") {
        let told = |choice: &&Value| text(choice, "pattern") != DECIMAL;
        let told: Vec<_> = choices.iter().filter(told).map(kind).collect();
        return told.join(", ");
    }
    if let Some(word) = schema.get("const") {
        return format!(
            "`{}`",
            word.as_str()
                .map_or_else(|| word.to_string(), str::to_owned)
        );
    }
    if let Some(Value::Array(words)) = schema.get("enum") {
        let words = words.iter().filter_map(Value::as_str);
        return words
            .map(|word| format!("`{word}`"))
            .collect::<Vec<_>>()
            .join(", ");
    }
    let least = match (schema.get("minimum"), schema.get("exclusiveMinimum")) {
        (Some(least), _) => format!(" from {least}"),
        (None, Some(below)) => format!(" above {below}"),
        (None, None) => String::new(),
    };
    match text(schema, "type") {
        "integer" => format!("whole number{least}"),
        "number" => format!("number{least}"),
        "boolean" => "`true`, `false`".to_owned(),
        "array" => match schema.get("items").map(|items| text(items, "type")) {
            Some("object") => "list of maps".to_owned(),
            _ => "list of texts".to_owned(),
        },
        "object"
            if text(
                schema.get("additionalProperties").unwrap_or(&Value::Null),
                "type",
            ) == "string" =>
        {
            "map of texts".to_owned()
        }
        "object" => "map".to_owned(),
        _ if text(schema, "pattern").contains("ms") => "duration".to_owned(),
        _ => "text".to_owned(),
    }
}

fn put(page: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    page.write_fmt(line).unwrap_or_default();
}

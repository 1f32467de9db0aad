// SPDX-License-Identifier: Apache-2.0
use std::fmt::Write;

use serde_json::Value;

use crate::{DECIMAL, schema::revision_schema};

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
  command: [./server, --port, \"{port}\"]
```

That is all that is needed; everything else has a default. A duration is written with its unit: `250ms`, `60s`,
`1m30s`, `1h`. A field that is not known is refused, so a typing error is not a setting that silently does
nothing; all faults of a manifest are told at once, with their lines.

`cheerful schema` prints the JSON schema, which is also in
[revision.schema.json](revision.schema.json); an editor with YAML support completes the fields by it when the
manifest begins with

```yaml
# yaml-language-server: $schema=docs/revision.schema.json
```

Not acted on in this version, and so refused: `scaling.latency`, pod templates (`template`, `image`), and the
kind `Autoscaler`.
";

/// The page of all settings, in Markdown, from the schema.
#[must_use]
pub fn reference() -> String {
    let mut page = HEAD.to_owned();
    section(&mut page, "", &revision_schema());
    page
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
        "object" if schema.get("properties").is_some() => "map".to_owned(),
        "object" => "map of texts".to_owned(),
        _ if text(schema, "pattern").contains("ms") => "duration".to_owned(),
        _ => "text".to_owned(),
    }
}

fn put(page: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    page.write_fmt(line).unwrap_or_default();
}

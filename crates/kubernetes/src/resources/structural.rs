// SPDX-License-Identifier: Apache-2.0
use serde_json::{Map, Value, json};

/// Formats that the API server knows; it warns of others.
const FORMATS: [&str; 5] = ["int32", "int64", "double", "byte", "date-time"];

/// Lists in a pod whose items have a key of their own, so that server-side apply merges them item by item: the list's
/// name and its items' key.
const KEYED_LISTS: [(&str, &str); 4] = [
    ("containers", "name"),
    ("initContainers", "name"),
    ("volumes", "name"),
    ("volumeMounts", "mountPath"),
];

/// A quantity as text.
const QUANTITY: &str =
    "^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$";

/// Makes a structural schema, as a CustomResourceDefinition wants it, out of a plain one without references.
pub(super) fn make_structural(schema: &mut Value) {
    let Some(fields) = schema.as_object_mut() else {
        // `true`: anything.
        *schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        return;
    };
    for needless in ["$schema", "title", "examples", "anyOf"] {
        fields.remove(needless);
    }
    tell_default(fields);
    join_words(fields);
    if let Some(Value::Bool(_)) = fields.get("additionalProperties") {
        fields.remove("additionalProperties");
    }
    if let Some(word) = fields.remove("const") {
        fields.insert("enum".to_owned(), json!([word]));
    }
    bound_numbers(fields);
    if let Some(Value::Object(properties)) = fields.get_mut("properties") {
        properties.values_mut().for_each(make_structural);
    }
    for inner in ["items", "additionalProperties"] {
        if let Some(inner) = fields.get_mut(inner) {
            make_structural(inner);
        }
    }
}

/// A default in the definition would be written into each object, and so outlive the version that it belongs to: it is
/// told instead.
fn tell_default(fields: &mut Map<String, Value>) {
    let default = match fields.remove("default") {
        None | Some(Value::Null | Value::Object(_) | Value::Array(_)) => return,
        Some(Value::String(word)) if word.is_empty() => return,
        Some(Value::String(word)) => word,
        Some(value) => value.to_string(),
    };
    if let Some(Value::String(description)) = fields.get_mut("description")
        && !description.contains("Default:")
    {
        description.push_str(&format!(" Default: {default}."));
    }
}

/// Words that are told one by one become a plain list of words; what each means goes to the description.
fn join_words(fields: &mut Map<String, Value>) {
    let Some(Value::Array(choices)) = fields.remove("oneOf") else {
        return;
    };
    let word = |choice: &Value| Some(choice.get("const")?.as_str()?.to_owned());
    let Some(words) = choices.iter().map(word).collect::<Option<Vec<_>>>() else {
        return;
    };
    if let Some(Value::String(description)) = fields.get_mut("description") {
        for choice in &choices {
            if let (Some(word), Some(meaning)) = (word(choice), choice["description"].as_str()) {
                description.push_str(&format!(" {word}: {meaning}"));
            }
        }
    }
    fields.insert("type".to_owned(), json!("string"));
    fields.insert("enum".to_owned(), json!(words));
}

/// Kubernetes counts replicas in 32 bits with a sign, and has the older form of an open bound.
fn bound_numbers(fields: &mut Map<String, Value>) {
    if let Some(Value::String(format)) = fields.get("format")
        && !FORMATS.contains(&format.as_str())
    {
        if format == "uint32" {
            fields.insert("maximum".to_owned(), json!(i32::MAX));
        }
        fields.remove("format");
    }
    if let Some(below) = fields.remove("exclusiveMinimum") {
        fields.insert("minimum".to_owned(), below);
        fields.insert("exclusiveMinimum".to_owned(), json!(true));
    }
}

/// Makes the schema of a pod template as small as it can be: the descriptions are Kubernetes' own and are a click away,
/// and with them the definition would be too large for `kubectl apply`.
pub(super) fn trim_template(template: &mut Value) {
    if let Some(Value::Object(metadata)) = template.pointer_mut("/properties/metadata/properties") {
        metadata.retain(|name, _| matches!(name.as_str(), "labels" | "annotations"));
    }
    if let Some(Value::Object(pod)) = template.pointer_mut("/properties/spec/properties") {
        pod.remove("ephemeralContainers");
    }
    without_descriptions(template);
    key_lists(template);
    open_quantities(template);
    template["required"] = json!(["spec"]);
}

fn without_descriptions(schema: &mut Value) {
    if let Some(fields) = schema.as_object_mut() {
        if fields.get("description").is_some_and(Value::is_string) {
            fields.remove("description");
        }
        for (name, inner) in fields {
            match (name.as_str(), inner) {
                ("properties", Value::Object(properties)) => {
                    properties.values_mut().for_each(without_descriptions);
                }
                ("items" | "additionalProperties", inner) => without_descriptions(inner),
                _ => {}
            }
        }
    }
}

fn key_lists(schema: &mut Value) {
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        for (name, property) in properties {
            let key = KEYED_LISTS.iter().find(|(list, _)| list == name);
            if let (Some((_, key)), true) = (key, property["type"] == "array") {
                property["x-kubernetes-list-type"] = json!("map");
                property["x-kubernetes-list-map-keys"] = json!([key]);
            }
            key_lists(property);
        }
    }
    if let Some(items) = schema.get_mut("items") {
        key_lists(items);
    }
}

/// In a Deployment a quantity may be any number (`cpu: 0.5`), in a word-or-number of a definition only a whole one. There
/// is no type for both, so each kind of value has a bound of its own; a list and a map can keep to neither of theirs.
fn open_quantities(schema: &mut Value) {
    let Some(fields) = schema.as_object_mut() else {
        return;
    };
    for (name, inner) in fields {
        match (name.as_str(), inner) {
            ("properties", Value::Object(properties)) => {
                // The only words or numbers in a pod that are no quantities are ports.
                for (name, property) in properties {
                    if name != "port" {
                        open_quantities(property);
                    }
                }
            }
            ("items" | "additionalProperties", inner) => open_quantities(inner),
            _ => {}
        }
    }
    if schema.get("x-kubernetes-int-or-string").is_some() {
        *schema = json!({
            "x-kubernetes-preserve-unknown-fields": true,
            "pattern": QUANTITY,
            "not": {"enum": [true, false]},
            "minItems": 1, "maxItems": 0, "minProperties": 1, "maxProperties": 0,
        });
    }
}

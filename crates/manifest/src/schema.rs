// SPDX-License-Identifier: Apache-2.0
use schemars::{
    JsonSchema, Schema,
    generate::SchemaSettings,
    transform::{RecursiveTransform, Transform},
};
use serde_json::Value;

use crate::Revision;

/// The JSON schema of a [`Revision`] (draft 2020-12), for an editor to complete and check manifests by. It is
/// the same text each time, and ends with a line break.
#[must_use]
pub fn schema() -> String {
    format!("{:#}\n", revision_schema())
}

pub(crate) fn revision_schema() -> Value {
    schema_of::<Revision>()
}

/// The JSON schema of a type: without references, for a reader's sake, and without `null`: a field has a value or is
/// left out.
#[must_use]
pub fn schema_of<T: JsonSchema>() -> Value {
    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    RecursiveTransform(without_null).transform(&mut schema);
    RecursiveTransform(in_one_line).transform(&mut schema);
    let mut schema = schema.to_value();
    // The order must not hang on a feature that another crate asks of serde_json.
    schema.sort_all_objects();
    schema
}

fn without_null(schema: &mut Schema) {
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [kind] = types.as_slice() {
            let kind = kind.clone();
            schema.insert("type".to_owned(), kind);
        }
    }
    if let Some(Value::Array(choices)) = schema.get_mut("anyOf") {
        choices.retain(|choice| choice.get("type").is_none_or(|kind| kind != "null"));
        if let [Value::Object(only)] = choices.as_slice() {
            let only = only.clone();
            schema.remove("anyOf");
            for (key, value) in only {
                if schema.get(&key).is_none() {
                    schema.insert(key, value);
                }
            }
        }
    }
    // What has to be given has no default.
    let required = schema.get("required").cloned().unwrap_or_default();
    if let Some(Value::Object(fields)) = schema.get_mut("properties") {
        for name in required
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
        {
            if let Some(Value::Object(field)) = fields.get_mut(name) {
                field.remove("default");
            }
        }
    }
    // The default of a map is the map of its fields' defaults, which each field tells better.
    let says_nothing = |default: &Value| match default {
        Value::Null | Value::Object(_) => true,
        Value::Array(items) => items.is_empty(),
        default => default == "",
    };
    if schema.get("default").is_some_and(says_nothing) {
        schema.remove("default");
    }
}

/// The line breaks of a description are those of the source, and mean nothing.
fn in_one_line(schema: &mut Schema) {
    if let Some(Value::String(description)) = schema.get_mut("description") {
        *description = description.split_whitespace().collect::<Vec<_>>().join(" ");
    }
}

// SPDX-License-Identifier: Apache-2.0
use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, SeqAccess, Visitor},
    ser::{SerializeMap as _, SerializeSeq as _},
};
use serde_json::{Map, Value};

/// A value whose fields keep their order, so that what is written reads as a diff of what was read.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Ordered {
    Map(Vec<(String, Self)>),
    List(Vec<Self>),
    Scalar(Value),
}

/// Deepest nesting that is read.
const MAX_DEPTH: usize = 64;

impl Ordered {
    pub(super) fn read(text: &str) -> Result<Self, String> {
        if text
            .lines()
            .all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'))
        {
            return Ok(Self::Scalar(Value::Null));
        }
        let options = serde_saphyr::options! {
            strict_booleans: true,
            // As kubectl reads `defaultMode: 0644`.
            legacy_octal_numbers: true,
            with_snippet: false,
            budget: serde_saphyr::budget! {
                max_depth: MAX_DEPTH,
                flow_nesting_limit: MAX_DEPTH,
                max_documents: 1,
            },
        };
        serde_saphyr::from_str_with_options(text, options).map_err(|error| error.to_string())
    }

    pub(super) fn write(&self) -> Result<String, String> {
        let mut text = String::new();
        serde_saphyr::to_fmt_writer(&mut text, self).map_err(|error| error.to_string())?;
        Ok(text)
    }

    /// Without the order.
    pub(super) fn value(&self) -> Value {
        match self {
            Self::Scalar(value) => value.clone(),
            Self::List(items) => Value::Array(items.iter().map(Self::value).collect()),
            Self::Map(fields) => {
                let fields = fields
                    .iter()
                    .map(|(name, field)| (name.clone(), field.value()));
                Value::Object(fields.collect())
            }
        }
    }

    /// Becomes another value, in the order that was: what is new comes last.
    pub(super) fn take(&mut self, new: &Value) {
        match (&mut *self, new) {
            (Self::Map(fields), Value::Object(new)) => take_fields(fields, new),
            (Self::List(items), Value::Array(new)) => {
                let before = std::mem::take(items);
                *items = new.iter().map(|item| ordered_as(&before, item)).collect();
            }
            _ => *self = Self::from(new),
        }
    }

    fn name(&self) -> Option<&Value> {
        let Self::Map(fields) = self else {
            return None;
        };
        let (_, name) = fields.iter().find(|(field, _)| field == "name")?;
        match name {
            Self::Scalar(name) => Some(name),
            _ => None,
        }
    }
}

fn take_fields(fields: &mut Vec<(String, Ordered)>, new: &Map<String, Value>) {
    fields.retain(|(name, _)| new.contains_key(name));
    for (name, field) in fields.iter_mut() {
        if let Some(new) = new.get(name) {
            field.take(new);
        }
    }
    for (name, value) in new {
        if !fields.iter().any(|(there, _)| there == name) {
            fields.push((name.clone(), Ordered::from(value)));
        }
    }
}

/// An item in the order of the one that it was: that of its name, or an equal one.
fn ordered_as(before: &[Ordered], item: &Value) -> Ordered {
    let name = item.get("name");
    let was = before.iter().find(|was| match name {
        Some(_) => was.name() == name,
        None => was.value() == *item,
    });
    was.map_or_else(
        || Ordered::from(item),
        |was| {
            let mut ordered = was.clone();
            ordered.take(item);
            ordered
        },
    )
}

/// What is ours comes with the fields that tell what it is first.
impl From<&Value> for Ordered {
    fn from(value: &Value) -> Self {
        match value {
            Value::Array(items) => Self::List(items.iter().map(Self::from).collect()),
            Value::Object(fields) => {
                let mut fields: Vec<(String, Self)> = fields
                    .iter()
                    .map(|(name, field)| (name.clone(), Self::from(field)))
                    .collect();
                fields.sort_by_key(|(name, _)| rank(name));
                Self::Map(fields)
            }
            scalar => Self::Scalar(scalar.clone()),
        }
    }
}

fn rank(name: &str) -> usize {
    let first = ["name", "image", "args"];
    first
        .iter()
        .position(|one| *one == name)
        .unwrap_or(first.len())
}

impl Serialize for Ordered {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Scalar(value) => value.serialize(serializer),
            Self::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(item)?;
                }
                list.end()
            }
            Self::Map(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (name, field) in fields {
                    map.serialize_entry(name, field)?;
                }
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Ordered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Ordered;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of Kubernetes")
    }
    fn visit_bool<E>(self, value: bool) -> Result<Ordered, E> {
        Ok(Ordered::Scalar(value.into()))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Ordered, E> {
        Ok(Ordered::Scalar(value.into()))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Ordered, E> {
        Ok(Ordered::Scalar(value.into()))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Ordered, E> {
        Ok(Ordered::Scalar(value.into()))
    }
    fn visit_str<E>(self, value: &str) -> Result<Ordered, E> {
        Ok(Ordered::Scalar(value.into()))
    }
    fn visit_unit<E>(self) -> Result<Ordered, E> {
        Ok(Ordered::Scalar(Value::Null))
    }
    fn visit_none<E>(self) -> Result<Ordered, E> {
        Ok(Ordered::Scalar(Value::Null))
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Ordered, D::Error> {
        Ordered::deserialize(deserializer)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Ordered, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Ordered::List(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered, A::Error> {
        let mut fields = Vec::new();
        while let Some(entry) = map.next_entry()? {
            fields.push(entry);
        }
        Ok(Ordered::Map(fields))
    }
}

// SPDX-License-Identifier: Apache-2.0
use std::fmt;

use serde::{Deserialize, Deserializer, de};
use serde_saphyr::Spanned;

use crate::scalar::Scalar;

/// A document as it was written, with the line of each value, so that a fault can be shown where it stands.
#[derive(Debug)]
pub(crate) struct Node {
    /// From 1; 0: not known.
    pub(crate) line: u64,
    pub(crate) value: Value,
}

/// What stands at a place.
#[derive(Debug)]
pub(crate) enum Value {
    /// Nothing: `key:` or `key: null`.
    Null,
    Scalar(Scalar),
    /// An item that was taken out leaves its place, so that the others keep their numbers.
    List(Vec<Option<Node>>),
    Map(Vec<(String, Node)>),
}

/// One step from a value to a value in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Key(String),
    Item(usize),
}

/// A path as it is written: `spec.routes[0].host`.
pub(crate) fn written(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Key(key) if text.is_empty() => text.push_str(key),
            Step::Key(key) => text.extend([".", key]),
            Step::Item(index) => text.push_str(&format!("[{index}]")),
        }
    }
    text
}

impl Node {
    pub(crate) const fn nothing() -> Self {
        Self {
            line: 0,
            value: Value::Null,
        }
    }

    /// The value at a path.
    pub(crate) fn at(&self, path: &[Step]) -> Option<&Self> {
        path.iter()
            .try_fold(self, |node, step| match (&node.value, step) {
                (Value::Map(fields), Step::Key(key)) => fields
                    .iter()
                    .find(|(name, _)| name == key)
                    .map(|(_, value)| value),
                (Value::List(items), Step::Item(index)) => items.get(*index)?.as_ref(),
                _ => None,
            })
    }

    /// The value of a field that is written as `spec.scaling.min`.
    pub(crate) fn field(&self, field: &str) -> Option<&Self> {
        let mut steps = Vec::new();
        for part in field.split('.') {
            let mut names = part.split('[');
            steps.push(Step::Key(names.next()?.to_owned()));
            for index in names {
                steps.push(Step::Item(index.strip_suffix(']')?.parse().ok()?));
            }
        }
        self.at(&steps)
    }

    /// The line of a field, or else of the nearest thing around it.
    pub(crate) fn line_near(&self, field: &str) -> Option<u64> {
        let mut field = Some(field);
        while let Some(present) = field {
            if let Some(node) = self.field(present) {
                return node.known_line();
            }
            field = present.rsplit_once(['.', '[']).map(|(outer, _)| outer);
        }
        self.known_line()
    }

    fn known_line(&self) -> Option<u64> {
        (self.line > 0).then_some(self.line)
    }

    /// Takes out what stands at a path.
    pub(crate) fn take_out(&mut self, path: &[Step]) -> Option<Self> {
        let (last, parents) = path.split_last()?;
        let parent = parents
            .iter()
            .try_fold(self, |node, step| match (&mut node.value, step) {
                (Value::Map(fields), Step::Key(key)) => fields
                    .iter_mut()
                    .find(|(name, _)| name == key)
                    .map(|(_, value)| value),
                (Value::List(items), Step::Item(index)) => items.get_mut(*index)?.as_mut(),
                _ => None,
            });
        match (parent.map(|node| &mut node.value), last) {
            (Some(Value::Map(fields)), Step::Key(key)) => {
                let at = fields.iter().position(|(name, _)| name == key)?;
                Some(fields.remove(at).1)
            }
            (Some(Value::List(items)), Step::Item(index)) => items.get_mut(*index)?.take(),
            _ => None,
        }
    }

    /// Without the lines. A number that JSON does not have is null.
    pub(crate) fn json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Scalar(Scalar::Bool(value)) => (*value).into(),
            Value::Scalar(Scalar::Whole(value)) => i64::try_from(*value)
                .map_or_else(|_| serde_json::Value::Null, serde_json::Value::from),
            Value::Scalar(Scalar::Number(value)) => (*value).into(),
            Value::Scalar(Scalar::Text(text)) => text.as_str().into(),
            Value::List(items) => items.iter().flatten().map(Self::json).collect(),
            Value::Map(fields) => fields
                .iter()
                .map(|(name, field)| (name.clone(), field.json()))
                .collect(),
        }
    }

    /// The value as a person would write it, cut to 100 characters.
    pub(crate) fn shown(&self) -> String {
        let text = match &self.value {
            Value::Null => "empty".to_owned(),
            Value::Scalar(Scalar::Text(text)) => return shown(text),
            Value::Scalar(scalar) => scalar.to_string(),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a map".to_owned(),
        };
        text.chars().take(100).collect()
    }
}

/// A text in quotes, cut to 100 characters, without anything that would upset a terminal.
pub(crate) fn shown(text: &str) -> String {
    let cut: String = text.chars().take(100).collect();
    let dots = if cut.len() < text.len() { "..." } else { "" };
    format!("{cut:?}{dots}")
}

impl From<&serde_json::Value> for Node {
    fn from(json: &serde_json::Value) -> Self {
        let value = match json {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(value) => Value::Scalar(Scalar::Bool(*value)),
            serde_json::Value::Number(number) => Value::Scalar(match number.as_i128() {
                Some(whole) => Scalar::Whole(whole),
                None => Scalar::Number(number.as_f64().unwrap_or(f64::NAN)),
            }),
            serde_json::Value::String(text) => Value::Scalar(Scalar::Text(text.clone())),
            serde_json::Value::Array(items) => {
                Value::List(items.iter().map(|item| Some(item.into())).collect())
            }
            serde_json::Value::Object(fields) => Value::Map(
                fields
                    .iter()
                    .map(|(key, value)| (key.clone(), value.into()))
                    .collect(),
            ),
        };
        Self { line: 0, value }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Spanned {
            value, referenced, ..
        } = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Self {
            line: referenced.line(),
            value,
        })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

#[expect(
    clippy::cast_precision_loss,
    reason = "a whole number beyond 2^127 is refused by each field"
)]
impl<'de> de::Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, a number, true, false, a list or a map")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Scalar(Scalar::Bool(value)))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Scalar(Scalar::Whole(value.into())))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Scalar(Scalar::Whole(value.into())))
    }
    fn visit_i128<E>(self, value: i128) -> Result<Value, E> {
        Ok(Value::Scalar(Scalar::Whole(value)))
    }
    fn visit_u128<E>(self, value: u128) -> Result<Value, E> {
        Ok(Value::Scalar(
            i128::try_from(value).map_or(Scalar::Number(value as f64), Scalar::Whole),
        ))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Scalar(Scalar::Number(value)))
    }
    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Scalar(Scalar::Text(value.to_owned())))
    }
    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::Scalar(Scalar::Text(value)))
    }
    fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(Some(item));
        }
        Ok(Value::List(list))
    }
    fn visit_map<A: de::MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut map = Vec::new();
        while let Some(field) = fields.next_entry()? {
            map.push(field);
        }
        Ok(Value::Map(map))
    }
}

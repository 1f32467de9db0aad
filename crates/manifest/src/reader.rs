// SPDX-License-Identifier: Apache-2.0
//! Reads a [`Node`] into a type by serde, and goes on after a fault, so that all of them are found.
use std::fmt;

use serde::{
    Deserializer,
    de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer, Visitor},
    forward_to_deserialize_any,
};

use crate::{
    Problem,
    node::{Node, Step, Value, written},
    problem::MAX_TOLD,
    scalar::Scalar,
};

/// Fields that the vocabulary knows and this version does not act on, with what to do in their place:
/// better refused than silently left out.
const NOT_ACTED_ON: [(&str, &str); 1] = [(
    "image",
    "an image is given in template, in a cluster, and a program in command, on one machine",
)];

/// How many unknown fields are left out at most.
const MAX_LEFT_OUT: usize = 1_000;

/// What could be read, and everything that was wrong. What is wrong is taken out of the node and read as if
/// it were not there; `None` if nothing that could be read remains, or there was too much wrong to go on.
pub(crate) fn read<T: DeserializeOwned>(node: &mut Node) -> (Option<T>, Vec<Problem>) {
    read_known(node, true)
}

/// The same, for what another version wrote: unless `unknown_is_wrong`, fields that are not known are left out silently.
pub(crate) fn read_known<T: DeserializeOwned>(
    node: &mut Node,
    unknown_is_wrong: bool,
) -> (Option<T>, Vec<Problem>) {
    let mut problems = Vec::new();
    let mut left_out = 0;
    while problems.len() < MAX_TOLD && left_out < MAX_LEFT_OUT {
        let Fault { mut path, why } = match T::deserialize(&*node) {
            Ok(read) => return (Some(read), problems),
            Err(fault) => fault,
        };
        path.reverse();
        let place = node.at(&path);
        let unknown = matches!(why, Why::Unknown(_));
        if unknown && !unknown_is_wrong {
            left_out += 1;
        } else {
            problems.push(Problem {
                field: written(&path),
                value: place.filter(|_| !unknown).map(Node::shown),
                line: place.map(|place| place.line).filter(|line| *line > 0),
                message: why.message(path.last()),
            });
        }
        if node.take_out(&path).is_none() {
            break;
        }
    }
    (None, problems)
}

/// What is wrong, and the way to it, from the inside out.
#[derive(Debug)]
pub(crate) struct Fault {
    path: Vec<Step>,
    why: Why,
}

#[derive(Debug)]
pub(crate) enum Why {
    /// There is no such field; these there are.
    Unknown(&'static [&'static str]),
    Wrong(String),
}

impl Why {
    fn message(self, last: Option<&Step>) -> String {
        let known = match self {
            Self::Wrong(message) => return message,
            Self::Unknown(known) => known,
        };
        let Some(Step::Key(name)) = last else {
            return "unknown field".to_owned();
        };
        if let Some((_, message)) = NOT_ACTED_ON.iter().find(|(field, _)| field == name) {
            return (*message).to_owned();
        }
        match nearest(name, known) {
            Some(near) => format!("unknown field, did you mean {near}?"),
            None => format!("unknown field, should be one of {}", known.join(", ")),
        }
    }
}

/// The known name that is most like a name, if one is like it.
fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace(['_', '-'], "");
    let name: String = plain(name).chars().take(64).collect();
    known
        .iter()
        .map(|candidate| (edits(&name, &plain(candidate)), *candidate))
        .min()
        .filter(|(edits, candidate)| *edits <= 1 + candidate.len() / 4)
        .map(|(_, candidate)| candidate)
}

/// How many letters to add, take away or change from one text to the other (Levenshtein's distance).
fn edits(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (line, a) in from.chars().enumerate() {
        let mut diagonal = line;
        let mut left = line + 1;
        for (cell, b) in row.iter_mut().skip(1).zip(to.chars()) {
            let change = diagonal + usize::from(a != b);
            diagonal = *cell;
            left = change.min(left + 1).min(diagonal + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = line + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

impl std::error::Error for Fault {}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.why)
    }
}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self {
            path: Vec::new(),
            why: Why::Wrong(message.to_string()),
        }
    }
    fn invalid_type(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::custom(format_args!("should be {expected}"))
    }
    fn invalid_value(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::custom(format_args!("should be {expected}"))
    }
    fn unknown_variant(_: &str, known: &'static [&'static str]) -> Self {
        Self::custom(one_of(known))
    }
    fn unknown_field(_: &str, known: &'static [&'static str]) -> Self {
        Self {
            path: Vec::new(),
            why: Why::Unknown(known),
        }
    }
}

impl Fault {
    fn in_step(mut self, step: Step) -> Self {
        self.path.push(step);
        self
    }
}

fn one_of(known: &[&str]) -> String {
    format!("should be one of {}", known.join(", "))
}

fn wrong<T>(message: &str) -> Result<T, Fault> {
    Err(de::Error::custom(message))
}

impl Node {
    fn whole(&self) -> Option<i128> {
        match self.value {
            Value::Scalar(Scalar::Whole(whole)) => Some(whole),
            _ => None,
        }
    }
}

impl<'de> Deserializer<'de> for &Node {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.value {
            Value::Null => visitor.visit_unit(),
            Value::Scalar(Scalar::Bool(value)) => visitor.visit_bool(*value),
            Value::Scalar(Scalar::Whole(value)) => match i64::try_from(*value) {
                Ok(value) => visitor.visit_i64(value),
                Err(_) => visitor.visit_i128(*value),
            },
            Value::Scalar(Scalar::Number(value)) => visitor.visit_f64(*value),
            Value::Scalar(Scalar::Text(value)) => visitor.visit_str(value),
            Value::List(_) => self.deserialize_seq(visitor),
            Value::Map(_) => self.deserialize_map(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value {
            Value::Null => wrong("should have a value, or be left out"),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.whole().map(u32::try_from) {
            Some(Ok(value)) => visitor.visit_u32(value),
            _ => wrong("should be a whole number from 0 to 4294967295"),
        }
    }

    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.whole().map(u16::try_from) {
            Some(Ok(value)) => visitor.visit_u16(value),
            _ => wrong("should be a whole number from 0 to 65535"),
        }
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.whole().map(u64::try_from) {
            Some(Ok(value)) => visitor.visit_u64(value),
            _ => wrong("should be a whole number from 0"),
        }
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.value {
            Value::Scalar(Scalar::Whole(_) | Scalar::Number(_)) => self.deserialize_any(visitor),
            _ => wrong("should be a number"),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.value {
            Value::Scalar(Scalar::Text(text)) => visitor.visit_str(text),
            Value::Scalar(other) => {
                wrong(&format!("should be text; write it in quotes: \"{other}\""))
            }
            _ => wrong("should be text"),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_string(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.value {
            Value::List(items) => visitor.visit_seq(Items(items.iter().enumerate())),
            _ => wrong("should be a list"),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.value {
            Value::Map(fields) => visitor.visit_map(Fields {
                fields: fields.iter(),
                present: None,
            }),
            _ => wrong("should be a map of names and values"),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match &self.value {
            Value::Map(_) => self.deserialize_map(visitor),
            _ => wrong(&format!(
                "should be a map with some of the fields {}",
                known.join(", ")
            )),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match &self.value {
            Value::Scalar(Scalar::Text(word)) => {
                visitor.visit_enum(word.as_str().into_deserializer())
            }
            _ => wrong(&one_of(known)),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u128 f32 char bytes byte_buf unit unit_struct tuple
        tuple_struct identifier ignored_any
    }
}

struct Items<'a>(std::iter::Enumerate<std::slice::Iter<'a, Option<Node>>>);

impl<'de> de::SeqAccess<'de> for Items<'_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        match self
            .0
            .find_map(|(index, item)| item.as_ref().map(|item| (index, item)))
        {
            None => Ok(None),
            Some((index, item)) => seed
                .deserialize(item)
                .map(Some)
                .map_err(|fault| fault.in_step(Step::Item(index))),
        }
    }
}

struct Fields<'a> {
    fields: std::slice::Iter<'a, (String, Node)>,
    present: Option<&'a (String, Node)>,
}

impl<'de> de::MapAccess<'de> for Fields<'_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        self.present = self.fields.next();
        let Some((key, _)) = self.present else {
            return Ok(None);
        };
        seed.deserialize(key.as_str().into_deserializer())
            .map(Some)
            .map_err(|fault: Fault| fault.in_step(Step::Key(key.clone())))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let Some((key, value)) = self.present else {
            return wrong("has no value");
        };
        seed.deserialize(value)
            .map_err(|fault| fault.in_step(Step::Key(key.clone())))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{LatencySpec, ScalingSpec};

    fn faults(json: &serde_json::Value) -> Vec<String> {
        let (_, problems) = read::<ScalingSpec>(&mut json.into());
        problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn all_faults_are_found_and_the_rest_is_read() {
        let json = json!({"min": -1, "max": 3, "stableWindw": "60s", "idleDelay": 60, "paused": "no",
            "latency": {"p94": "250ms"}, "colour": "red", "target": [1]});
        let (spec, _) = read::<ScalingSpec>(&mut (&json).into());
        assert_eq!(
            spec,
            Some(ScalingSpec {
                max: Some(3),
                latency: Some(LatencySpec::default()),
                ..ScalingSpec::default()
            })
        );
        let mut found = faults(&json);
        found.sort();
        assert_eq!(found.len(), 7, "{found:#?}");
        let text = found.join("\n");
        for expected in [
            "min is -1: should be a whole number from 0 to 4294967295",
            "stableWindw: unknown field, did you mean stableWindow?",
            "did you mean 60s?",
            "paused is \"no\": should be true, false",
            "latency.p94: unknown field, did you mean p90?",
            "colour: unknown field, should be one of policy, thrift,",
            "target is a list: should be a word or a number",
        ] {
            assert!(text.contains(expected), "{expected} is not in\n{text}");
        }
    }

    #[test]
    fn what_is_no_map_is_one_fault() {
        assert_eq!(faults(&json!([])).len(), 1);
        assert_eq!(faults(&json!(null)).len(), 1);
    }

    #[test]
    fn the_nearest_name_is_told_only_when_it_is_near() {
        let known = ["stableWindow", "panicWindow", "min", "max"];
        assert_eq!(nearest("stable_window", &known), Some("stableWindow"));
        assert_eq!(nearest("panicwindw", &known), Some("panicWindow"));
        assert_eq!(nearest("mix", &known), Some("max"));
        assert_eq!(nearest("replicas", &known), None);
        assert_eq!(edits("kitten", "sitting"), 3);
    }
}

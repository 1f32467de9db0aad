// SPDX-License-Identifier: Apache-2.0
//! How the values of their fields are read. In annotations and in triggers' metadata numbers are text.
use std::time::Duration;

use crate::{
    DurationText, QuantityText,
    node::{Node, Value},
    scalar::Scalar,
};

pub(super) fn text(node: &Node) -> Result<String, String> {
    match &node.value {
        Value::Scalar(Scalar::Text(text)) => Ok(text.clone()),
        Value::Scalar(other) => Ok(other.to_string()),
        _ => Err("should be text".to_owned()),
    }
}

pub(super) fn whole(node: &Node) -> Result<u32, String> {
    let read = match &node.value {
        Value::Scalar(Scalar::Whole(whole)) => u32::try_from(*whole).ok(),
        Value::Scalar(Scalar::Text(text)) => text.parse().ok(),
        _ => None,
    };
    read.filter(|whole| i32::try_from(*whole).is_ok())
        .ok_or_else(|| "should be a whole number from 0 to 2147483647".to_owned())
}

/// A number; not an infinite one.
pub(super) fn number(node: &Node) -> Result<f64, String> {
    let read = match &node.value {
        Value::Scalar(Scalar::Whole(_) | Scalar::Number(_) | Scalar::Text(_)) => {
            text(node)?.parse::<f64>().ok()
        }
        _ => None,
    };
    read.filter(|number| number.is_finite())
        .ok_or_else(|| "should be a number".to_owned())
}

/// A quantity of Kubernetes: `80`, `500m`, `1.5k`, `400Mi`.
pub(super) fn quantity(node: &Node) -> Result<f64, String> {
    let text = text(node)?;
    let small = [("n", 1e9), ("u", 1e6), ("m", 1e3)];
    let small = (small.iter()).find_map(|(ending, by)| Some((text.strip_suffix(ending)?, *by)));
    let (text, by) = small.unwrap_or((&text, 1.0));
    let number = QuantityText(text.to_owned()).number();
    number
        .map(|number| number / by)
        .ok_or_else(|| "should be a quantity such as 80, 500m or 400Mi".to_owned())
}

/// `60s`, `1m30s`.
pub(super) fn duration(node: &Node) -> Result<DurationText, String> {
    let read = text(node)?.parse::<DurationText>();
    read.map_err(|error| error.to_string())
}

/// A whole number of seconds.
pub(super) fn seconds(node: &Node) -> Result<DurationText, String> {
    let seconds = whole(node)?;
    Ok(DurationText(Duration::from_secs(seconds.into())))
}

pub(super) fn truth(node: &Node) -> Result<bool, String> {
    match text(node)?.to_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("should be true or false".to_owned()),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "as the others are")]
pub(super) fn json(node: &Node) -> Result<serde_json::Value, String> {
    Ok(node.json())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_read_as_they_are_written_there() {
        let of = |json: serde_json::Value| Node::from(&json);
        assert_eq!(whole(&of(json!("3"))), Ok(3));
        assert_eq!(whole(&of(json!(3))), Ok(3));
        assert!(whole(&of(json!(-1))).is_err() && whole(&of(json!("3000000000"))).is_err());
        assert_eq!(number(&of(json!("0.7"))), Ok(0.7));
        assert!(number(&of(json!("inf"))).is_err() && number(&of(json!(true))).is_err());
        assert_eq!(quantity(&of(json!("500m"))), Ok(0.5));
        assert_eq!(quantity(&of(json!("400Mi"))), Ok(400.0 * 1_048_576.0));
        assert!(quantity(&of(json!("Mi"))).is_err());
        assert_eq!(truth(&of(json!("True"))), Ok(true));
        assert_eq!(
            duration(&of(json!("1m30s"))).map(|text| text.0.as_secs()),
            Ok(90)
        );
    }
}

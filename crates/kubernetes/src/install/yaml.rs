// SPDX-License-Identifier: Apache-2.0
use serde_json::Value;

/// The objects as documents of one YAML text, each with `---` before it.
///
/// # Errors
/// What the YAML library says. No value of JSON is known that it cannot write.
pub fn to_yaml(objects: &[Value]) -> Result<String, serde_saphyr::ser_error::Error> {
    let mut text = String::new();
    for object in objects {
        text.push_str("---\n");
        serde_saphyr::to_fmt_writer(&mut text, object)?;
    }
    Ok(text)
}

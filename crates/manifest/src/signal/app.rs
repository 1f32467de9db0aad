// SPDX-License-Identifier: Apache-2.0
use std::{borrow::Cow, collections::BTreeMap, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{Endpoint, Https, Scheme};

/// Where the app itself tells its load: a path at the port at which it listens, or a map with a port of its own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AppPath(pub AppPage);

/// The map.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(extend("required" = ["path"]))]
pub struct AppPage {
    /// Path and query.
    #[schemars(regex(pattern = "^/"))]
    pub path: String,
    /// Its port at each replica. Default: the one at which the app listens.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub port: Option<u16>,
    /// By which protocol it is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "http"))]
    pub scheme: Option<Scheme>,
    /// With `scheme: https`: a file of certificates that vouch for it. Default: those of the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
    /// With `scheme: https`: `true` verifies nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = false))]
    pub insecure: Option<bool>,
}

impl AppPath {
    /// Where it is read, with every default filled in.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        let Self(page) = self;
        Endpoint {
            port: page.port,
            path: page.path.clone(),
            https: Https::new(page.scheme, page.ca_file.as_ref(), page.insecure),
        }
    }

    /// Whether it is no more than a path.
    fn is_plain(&self) -> bool {
        let Self(page) = self;
        let plain = AppPage {
            path: page.path.clone(),
            ..AppPage::default()
        };
        *page == plain
    }
}

impl Serialize for AppPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_plain() {
            serializer.serialize_str(&self.0.path)
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for AppPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PathOrMap)
    }
}

struct PathOrMap;

impl<'de> de::Visitor<'de> for PathOrMap {
    type Value = AppPath;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a path such as /load, or a map with path and port")
    }
    fn visit_str<E>(self, path: &str) -> Result<AppPath, E> {
        Ok(AppPath(AppPage {
            path: path.to_owned(),
            ..AppPage::default()
        }))
    }
    fn visit_map<M: de::MapAccess<'de>>(self, map: M) -> Result<AppPath, M::Error> {
        AppPage::deserialize(de::value::MapAccessDeserializer::new(map)).map(AppPath)
    }
}

impl JsonSchema for AppPath {
    fn schema_name() -> Cow<'static, str> {
        "AppPath".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let map = AppPage::json_schema(generator);
        json_schema!({"oneOf": [{"type": "string", "pattern": "^/"}, map]})
    }
}

/// What the replicas send by StatsD: `inFlight`, or `requests` and `seconds`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct StatsdSignal {
    /// The gauge of the requests in flight.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_flight: Option<String>,
    /// The counter of the requests that have ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<String>,
    /// The timer, or the counter of the seconds, of those requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<String>,
    /// Only values with these tags.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_is_text_or_a_map() {
        for (written, port) in [
            (json!("/load"), None),
            (json!({"path": "/load", "port": 81}), Some(81)),
        ] {
            let read: AppPath = serde_json::from_value(written.clone()).unwrap();
            assert_eq!(read.endpoint().port, port);
            assert_eq!(read.endpoint().path, "/load");
            assert_eq!(serde_json::to_value(&read).unwrap(), written);
        }
        for wrong in [json!(3), json!({"path": "/load", "colour": 1}), json!([])] {
            assert!(
                serde_json::from_value::<AppPath>(wrong.clone()).is_err(),
                "{wrong}"
            );
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    io::Write,
    sync::LazyLock,
};

use axum::{
    Router,
    extract::Path,
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use cheerful_simulator::report::uplot;
use flate2::{Compression, write::GzEncoder};

/// The page at `/` and its parts below `/console/`. They lie in the binary, and their policy lets a browser ask nobody
/// but whom they came from.
pub fn assets() -> Router {
    Router::new()
        .route("/", get(|headers: HeaderMap| async move { answer("page.html", &headers) }))
        .route(
            "/console/{file}",
            get(|Path(file): Path<String>, headers: HeaderMap| async move {
                answer(&file, &headers)
            }),
        )
}

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";

/// One part of the page.
struct Asset {
    name: &'static str,
    kind: &'static str,
    plain: String,
    zipped: Vec<u8>,
    /// Another text has another one.
    tag: String,
}

macro_rules! part {
    ($name:literal, $kind:ident) => {
        Asset::new(
            $name,
            $kind,
            include_str!(concat!("page/", $name)).to_owned(),
        )
    };
}

/// Compressed when first asked for, once.
static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    vec![
        part!("page.html", HTML),
        part!("page.css", CSS),
        part!("main.js", JS),
        part!("live.js", JS),
        part!("format.js", JS),
        part!("overview.js", JS),
        part!("rows.js", JS),
        part!("spark.js", JS),
        part!("revision.js", JS),
        part!("chart.js", JS),
        part!("decisions.js", JS),
        part!("replicas.js", JS),
        part!("curve.js", JS),
        part!("acts.js", JS),
        part!("whatif.js", JS),
        Asset::new("uplot.css", CSS, uplot::STYLE.to_owned()),
        Asset::new(
            "uplot.js",
            JS,
            format!("/*\n{}\n*/\n{}", uplot::LICENCE.trim(), uplot::SCRIPT),
        ),
    ]
});

impl Asset {
    fn new(name: &'static str, kind: &'static str, plain: String) -> Self {
        let mut hasher = DefaultHasher::new();
        plain.hash(&mut hasher);
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        // Writing to memory does not fail; without a compressed form the plain one is sent.
        let zipped = encoder
            .write_all(plain.as_bytes())
            .and_then(|()| encoder.finish())
            .unwrap_or_default();
        Self {
            name,
            kind,
            plain,
            zipped,
            tag: format!("\"{:016x}\"", hasher.finish()),
        }
    }
}

fn answer(name: &str, headers: &HeaderMap) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == name) else {
        let text = format!("there is no {name:?}\n");
        return (StatusCode::NOT_FOUND, text).into_response();
    };
    let says = |name: HeaderName, word: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.is_some_and(|value| value.contains(word))
    };
    let always = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        // Asked for anew each time, so that it is always of the instance that answers.
        (header::CACHE_CONTROL, "no-cache"),
        (header::VARY, "accept-encoding"),
        (header::ETAG, &*asset.tag),
    ];
    if says(header::IF_NONE_MATCH, &asset.tag) {
        return (StatusCode::NOT_MODIFIED, always).into_response();
    }
    let kind = [(header::CONTENT_TYPE, asset.kind)];
    if says(header::ACCEPT_ENCODING, "gzip") && !asset.zipped.is_empty() {
        let zipped = [(header::CONTENT_ENCODING, "gzip")];
        return (always, kind, zipped, asset.zipped.as_slice()).into_response();
    }
    (always, kind, asset.plain.as_str()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_asks_nobody_else_and_is_small() {
        let own = ASSETS
            .iter()
            .filter(|asset| !asset.name.starts_with("uplot"));
        for asset in own {
            for way_out in ["src=\"http", "href=\"http", "@import", "url(http", "//cdn"] {
                assert!(!asset.plain.contains(way_out), "{}: {way_out}", asset.name);
            }
        }
        let bytes: usize = ASSETS.iter().map(|asset| asset.zipped.len()).sum();
        assert!(bytes < 150_000, "{bytes} bytes");
        assert!(ASSETS.iter().all(|asset| !asset.zipped.is_empty()));
    }

    #[test]
    fn every_part_that_is_named_is_there() {
        let named = ASSETS.iter().flat_map(|asset| {
            let links = asset.plain.split("\"/console/").skip(1);
            let imports = asset.plain.split("from \"./").skip(1);
            links
                .chain(imports)
                .filter_map(|rest| rest.split('"').next())
        });
        let mut count = 0;
        for name in named {
            count += 1;
            assert!(ASSETS.iter().any(|asset| asset.name == name), "{name}");
        }
        assert!(count > 5);
    }

    #[test]
    fn a_browser_gets_it_compressed_and_only_once() {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, "gzip, br".parse().unwrap());
        let first = answer("page.html", &headers);
        assert_eq!(first.headers()[header::CONTENT_ENCODING], "gzip");
        assert!(first.headers()[header::CONTENT_SECURITY_POLICY] == POLICY);
        headers.insert(header::IF_NONE_MATCH, first.headers()[header::ETAG].clone());
        let again = answer("page.html", &headers);
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        let plain = answer("main.js", &HeaderMap::new());
        assert!(plain.headers().get(header::CONTENT_ENCODING).is_none());
        assert_eq!(answer("nothing", &headers).status(), StatusCode::NOT_FOUND);
    }
}

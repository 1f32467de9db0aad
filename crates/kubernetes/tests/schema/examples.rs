// SPDX-License-Identifier: Apache-2.0
use std::{fs, path::Path};

use serde_json::Value;

use crate::server::Server;

/// The documents of every example that is for a cluster.
fn documents() -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let mut paths = vec![folder.join("hello.yaml")];
    let others = fs::read_dir(folder.join("kubernetes")).unwrap();
    paths.extend(others.map(|entry| entry.unwrap().path()));
    let texts = paths.iter().map(|path| fs::read_to_string(path).unwrap());
    texts
        .flat_map(|text| {
            let documents = text.split("\n---\n");
            let read = documents.map(|text| serde_saphyr::from_str(text).unwrap());
            read.collect::<Vec<Value>>()
        })
        .collect()
}

#[test]
fn the_examples_name_the_image_of_this_version() {
    let image = concat!("cheerful:", env!("CARGO_PKG_VERSION"));
    let mut images = 0;
    for document in documents() {
        let containers = document.pointer("/spec/template/spec/containers");
        for container in containers.and_then(Value::as_array).into_iter().flatten() {
            assert_eq!(container["image"], image);
            images += 1;
        }
    }
    assert!(images >= 4);
}

#[tokio::test]
async fn the_api_server_takes_the_examples() {
    let Some(server) = Server::connect("schema-examples").await else {
        return;
    };
    let mut taken = 0;
    for document in documents() {
        // The Gateway API's definitions are not there.
        if document["kind"] != "HTTPRoute" {
            let answer = server
                .post(&document, "dryRun=All&fieldValidation=Strict")
                .await;
            answer.unwrap_or_else(|told| panic!("{told}: {document}"));
            taken += 1;
        }
    }
    assert!(taken >= 7);
}

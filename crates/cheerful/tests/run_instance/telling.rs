// SPDX-License-Identifier: Apache-2.0
//! An OpenTelemetry collector is told what a run does.
use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener},
    sync::mpsc::{Receiver, channel},
};

use opentelemetry_proto::tonic::collector::{
    logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
};
use prost::Message as _;

use crate::rig::{Instance, PATIENCE, manifest, refused};

/// What comes to a collector: the path and the message. It ends with the test's process.
fn collector() -> (SocketAddr, Receiver<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (came, receiver) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(stream);
            let mut first = String::new();
            reader.read_line(&mut first).unwrap();
            let (mut line, mut length) = (String::new(), 0);
            while reader.read_line(&mut line).unwrap() > 2 {
                let field = line.to_ascii_lowercase();
                if let Some(value) = field.strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            let mut message = vec![0; length];
            reader.read_exact(&mut message).unwrap();
            let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
            reader.get_mut().write_all(answer).ok();
            if came.send((path, message)).is_err() {
                return;
            }
        }
    });
    (address, receiver)
}

#[test]
fn metrics_and_decisions_of_a_run_reach_it() {
    let (address, came) = collector();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("revision.yaml");
    std::fs::write(&file, manifest(&[], "initial: 0")).unwrap();
    let file = file.to_str().unwrap().to_owned();
    let instance = Instance::start_in(folder, &[], &["-f", &file], |command| {
        command
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{address}"))
            .env("OTEL_METRIC_EXPORT_INTERVAL", "200");
    });
    assert_eq!(instance.get("/").status, 200);
    let (mut replicas, mut decided) = (false, false);
    while !(replicas && decided) {
        let (path, message) = came.recv_timeout(PATIENCE).unwrap();
        match path.as_str() {
            "/v1/metrics" => {
                let told = ExportMetricsServiceRequest::decode(message.as_slice()).unwrap();
                let metrics = &told.resource_metrics[0].scope_metrics[0].metrics;
                replicas |= metrics
                    .iter()
                    .any(|metric| metric.name == "cheerful_revision_replicas");
            }
            "/v1/logs" => {
                let told = ExportLogsServiceRequest::decode(message.as_slice()).unwrap();
                let record = &told.resource_logs[0].scope_logs[0].log_records[0];
                decided |= format!("{:?}", record.body).contains("0 -> 1");
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn an_address_that_is_none_is_told_at_once() {
    let said = refused(&["run", "--otlp", "localhost:4318", "--", "true"]);
    assert!(
        said.contains("--otlp") && said.contains("http://localhost:4318"),
        "{said}"
    );
}

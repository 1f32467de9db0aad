// SPDX-License-Identifier: Apache-2.0
//! Pages of programs that are not to be had everywhere: as they were recorded, or as their documentation and their own tests
//! show them.
use std::time::Duration;

use cheerful_rig::{Script, read_head};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;

use tokio::sync::watch;

use crate::rig::Watched;

/// A page that stays as it is until another is sent.
async fn of(page: &'static str) -> (Script, watch::Sender<&'static str>) {
    let (next, now) = watch::channel(page);
    let app = Script::start(move |_, mut stream| {
        let now = now.clone();
        async move {
            while !read_head(&mut stream).await.is_empty() {
                let page = *now.borrow();
                let head =
                    "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4; charset=UTF-8";
                let answer = format!("{head}\r\ncontent-length: {}\r\n\r\n{page}", page.len());
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    })
    .await;
    (app, next)
}

/// Envoy's `/stats/prometheus`, with a cluster for the app and one for what the app asks.
const ENVOY: &str = r#"# TYPE envoy_cluster_upstream_cx_total counter
envoy_cluster_upstream_cx_total{envoy_cluster_name="app"} 9
# TYPE envoy_cluster_upstream_rq_pending_overflow counter
envoy_cluster_upstream_rq_pending_overflow{envoy_cluster_name="app"} 1
# TYPE envoy_cluster_upstream_rq_active gauge
envoy_cluster_upstream_rq_active{envoy_cluster_name="app"} 3
envoy_cluster_upstream_rq_active{envoy_cluster_name="database"} 5
# TYPE envoy_cluster_upstream_rq_pending_active gauge
envoy_cluster_upstream_rq_pending_active{envoy_cluster_name="app"} 2
envoy_cluster_upstream_rq_pending_active{envoy_cluster_name="database"} 0
# TYPE envoy_cluster_upstream_rq_time histogram
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="app",le="0.5"} 0
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="app",le="100"} 7
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="app",le="+Inf"} 8
envoy_cluster_upstream_rq_time_sum{envoy_cluster_name="app"} 613.5
envoy_cluster_upstream_rq_time_count{envoy_cluster_name="app"} 8
"#;

/// A mesh gives the cluster another label.
const ISTIO: &str = r#"# TYPE envoy_cluster_upstream_rq_active gauge
envoy_cluster_upstream_rq_active{cluster_name="inbound|8080||"} 4
envoy_cluster_upstream_rq_active{cluster_name="outbound|80||other"} 9
"#;

/// Of Traefik 2, as its own tests show it.
const TRAEFIK: &str = r#"# HELP traefik_config_reloads_total Config reloads
# TYPE traefik_config_reloads_total counter
traefik_config_reloads_total 1
# HELP traefik_service_open_connections How many open connections exist on a service, partitioned by method and protocol.
# TYPE traefik_service_open_connections gauge
traefik_service_open_connections{method="GET",protocol="http",service="app@file"} 2
traefik_service_open_connections{method="POST",protocol="http",service="app@file"} 1
traefik_service_open_connections{method="GET",protocol="http",service="other@file"} 4
# HELP traefik_service_request_duration_seconds How long it took to process the request on a service.
# TYPE traefik_service_request_duration_seconds histogram
traefik_service_request_duration_seconds_bucket{code="200",method="GET",protocol="http",service="app@file",le="0.1"} 3
traefik_service_request_duration_seconds_bucket{code="200",method="GET",protocol="http",service="app@file",le="+Inf"} 5
traefik_service_request_duration_seconds_sum{code="200",method="GET",protocol="http",service="app@file"} 1.5
traefik_service_request_duration_seconds_count{code="200",method="GET",protocol="http",service="app@file"} 5
"#;

/// A Traefik that no request has come to shows no series of its services.
const TRAEFIK_NEW: &str =
    "# TYPE traefik_config_reloads_total counter\ntraefik_config_reloads_total 1\n";

/// Of a Traefik 3.7.13 that ran: after three requests of 5 s. While they were in flight it told nothing of the service.
const TRAEFIK_3: &str = r#"# TYPE traefik_config_reloads_total counter
traefik_config_reloads_total 2
# HELP traefik_open_connections How many open connections exist, by entryPoint and protocol
# TYPE traefik_open_connections gauge
traefik_open_connections{entrypoint="metrics",protocol="TCP"} 1
traefik_open_connections{entrypoint="web",protocol="TCP"} 3
# TYPE traefik_service_request_duration_seconds histogram
traefik_service_request_duration_seconds_bucket{code="200",method="GET",protocol="http",service="app@file",le="0.1"} 0
traefik_service_request_duration_seconds_bucket{code="200",method="GET",protocol="http",service="app@file",le="0.3"} 0
traefik_service_request_duration_seconds_bucket{code="200",method="GET",protocol="http",service="app@file",le="1.2"} 0
traefik_service_request_duration_seconds_bucket{code="200",method="GET",protocol="http",service="app@file",le="5"} 0
traefik_service_request_duration_seconds_bucket{code="200",method="GET",protocol="http",service="app@file",le="+Inf"} 3
traefik_service_request_duration_seconds_sum{code="200",method="GET",protocol="http",service="app@file"} 15.010967690000001
traefik_service_request_duration_seconds_count{code="200",method="GET",protocol="http",service="app@file"} 3
"#;

const VLLM: &str = r#"# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="meta-llama/Llama-3.1-8B-Instruct"} 8.0
# HELP vllm:num_requests_waiting Number of requests waiting to be processed.
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{engine="0",model_name="meta-llama/Llama-3.1-8B-Instruct"} 3.0
# TYPE vllm:kv_cache_usage_perc gauge
vllm:kv_cache_usage_perc{engine="0",model_name="meta-llama/Llama-3.1-8B-Instruct"} 0.42
# TYPE vllm:request_inference_time_seconds histogram
vllm:request_inference_time_seconds_bucket{engine="0",le="0.3",model_name="meta-llama/Llama-3.1-8B-Instruct"} 1.0
vllm:request_inference_time_seconds_bucket{engine="0",le="+Inf",model_name="meta-llama/Llama-3.1-8B-Instruct"} 4.0
vllm:request_inference_time_seconds_count{engine="0",model_name="meta-llama/Llama-3.1-8B-Instruct"} 4.0
vllm:request_inference_time_seconds_sum{engine="0",model_name="meta-llama/Llama-3.1-8B-Instruct"} 5.5
vllm:request_queue_time_seconds_sum{engine="0",model_name="meta-llama/Llama-3.1-8B-Instruct"} 0.25
"#;

#[tokio::test]
async fn what_pages_of_others_say_is_in_flight() {
    for (page, signal, in_flight) in [
        (ENVOY, json!({"envoy": {"cluster": "app"}}), 5.0),
        (ENVOY, json!({"envoy": {}}), 10.0),
        (ISTIO, json!({"envoy": {"cluster": "inbound|8080||"}}), 4.0),
        (TRAEFIK, json!({"traefik": {"service": "app@file"}}), 3.0),
        (TRAEFIK, json!({"traefik": {}}), 7.0),
        (TRAEFIK_NEW, json!({"traefik": {}}), 0.0),
        (VLLM, json!({"vllm": {}}), 11.0),
    ] {
        let (app, _page) = of(page).await;
        let watched = Watched::start(signal.clone(), app.address());
        watched.until(in_flight).await;
        let counts = watched.counts();
        assert_eq!(counts.reads.len(), 1, "{signal}: {counts:?}");
    }
}

#[tokio::test]
async fn traefik_3_has_no_gauge_so_what_ended_is_told_over_the_time_that_it_took() {
    let (app, page) = of(TRAEFIK_NEW).await;
    let watched = Watched::start(json!({"traefik": {}}), app.address());
    watched.until(0.0).await;
    page.send_replace(TRAEFIK_3);
    watched.until_counted(3).await;
    // Were its gauge taken for 0, then all 15 request-seconds would be told at once, as a burst.
    while watched.told().0 < 5.0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(watched.most() < 3.5, "{}", watched.most());
}

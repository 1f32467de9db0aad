// SPDX-License-Identifier: Apache-2.0
//! What is wrong with a replica that is read again and again: each is counted by its reason, and nothing is told of it.
use std::{
    fs,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use cheerful_rig::{Script, read_head};
use cheerful_signals::scrape::{LONGEST_PAGE, Pace, Said, ScrapeCounts, Scraper};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

use super::{loads, ok, pod, reasons, target};

/// No wait is longer; a machine with other work to do is slow.
const PATIENCE: Duration = Duration::from_secs(60);

/// Reads one replica until it is enough.
async fn read(
    signal: serde_json::Value,
    at: SocketAddr,
    enough: impl Fn(&ScrapeCounts) -> bool,
) -> (Vec<Said>, ScrapeCounts) {
    let mut target = target(signal);
    target.endpoint.port = None;
    let scraper = Scraper::new(Pace::default(), 1);
    scraper.targets("cart", vec![target]);
    scraper.replica("cart", "a", at);
    let all = Arc::new(Mutex::new(Vec::new()));
    let to = Arc::clone(&all);
    let run = scraper
        .clone()
        .run(move |said| to.lock().unwrap().push(said));
    let until = async {
        while !enough(&scraper.counts()) {
            sleep(Duration::from_millis(10)).await;
        }
    };
    let both = async {
        tokio::select! {
            () = run => {}
            () = until => {}
        }
    };
    let ended = timeout(PATIENCE, both).await;
    let counts = scraper.counts();
    assert!(ended.is_ok(), "{counts:?}");
    let said = std::mem::take(&mut *all.lock().unwrap());
    (said, counts)
}

fn metrics() -> serde_json::Value {
    json!({"metrics": {"inFlight": "busy_now", "requests": "done_total", "seconds": "spent_total"}})
}

/// How often something was counted.
fn count(counts: &ScrapeCounts, result: &'static str) -> u64 {
    let reads = counts.reads.get(&("metrics", result));
    reads.copied().unwrap_or(0)
}

/// All reads have this result, and nothing is told.
fn is_refused(said: &[Said], counts: &ScrapeCounts, result: &'static str) {
    // On a busy machine a read may take longer than it may.
    let only = [("metrics", result), ("metrics", "silent")];
    assert!(
        counts.reads.keys().all(|key| only.contains(key)),
        "{result}: {counts:?}"
    );
    assert!(loads(said).is_empty(), "{result}");
    assert!(reasons(said).contains(&result), "{result}: {said:?}");
}

#[tokio::test]
async fn values_that_are_no_load() {
    for value in ["NaN", "+Inf", "-Inf", "-1", "1e300"] {
        let page = format!("busy_now {value}\ndone_total 1\nspent_total 1\n");
        let (at, _pod) = pod(move || Some(ok("text/plain", &page))).await;
        let (said, counts) = read(metrics(), at, |counts| count(counts, "impossible") >= 2).await;
        is_refused(&said, &counts, "impossible");
    }
}

#[tokio::test]
async fn a_page_that_never_ends_costs_its_second_and_one_without_lines_not_even_that() {
    let forever = Script::start(|_, mut stream| async move {
        read_head(&mut stream).await;
        let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n";
        stream.write_all(head).await.unwrap();
        while stream.write_all(b"busy_now 4\n").await.is_ok() {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let (said, counts) = read(metrics(), forever.address(), |counts| counts.total() >= 2).await;
    is_refused(&said, &counts, "silent");

    let line = Script::start(|_, mut stream| async move {
        read_head(&mut stream).await;
        let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n";
        stream.write_all(head).await.unwrap();
        while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
    })
    .await;
    let (said, counts) = read(metrics(), line.address(), |counts| {
        count(counts, "malformed") >= 2
    })
    .await;
    is_refused(&said, &counts, "malformed");
}

#[tokio::test]
async fn of_a_page_of_a_hundred_megabytes_no_more_is_read_than_may_be() {
    const LINE: &str = "other{label=\"some text that fills the line up\"} 1\n";
    let app = Script::start(|_, mut stream| async move {
        read_head(&mut stream).await;
        let head =
            "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 104857600\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        let many = LINE.repeat(1000);
        let mut sent = 0;
        while sent < 104_857_600 && stream.write_all(many.as_bytes()).await.is_ok() {
            sent += many.len();
        }
    })
    .await;
    let (said, counts) = read(metrics(), app.address(), |counts| counts.total() >= 2).await;
    assert!(loads(&said).is_empty());
    let only = [("metrics", "too_long"), ("metrics", "silent")];
    assert!(
        counts.reads.keys().all(|key| only.contains(key)),
        "{counts:?}"
    );
    let most = counts.total() * (LONGEST_PAGE as u64 + 1024 * 1024);
    assert!(counts.bytes["metrics"] <= most, "{counts:?}");
}

/// Pages of a process that has answered so many requests of half a second each.
fn page(requests: u32) -> String {
    let seconds = f64::from(requests) / 2.0;
    ok(
        "text/plain",
        &format!("busy_now 2\ndone_total {requests}\nspent_total {seconds}\n"),
    )
}

#[tokio::test]
async fn a_counter_that_goes_back_is_a_new_process_and_never_a_load_below_nothing() {
    let reads = AtomicU32::new(0);
    let (at, _pod) = pod(move || {
        let number = reads.fetch_add(1, Ordering::Relaxed);
        Some(page(if number < 10 { 1000 + number } else { number }))
    })
    .await;
    let (said, counts) = read(metrics(), at, |counts| count(counts, "ok") >= 20).await;
    assert_eq!(count(&counts, "anew"), 1, "{counts:?}");
    let (request_seconds, seconds) = loads(&said)["a"];
    assert!(
        request_seconds > 0.0 && request_seconds / seconds < 20.0,
        "{request_seconds}"
    );
}

#[tokio::test]
async fn two_that_answer_in_turn_under_one_name_are_told_nothing_of() {
    let reads = AtomicU32::new(0);
    let (at, _pod) = pod(move || {
        let number = reads.fetch_add(1, Ordering::Relaxed);
        Some(page(
            if number.is_multiple_of(2) { 1000 } else { 10 } + number,
        ))
    })
    .await;
    let (said, counts) = read(metrics(), at, |counts| count(counts, "mixed") >= 5).await;
    assert!(loads(&said).is_empty(), "{said:?}");
    assert!(reasons(&said).contains(&"mixed"), "{said:?}");
    assert_eq!(count(&counts, "ok"), 1, "{counts:?}");
}

#[tokio::test]
async fn a_certificate_is_verified_where_nobody_says_that_it_need_not_be() {
    let certified = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(
        certified.signing_key.serialize_der(),
    ));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)
        .unwrap();
    let tls = TlsAcceptor::from(Arc::new(config));
    let app = Script::start(move |_, stream| {
        let tls = tls.clone();
        async move {
            let Ok(mut stream) = tls.accept(stream).await else {
                return;
            };
            let mut request = [0; 4096];
            while let Ok(1..) = stream.read(&mut request).await {
                if stream.write_all(page(7).as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.crt");
    fs::write(&file, certified.cert.pem()).unwrap();
    for (given, result) in [
        (json!({}), "certificate"),
        (json!({"caFile": file}), "ok"),
        (json!({"insecure": true}), "ok"),
    ] {
        let mut signal = metrics();
        let fields = signal["metrics"].as_object_mut().unwrap();
        fields.insert("scheme".to_owned(), json!("https"));
        fields.extend(given.as_object().unwrap().clone());
        let (said, counts) = read(signal, app.address(), |counts| count(counts, result) >= 2).await;
        if result == "certificate" {
            is_refused(&said, &counts, result);
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
use proptest::{
    collection::vec,
    option,
    prelude::{Just, Strategy, any, prop_assert_eq, prop_oneof, proptest},
};
use prost::Message;

use super::*;

fn workloads() -> impl Strategy<Value = Workload> {
    let kinds = prop_oneof![Just(WorkloadKind::Revision), Just(WorkloadKind::Autoscaler)];
    ("[a-z]{1,63}", kinds, "[a-z.-]{1,253}").prop_map(|(namespace, kind, name)| Workload {
        namespace,
        kind,
        name,
    })
}

/// Any bits but those of NaN, which equals nothing.
fn numbers() -> impl Strategy<Value = f64> {
    any::<f64>()
}

fn reports() -> impl Strategy<Value = Upward> {
    let numbers = (numbers(), numbers(), numbers(), numbers());
    let counts = (option::of(any::<u64>()), any::<u64>(), any::<u64>());
    let latency = option::of(vec(0..3_u32, Latency::BUCKETS));
    let rest = (
        option::of(self::numbers()),
        latency,
        any::<bool>(),
        any::<bool>(),
    );
    (numbers, counts, rest).prop_map(|(numbers, counts, (in_flight, latency, ready, draining))| {
        let latency = latency
            .and_then(|counts| <[u32; Latency::BUCKETS]>::try_from(counts).ok())
            .map(|counts| Latency::from_counts(&counts))
            .filter(|latency| latency.count() > 0);
        Upward::Report(ReplicaReport {
            report: Report {
                replica: "pod".to_owned(),
                sequence: counts.0,
                age_seconds: numbers.0,
                seconds: numbers.1,
                request_seconds: numbers.2,
                waiting_seconds: numbers.3,
                requests: counts.1,
                refused: counts.2,
                in_flight,
                latency,
            },
            ready,
            draining,
        })
    })
}

fn texts() -> impl Strategy<Value = Option<String>> {
    option::of("[ -~]{1,256}")
}

fn upwards() -> impl Strategy<Value = Upward> {
    let holding = (workloads(), any::<u64>(), any::<u64>(), texts(), texts()).prop_map(
        |(workload, held, arrived, woken_by, last_request)| {
            Upward::Holding(Holding {
                workload,
                held,
                arrived,
                woken_by,
                last_request,
            })
        },
    );
    prop_oneof![reports(), holding, "[!-~]{0,100}".prop_map(Upward::Token)]
}

fn whos() -> impl Strategy<Value = Who> {
    let queue = (workloads(), "[a-z0-9-]{1,253}", any::<SocketAddr>()).prop_map(
        |(workload, pod, address)| Who::Queue {
            workload,
            pod,
            address: plain(address),
        },
    );
    let gateway = ("[a-z]{1,63}", "[a-z0-9-]{1,253}")
        .prop_map(|(namespace, pod)| Who::Gateway { namespace, pod });
    prop_oneof![queue, gateway]
}

/// Without what text does not carry: flow and scope.
fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip(), address.port())
}

fn downwards() -> impl Strategy<Value = Downward> {
    let pace = (option::of(workloads()), 1..u32::MAX, option::of(numbers())).prop_map(
        |(workload, interval, burst_threshold)| {
            Downward::from(Pace {
                workload,
                interval: millis(interval),
                burst_threshold,
            })
        },
    );
    let replica = (
        workloads(),
        "[a-z]{1,253}",
        any::<SocketAddr>(),
        any::<bool>(),
    )
        .prop_map(|(workload, pod, address, ready)| {
            Downward::from(Replica {
                workload,
                pod,
                address: plain(address),
                ready,
            })
        });
    prop_oneof![pace, replica]
}

proptest! {
    #[test]
    fn what_goes_up_comes_back_the_same(message in upwards()) {
        let bytes = proto::Upward::from(message.clone()).encode_to_vec();
        let back = arrived(proto::Upward::decode(bytes.as_slice()).unwrap(), "pod").unwrap();
        prop_assert_eq!(back, Arrived::Message(message));
    }

    #[test]
    fn a_hello_comes_back_the_same(version in 1..9_u32, token in "[!-~]{0,100}", who in whos()) {
        let hello = Hello { version, software: "cheerful 1".to_owned(), token, who };
        let bytes = proto::Upward::from(hello.clone()).encode_to_vec();
        let back = arrived(proto::Upward::decode(bytes.as_slice()).unwrap(), "").unwrap();
        prop_assert_eq!(back, Arrived::Hello(hello));
    }

    #[test]
    fn what_comes_down_comes_back_the_same(message in downwards()) {
        let bytes = proto::Downward::from(message.clone()).encode_to_vec();
        let back = told(proto::Downward::decode(bytes.as_slice()).unwrap()).unwrap();
        prop_assert_eq!(back, Told::Message(message));
    }

    #[test]
    fn no_bytes_break_anything(bytes in vec(any::<u8>(), 0..200)) {
        if let Ok(message) = proto::Upward::decode(bytes.as_slice()) {
            drop(arrived(message, "pod"));
        }
        if let Ok(message) = proto::Downward::decode(bytes.as_slice()) {
            drop(told(message));
        }
    }

    #[test]
    fn no_changed_byte_breaks_anything(message in upwards(), at in any::<usize>(), to in any::<u8>()) {
        let mut bytes = proto::Upward::from(message).encode_to_vec();
        let length = bytes.len();
        if let Some(byte) = bytes.get_mut(at % length.max(1)) {
            *byte = to;
        }
        if let Ok(message) = proto::Upward::decode(bytes.as_slice()) {
            drop(arrived(message, "pod"));
        }
    }
}

fn report_with(latency: Vec<proto::LatencyBucket>) -> proto::Upward {
    let report = proto::Report {
        latency,
        ..proto::Report::default()
    };
    proto::Upward {
        content: Some(proto::upward::Content::Report(report)),
    }
}

#[test]
fn numbers_that_cannot_be_are_for_others_to_refuse() {
    let mut message = report_with(Vec::new());
    if let Some(proto::upward::Content::Report(report)) = &mut message.content {
        report.seconds = f64::NAN;
        report.request_seconds = f64::NEG_INFINITY;
    }
    let Ok(Arrived::Message(Upward::Report(message))) = arrived(message, "pod") else {
        panic!("it was refused");
    };
    assert!(message.report.seconds.is_nan());
    assert_eq!(message.report.sequence, None);
}

#[test]
fn buckets_that_are_none_are_refused() {
    let bucket = |bucket| proto::LatencyBucket { bucket, count: 1 };
    for wrong in [
        vec![bucket(64)],
        vec![bucket(300)],
        vec![bucket(u32::MAX)],
        vec![bucket(3), bucket(3)],
        vec![bucket(4), bucket(3)],
        (0..65).map(bucket).collect(),
    ] {
        let error = arrived(report_with(wrong), "pod").unwrap_err();
        assert_eq!(error.field, "latency");
    }
}

#[test]
fn long_texts_are_cut_and_long_names_refused() {
    assert_eq!(cut("aé".to_owned(), 2), "a");
    assert!(name("pod", "x".repeat(254)).is_err() && name("pod", String::new()).is_err());
    assert!(token("token", "x".repeat(TOKEN_BYTES + 1)).is_err());
}

#[test]
fn a_kind_of_workload_that_is_not_known_is_left_out_but_for_hello() {
    let workload = proto::Workload {
        namespace: "n".to_owned(),
        kind: "Zoo".to_owned(),
        name: "w".to_owned(),
    };
    let holding = proto::Holding {
        workload: Some(workload.clone()),
        ..proto::Holding::default()
    };
    let message = proto::Upward {
        content: Some(proto::upward::Content::Holding(holding)),
    };
    assert_eq!(arrived(message, "pod").unwrap(), Arrived::Unknown);
    let queue = proto::Queue {
        workload: Some(workload),
        ..proto::Queue::default()
    };
    let hello = proto::Hello {
        version: 1,
        who: Some(proto::hello::Who::Queue(queue)),
        ..proto::Hello::default()
    };
    let error = self::hello(hello).unwrap_err();
    assert_eq!(error.field, "workload.kind");
}

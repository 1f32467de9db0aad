// SPDX-License-Identifier: Apache-2.0
use cheerful_simulator::load::{Format, Trace};
use proptest::prelude::*;

use crate::{SEED, gzip, written};

/// Bytes that are nearly a trace: pieces of real ones, in any order, with any bytes between them.
fn nearly_a_trace() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop::sample::select(vec![
        "a - - [24/Nov/2026:15:04:05 +0000] \"GET / HTTP/1.1\" 200 5 0.050\n",
        "a - - [24/Nov/2026:15:04:05 +0000] \"GET / HTTP/1.1\" 200 5 \"-\" \"\\\" 99999999999999999999\n",
        "a - - [99/Nov/9999:15:04:05 +9999] \"GET\" 200 5 0.0.5\n",
        "period,count\n",
        "1998-05-01 00:00:00,3\n",
        "1998-05-01 00:01:00,99999999999999999\n",
        "app,func,end_timestamp,duration\n",
        "a,b,-9e99,1e300\n",
        "a,b,9223372036854775807,0.5\n",
        "a,b,-9223372036854775808,0.5\n",
        "a,b,1e10,9999h\n",
        "HashOwner,HashApp,HashFunction,Trigger,1,2,3\n",
        "o,a,f,http,1,2,18446744073709551615\n",
        "app,avg_mem_mb,num_invocations,1,2\n",
        "a,1,18446744073709551615,1,0\n",
        "a,1,5,18446744073709551615,9\n",
        "TIMESTAMP,ContextTokens,GeneratedTokens\n",
        "2023-11-16 18:17:03.97,999999999999999,1\n",
        "{\"time\":1,\"duration\":2}\n",
        "{\"time\":\"x\",\"duration\":[]}\n",
        "[[[[[[[[\n",
        "{\"cheerfulRecording\":1}\n",
        "{\"at\":1.0,\"held\":18446744073709551615,\"arrived\":18446744073709551615}\n",
        "{\"at\":2.0,\"held\":0}\n",
        "{\"at\":2251799812.0,\"replica\":\"a\",\"seconds\":1.0,\"requestSeconds\":1e9,\"requests\":1000000000}\n",
        "{\"at\":3.0,\"replica\":\"a\",\"seconds\":3600,\"requestSeconds\":0,\"requests\":2,\"latency\":[[63,4294967295]]}\n",
        "{\"at\":4.0,\"replica\":\"a\",\"ageSeconds\":1e12,\"seconds\":1,\"requests\":2}\n",
        "\r\n",
        "\"",
        ",",
        "\0",
    ]);
    let piece = prop_oneof![
        4 => pieces.prop_map(|piece| piece.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..20),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// Reads the beginning of it, for counts may stand for more than anybody could wait for.
fn survives(trace: &Trace) -> Result<(), TestCaseError> {
    if let Ok(mut arrivals) = trace.open(SEED) {
        let all: Vec<_> = arrivals.by_ref().take(2000).collect();
        prop_assert!(all.is_sorted_by_key(|arrival| arrival.at));
        prop_assert!(all.iter().all(|arrival| arrival.work.as_micros() > 0));
        let requests = all.len() as u64;
        if let Ok(summary) = arrivals.finish() {
            prop_assert_eq!(summary.requests, requests);
            prop_assert!(summary.broken <= summary.lines);
            prop_assert!(!summary.sentences().is_empty());
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_bytes_are_too_much(bytes in nearly_a_trace(), packed: bool, format in 0..=Format::NAMES.len()) {
        let bytes = if packed { gzip(&bytes) } else { bytes };
        let (_folder, mut trace) = written(&bytes);
        trace.format = Format::NAMES.get(format).map(|(format, _)| *format);
        survives(&trace)?;
    }

    #[test]
    fn nor_a_gzip_with_holes(bytes in nearly_a_trace(), holes in prop::collection::vec(any::<(prop::sample::Index, u8)>(), 1..5)) {
        let mut packed = gzip(&bytes);
        for (place, byte) in holes {
            let place = place.index(packed.len());
            packed[place] = byte;
        }
        let (_folder, trace) = written(&packed);
        survives(&trace)?;
    }
}

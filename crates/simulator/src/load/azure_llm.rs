// SPDX-License-Identifier: Apache-2.0
use super::{
    record::Edge,
    table::{Layout, Table, Work},
};

/// The columns of the Azure LLM inference traces (2023, 2024).
pub(super) const HEADER: [&str; 3] = ["TIMESTAMP", "ContextTokens", "GeneratedTokens"];

/// What is taken for the time that a request takes, for the traces have none: seconds for each, for each token of its
/// context and for each that is generated.
const SECONDS: [f64; 3] = [0.05, 0.000_15, 0.02];

/// The same in words.
pub(super) const ASSUMED: &str = "the trace has no durations: a request is taken to need 50 ms, 0.15 ms for each token \
     of its context and 20 ms for each token that is generated";

/// One request on each line: when it came, and how many tokens it brought and was given.
pub(super) fn table(header: &[u8]) -> Table {
    let [seconds, context, generated] = SECONDS;
    let layout = Layout {
        time: (0, Edge::Start),
        work: Work::Sum {
            seconds,
            each: [(1, context), (2, generated)],
        },
        count: None,
        keys: Vec::new(),
    };
    Table::new(header, layout, None, 0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::load::record::{Reader as _, Record};

    #[test]
    fn tokens_take_their_time() {
        let mut table = table(b"TIMESTAMP,ContextTokens,GeneratedTokens");
        let read = table.read(b"2023-11-16 18:17:03.9799600,1000,10");
        let Ok(Record::Request { at, edge, work }) = read else {
            panic!("{read:?}");
        };
        assert_eq!(at.micros % 60_000_000, 3_979_960);
        assert_eq!(edge, Edge::Start);
        assert_eq!(work, Some(Duration::from_millis(400)));
        assert!(table.read(b"2023-11-16 18:17:03.97,many,10").is_err());
    }
}

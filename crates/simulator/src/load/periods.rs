// SPDX-License-Identifier: Apache-2.0
use super::{
    record::Edge,
    table::{Layout, Table, Work},
};

/// The columns of a file of counts, such as those of the WorldCup98 site.
pub(super) const HEADER: [&str; 2] = ["period", "count"];

/// One period on each line: when it begins, and how many requests came in it. `length` of a period in microseconds.
pub(super) fn table(header: &[u8], length: i64) -> Table {
    let layout = Layout {
        time: (0, Edge::Start),
        work: Work::Unknown,
        count: Some(1),
        keys: Vec::new(),
    };
    Table::new(header, layout, None, length)
}

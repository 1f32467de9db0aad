// SPDX-License-Identifier: Apache-2.0
use super::{
    quantity::Unit,
    record::Edge,
    table::{Layout, Table, Work},
};

/// The columns of the Azure Functions trace of 2021.
pub(super) const HEADER: [&str; 4] = ["app", "func", "end_timestamp", "duration"];

/// One call on each line: its app and function, when it ended and how long it took, in seconds. `only`: of an app or a
/// function whose name begins so.
pub(super) fn table(header: &[u8], only: Option<String>) -> Table {
    let layout = Layout {
        time: (2, Edge::End),
        work: Work::Column(3, Unit::Seconds),
        count: None,
        keys: vec![0, 1],
    };
    Table::new(header, layout, only, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::record::{Reader as _, Record};

    #[test]
    fn an_app_or_a_function_may_be_asked_for() {
        let mut table = table(b"app,func,end_timestamp,duration", Some("ab".to_owned()));
        for (line, is_it) in [
            (&b"abc,f,0.07949090003967285,0.078"[..], true),
            (b"x,abc,57.1,7.9e-05", true),
            (b"x,y,57.1,1", false),
        ] {
            let read = table.read(line).unwrap();
            assert_eq!(matches!(read, Record::Request { .. }), is_it, "{read:?}");
        }
    }
}

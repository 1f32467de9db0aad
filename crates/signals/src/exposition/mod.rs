// SPDX-License-Identifier: Apache-2.0
//! Prometheus pages: what a text or protobuf exposition says of the few figures that are asked for. A page is read as it
//! comes, and what is not asked for is not kept, so that a page of megabytes costs no memory.
mod line;
mod protobuf;
mod sums;
mod text;
mod wanted;

pub use protobuf::ProtobufReader;
pub use sums::Sums;
pub use text::TextReader;
pub use wanted::{Want, Wanted};

/// What is said when both forms can be had: in the protobuf one what is not asked for is skipped without being looked at.
pub const ACCEPT: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited, \
    text/plain;version=0.0.4;q=0.5, application/openmetrics-text;version=1.0.0;q=0.4, */*;q=0.1";

/// The longest line of a text page, and the longest family of a protobuf one that is asked for, in bytes.
pub const LONGEST_LINE: usize = 16 * 1024;

// SPDX-License-Identifier: Apache-2.0
//! `docs/metrics.md` is made from the rows.
use std::fmt::Write as _;

use super::{Kind, ROWS, Row};

/// The page `docs/metrics.md`.
fn page() -> String {
    let mut page = String::from(
        "<!-- SPDX-License-Identifier: Apache-2.0 -->\n\
         # Metrics\n\n\
         `GET /metrics` of the local API (`cheerful run --admin 127.0.0.1:9090`, and on its Unix socket) gives these in \
         the OpenMetrics text format; so does port 8081 of `cheerful autoscaler`, where those of the gateway and the \
         processes are left out.\n\n\
         The label `revision` has only names of the manifest, and only of those revisions that are not at rest: \
         ten thousand idle services cost no series. `version` is the revision's name, with `~2` and so on after a \
         change of its processes.\n\n\
         | metric | kind | labels | meaning |\n|---|---|---|---|\n",
    );
    rows(&mut page, ROWS);
    page.push_str(
        "\n## The gateway in a cluster\n\n\
         `GET /metrics` at port 8081 of `cheerful gateway` has those of the above that begin with \
         `cheerful_revision_requests`, `cheerful_revision_failed_tries`, `cheerful_revision_held`, \
         `cheerful_revision_request_duration` and `cheerful_revision_cold_start_wait` for each revision that it ever had \
         a request for (`revision` and `version` are `namespace/name`), `cheerful_revisions`, \
         `cheerful_requests_held`, `cheerful_requests_unrouted`, `cheerful_gateway_events_dropped`, and these:\n\n\
         | metric | kind | labels | meaning |\n|---|---|---|---|\n",
    );
    rows(&mut page, crate::cluster::gateway::ROWS);
    page
}

fn rows(page: &mut String, rows: &[Row]) {
    for row in rows {
        let unit = if row.seconds { "_seconds" } else { "" };
        let (kind, total) = match row.kind {
            Kind::Counter => ("counter", "_total"),
            Kind::Gauge => ("gauge", ""),
            Kind::Histogram => ("histogram", ""),
        };
        let labels = row
            .labels
            .iter()
            .map(|label| format!("`{label}`"))
            .collect::<Vec<_>>()
            .join(", ");
        writeln!(
            page,
            "| `cheerful_{}{unit}{total}` | {kind} | {labels} | {} |",
            row.name, row.help
        )
        .unwrap();
    }
}

#[test]
fn the_page_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/metrics.md");
    if std::env::var_os("CHEERFUL_UPDATE").is_some() {
        std::fs::write(path, page()).unwrap();
    }
    let checked_in = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(
        checked_in,
        page(),
        "run the tests with CHEERFUL_UPDATE=1 and check docs/metrics.md in"
    );
}

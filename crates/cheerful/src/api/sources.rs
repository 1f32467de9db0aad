// SPDX-License-Identifier: Apache-2.0
use cheerful_signals::scrape::ScrapeCounts;

use super::metrics::Samples;
use crate::site::{Sources, StatsdCounts};

/// What was counted of what is read and sent by others.
#[derive(Debug, Default)]
pub(super) struct SourceCounts {
    pub(super) scrapes: ScrapeCounts,
    pub(super) statsd: StatsdCounts,
}

impl SourceCounts {
    pub(super) fn of(sources: &Sources) -> Self {
        Self {
            scrapes: sources.scraper.counts(),
            statsd: sources.statsd.counts(),
        }
    }

    pub(super) fn add(&self, samples: &mut Samples) {
        of_scrapes(&self.scrapes, samples);
        for (result, count) in self.statsd.lines.by_word() {
            samples.count("statsd_lines", &[result], count);
        }
        samples.count("statsd_datagrams", &["taken"], self.statsd.lines.datagrams);
        samples.count("statsd_datagrams", &["dropped"], self.statsd.dropped);
    }
}

/// What was read of replicas.
pub(super) fn of_scrapes(seen: &ScrapeCounts, samples: &mut Samples) {
    for ((source, result), count) in &seen.reads {
        samples.count("signal_reads", &[source, result], *count);
    }
    for (source, bytes) in &seen.bytes {
        samples.count("signal_read_bytes", &[source], *bytes);
    }
    samples.count("signal_rounds_shed", &[], seen.shed);
    samples.count("signal_reports_assumed", &[], seen.assumed);
    samples.count("signal_replicas_refused", &[], seen.refused_replicas);
}

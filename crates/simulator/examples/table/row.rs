// SPDX-License-Identifier: Apache-2.0
use cheerful_simulator::report::Comparison;

/// One case of the table.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// The row, or why there is none: a trace is not there.
    pub(crate) run: fn() -> Result<Row, String>,
}

/// What came out of one case.
pub(crate) struct Row {
    /// What is simulated.
    pub(crate) case: &'static str,
    /// What is looked at.
    pub(crate) measure: &'static str,
    pub(crate) baseline: String,
    pub(crate) ours: String,
    pub(crate) aim: &'static str,
    pub(crate) reached: bool,
    /// All figures of the case, as text.
    pub(crate) details: String,
    /// For a page and plots.
    pub(crate) comparison: Option<Comparison>,
}

impl Row {
    pub(crate) const HEAD: &str =
        "| case | measure | baseline | ours | aim | |\n|---|---|---|---|---|---|\n";

    pub(crate) fn line(&self) -> String {
        let Self {
            case,
            measure,
            baseline,
            ours,
            aim,
            ..
        } = self;
        let reached = if self.reached {
            "reached"
        } else {
            "**not reached**"
        };
        format!("| {case} | {measure} | {baseline} | {ours} | {aim} | {reached} |\n")
    }
    pub(crate) fn skipped(case: &str, why: &str) -> String {
        format!("| {case} | skipped: {why} | | | | |\n")
    }
}

/// `3.4 %`.
pub(crate) fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    let digits = if percent < 0.995 { 2 } else { 1 };
    format!("{percent:.digits$} %")
}

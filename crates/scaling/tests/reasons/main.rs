// SPDX-License-Identifier: Apache-2.0
//! `docs/reasons.md`: each reason that a decision can have, with a sentence that a scaler really said.
#![allow(clippy::unwrap_used)]
#[path = "../bed/mod.rs"]
mod bed;
mod bounds;
mod loads;

use std::fmt::Write as _;

use cheerful_scaling::Bound;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reasons.md");

/// One reason of the page.
struct Reason {
    sentence: String,
    meaning: &'static str,
    /// Which setting changes it, or what to do.
    then: &'static str,
}

#[test]
fn the_page_is_up_to_date() {
    let page = page();
    if std::env::var_os("CHEERFUL_UPDATE").is_some() {
        std::fs::write(PATH, &page).unwrap();
    }
    let checked_in = std::fs::read_to_string(PATH).unwrap_or_default();
    assert_eq!(
        checked_in, page,
        "run the tests with CHEERFUL_UPDATE=1 and check docs/reasons.md in"
    );
}

#[test]
fn each_example_is_of_its_bound() {
    for bound in Bound::ALL {
        let decision = bounds::example(bound);
        assert!(decision.is_bounded_by(bound), "{bound:?}: {decision:?}");
        let sentence = decision.sentence();
        let tells = bound == Bound::NoData || sentence.contains("; ");
        assert!(tells, "{bound:?} is not told: {sentence}");
    }
}

fn page() -> String {
    let mut page = String::from(
        "<!-- SPDX-License-Identifier: Apache-2.0 -->\n\
         # Reasons\n\n\
         Each decision has one sentence: in `cheerful explain`, in `cheerful top`, in the console, in the log; in a cluster \
         also in the Revision's status and in its events. It is read from left to right: what changes, what the load is, \
         what one replica is meant for, and what bent the count on its way.\n\n\
         ```\n\
         3 -> 8: 48.2 requests in flight on average over 6 s (panic), target 5.6 each; limited from 9 by max 8\n\
         |       |                                                   |                |\n\
         |       the load, over which time                           |                the count that the load alone\n\
         from how many to how many                                   one replica      asked for, and what bent it\n\
         ```\n\n\
         *Limited* is: fewer than the load asked for; *kept*: more than it asked for; *held*: nobody knows the load, so that \
         nothing is changed but for the bounds. Several reasons stand side by side.\n\n\
         Every sentence on this page was said by a scaler that was brought into that place; a test does it anew.\n\n\
         ## What the load is\n\n",
    );
    table(&mut page, loads::reasons());
    page.push_str("\n## What bent the count\n\nIn the order in which they are applied; the last has the last word.\n\n");
    table(
        &mut page,
        Bound::ALL.into_iter().map(|bound| Reason {
            sentence: bounds::example(bound).sentence(),
            meaning: bounds::meaning(bound),
            then: bounds::then(bound),
        }),
    );
    page.push_str("\n## What is known of a target that is learned\n\nIn brackets after the target, with `target: auto`.\n\n");
    table(&mut page, loads::targets());
    page
}

fn table(page: &mut String, reasons: impl IntoIterator<Item = Reason>) {
    page.push_str("| sentence | what it means | what changes it |\n|---|---|---|\n");
    for reason in reasons {
        let Reason {
            sentence,
            meaning,
            then,
        } = reason;
        writeln!(page, "| {sentence} | {meaning} | {then} |").unwrap();
    }
}

// SPDX-License-Identifier: Apache-2.0
//! The one file that names the YAML library.
use std::borrow::Cow;

use serde_saphyr::{Localizer, Location, SnippetMode, UserMessageFormatter};

use crate::{Problem, node::Node};

/// Deepest nesting: ours is five, a pod template's some twenty, and each level takes stack.
const MAX_DEPTH: usize = 32;

/// Parses one document. The problem's line is that of the document.
pub(crate) fn parse(document: &str) -> Result<Node, Problem> {
    let options = serde_saphyr::options! {
        strict_booleans: true,
        with_snippet: false,
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            flow_nesting_limit: MAX_DEPTH,
            max_documents: 1,
        },
    };
    serde_saphyr::from_str_with_options(document, options).map_err(|error| {
        let formatter = UserMessageFormatter.with_localizer(&WithoutPlace);
        let message = error.render_with_options(serde_saphyr::render_options! {
            formatter: &formatter,
            snippets: SnippetMode::Off,
        });
        Problem {
            field: String::new(),
            value: None,
            message: message
                .chars()
                .filter(|c| !c.is_control())
                .take(300)
                .collect(),
            line: error
                .location()
                .map(|location| location.line())
                .filter(|line| *line > 0),
        }
    })
}

/// Leaves the place out of the message: we say it, counted in the whole source.
struct WithoutPlace;

impl Localizer for WithoutPlace {
    fn attach_location<'a>(&self, base: Cow<'a, str>, _: Location) -> Cow<'a, str> {
        base
    }
}

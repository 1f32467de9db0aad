// SPDX-License-Identifier: Apache-2.0
use crate::{Unread, meter::Figures};

/// Reads nginx's `stub_status`. In flight are the connections on which a request is answered (`Writing`), one of which is
/// our own; its counter of requests has our own reads too, one of each.
///
/// # Errors
/// When it is no such page.
pub fn stub_status(page: &[u8]) -> Result<Figures, Unread> {
    let malformed = || Unread::Malformed("it is no page of nginx' stub_status".to_owned());
    let text = std::str::from_utf8(page).map_err(|_| malformed())?;
    let mut lines = text.lines();
    let first = lines.next().unwrap_or("");
    if !first.starts_with("Active connections:") {
        return Err(malformed());
    }
    let counts = lines.nth(1).ok_or_else(malformed)?;
    let requests = counts.split_whitespace().nth(2).and_then(number);
    let states = lines.next().ok_or_else(malformed)?;
    let mut words = states.split_whitespace();
    let writing = words.by_ref().find(|word| *word == "Writing:");
    let writing = writing.and_then(|_| words.next()).and_then(number);
    let (Some(requests), Some(writing)) = (requests, writing) else {
        return Err(malformed());
    };
    Ok(Figures {
        in_flight: Some((writing - 1.0).max(0.0)),
        requests: Some(requests),
        ..Figures::default()
    })
}

fn number(word: &str) -> Option<f64> {
    let number: u64 = word.parse().ok()?;
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of requests are below 2^53"
    )]
    let number = number as f64;
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_requests_that_are_answered_are_in_flight() {
        let page = "Active connections: 291 \nserver accepts handled requests\n 16630948 16630948 31070465 \n\
            Reading: 6 Writing: 179 Waiting: 106 \n";
        let figures = stub_status(page.as_bytes()).unwrap();
        assert_eq!(figures.in_flight, Some(178.0));
        assert_eq!(figures.requests, Some(31_070_465.0));
        for bad in [
            "",
            "<html>",
            "Active connections: 1",
            "Active connections: 1\n\n 1 2 x\nWriting: 1",
        ] {
            assert_eq!(stub_status(bad.as_bytes()).unwrap_err().name(), "malformed");
        }
    }
}

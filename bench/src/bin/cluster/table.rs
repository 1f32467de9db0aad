// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

/// The middle and the worst of some times, as text.
pub(crate) fn row(what: &str, times: &[Duration]) -> String {
    let mut sorted = times.to_vec();
    sorted.sort();
    let (Some(middle), Some(worst)) = (sorted.get(sorted.len() / 2), sorted.last()) else {
        return format!("{what:<44} none");
    };
    format!(
        "{what:<44} p50 {:>8.1} ms   worst {:>8.1} ms   of {}",
        millis(*middle),
        millis(*worst),
        sorted.len()
    )
}

/// The middle one.
pub(crate) fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort();
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

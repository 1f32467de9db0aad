// SPDX-License-Identifier: Apache-2.0
use std::time::{Duration, Instant};

use tokio::time::sleep;

/// So long a thing that should come soon may take on a slow, busy machine.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Looks until there is something, and gives it.
///
/// # Panics
/// After [`PATIENCE`].
#[expect(clippy::disallowed_methods, reason = "waits for a real cluster")]
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let since = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(
            since.elapsed() < PATIENCE,
            "not within {} s: {what}",
            PATIENCE.as_secs()
        );
        sleep(Duration::from_millis(100)).await;
    }
}

/// Looks again and again for so long.
///
/// # Panics
/// As soon as there is something that should not be.
#[expect(clippy::disallowed_methods, reason = "watches a real cluster")]
pub async fn holds_for(time: Duration, what: &str, mut wrong: impl AsyncFnMut() -> Option<String>) {
    let since = Instant::now();
    while since.elapsed() < time {
        if let Some(wrong) = wrong().await {
            panic!("{what}, but {wrong} after {:?}", since.elapsed());
        }
        sleep(Duration::from_millis(100)).await;
    }
}

// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::UninstallError;

/// How often is asked. A person waits, and the API server has others to serve.
const PAUSE: Duration = Duration::from_millis(500);

/// Asks until it is so.
///
/// # Errors
/// [`UninstallError::Late`] with `late` after `patience`; what `is_so` says.
pub(super) async fn until<F>(
    late: &str,
    patience: Duration,
    mut is_so: F,
) -> Result<(), UninstallError>
where
    F: AsyncFnMut() -> Result<bool, UninstallError>,
{
    let asked = async {
        while !is_so().await? {
            sleep(PAUSE).await;
        }
        Ok(())
    };
    timeout(patience, asked).await.unwrap_or_else(|_| {
        Err(UninstallError::Late {
            what: late.to_owned(),
            seconds: patience.as_secs(),
        })
    })
}

/// What is not there need not be deleted.
///
/// # Errors
/// Any other.
pub(super) fn gone<T>(deleted: kube::Result<T>) -> kube::Result<()> {
    match deleted {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        Err(error) => Err(error),
    }
}

// SPDX-License-Identifier: Apache-2.0
use std::{
    hash::{BuildHasher as _, RandomState},
    time::Duration,
};

use futures_util::{Stream, StreamExt as _};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::{
    Api, Client,
    runtime::{
        WatchStreamExt as _,
        utils::Backoff,
        watcher::{self, watcher},
    },
};

use super::{directory::Event, slice::SliceView};
use crate::{api_server::api_in, names};

/// How long one watch lasts, in seconds: a connection that has silently died is found after that.
const LASTS: u32 = 60;
/// Between two tries after a failure: from and to. Each is drawn up to twice as long, so that not all gateways come at
/// once.
const FIRST_RETRY: Duration = Duration::from_millis(200);
const LONGEST_RETRY: Duration = Duration::from_secs(5);

/// The slices that concern a gateway, as events for a [`super::Directory`]. A failure is told and tried again with
/// growing pauses, without end.
pub(super) fn watch(
    client: &Client,
    namespace: Option<&str>,
) -> impl Stream<Item = Event> + Send + use<> {
    let api: Api<EndpointSlice> = api_in(client, namespace);
    let selector = format!(
        "{},{} in ({},{})",
        names::REVISION_LABEL,
        names::PATH_LABEL,
        names::PATH_PRIVATE,
        names::PATH_GATEWAY
    );
    let config = watcher::Config::default().labels(&selector).timeout(LASTS);
    let mut lost = false;
    watcher(api, config)
        .backoff(Pauses::default())
        .flat_map(move |seen| {
            let event = match seen {
                Ok(seen) => event(seen),
                Err(error) => {
                    if !lost {
                        tracing::warn!(
                            "the watch of EndpointSlices failed, what is known stays: {error}"
                        );
                    }
                    lost = true;
                    return futures_util::stream::iter(vec![Event::WatchLost(true)]);
                }
            };
            let again = std::mem::take(&mut lost).then(|| {
                tracing::info!("the watch of EndpointSlices goes on");
                Event::WatchLost(false)
            });
            // What it says comes first, then that it goes on: else what it is about to say would be missed.
            futures_util::stream::iter(event.into_iter().chain(again).collect::<Vec<_>>())
        })
}

/// Doubling, each drawn between itself and twice itself.
#[derive(Debug, Default)]
struct Pauses {
    failures: u32,
    drawing: RandomState,
}

impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let doubled = FIRST_RETRY * 2_u32.saturating_pow(self.failures.min(16));
        let pause = doubled.min(LONGEST_RETRY);
        let drawn = self.drawing.hash_one(self.failures) % 1_000;
        self.failures = self.failures.saturating_add(1);
        Some(pause + pause * u32::try_from(drawn).unwrap_or(0) / 1_000)
    }
}

impl Backoff for Pauses {
    fn reset(&mut self) {
        self.failures = 0;
    }
}

fn event(seen: watcher::Event<EndpointSlice>) -> Option<Event> {
    match seen {
        watcher::Event::Init => Some(Event::ListBegun),
        watcher::Event::InitApply(slice) | watcher::Event::Apply(slice) => {
            SliceView::of(&slice).map(Event::Slice)
        }
        watcher::Event::InitDone => Some(Event::ListDone),
        watcher::Event::Delete(slice) => {
            let meta = slice.metadata;
            Some(Event::SliceGone(
                format!("{}/{}", meta.namespace?, meta.name?).into(),
            ))
        }
    }
}

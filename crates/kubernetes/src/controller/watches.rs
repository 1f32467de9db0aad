// SPDX-License-Identifier: Apache-2.0
use std::sync::Arc;

use futures_util::{
    Stream, StreamExt as _,
    stream::{self, BoxStream},
};
use kube::{
    Client,
    core::PartialObjectMeta,
    runtime::{WatchStreamExt as _, watcher},
};

use super::{
    metrics::{ControllerMetrics, add},
    world::Change,
};
use crate::{api_server::api_in, names, resources::Autoscaler};

/// All that is watched: everything of ours in `scope` (`None`: all namespaces), and the gateways in `own`.
pub(super) fn all(
    client: &Client,
    scope: Option<&str>,
    own: &str,
    metrics: &Arc<ControllerMetrics>,
) -> BoxStream<'static, Change> {
    let ours = watcher::Config::default().labels(names::REVISION_LABEL);
    let any = watcher::Config::default();
    let gateways = format!("kubernetes.io/service-name={}", names::GATEWAY);
    let gateways = watcher::Config::default().labels(&gateways);
    stream::select_all([
        told(
            watcher(api_in(client, scope), any.clone()),
            metrics,
            |event| Change::Revision(Box::new(event)),
        ),
        told(
            watcher(api_in::<PartialObjectMeta<Autoscaler>>(client, scope), any),
            metrics,
            Change::Autoscaler,
        ),
        told(
            watcher(api_in(client, scope), ours.clone()),
            metrics,
            |event| Change::Deployment(Box::new(event)),
        ),
        told(
            watcher(api_in(client, scope), ours.clone()),
            metrics,
            |event| Change::Service(Box::new(event)),
        ),
        told(
            watcher(api_in(client, scope), ours.clone()),
            metrics,
            Change::Slice,
        ),
        told(watcher(api_in(client, scope), ours), metrics, |event| {
            Change::Pod(Box::new(event))
        }),
        told(
            watcher(api_in(client, Some(own)), gateways),
            metrics,
            Change::Gateway,
        ),
    ])
    .boxed()
}

/// What one watch tells, over and over: it begins anew after a failure, each time later.
fn told<K: Send + 'static>(
    events: impl Stream<Item = Result<watcher::Event<K>, watcher::Error>> + Send + 'static,
    metrics: &Arc<ControllerMetrics>,
    change: fn(watcher::Event<K>) -> Change,
) -> BoxStream<'static, Change> {
    let metrics = Arc::clone(metrics);
    events
        .default_backoff()
        .filter_map(move |event| {
            let told = match event {
                Ok(event) => Some(change(event)),
                Err(error) => {
                    add(&metrics.watch_failures_total, 1);
                    tracing::warn!(%error, "a watch failed and begins anew");
                    None
                }
            };
            std::future::ready(told)
        })
        .boxed()
}

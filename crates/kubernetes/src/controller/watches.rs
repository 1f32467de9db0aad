// SPDX-License-Identifier: Apache-2.0
use std::sync::Arc;

use futures_util::{
    Stream, StreamExt as _,
    stream::{self, BoxStream},
};
use kube::{
    Api, Client, Resource,
    core::{NamespaceResourceScope, PartialObjectMeta},
    runtime::{WatchStreamExt as _, watcher},
};
use serde::de::DeserializeOwned;

use super::{
    metrics::{ControllerMetrics, add},
    world::Change,
};
use crate::{names, resources::Autoscaler};

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
        told(watcher(api(client, scope), any.clone()), metrics, |event| {
            Change::Revision(Box::new(event))
        }),
        told(
            watcher(api::<PartialObjectMeta<Autoscaler>>(client, scope), any),
            metrics,
            Change::Autoscaler,
        ),
        told(
            watcher(api(client, scope), ours.clone()),
            metrics,
            |event| Change::Deployment(Box::new(event)),
        ),
        told(
            watcher(api(client, scope), ours.clone()),
            metrics,
            |event| Change::Service(Box::new(event)),
        ),
        told(
            watcher(api(client, scope), ours.clone()),
            metrics,
            Change::Slice,
        ),
        told(watcher(api(client, scope), ours), metrics, |event| {
            Change::Pod(Box::new(event))
        }),
        told(
            watcher(api(client, Some(own)), gateways),
            metrics,
            Change::Gateway,
        ),
    ])
    .boxed()
}

fn api<K>(client: &Client, namespace: Option<&str>) -> Api<K>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + DeserializeOwned,
{
    match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    }
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

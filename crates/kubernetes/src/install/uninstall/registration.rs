// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::APIService;
use kube::{Api, api::DeleteParams};

use super::{Leaving, UninstallError, failed, wait};
use crate::{external::is_ours, names};

impl Leaving<'_> {
    /// Takes the registration of our API for HPAs away, while the autoscaler still answers: one that leads to nobody breaks
    /// the discovery of the whole cluster. Somebody else's stays.
    pub(super) async fn unregister(&mut self) -> Result<(), UninstallError> {
        let services: Api<APIService> = Api::all(self.client.clone());
        let name = names::EXTERNAL_METRICS_API;
        let what = format!("APIService {name}");
        let found = services.get_opt(name).await.map_err(failed(&what))?;
        let ours = found.is_some_and(|found| is_ours(&found, &self.options.namespace));
        if !ours || !self.step(&format!("{what}: deleted, so that HPAs go by it no longer")) {
            return Ok(());
        }
        wait::gone(services.delete(name, &DeleteParams::default()).await).map_err(failed(&what))?;
        let late = format!("{what} is still there");
        wait::until(&late, Duration::from_secs(60), async || {
            let left = services.get_opt(name).await.map_err(failed(&what))?;
            Ok(left.is_none())
        })
        .await
    }
}

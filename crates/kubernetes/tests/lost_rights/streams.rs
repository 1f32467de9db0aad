// SPDX-License-Identifier: Apache-2.0
//! How queues and gateways reach the autoscaler, and requests the gateway.
use std::{net::SocketAddr, time::Duration};

use cheerful_kubernetes::names;
use cheerful_rig::Traffic;
use tokio::time::timeout;

use crate::{
    house::House,
    stage::{ip, is_ready, quick},
};

impl House {
    /// A Revision `wake` of the sample app, at rest.
    pub(crate) async fn rest_one(&self) {
        self.stage.revision("wake", &[], quick()).await;
        self.stage.at_zero("wake").await;
    }

    pub(crate) async fn takes_reports(&self) -> bool {
        let pods = self.stage.system.pods("autoscaler").await;
        !pods.is_empty() && pods.iter().all(is_ready)
    }

    pub(crate) async fn serves_renewed(&self) -> bool {
        let logs = self.stage.system.logs("autoscaler").await;
        logs.contains("the certificate was renewed")
    }

    /// A request for a Revision at rest.
    pub(crate) async fn knock(&self) {
        let mut traffic = self.stage.traffic("wake", "/").await;
        traffic.once(1);
        *self.knocking.lock().unwrap() = Some(traffic);
    }

    pub(crate) async fn was_let_in(&self) -> bool {
        let knocking = self.knocking.lock().unwrap();
        let tally = knocking.as_ref().unwrap().tally();
        assert!(tally.failed.is_empty(), "{:?}", tally.failed);
        tally.answered == 1
    }

    pub(crate) async fn new_neighbour(&self) {
        let name = self.new_name("neighbour");
        self.stage.revision(&name, &[], quick()).await;
    }

    /// Whether the gateway has an answer to a request for it.
    pub(crate) async fn is_reached(&self) -> bool {
        let pods = self.stage.system.pods("gateway").await;
        let host = format!("{}.{}", self.asked_name(), self.home());
        let address = format!("{}:{}", ip(&pods[0]), names::GATEWAY_PORT);
        let address: SocketAddr = address.parse().unwrap();
        let mut traffic = Traffic::new(address, &host, "/");
        traffic.once(1);
        let asked = timeout(Duration::from_secs(5), traffic.finish()).await;
        asked.is_ok_and(|tally| tally.answered == 1)
    }
}

// SPDX-License-Identifier: Apache-2.0
use std::{collections::BTreeMap, net::SocketAddr};

use cheerful_processes::{FirstAnswer, FrontDoor};
use tokio::sync::watch;

/// A front door in which the test says what is in flight.
#[derive(Debug, Default)]
pub(crate) struct Door(watch::Sender<BTreeMap<String, Known>>);

/// What it knows of a replica.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) address: SocketAddr,
    pub(crate) is_open: bool,
    pub(crate) in_flight: u64,
    /// How often it was opened.
    pub(crate) opened: u32,
    pub(crate) first_answer: Option<FirstAnswer>,
}

impl Door {
    pub(crate) fn get(&self, replica: &str) -> Option<Known> {
        self.0.borrow().get(replica).cloned()
    }

    /// The names of the open replicas.
    pub(crate) fn open_ones(&self) -> Vec<String> {
        let known = self.0.borrow();
        known
            .iter()
            .filter(|(_, known)| known.is_open)
            .map(|(name, _)| name.clone())
            .collect()
    }

    pub(crate) fn set_first_answer(&self, replica: &str, first: FirstAnswer) {
        self.0
            .send_modify(|known| known.get_mut(replica).unwrap().first_answer = Some(first));
    }

    pub(crate) fn set_in_flight(&self, replica: &str, requests: u64) {
        self.0
            .send_modify(|known| known.get_mut(replica).unwrap().in_flight = requests);
    }
}

impl FrontDoor for Door {
    fn open(&self, revision: &str, replica: &str, address: SocketAddr) {
        assert!(replica.starts_with(&format!("{revision}-")));
        let new = Known {
            address,
            is_open: true,
            in_flight: 0,
            opened: 0,
            first_answer: None,
        };
        self.0.send_modify(|known| {
            let replica = known.entry(replica.to_owned()).or_insert(new);
            (replica.address, replica.is_open) = (address, true);
            replica.opened += 1;
        });
    }

    fn take_out(&self, _: &str, replica: &str) {
        self.0.send_modify(|known| {
            if let Some(replica) = known.get_mut(replica) {
                replica.is_open = false;
            }
        });
    }

    async fn drained(&self, _: &str, replica: &str) {
        let mut known = self.0.subscribe();
        let idle = known.wait_for(|known| known.get(replica).is_none_or(|it| it.in_flight == 0));
        idle.await.unwrap();
    }

    fn forget(&self, _: &str, replica: &str) {
        self.0.send_modify(|known| {
            known.remove(replica);
        });
    }

    fn first_answer(&self, _: &str, replica: &str) -> Option<FirstAnswer> {
        self.get(replica)?.first_answer
    }

    fn in_flight(&self, _: &str, replica: &str) -> u64 {
        self.get(replica).map_or(0, |known| known.in_flight)
    }
}

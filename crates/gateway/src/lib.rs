// SPDX-License-Identifier: Apache-2.0
//! The front door: hold while there is no replica, choose the replica, release, hand over.
//! It does not decide scale.
mod gateway;

pub use gateway::{
    Collected, Gateway, GatewayEvent, GatewayPlace, HoldLimits, RevisionConfig, Route, UnknownRevision, WakingRules,
};

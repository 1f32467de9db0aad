// SPDX-License-Identifier: Apache-2.0
//! The platform Kubernetes: custom resources, the controller, the autoscaler's way to pods and scales, and the gateway's
//! way to its replicas.
//!
//! Each part is a pure machine (specification in, objects or actions out) and a shell that talks to the API server.
//! [`names`] has every label, annotation, port and object name that two parts share.
pub mod certificates;
pub mod controller;
pub mod external;
pub mod front;
pub mod inject;
pub mod install;
pub mod lease;
pub mod names;
pub mod objects;
pub mod person;
pub mod resources;

mod api_server;
mod own_image;
mod route;
pub mod scaler;

pub use api_server::{ApiServer, NoApiServer};
pub use kube::{Client, client::Body};
pub use route::RouteConfig;

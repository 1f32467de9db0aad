// SPDX-License-Identifier: Apache-2.0
//! Asking the app whether it answers, as the kubelet would.
mod grpc;
mod http;
mod settings;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use tokio::{net::TcpStream, time::timeout};

pub use settings::{HttpProbe, Kind, Probe, Thresholds, WrongProbe};

/// Why the app did not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NoAnswer {
    /// Nobody listens at the app's own port.
    pub(crate) nobody: bool,
    /// For a person.
    pub(crate) why: String,
}

impl Probe {
    /// Asks once, for the probe's time limit at most.
    pub(crate) async fn ask(&self, app_port: u16) -> Result<(), NoAnswer> {
        let port = self.port.unwrap_or(app_port);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        match timeout(self.timeout, self.answered(address)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(Failed::Connect(error))) => Err(NoAnswer {
                nobody: port == app_port && error.kind() == io::ErrorKind::ConnectionRefused,
                why: format!("port {port}: {error}"),
            }),
            Ok(Err(Failed::Answer(why))) => Err(NoAnswer {
                nobody: false,
                why: format!("port {port}: {why}"),
            }),
            Err(_) => Err(NoAnswer {
                nobody: false,
                why: format!("port {port}: no answer within {}", seconds(self.timeout)),
            }),
        }
    }

    async fn answered(&self, address: SocketAddr) -> Result<(), Failed> {
        let stream = TcpStream::connect(address).await.map_err(Failed::Connect)?;
        // A connection to a free port can meet itself: then nobody else is there.
        if stream.local_addr().is_ok_and(|own| own == address) {
            return Err(Failed::Connect(io::ErrorKind::ConnectionRefused.into()));
        }
        match &self.kind {
            Kind::Tcp => Ok(()),
            Kind::Http(request) => request.get(stream, address).await.map_err(Failed::Answer),
            Kind::Grpc { service } => grpc::check(stream, address, service)
                .await
                .map_err(Failed::Answer),
        }
    }
}

enum Failed {
    Connect(io::Error),
    Answer(String),
}

fn seconds(duration: Duration) -> String {
    format!("{} s", duration.as_secs_f64())
}

// SPDX-License-Identifier: Apache-2.0
use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use cheerful_manifest::DurationText;
use cheerful_proxy::{ServerConfig, TimeLimits};
use cheerful_wire::{LinkConfig, Transport, Who, Workload, WorkloadKind};

use crate::{Probe, SidecarConfig};

/// What the controller tells a queue.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Settings {
    pub workload: Workload,
    pub pod: String,
    pub pod_ip: IpAddr,
    /// `host:port`.
    pub autoscaler: String,
    pub transport: Transport,
    pub queue_port: u16,
    pub admin_port: u16,
    pub app_port: u16,
    pub concurrency: Option<u32>,
    pub waiting: usize,
    pub probe: Probe,
    pub time_limits: TimeLimits,
    pub drain: Duration,
    /// The folder with `token` and `ca.crt`; absent only before an autoscaler on loopback.
    pub identity: Option<PathBuf>,
}

/// One setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Fault {
    /// Its name.
    pub name: &'static str,
    /// As it was given, if it was.
    pub value: Option<String>,
    /// What would be right.
    pub expected: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            value,
            expected,
        } = self;
        match value {
            Some(value) => write!(f, "{name}={value:?}: {expected}"),
            None => write!(f, "{name} is not set: {expected}"),
        }
    }
}

/// Between two looks at the autoscaler's name and the identity's files.
const REFRESH: Duration = Duration::from_secs(10);

/// The least line, so that a burst before a small limit is not refused while replicas start.
const LEAST_WAITING: usize = 100;

/// Requests that may wait for each place under the limit.
const WAITING_PER_PLACE: usize = 10;

/// What the queue has without a connection.
const OWN_BYTES: u64 = 8 * 1024 * 1024;

/// A busy connection with the one to the app behind it, as measured. Rather one that waits to be accepted than all lost
/// because the container was killed for its memory.
const CONNECTION_BYTES: u64 = 64 * 1024;
const LEAST_CONNECTIONS: usize = 64;

/// One second less than the time that Kubernetes gives a pod to end.
const DRAIN: Duration = Duration::from_secs(29);

impl Settings {
    /// From values by name (`CHEERFUL_POD` and so on); an empty one is as none.
    ///
    /// # Errors
    /// All that is wrong, at once.
    pub fn read(value: impl Fn(&str) -> Option<String>) -> Result<Self, Vec<Fault>> {
        let mut values = Values {
            value,
            faults: Vec::new(),
        };
        let settings = values.settings();
        match settings {
            Some(settings) if values.faults.is_empty() => Ok(settings),
            _ => Err(values.faults),
        }
    }

    /// For [`crate::Sidecar::new`]. `unix_millis`: the time of day. Reports are numbered from there on: should the
    /// sidecar alone be started again, its numbers go on above those before, for it sends fewer than a thousand a
    /// second. `memory`: what the container may have, if that is bounded.
    #[must_use]
    pub fn sidecar(&self, unix_millis: u64, memory: Option<u64>) -> SidecarConfig {
        SidecarConfig {
            first_report: unix_millis,
            pod: self.pod.clone(),
            app_port: self.app_port,
            concurrency: self.concurrency,
            waiting: self.waiting,
            probe: self.probe.clone(),
            time_limits: self.time_limits,
            drain: self.drain,
            server: ServerConfig {
                max_connections: connections(memory),
                ..ServerConfig::default()
            },
        }
    }

    /// For [`cheerful_wire::Link::start`].
    #[must_use]
    pub fn link(&self) -> LinkConfig {
        let identity = self.identity.as_ref();
        LinkConfig {
            autoscaler: self.autoscaler.clone(),
            server_name: identity
                .and_then(|_| host(&self.autoscaler))
                .map(str::to_owned),
            ca_file: identity.map(|folder| folder.join("ca.crt")),
            token_file: identity.map(|folder| folder.join("token")),
            transport: self.transport,
            who: Who::Queue {
                workload: self.workload.clone(),
                pod: self.pod.clone(),
                address: SocketAddr::new(self.pod_ip, self.queue_port),
            },
            refresh: REFRESH,
        }
    }
}

struct Values<F> {
    value: F,
    faults: Vec<Fault>,
}

impl<F: Fn(&str) -> Option<String>> Values<F> {
    /// `None` only with a fault.
    fn settings(&mut self) -> Option<Settings> {
        let kind = self.or(
            "CHEERFUL_WORKLOAD_KIND",
            WorkloadKind::Revision,
            |text| match text {
                "Revision" => Ok(WorkloadKind::Revision),
                "Autoscaler" => Ok(WorkloadKind::Autoscaler),
                _ => Err("should be Revision or Autoscaler".to_owned()),
            },
        );
        let namespace = self.name("CHEERFUL_NAMESPACE", "the pod's namespace");
        let name = self.name("CHEERFUL_WORKLOAD", "the name of what is scaled");
        let pod = self.name("CHEERFUL_POD", "the pod's name");
        let pod_ip = self.needed(
            "CHEERFUL_POD_IP",
            "should be the pod's IP address",
            |text| {
                text.parse()
                    .map_err(|_| "should be the pod's IP address, such as 10.0.0.7".to_owned())
            },
        );
        let autoscaler = self.needed(
            "CHEERFUL_AUTOSCALER",
            "should be where the autoscaler takes reports, such as \
             cheerful-autoscaler.cheerful-system.svc:8443",
            |text| match host(text) {
                Some(_) => Ok(text.to_owned()),
                None => Err("should be host:port".to_owned()),
            },
        );
        let transport = self.or("CHEERFUL_TRANSPORT", Transport::Grpc, |text| match text {
            "grpc" => Ok(Transport::Grpc),
            "websocket" => Ok(Transport::WebSocket),
            _ => Err("should be grpc or websocket".to_owned()),
        });
        let queue_port = self.port("CHEERFUL_QUEUE_PORT", Some(8012));
        let admin_port = self.port("CHEERFUL_ADMIN_PORT", Some(8022));
        let app_port = self.port("CHEERFUL_APP_PORT", None);
        self.differ(queue_port, admin_port, app_port);
        let concurrency = self.number("CHEERFUL_CONCURRENCY", 0_u32);
        let per_limit = usize::try_from(concurrency.unwrap_or(0))
            .unwrap_or(usize::MAX)
            .saturating_mul(WAITING_PER_PLACE);
        let waiting = self.number("CHEERFUL_WAITING", per_limit.max(LEAST_WAITING));
        let probe = self.or("CHEERFUL_PROBE", Probe::default(), |text| {
            Probe::from_json(text).map_err(|error| error.to_string())
        });
        let default = TimeLimits::default();
        let time_limits = TimeLimits {
            connect: self.duration("CHEERFUL_TIMEOUT_CONNECT", default.connect),
            first_byte: self.duration("CHEERFUL_TIMEOUT_FIRST_BYTE", default.first_byte),
            idle: self.duration("CHEERFUL_TIMEOUT_IDLE", default.idle),
            whole: self.duration("CHEERFUL_TIMEOUT_WHOLE", default.whole),
        };
        let drain = self.duration("CHEERFUL_DRAIN", DRAIN);
        let identity = self.text("CHEERFUL_IDENTITY").map(PathBuf::from);
        self.proves_itself(autoscaler.as_deref(), identity.is_some());
        Some(Settings {
            workload: Workload {
                namespace: namespace?,
                kind: kind?,
                name: name?,
            },
            pod: pod?,
            pod_ip: pod_ip?,
            autoscaler: autoscaler?,
            transport: transport?,
            queue_port: queue_port?,
            admin_port: admin_port?,
            app_port: app_port?,
            concurrency: concurrency.filter(|limit| *limit > 0),
            waiting: waiting?,
            probe: probe?,
            time_limits,
            drain,
            identity,
        })
    }

    fn text(&self, name: &'static str) -> Option<String> {
        (self.value)(name).filter(|text| !text.is_empty())
    }

    fn fault(&mut self, name: &'static str, value: Option<String>, expected: impl Into<String>) {
        self.faults.push(Fault {
            name,
            value,
            expected: expected.into(),
        });
    }

    /// What is absent is `default`; what is wrong is `None`, and a fault.
    fn or<T>(
        &mut self,
        name: &'static str,
        default: T,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let Some(text) = self.text(name) else {
            return Some(default);
        };
        match read(&text) {
            Ok(value) => Some(value),
            Err(expected) => {
                self.fault(name, Some(text), expected);
                None
            }
        }
    }

    fn needed<T>(
        &mut self,
        name: &'static str,
        expected: &str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        if self.text(name).is_none() {
            self.fault(name, None, expected);
            return None;
        }
        self.or(name, None, |text| read(text).map(Some)).flatten()
    }

    fn name(&mut self, name: &'static str, what: &str) -> Option<String> {
        self.needed(name, &format!("should be {what}"), |text| {
            Ok(text.to_owned())
        })
    }

    fn port(&mut self, name: &'static str, default: Option<u16>) -> Option<u16> {
        let expected = "should be a port, 1 to 65535";
        let read = |text: &str| match text.parse() {
            Ok(0) | Err(_) => Err(expected.to_owned()),
            Ok(port) => Ok(port),
        };
        match default {
            Some(default) => self.or(name, default, read),
            None => self.needed(name, expected, read),
        }
    }

    fn number<T: FromStr>(&mut self, name: &'static str, default: T) -> Option<T> {
        self.or(name, default, |text| {
            text.parse()
                .map_err(|_| "should be a whole number from 0 on".to_owned())
        })
    }

    fn duration(&mut self, name: &'static str, default: Duration) -> Duration {
        let read = |text: &str| {
            text.parse()
                .map(|DurationText(duration)| duration)
                .map_err(|error| format!("{error}"))
        };
        self.or(name, default, read).unwrap_or(default)
    }

    fn differ(&mut self, queue: Option<u16>, admin: Option<u16>, app: Option<u16>) {
        let app_text = self.text("CHEERFUL_APP_PORT");
        if app.is_some() && (app == queue || app == admin) {
            self.fault(
                "CHEERFUL_APP_PORT",
                app_text,
                "should be neither the queue's port nor that of its pages: the app listens beside them",
            );
        }
        if queue.is_some() && queue == admin {
            let value = self.text("CHEERFUL_ADMIN_PORT");
            self.fault(
                "CHEERFUL_ADMIN_PORT",
                value,
                "should be another port than the queue's",
            );
        }
    }

    /// Without an identity nothing may leave this machine.
    fn proves_itself(&mut self, autoscaler: Option<&str>, has_identity: bool) {
        let Some(host) = autoscaler.and_then(host) else {
            return;
        };
        let loopback = host == "localhost"
            || host
                .trim_matches(['[', ']'])
                .parse()
                .is_ok_and(|address: IpAddr| address.is_loopback());
        if !has_identity && !loopback {
            self.fault(
                "CHEERFUL_IDENTITY",
                None,
                "should be the folder with `token` and `ca.crt`; \
                 only an autoscaler on loopback is spoken to without",
            );
        }
    }
}

/// Connections that fit into so many bytes, from 64 to as many as without a bound.
fn connections(memory: Option<u64>) -> usize {
    let most = ServerConfig::default().max_connections;
    let Some(memory) = memory else {
        return most;
    };
    let fit = memory.saturating_sub(OWN_BYTES) / CONNECTION_BYTES;
    usize::try_from(fit)
        .unwrap_or(most)
        .clamp(LEAST_CONNECTIONS, most)
}

/// The host of `host:port`.
fn host(address: &str) -> Option<&str> {
    let (host, port) = address.rsplit_once(':')?;
    let fits = !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0);
    fits.then_some(host)
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;

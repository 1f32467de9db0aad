// SPDX-License-Identifier: Apache-2.0
use std::{net::SocketAddr, path::PathBuf, time::Duration};

use cheerful_kubernetes::{names, scaler::ScalerConfig};
use cheerful_manifest::DurationText;

use crate::{
    exit::Failure,
    otlp::{OtlpArgs, OtlpOptions},
};

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct AutoscalerArgs {
    /// The namespace that it runs in
    #[arg(long, env = "CHEERFUL_NAMESPACE", default_value = names::SYSTEM_NAMESPACE)]
    namespace: String,
    /// Its pod: by this name it takes part in leading, and signs what it says
    #[arg(long, value_name = "NAME", env = "CHEERFUL_POD")]
    pod: String,
    /// Where the gateways are [default: its own namespace]
    #[arg(long, value_name = "NAMESPACE", env = "CHEERFUL_GATEWAY_NAMESPACE")]
    gateway_namespace: Option<String>,
    /// Look after one namespace alone [default: all]
    #[arg(long, value_name = "NAMESPACE", env = "CHEERFUL_WATCH_NAMESPACE")]
    watch_namespace: Option<String>,
    /// Scale one Revision alone
    #[arg(long, value_name = "NAMESPACE/NAME", env = "CHEERFUL_ONLY")]
    only: Option<String>,
    /// With --only: the uid of its Service, which its Lease goes with
    #[arg(
        long,
        value_name = "UID",
        env = "CHEERFUL_SERVICE_UID",
        requires = "only"
    )]
    service_uid: Option<String>,
    /// Where reports are taken
    #[arg(long, value_name = "ADDRESS", env = "CHEERFUL_REPORTS_ADDRESS", default_value_t = SocketAddr::from(([0, 0, 0, 0], names::REPORTS_PORT)))]
    reports_address: SocketAddr,
    /// Where its pages are, and the API behind explain
    #[arg(long, value_name = "PORT", env = "CHEERFUL_ADMIN_PORT", default_value_t = names::ADMIN_PORT)]
    admin_port: u16,
    /// Answer the API server for HPAs: requests in flight and wanted replicas, as external.metrics.k8s.io
    #[arg(long, env = "CHEERFUL_EXTERNAL_METRICS")]
    external_metrics: bool,
    /// With --external-metrics: where
    // No environment variable: Kubernetes sets that one to an address, for our Service is called so.
    #[arg(long, value_name = "PORT", default_value_t = names::EXTERNAL_METRICS_PORT)]
    external_metrics_port: u16,
    /// In how many parts the work is split, each led by one of the replicas; the same for all of them
    #[arg(long, value_name = "N", env = "CHEERFUL_SHARDS", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    shards: u32,
    /// Between two decisions when nothing urges
    #[arg(long, value_name = "TIME", env = "CHEERFUL_TICK", default_value = "2s")]
    tick: String,
    /// Writes of /scale in a second
    #[arg(long, value_name = "N", env = "CHEERFUL_SCALE_WRITES", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    scale_writes: u32,
    /// Writes of /scale at once, after a rest
    #[arg(long, value_name = "N", env = "CHEERFUL_SCALE_WRITES_BURST", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    scale_writes_burst: u32,
    /// Record all that it sees, for replay
    #[arg(long, value_name = "FILE", env = "CHEERFUL_RECORD")]
    record: Option<PathBuf>,
    #[command(flatten)]
    otlp: OtlpArgs,
    /// Take reports without TLS; for tests
    #[arg(long, hide = true)]
    plaintext: bool,
}

/// What is run.
#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) scaler: ScalerConfig,
    /// Where it runs itself.
    pub(super) namespace: String,
    pub(super) reports: SocketAddr,
    pub(super) admin_port: u16,
    /// Where the API server is answered for HPAs, if it is.
    pub(super) external: Option<SocketAddr>,
    /// The Lease of each shard.
    pub(super) leases: Vec<String>,
    /// The Service that they go with.
    pub(super) service_uid: Option<String>,
    /// Where metrics and decisions are sent.
    pub(super) otlp: Option<OtlpOptions>,
    pub(super) plaintext: bool,
}

impl AutoscalerArgs {
    /// # Errors
    /// The first that cannot be used.
    pub(super) fn options(self) -> Result<Options, Failure> {
        let tick: DurationText = self.tick.parse().map_err(|_| {
            Failure::bad_input(format_args!(
                "--tick: {:?}; a time like 2s is right",
                self.tick
            ))
        })?;
        let tick = Duration::from(tick);
        if !(Duration::from_millis(10)..=Duration::from_secs(60)).contains(&tick) {
            let text = format!("--tick: {}; from 10ms to 60s is right", self.tick);
            return Err(Failure::bad_input(text));
        }
        let only = match &self.only {
            None => None,
            Some(text) => match text.split_once('/') {
                Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() => {
                    Some((namespace.to_owned(), name.to_owned()))
                }
                _ => {
                    let text = format!("--only: {text:?}; NAMESPACE/NAME is right");
                    return Err(Failure::bad_input(text));
                }
            },
        };
        let leases = match &only {
            Some((_, name)) => vec![names::dedicated_autoscaler(name)],
            None => (0..self.shards).map(names::autoscaler_lease).collect(),
        };
        let watch_namespace = only
            .as_ref()
            .map(|(namespace, _)| namespace.clone())
            .or(self.watch_namespace);
        Ok(Options {
            scaler: ScalerConfig {
                gateway_namespace: self
                    .gateway_namespace
                    .unwrap_or_else(|| self.namespace.clone()),
                pod: self.pod,
                watch_namespace,
                only,
                tick,
                record: self.record,
                writes_per_second: self.scale_writes.into(),
                writes_burst: self.scale_writes_burst.into(),
            },
            namespace: self.namespace,
            reports: self.reports_address,
            external: self
                .external_metrics
                .then(|| SocketAddr::new(self.reports_address.ip(), self.external_metrics_port)),
            admin_port: self.admin_port,
            leases,
            service_uid: self.service_uid,
            otlp: self.otlp.options()?,
            plaintext: self.plaintext,
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: AutoscalerArgs,
    }

    fn options(args: &[&str]) -> Result<Options, Failure> {
        let all = ["autoscaler", "--pod", "a-1"].iter().chain(args);
        Line::parse_from(all).args.options()
    }

    #[test]
    fn each_shard_has_a_lease_and_a_dedicated_one_its_own() {
        assert_eq!(
            options(&["--shards", "2"]).unwrap().leases,
            ["cheerful-autoscaler-0", "cheerful-autoscaler-1"]
        );
        let one = options(&["--only", "shop/cart"]).unwrap();
        assert_eq!(one.leases, ["cart-autoscaler"]);
        assert_eq!(one.scaler.watch_namespace.as_deref(), Some("shop"));
    }

    #[test]
    fn what_cannot_be_used_is_told_with_what_would_be_right() {
        for (args, text) in [
            (["--only", "cart"], "NAMESPACE/NAME"),
            (["--tick", "2"], "2s"),
            (["--tick", "2h"], "10ms to 60s"),
        ] {
            let failure = options(&args).unwrap_err();
            assert!(failure.message.contains(text), "{}", failure.message);
        }
    }
}

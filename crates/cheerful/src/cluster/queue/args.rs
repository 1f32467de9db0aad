// SPDX-License-Identifier: Apache-2.0
/// As text, for all that is wrong is told at once: `cheerful_queue::Settings` reads it.
#[derive(Clone, Debug, clap::Args)]
#[command(rename_all = "kebab-case")]
pub(crate) struct QueueArgs {
    /// The pod's namespace
    #[arg(long, env = "CHEERFUL_NAMESPACE", hide_env_values = true)]
    namespace: Option<String>,
    /// What is scaled: Revision (default) or Autoscaler
    #[arg(long, value_name = "KIND", env = "CHEERFUL_WORKLOAD_KIND")]
    workload_kind: Option<String>,
    /// Its name
    #[arg(long, value_name = "NAME", env = "CHEERFUL_WORKLOAD")]
    workload: Option<String>,
    /// The pod's name
    #[arg(long, value_name = "NAME", env = "CHEERFUL_POD")]
    pod: Option<String>,
    /// Its IP address
    #[arg(long, value_name = "IP", env = "CHEERFUL_POD_IP")]
    pod_ip: Option<String>,
    /// Where the autoscaler takes reports
    #[arg(long, value_name = "HOST:PORT", env = "CHEERFUL_AUTOSCALER")]
    autoscaler: Option<String>,
    /// How reports travel: grpc (default) or websocket
    #[arg(long, env = "CHEERFUL_TRANSPORT")]
    transport: Option<String>,
    /// Where requests are taken [default: 8012]
    #[arg(long, value_name = "PORT", env = "CHEERFUL_QUEUE_PORT")]
    queue_port: Option<String>,
    /// Where its own pages are [default: 8022]
    #[arg(long, value_name = "PORT", env = "CHEERFUL_ADMIN_PORT")]
    admin_port: Option<String>,
    /// Where the app listens
    #[arg(long, value_name = "PORT", env = "CHEERFUL_APP_PORT")]
    app_port: Option<String>,
    /// Requests in the app at most [default: 0, no limit]
    #[arg(long, value_name = "N", env = "CHEERFUL_CONCURRENCY")]
    concurrency: Option<String>,
    /// Requests that wait at most [default: ten times that]
    #[arg(long, value_name = "N", env = "CHEERFUL_WAITING")]
    waiting: Option<String>,
    /// How the app is probed [default: {"tcp":{}}]
    #[arg(long, value_name = "JSON", env = "CHEERFUL_PROBE")]
    probe: Option<String>,
    /// To connect to the app [default: 5s]
    #[arg(long, value_name = "TIME", env = "CHEERFUL_TIMEOUT_CONNECT")]
    timeout_connect: Option<String>,
    /// Until the first byte of an answer [default: 5m]
    #[arg(long, value_name = "TIME", env = "CHEERFUL_TIMEOUT_FIRST_BYTE")]
    timeout_first_byte: Option<String>,
    /// Without a byte [default: 0s, no limit]
    #[arg(long, value_name = "TIME", env = "CHEERFUL_TIMEOUT_IDLE")]
    timeout_idle: Option<String>,
    /// For all of a request [default: 5m]
    #[arg(long, value_name = "TIME", env = "CHEERFUL_TIMEOUT_WHOLE")]
    timeout_whole: Option<String>,
    /// For draining at most [default: 29s]
    #[arg(long, value_name = "TIME", env = "CHEERFUL_DRAIN")]
    drain: Option<String>,
    /// The folder with `token` and `ca.crt`
    #[arg(long, value_name = "DIR", env = "CHEERFUL_IDENTITY")]
    identity: Option<String>,
}

impl QueueArgs {
    /// By the names of the environment.
    pub(super) fn values(&self) -> impl Fn(&str) -> Option<String> + '_ {
        |name| {
            let value = match name {
                "CHEERFUL_NAMESPACE" => &self.namespace,
                "CHEERFUL_WORKLOAD_KIND" => &self.workload_kind,
                "CHEERFUL_WORKLOAD" => &self.workload,
                "CHEERFUL_POD" => &self.pod,
                "CHEERFUL_POD_IP" => &self.pod_ip,
                "CHEERFUL_AUTOSCALER" => &self.autoscaler,
                "CHEERFUL_TRANSPORT" => &self.transport,
                "CHEERFUL_QUEUE_PORT" => &self.queue_port,
                "CHEERFUL_ADMIN_PORT" => &self.admin_port,
                "CHEERFUL_APP_PORT" => &self.app_port,
                "CHEERFUL_CONCURRENCY" => &self.concurrency,
                "CHEERFUL_WAITING" => &self.waiting,
                "CHEERFUL_PROBE" => &self.probe,
                "CHEERFUL_TIMEOUT_CONNECT" => &self.timeout_connect,
                "CHEERFUL_TIMEOUT_FIRST_BYTE" => &self.timeout_first_byte,
                "CHEERFUL_TIMEOUT_IDLE" => &self.timeout_idle,
                "CHEERFUL_TIMEOUT_WHOLE" => &self.timeout_whole,
                "CHEERFUL_DRAIN" => &self.drain,
                "CHEERFUL_IDENTITY" => &self.identity,
                _ => &None,
            };
            value.clone()
        }
    }
}

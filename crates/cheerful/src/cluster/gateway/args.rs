// SPDX-License-Identifier: Apache-2.0
use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use cheerful_kubernetes::names;
use cheerful_manifest::DurationText;
use cheerful_wire::{LinkConfig, Transport, Who};

use crate::exit::Failure;

/// As text, for all that is wrong is told at once.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct GatewayArgs {
    /// The namespace it runs in
    #[arg(long, value_name = "NAME", env = "CHEERFUL_NAMESPACE")]
    namespace: Option<String>,
    /// The pod's name
    #[arg(long, value_name = "NAME", env = "CHEERFUL_POD")]
    pod: Option<String>,
    /// Port to listen on; 0: any free one [default: 8080]
    #[arg(short, long, env = "CHEERFUL_PORT")]
    port: Option<String>,
    /// Its address [default: ::, else 0.0.0.0: all]
    #[arg(long, env = "CHEERFUL_ADDRESS")]
    address: Option<String>,
    /// Port of its own pages [default: 8081]
    #[arg(long, value_name = "PORT", env = "CHEERFUL_ADMIN_PORT")]
    admin_port: Option<String>,
    /// Where the autoscaler is told of what is held [default: port 8443 of cheerful-autoscaler in the namespace]
    #[arg(long, value_name = "HOST:PORT", env = "CHEERFUL_AUTOSCALER")]
    autoscaler: Option<String>,
    /// How that travels: grpc (default) or websocket
    #[arg(long, env = "CHEERFUL_TRANSPORT")]
    transport: Option<String>,
    /// The folder with `token` and `ca.crt`; empty: no TLS, for tests [default: /var/run/cheerful]
    #[arg(long, value_name = "DIR", env = "CHEERFUL_IDENTITY")]
    identity: Option<String>,
    /// Serve the revisions of this namespace alone
    #[arg(long, value_name = "NAME", env = "CHEERFUL_WATCH_NAMESPACE")]
    watch_namespace: Option<String>,
    /// Threads that serve requests [default: 1]
    #[arg(long, value_name = "N", env = "CHEERFUL_THREADS")]
    threads: Option<String>,
    /// At the end: for new connections still to be taken, at most [default: 5s]
    #[arg(long, value_name = "TIME", env = "CHEERFUL_GRACE")]
    grace: Option<String>,
    /// After that: for what is in flight or held, at most [default: 30s]
    #[arg(long, value_name = "TIME", env = "CHEERFUL_DRAIN")]
    drain: Option<String>,
}

/// All that it needs to know.
#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) listen: SocketAddr,
    pub(super) admin: SocketAddr,
    pub(super) link: LinkConfig,
    pub(super) watch_namespace: Option<String>,
    pub(super) threads: usize,
    pub(super) grace: Duration,
    pub(super) drain: Duration,
}

/// Between two looks at the autoscaler's name and at the files of the identity.
const REFRESH: Duration = Duration::from_secs(10);
const THREADS: usize = 256;
const GRACE: Duration = Duration::from_secs(5);
const DRAIN: Duration = Duration::from_secs(30);

impl GatewayArgs {
    /// # Errors
    /// Everything that is wrong, at once.
    pub(super) fn options(&self) -> Result<Options, Failure> {
        let mut faults = Vec::new();
        let mut fault = |flag: &str, given: &Option<String>, right: &str| {
            faults.push(match given {
                Some(given) => format!("\n  {flag} {given:?}: {right} is right"),
                None => format!("\n  {flag} is not given: {right} is right"),
            });
        };
        let right = "the name of a namespace (by the downward API)";
        let namespace = name(&self.namespace, || {
            fault("--namespace", &self.namespace, right)
        });
        let right = "the name of the pod (by the downward API)";
        let pod = name(&self.pod, || fault("--pod", &self.pod, right));
        let watched = self.watch_namespace.as_ref().map(|_| {
            let right = "the name of a namespace, or nothing for all";
            name(&self.watch_namespace, || {
                fault("--watch-namespace", &self.watch_namespace, right);
            })
        });
        let mut port = |flag, given: &Option<String>, default: u16| {
            parsed(
                given,
                default,
                |_| true,
                || fault(flag, given, "a port from 0 to 65535"),
            )
        };
        let listens = port("--port", &self.port, names::GATEWAY_PORT);
        let admin = port("--admin-port", &self.admin_port, names::ADMIN_PORT);
        if listens == admin && listens != 0 {
            fault(
                "--admin-port",
                &Some(admin.to_string()),
                "another port than --port",
            );
        }
        let right = "an IP address";
        let address = parsed(
            &self.address,
            everywhere(),
            |_| true,
            || {
                fault("--address", &self.address, right);
            },
        );
        let service = format!(
            "{}.{namespace}.svc:{}",
            names::AUTOSCALER,
            names::REPORTS_PORT
        );
        let autoscaler = self.autoscaler.clone().unwrap_or(service);
        let host = host(&autoscaler).map(str::to_owned);
        if host.is_none() {
            fault("--autoscaler", &self.autoscaler, "HOST:PORT");
        }
        let transport = match self.transport.as_deref() {
            None | Some("grpc") => Transport::Grpc,
            Some("websocket") => Transport::WebSocket,
            Some(_) => {
                fault("--transport", &self.transport, "grpc or websocket");
                Transport::Grpc
            }
        };
        let threads = parsed(
            &self.threads,
            1,
            |threads| (1..=THREADS).contains(threads),
            || {
                fault("--threads", &self.threads, "a number from 1 to 256");
            },
        );
        let mut time = |flag, given: &Option<String>, default: Duration| {
            given.as_ref().map_or(default, |text| {
                text.parse()
                    .map(|DurationText(time)| time)
                    .unwrap_or_else(|_| {
                        fault(flag, given, "a time such as 30s");
                        default
                    })
            })
        };
        let grace = time("--grace", &self.grace, GRACE);
        let drain = time("--drain", &self.drain, DRAIN);
        if !faults.is_empty() {
            return Err(Failure::bad_input(format_args!(
                "the gateway cannot start; nothing was started:{}",
                faults.concat()
            )));
        }
        let folder = self.identity.as_deref().unwrap_or(names::IDENTITY_FOLDER);
        let identity = (!folder.is_empty()).then(|| PathBuf::from(folder));
        Ok(Options {
            listen: SocketAddr::new(address, listens),
            admin: SocketAddr::new(address, admin),
            link: LinkConfig {
                autoscaler,
                server_name: identity.as_ref().and(host),
                ca_file: identity.as_ref().map(|folder| folder.join("ca.crt")),
                token_file: identity.as_ref().map(|folder| folder.join("token")),
                transport,
                who: Who::Gateway { namespace, pod },
                refresh: REFRESH,
            },
            watch_namespace: watched,
            threads,
            grace,
            drain,
        })
    }
}

fn name(given: &Option<String>, wrong: impl FnOnce()) -> String {
    let given = given.as_deref().unwrap_or_default();
    let fits = given
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte));
    if given.is_empty() || given.len() > 253 || !fits {
        wrong();
    }
    given.to_owned()
}

fn parsed<T: FromStr>(
    given: &Option<String>,
    default: T,
    fits: impl FnOnce(&T) -> bool,
    wrong: impl FnOnce(),
) -> T
where
    T::Err: fmt::Display,
{
    let Some(given) = given else { return default };
    match given.parse() {
        Ok(value) if fits(&value) => value,
        _ => {
            wrong();
            default
        }
    }
}

/// `None`: not `HOST:PORT`.
fn host(address: &str) -> Option<&str> {
    let (host, port) = address.rsplit_once(':')?;
    let port: u16 = port.parse().ok()?;
    (!host.is_empty() && port > 0).then_some(host)
}

/// On a node without IPv6 its addresses cannot be listened on.
fn everywhere() -> IpAddr {
    let six = IpAddr::from([0_u16; 8]);
    let has_six = std::net::TcpListener::bind(SocketAddr::new(six, 0)).is_ok();
    if has_six {
        six
    } else {
        IpAddr::from([0_u8; 4])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args() -> GatewayArgs {
        let some = |text: &str| Some(text.to_owned());
        GatewayArgs {
            namespace: some("cheerful-system"),
            pod: some("cheerful-gateway-1"),
            ..GatewayArgs::default()
        }
    }

    #[test]
    fn what_is_not_given_is_what_the_manifests_install() {
        let options = args().options().unwrap();
        assert_eq!((options.listen.port(), options.admin.port()), (8080, 8081));
        assert_eq!(
            options.link.autoscaler,
            "cheerful-autoscaler.cheerful-system.svc:8443"
        );
        assert_eq!(
            options.link.server_name.as_deref(),
            Some("cheerful-autoscaler.cheerful-system.svc")
        );
        assert_eq!(
            options.link.ca_file.unwrap(),
            PathBuf::from("/var/run/cheerful/ca.crt")
        );
        assert_eq!(options.watch_namespace, None);
        assert_eq!((options.grace.as_secs(), options.drain.as_secs()), (5, 30));
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let some = |text: &str| Some(text.to_owned());
        let wrong = GatewayArgs {
            port: some("70000"),
            admin_port: some("x"),
            autoscaler: some("nowhere"),
            transport: some("pigeon"),
            watch_namespace: some("No Name"),
            threads: some("0"),
            drain: some("30"),
            address: some("here"),
            grace: some("-1s"),
            ..GatewayArgs::default()
        };
        let failure = wrong.options().unwrap_err();
        assert_eq!(failure.exit_code, 2);
        for flag in [
            "--namespace is not given",
            "--pod is not given",
            "--port \"70000\"",
            "--admin-port \"x\"",
            "--autoscaler \"nowhere\"",
            "--transport \"pigeon\"",
            "--watch-namespace \"No Name\"",
            "--threads \"0\"",
            "--drain \"30\"",
            "--address \"here\"",
            "--grace \"-1s\"",
        ] {
            assert!(
                failure.message.contains(flag),
                "{flag}: {}",
                failure.message
            );
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
//! `explain`: why there are as many replicas as there are.
use std::path::PathBuf;

use cheerful_autoscaler::{DecisionLine, RevisionView};
use cheerful_kubernetes::{ApiServer, scaler::LeaderPages};

use crate::{
    api::{Client, ClientError, DecisionEvent, RevisionDetail},
    exit::{Failure, print},
    instance, logs, words,
};

/// Decisions that are shown of one revision; the API keeps more.
const SHOWN: usize = 20;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ExplainArgs {
    /// The revision; absent: one line for each
    revision: Option<String>,
    /// Go on with each decision as it is made
    #[arg(long)]
    follow: bool,
    /// Print JSON, as the API gives it
    #[arg(long)]
    json: bool,
    /// The instance's socket [default: the only one]
    #[arg(long, value_name = "PATH", env = "CHEERFUL_SOCKET", hide_env = true)]
    socket: Option<PathBuf>,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// One of these asks a cluster in place of an instance on this machine.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "In a cluster, if one of these is given")]
struct ClusterArgs {
    /// About this namespace [default: the context's]
    #[arg(long, short, value_name = "NAME", conflicts_with = "socket")]
    namespace: Option<String>,
    /// About all namespaces
    #[arg(long, short = 'A', conflicts_with_all = ["socket", "namespace", "revision"])]
    all_namespaces: bool,
    /// About the target of an Autoscaler of that name
    #[arg(long, requires = "revision", conflicts_with = "socket")]
    autoscaler: bool,
    /// By this context of the kubeconfig
    #[arg(long, value_name = "NAME", conflicts_with = "socket")]
    context: Option<String>,
    /// By this kubeconfig [default: kubectl's]
    #[arg(long, value_name = "FILE", conflicts_with = "socket")]
    kubeconfig: Option<PathBuf>,
    /// Where cheerful is installed in the cluster
    #[arg(long, hide = true, value_name = "NAMESPACE", default_value = cheerful_kubernetes::names::SYSTEM_NAMESPACE)]
    system_namespace: String,
}

/// Who is asked, and about what.
struct Question {
    client: Client,
    /// The one revision, by the name that the one who is asked has for it.
    one: Option<String>,
    /// Only those whose name begins like this.
    prefix: String,
}

/// Prints it.
///
/// # Errors
/// No instance is found, it does not answer, or it has no such revision.
pub(crate) fn run(args: ExplainArgs) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::later(format_args!("the runtime cannot start: {error}")))?;
    let (follow, json) = (args.follow, args.json);
    runtime.block_on(async {
        let question = args.question().await?;
        let client = &question.client;
        // Asked for first, so that no decision falls between the two.
        let events = if follow {
            Some(client.events().await.map_err(Failure::later)?)
        } else {
            None
        };
        match &question.one {
            Some(name) => one(client, name, json).await?,
            None => all(client, &question.prefix, json).await?,
        }
        let Some(mut events) = events else {
            return Ok(());
        };
        while let Some(event) = events.next().await.map_err(Failure::later)? {
            if question.is_about(&event.revision) {
                print(&followed(&event, json)?)?;
            }
        }
        Err(Failure::later("the instance has ended"))
    })
}

impl Question {
    fn is_about(&self, revision: &str) -> bool {
        match &self.one {
            Some(one) => one == revision,
            None => revision.starts_with(&self.prefix),
        }
    }
}

impl ExplainArgs {
    async fn question(self) -> Result<Question, Failure> {
        let cluster = &self.cluster;
        let is_cluster = cluster.all_namespaces
            || cluster.autoscaler
            || cluster.namespace.is_some()
            || cluster.context.is_some()
            || cluster.kubeconfig.is_some();
        if !is_cluster {
            return Ok(Question {
                client: Client::new(&instance::socket(self.socket)?),
                one: self.revision,
                prefix: String::new(),
            });
        }
        let server = ApiServer {
            kubeconfig: cluster.kubeconfig.clone(),
            context: cluster.context.clone(),
        };
        let api = server.client().await.map_err(Failure::bad_input)?;
        let namespace = match &cluster.namespace {
            Some(namespace) => namespace.clone(),
            None => api.default_namespace().to_owned(),
        };
        let revision = self.revision.as_deref().filter(|_| !cluster.autoscaler);
        let about = revision.map(|name| (namespace.as_str(), name));
        let leader = LeaderPages::find(api, &cluster.system_namespace, about)
            .await
            .map_err(Failure::later)?;
        let kind = if cluster.autoscaler {
            "autoscaler/"
        } else {
            ""
        };
        Ok(Question {
            client: Client::of_leader(leader),
            one: self
                .revision
                .map(|name| format!("{namespace}/{kind}{name}")),
            prefix: if cluster.all_namespaces {
                String::new()
            } else {
                format!("{namespace}/")
            },
        })
    }
}

async fn one(client: &Client, name: &str, json: bool) -> Result<(), Failure> {
    let detail = client.revision(name).await.map_err(Failure::later)?;
    let Some(detail) = detail else {
        return Err(unknown(client, name).await);
    };
    print(&if json {
        pretty(&detail)?
    } else {
        in_words(&detail)
    })
}

async fn unknown(client: &Client, name: &str) -> Failure {
    let known: Result<Vec<RevisionView>, ClientError> = client.revisions().await;
    let known: Vec<String> = known
        .unwrap_or_default()
        .into_iter()
        .take(20)
        .map(|view| view.revision)
        .collect();
    Failure::bad_input(format_args!(
        "no revision is called {name:?}; there are: {}",
        known.join(", ")
    ))
}

async fn all(client: &Client, prefix: &str, json: bool) -> Result<(), Failure> {
    let mut views = client.revisions().await.map_err(Failure::later)?;
    views.retain(|view| view.revision.starts_with(prefix));
    if json {
        return print(&pretty(&views)?);
    }
    let width = views
        .iter()
        .map(|view| view.revision.len())
        .max()
        .unwrap_or(0);
    let line = |view: &RevisionView| {
        format!(
            "{:<width$}  {}\n",
            view.revision,
            words::printable(&view.why)
        )
    };
    print(&views.iter().map(line).collect::<String>())
}

fn in_words(detail: &RevisionDetail) -> String {
    let view = &detail.view;
    let mut text = format!(
        "{}: {} ready, {} wanted; {}\n",
        view.revision,
        words::count(u64::from(view.ready), "replica"),
        view.wanted,
        match view.mode.as_str() {
            "zero" => "at zero".to_owned(),
            mode => format!(
                "{mode}, {} in flight, target {} each",
                words::number(view.in_flight),
                words::number(view.target)
            ),
        }
    );
    if let Some(woken) = words::woken(view) {
        text += &format!("{woken}\n");
    }
    if let Some(kept) = &view.kept_awake_by {
        text += &format!("kept awake by {}\n", words::printable(kept));
    }
    if view.refused_reports > 0 {
        text += &format!("{} refused\n", words::count(view.refused_reports, "report"));
    }
    let skipped = view.decisions.len().saturating_sub(SHOWN);
    for decision in view.decisions.iter().skip(skipped) {
        text += &decided(decision);
    }
    if !detail.replicas.is_empty() {
        text += "replicas\n";
    }
    for replica in &detail.replicas {
        text += &format!(
            "  {}: {}, {} in flight, {} old{}\n",
            replica.replica,
            replica.state,
            replica.in_flight,
            words::span(replica.age_seconds),
            if replica.restarts > 0 {
                format!(", restarted {} times", replica.restarts)
            } else {
                String::new()
            },
        );
    }
    text
}

/// `09:45:07  1 -> 3: ...`, with how often it was decided again.
fn decided(decision: &DecisionLine) -> String {
    let again = if decision.times > 1 {
        format!(" ({} times)", decision.times)
    } else {
        String::new()
    };
    format!(
        "{}  {}{again}\n",
        logs::time_of_day(decision.unix_millis / 1000),
        words::printable(&decision.sentence)
    )
}

fn followed(event: &DecisionEvent, json: bool) -> Result<String, Failure> {
    if json {
        let line = serde_json::to_string(event).map_err(Failure::later)?;
        return Ok(format!("{line}\n"));
    }
    Ok(format!("{}: {}", event.revision, decided(&event.decision)))
}

fn pretty(value: &impl serde::Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(value).map_err(Failure::later)?;
    Ok(format!("{text}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_is_a_line_with_its_time() {
        let decision = DecisionLine {
            at: 3.0,
            unix_millis: 1_795_512_307_123,
            from: 1,
            replicas: 3,
            mode: "panic".to_owned(),
            stable: 4.0,
            panic: 22.0,
            held: 0,
            target: 10.0,
            spare_capacity: -7,
            sentence: "1 -> 3: 22 requests in flight on average over 6 s (panic), target 10 each"
                .to_owned(),
            times: 2,
        };
        assert_eq!(
            decided(&decision),
            "09:25:07Z  1 -> 3: 22 requests in flight on average over 6 s (panic), target 10 each (2 times)\n"
        );
    }
}

// SPDX-License-Identifier: Apache-2.0
//! `explain`: why there are as many replicas as there are.
mod at;

use std::time::{SystemTime, UNIX_EPOCH};

use cheerful_autoscaler::{DecisionLine, RevisionView, ShadowView};

use self::at::{At, Then};
use crate::{
    api::{Client, ClientError, DecisionEvent, RevisionDetail},
    asked::{About, Answering, Asked},
    exit::{Failure, print},
    logs, words,
};

/// Decisions that are shown of one revision; the API keeps more.
const SHOWN: usize = 20;

/// Starts of replicas that are shown; the API keeps more.
const SHOWN_STARTS: usize = 3;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ExplainArgs {
    /// The revision; absent: one line for each
    #[arg(conflicts_with = "all_namespaces")]
    revision: Option<String>,
    /// Go on with each decision as it is made
    #[arg(long)]
    follow: bool,
    /// What held at 03:12 (UTC), or at a date and time
    #[arg(long, value_name = "TIME", value_parser = moment, requires = "revision", conflicts_with = "follow")]
    at: Option<At>,
    /// Print JSON, as the API gives it
    #[arg(long)]
    json: bool,
    /// The name is an Autoscaler's: about its target
    #[arg(long, requires = "revision", conflicts_with = "socket")]
    autoscaler: bool,
    #[command(flatten)]
    asked: Asked,
}

fn moment(text: &str) -> Result<At, String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "a time of day is meant by the clock of the one who asks"
    )]
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    At::read(text, now.as_secs())
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
    let about = match &args.revision {
        None => About::All,
        Some(name) if args.autoscaler => About::Autoscaler(name),
        Some(name) => About::Revision(name),
    };
    runtime.block_on(async {
        let answering = args.asked.find(about).await?;
        let client = &answering.client;
        // Asked for first, so that no decision falls between the two.
        let events = if follow {
            Some(client.events().await.map_err(Failure::later)?)
        } else {
            None
        };
        match (&answering.one, args.at) {
            (Some(name), None) => one(client, name, json).await?,
            (Some(name), Some(at)) => then(client, name, at, json).await?,
            (None, _) => all(&answering, json).await?,
        }
        let Some(mut events) = events else {
            return Ok(());
        };
        while let Some(event) = events.next().await.map_err(Failure::later)? {
            if answering.is_about(&event.revision) {
                print(&followed(&event, json)?)?;
            }
        }
        Err(Failure::later("the instance has ended"))
    })
}

async fn one(client: &Client, name: &str, json: bool) -> Result<(), Failure> {
    let detail = detail(client, name).await?;
    print(&if json {
        pretty(&detail)?
    } else {
        in_words(&detail)
    })
}

async fn then(client: &Client, name: &str, at: At, json: bool) -> Result<(), Failure> {
    let view = detail(client, name).await?.view;
    let then = Then::find(&view.revision, &view.decisions, at).map_err(Failure::later)?;
    print(&if json {
        pretty(&then)?
    } else {
        then.in_words()
    })
}

async fn detail(client: &Client, name: &str) -> Result<RevisionDetail, Failure> {
    match client.revision(name).await.map_err(Failure::later)? {
        Some(detail) => Ok(detail),
        None => Err(unknown(client, name).await),
    }
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

async fn all(answering: &Answering, json: bool) -> Result<(), Failure> {
    let mut views = answering.client.revisions().await.map_err(Failure::later)?;
    views.retain(|view| answering.is_about(&view.revision));
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
    if let Some(shadow) = &view.shadow {
        text += &shadowed(shadow);
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
        text += &format!("  {}\n", words::replica(replica));
    }
    let skipped = detail.starts.len().saturating_sub(SHOWN_STARTS);
    if !detail.starts.is_empty() {
        text += "last starts\n";
    }
    for start in detail.starts.iter().skip(skipped) {
        text += &format!("  {}\n", words::start(start));
    }
    text
}

/// What the policy beside it comes to, and what it would have now.
fn shadowed(shadow: &ShadowView) -> String {
    let starting = match shadow.starting {
        0 => String::new(),
        starting => format!(" and {starting} starting"),
    };
    let ready = words::count(u64::from(shadow.ready), "replica");
    format!(
        "{}\n  it would have {ready}{starting}: {}\n",
        words::printable(&shadow.sentence),
        words::printable(&shadow.why)
    )
}

/// `09:45:07Z  1 -> 3: ...`, with how often it was decided again.
pub(crate) fn decided(decision: &DecisionLine) -> String {
    let times = decision.times;
    let again = match decision.since_unix_millis {
        Some(since) if times > 1 => {
            format!(" ({times} times since {})", logs::time_of_day(since / 1000))
        }
        None if times > 1 => format!(" ({times} times)"),
        _ => String::new(),
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
pub(crate) mod tests {
    use super::*;

    /// A decision for tests.
    pub(crate) fn line() -> DecisionLine {
        DecisionLine {
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
            wanted: 3,
            bounds: Vec::new(),
            sentence: "1 -> 3: 22 requests in flight on average over 6 s (panic), target 10 each"
                .to_owned(),
            times: 2,
            since_unix_millis: None,
        }
    }

    #[test]
    fn a_decision_is_a_line_with_its_time() {
        assert_eq!(
            decided(&line()),
            "09:25:07Z  1 -> 3: 22 requests in flight on average over 6 s (panic), target 10 each (2 times)\n"
        );
    }
}

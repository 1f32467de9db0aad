// SPDX-License-Identifier: Apache-2.0
//! What is sent, and what is seen meanwhile: a line each second, and each decision's sentence as it is made.
use std::{
    io::{IsTerminal as _, Write as _},
    time::{Duration, SystemTime},
};

use cheerful_autoscaler::{DecisionLine, RevisionView};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::{
    BURST_AT_ONCE, BURST_RATE, CALM_RATE, LATENCY, Pace, REVISION, TARGET,
    load::{Load, Tally},
    server::Server,
};
use crate::{api::Events, exit::Failure};

/// How long it may take from silence to zero, beyond the windows.
const ZERO_PATIENCE: Duration = Duration::from_secs(30);
/// So many requests in flight fill the bar.
const FULL_BAR: u64 = 48;
const BAR_WIDTH: usize = 24;
/// Columns of a terminal that people have.
const WIDTH: usize = 80;

/// What was to be seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) tally: Tally,
    pub(super) most_replicas: u32,
    pub(super) panic: bool,
    pub(super) zero: bool,
    /// From the first request of the burst to the first decision for more replicas.
    pub(super) burst_to_decision: Option<Duration>,
    /// From the request at zero to its answer.
    pub(super) cold_start: Option<Duration>,
}

/// Runs through all phases.
pub(super) async fn show(server: &Server, pace: &Pace) -> Result<Seen, Failure> {
    let fault = |error: crate::api::ClientError| Failure::later(error);
    let events = server.client.events().await.map_err(fault)?;
    let screen = Screen::new();
    screen.opening(server, pace)?;
    let load = Load::new(server.address);
    let mut stage = Stage {
        server,
        load: &load,
        events,
        screen,
        seen: Seen::default(),
        burst_began: None,
    };

    stage
        .watch("calm", load.phase(CALM_RATE, pace.calm, 1, 0))
        .await?;
    stage.burst_began = Some(clock());
    stage
        .watch(
            "burst",
            load.phase(BURST_RATE, pace.burst, 2, BURST_AT_ONCE),
        )
        .await?;
    stage
        .watch("calm", load.phase(CALM_RATE, pace.calm_again, 3, 0))
        .await?;
    stage
        .watch("silence", stage_until_zero(server, pace))
        .await?;
    let is_zero = server
        .client
        .revisions()
        .await
        .map_err(fault)?
        .iter()
        .any(is_at_zero);
    stage.seen.zero = is_zero;
    let mut answer = None;
    let one = async { answer = load.one().await.ok() };
    stage.watch("one more", one).await?;
    stage.seen.cold_start = answer.filter(|_| is_zero);
    // The decision that it led to is told a moment later.
    stage
        .watch("one more", sleep(Duration::from_millis(500)))
        .await?;
    stage.seen.tally = load.tally();
    Ok(stage.seen)
}

async fn stage_until_zero(server: &Server, pace: &Pace) {
    let limit = ZERO_PATIENCE + 2 * pace.stable_window + pace.idle_delay;
    let zero = async {
        loop {
            let views = server.client.revisions().await;
            if views.is_ok_and(|views| views.iter().any(is_at_zero)) {
                return;
            }
            sleep(Duration::from_millis(200)).await;
        }
    };
    // Whether it was reached is asked afterwards.
    tokio::time::timeout(limit, zero).await.ok();
}

fn is_at_zero(view: &RevisionView) -> bool {
    view.revision == REVISION && view.ready == 0 && view.starting == 0 && view.draining == 0
}

struct Stage<'a> {
    server: &'a Server,
    load: &'a Load,
    events: Events,
    screen: Screen,
    seen: Seen,
    burst_began: Option<SystemTime>,
}

impl Stage<'_> {
    /// Until `phase` has ended: a line each second and each decision.
    async fn watch(&mut self, name: &str, phase: impl Future<Output = ()>) -> Result<(), Failure> {
        tokio::pin!(phase);
        let mut seconds = interval(Duration::from_secs(1));
        seconds.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                () = &mut phase => return Ok(()),
                event = self.events.next() => match event {
                    Ok(Some(event)) => self.decided(&event.decision)?,
                    Ok(None) => return Err(Failure::later("`cheerful run` ended during the show")),
                    Err(error) => return Err(Failure::later(error)),
                },
                _ = seconds.tick() => {
                    let views = self.server.client.revisions().await.map_err(Failure::later)?;
                    if let Some(view) = views.iter().find(|view| view.revision == REVISION) {
                        self.screen.second(name, self.load.in_flight(), view)?;
                        self.seen.most_replicas = self.seen.most_replicas.max(view.ready);
                    }
                }
            }
        }
    }

    fn decided(&mut self, decision: &DecisionLine) -> Result<(), Failure> {
        self.seen.panic |= decision.mode == "panic";
        if let (Some(began), None, true) = (
            self.burst_began,
            self.seen.burst_to_decision,
            decision.replicas > decision.from,
        ) {
            let at = SystemTime::UNIX_EPOCH + Duration::from_millis(decision.unix_millis);
            // The decision carries whole milliseconds.
            self.seen.burst_to_decision = Some(at.duration_since(began).unwrap_or_default());
        }
        self.screen.decision(decision)
    }
}

struct Screen {
    began: Instant,
    is_coloured: bool,
}

impl Screen {
    fn new() -> Self {
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let began = Instant::now();
        Self {
            began,
            is_coloured: std::io::stdout().is_terminal() && !no_colour,
        }
    }

    fn opening(&self, server: &Server, pace: &Pace) -> Result<(), Failure> {
        let Pace {
            stable_window,
            panic_window,
            idle_delay,
            ..
        } = pace;
        self.say(&format!(
            "A small service that takes {LATENCY} for an answer, at http://{}\n\
             The load: calm ({CALM_RATE} requests a second), a burst (ten times as many), calm,\n\
             silence until no replica is left, and one more request.\n\
             Shortened for the show: stable window {}s (usually 60s), panic window {}s (6s),\n\
             each step down after {}s (usually learned). Target: {TARGET} requests in flight per\n\
             replica.\n\n\
             {:>5}  {:<8}  {:<w$}  {:>4}  {:<19}  mode\n",
            server.address,
            stable_window.as_secs(),
            panic_window.as_secs(),
            idle_delay.as_secs(),
            "time",
            "load",
            "requests in flight",
            "held",
            "replicas",
            w = BAR_WIDTH + 4,
        ))
    }

    fn second(&self, phase: &str, in_flight: u64, view: &RevisionView) -> Result<(), Failure> {
        let time = format!("{}s", self.began.elapsed().as_secs());
        let replicas = replicas(view);
        let mode = if view.mode == "panic" {
            self.coloured("33", "panic")
        } else {
            view.mode.clone()
        };
        let in_flight = format!("{in_flight:>3} {}", bar(in_flight));
        self.say(&format!(
            "{time:>5}  {phase:<8}  {in_flight:<w$}  {:>4}  {replicas:<19}  {mode}\n",
            view.held,
            w = BAR_WIDTH + 4,
        ))
    }

    fn decision(&self, decision: &DecisionLine) -> Result<(), Failure> {
        let wrapped = wrap(&decision.sentence, WIDTH - 9);
        let text = wrapped.join("\n         ");
        self.say(&format!("       > {}\n", self.coloured("1", &text)))
    }

    fn coloured(&self, code: &str, text: &str) -> String {
        if self.is_coloured {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    fn say(&self, text: &str) -> Result<(), Failure> {
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes())
            .and_then(|()| out.flush())
            .map_err(|error| Failure::output(&error))
    }
}

/// `3 ready, 5 starting`.
fn replicas(view: &RevisionView) -> String {
    let mut text = format!("{} ready", view.ready);
    for (count, what) in [(view.starting, "starting"), (view.draining, "leaving")] {
        if count > 0 {
            text = format!("{text}, {count} {what}");
        }
    }
    text
}

fn bar(in_flight: u64) -> String {
    let width = in_flight.min(FULL_BAR) * BAR_WIDTH as u64;
    "#".repeat(usize::try_from(width.div_ceil(FULL_BAR)).unwrap_or(BAR_WIDTH))
}

/// Breaks between words.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => word.clone_into(line),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[expect(
    clippy::disallowed_methods,
    reason = "decisions carry wall-clock time, so the burst's begin does too"
)]
fn clock() -> SystemTime {
    SystemTime::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_is_empty_at_none_and_full_at_many() {
        assert_eq!(bar(0), "");
        assert_eq!(bar(1), "#");
        assert_eq!(bar(24).len(), 12);
        assert_eq!(bar(10_000).len(), BAR_WIDTH);
    }

    #[test]
    fn long_sentences_break_between_words() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("unbreakable a", 3), ["unbreakable", "a"]);
        assert_eq!(wrap("", 3), [""]);
    }
}

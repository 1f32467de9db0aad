// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use cheerful_scaling::{Bound, Decision, Paused, Settings};

/// What is known of why a revision has replicas.
pub(super) struct Awake<'a> {
    pub(super) settings: &'a Settings,
    /// Ready and starting.
    pub(super) replicas: u32,
    pub(super) in_flight: f64,
    pub(super) held: u64,
    /// From the last request to zero.
    pub(super) idle_delay: Duration,
    /// Since the last request.
    pub(super) idle: Option<Duration>,
    /// The last request.
    pub(super) by: Option<&'a str>,
    pub(super) last: Option<&'a Decision>,
}

/// In one sentence what keeps a revision from zero; `None` when nothing does.
pub(super) fn sentence(awake: &Awake<'_>) -> Option<String> {
    let settings = awake.settings;
    match settings.paused {
        Paused::No => {}
        Paused::Present if awake.replicas == 0 => return None,
        Paused::Present => return Some("paused: the present count is held".to_owned()),
        Paused::At(0) => return None,
        Paused::At(replicas) => return Some(format!("paused at {replicas}")),
    }
    if awake.held > 0 {
        return Some(counted(awake.held, "held"));
    }
    if awake.in_flight > 0.0 {
        let requests = (awake.in_flight * 10.0).round() / 10.0;
        let noun = if requests == 1.0 {
            "request"
        } else {
            "requests"
        };
        return Some(format!("{requests} {noun} in flight"));
    }
    if settings.min > 0 {
        return Some(format!("min {}", settings.min));
    }
    let wanted = awake
        .last
        .map_or(awake.replicas, |decision| decision.replicas);
    if awake.replicas == 0 && wanted == 0 {
        return None;
    }
    Some(waiting(awake))
}

/// Why replicas that have nothing to do are still there.
fn waiting(awake: &Awake<'_>) -> String {
    let settings = awake.settings;
    let bounded = |bound| awake.last.is_some_and(|last| last.is_bounded_by(bound));
    let last_request = match (awake.idle, awake.by) {
        (None, _) => "no request yet".to_owned(),
        (Some(idle), None) => format!("last request {} ago", seconds(idle)),
        (Some(idle), Some(by)) => format!("last request {} ago ({by})", seconds(idle)),
    };
    if let Some(idle) = awake.idle
        && idle < awake.idle_delay
    {
        return format!(
            "{last_request}, idle delay {}: {} remain",
            seconds(awake.idle_delay),
            seconds(awake.idle_delay - idle),
        );
    }
    if bounded(Bound::Initial) {
        return format!("{last_request}; initial {}", settings.initial);
    }
    let named = [
        (Bound::MissingData, "replicas that have not reported lately"),
        (Bound::NoData, "no data to decide on yet"),
        (Bound::Busy, "replicas that work in the background"),
        (Bound::Unread, "a signal that was never read"),
        (Bound::Schedule, "a schedule"),
        (Bound::Signal, "signals, which asked for it of late"),
        (
            Bound::PanicNeverFalls,
            "panic, in which the count never falls",
        ),
        (Bound::Ahead, "the next request, which is expected"),
        (Bound::ScaleDownDelay, "the scale-down delay"),
        (
            Bound::GracePeriod,
            "the grace period: the gateway is not long enough in the path",
        ),
        (Bound::IdleDelay, "the idle delay"),
        (Bound::MaxDown, "the limit of a step down"),
    ];
    let reason = named
        .into_iter()
        .find(|(bound, _)| bounded(*bound))
        .map(|(_, reason)| reason);
    match reason {
        Some(reason) => format!("{last_request}; {reason}"),
        None => last_request,
    }
}

fn counted(requests: u64, how: &str) -> String {
    let noun = if requests == 1 { "request" } else { "requests" };
    format!("{requests} {noun} {how}")
}

/// `0.4 s`, `12 s`.
fn seconds(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 10.0 {
        format!("{} s", (seconds * 10.0).round() / 10.0)
    } else {
        format!("{} s", seconds.round())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn awake(settings: &Settings) -> Awake<'_> {
        Awake {
            settings,
            replicas: 1,
            in_flight: 0.0,
            held: 0,
            idle_delay: Duration::from_secs(60),
            idle: Some(Duration::from_secs(12)),
            by: None,
            last: None,
        }
    }

    #[test]
    fn says_what_keeps_a_revision_awake() {
        let settings = Settings::default();
        let base = || awake(&settings);
        let said = |awake: Awake<'_>| sentence(&awake).unwrap_or_default();
        assert_eq!(said(Awake { held: 1, ..base() }), "1 request held");
        assert_eq!(
            said(Awake {
                in_flight: 2.04,
                ..base()
            }),
            "2 requests in flight"
        );
        assert_eq!(
            said(base()),
            "last request 12 s ago, idle delay 60 s: 48 s remain"
        );
        let by = Some("GET /, curl, 127.0.0.1");
        assert_eq!(
            said(Awake {
                by,
                idle: Some(Duration::from_millis(58_600)),
                ..base()
            }),
            "last request 59 s ago (GET /, curl, 127.0.0.1), idle delay 60 s: 1.4 s remain",
        );
        let idle = None;
        assert_eq!(said(Awake { idle, ..base() }), "no request yet");
        assert_eq!(
            sentence(&Awake {
                replicas: 0,
                ..base()
            }),
            None
        );
    }

    #[test]
    fn min_and_pause_are_named() {
        let min = Settings {
            min: 2,
            ..Settings::default()
        };
        assert_eq!(sentence(&awake(&min)).as_deref(), Some("min 2"));
        let paused = Settings {
            paused: Paused::At(3),
            ..Settings::default()
        };
        assert_eq!(sentence(&awake(&paused)).as_deref(), Some("paused at 3"));
        let paused = Settings {
            paused: Paused::Present,
            ..Settings::default()
        };
        let said = sentence(&awake(&paused));
        assert_eq!(said.as_deref(), Some("paused: the present count is held"));
    }
}

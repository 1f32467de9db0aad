// SPDX-License-Identifier: Apache-2.0
use cheerful_scaling::Report;
use prost::Message;

use crate::{Unread, told::is_load};

/// What a sidecar or an activator counted in the last full second. A field that is zero is absent, one that is not known
/// is skipped.
#[derive(Clone, PartialEq, Message)]
pub struct Stat {
    /// Whose it is.
    #[prost(string, tag = "1")]
    pub pod_name: String,
    /// Requests in flight, a time average.
    #[prost(double, tag = "2")]
    pub average_concurrent_requests: f64,
    /// Those of them that came through an activator.
    #[prost(double, tag = "3")]
    pub average_proxied_concurrent_requests: f64,
    /// Requests that arrived, per second.
    #[prost(double, tag = "4")]
    pub request_count: f64,
    /// Those of them that came through an activator.
    #[prost(double, tag = "5")]
    pub proxied_request_count: f64,
    /// Seconds since it started, as of the last full second.
    #[prost(double, tag = "6")]
    pub process_uptime: f64,
    /// Seconds since 1970; 0: the receiver's own time.
    #[prost(int64, tag = "7")]
    pub timestamp: i64,
}

impl Stat {
    /// Longest answer that is read. A real one has some 300 bytes at most.
    pub const MAX_BYTES: usize = 4096;
    /// What a value stands for.
    const SECONDS: f64 = 1.0;

    /// Reads an answer of the sidecar.
    ///
    /// # Errors
    /// Says why it tells nothing.
    pub fn read(page: &[u8]) -> Result<Self, Unread> {
        if page.len() > Self::MAX_BYTES {
            return Err(Unread::TooLong(Self::MAX_BYTES));
        }
        let stat =
            Self::decode(page).map_err(|error| Unread::Malformed(format!("a Stat: {error}")))?;
        stat.check()?;
        Ok(stat)
    }

    /// Refuses what cannot be counted.
    pub(super) fn check(&self) -> Result<(), Unread> {
        let values = [
            (
                "average_concurrent_requests",
                self.average_concurrent_requests,
            ),
            (
                "average_proxied_concurrent_requests",
                self.average_proxied_concurrent_requests,
            ),
            ("request_count", self.request_count),
            ("proxied_request_count", self.proxied_request_count),
            ("process_uptime", self.process_uptime),
        ];
        match values.into_iter().find(|(_, value)| !is_load(*value)) {
            Some((what, value)) => Err(Unread::Impossible {
                what: what.to_owned(),
                value: value.to_string(),
            }),
            None => Ok(()),
        }
    }

    /// Requests in flight of one pod. `share`: what the activators report, for each ready pod, when they report as well;
    /// then what came through them is not counted once more.
    fn concurrency(&self, share: Option<f64>) -> f64 {
        let all = self.average_concurrent_requests;
        match share {
            None => all,
            Some(share) => (all - self.average_proxied_concurrent_requests).max(0.0) + share,
        }
    }
}

/// Reads one pod's answers. It may be asked more often than the sidecar counts: the same second is told once.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    /// The second that was told last, by its uptime.
    told: Option<f64>,
}

impl Reader {
    /// A report of the last full second, which may have ended up to a second ago. `Ok(None)`: nothing is counted yet, for it
    /// has just started, or the second is the same as before.
    ///
    /// `share`: see [`super::Activators::concurrency`], divided by the ready pods; `None` while no activator reports to us.
    ///
    /// # Errors
    /// Says why the answer tells nothing; one of another pod is refused.
    pub fn read(
        &mut self,
        pod: &str,
        page: &[u8],
        share: Option<f64>,
    ) -> Result<Option<Report>, Unread> {
        let stat = Stat::read(page)?;
        if stat.pod_name != pod {
            // Up to 4 KiB of somebody's text are no part of a sentence.
            let named: String = stat.pod_name.chars().take(64).collect();
            return Err(Unread::Malformed(format!(
                "it is of pod {named:?}, and should be of {pod:?}"
            )));
        }
        let before = self.told.replace(stat.process_uptime);
        if stat.process_uptime == 0.0 || before == Some(stat.process_uptime) {
            return Ok(None);
        }
        Ok(Some(Report {
            replica: pod.to_owned(),
            seconds: Stat::SECONDS,
            request_seconds: stat.concurrency(share) * Stat::SECONDS,
            // Casting saturates, and the scaler refuses what is too much.
            requests: (stat.request_count * Stat::SECONDS).round() as u64,
            ..Report::default()
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POD: &str = "hello-00001-deployment-6b7f9c5d4-abcde";
    /// Real answers of its sidecar.
    const BUSY: &str = "0a2668656c6c6f2d30303030312d6465706c6f796d656e742d3662376639633564342d6162636465118965c8e6ff63124021000000000012b64031b8af6bca01001440";
    const PROXIED: &str = "0a2668656c6c6f2d30303030312d6465706c6f796d656e742d3662376639633564342d6162636465116bfd4362b14a1440196bfd4362b14a144021000000000040a84029000000000040a840311f42fcc64e002240";
    const IDLE: &str = "0a2668656c6c6f2d30303030312d6465706c6f796d656e742d3662376639633564342d616263646531257f02b8f1000040";

    fn bytes(hex: &str) -> Vec<u8> {
        let pairs = hex.as_bytes().chunks(2);
        pairs
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    fn report(hex: &str, share: Option<f64>) -> Report {
        let read = Reader::default().read(POD, &bytes(hex), share);
        read.unwrap().unwrap()
    }

    #[test]
    fn a_second_of_load_is_a_report_of_a_second() {
        let report = report(BUSY, None);
        assert!(
            (report.request_seconds - 4.5977).abs() < 1e-4,
            "{}",
            report.request_seconds
        );
        assert_eq!(
            (report.seconds, report.requests, report.replica.as_str()),
            (1.0, 5650, POD)
        );
    }

    #[test]
    fn what_the_activator_reports_itself_is_counted_once() {
        let alone = report(PROXIED, None);
        assert!((alone.request_seconds - 5.0729).abs() < 1e-4);
        let shared = report(PROXIED, Some(5.5));
        assert_eq!(shared.request_seconds, 5.5);
        assert_eq!(shared.requests, 3104);
        // None came through it, but it holds some.
        let direct = report(BUSY, Some(2.0));
        assert!((direct.request_seconds - 6.5977).abs() < 1e-4);
    }

    #[test]
    fn an_idle_second_is_no_missing_one() {
        let report = report(IDLE, None);
        assert_eq!((report.request_seconds, report.requests), (0.0, 0));
    }

    #[test]
    fn the_same_second_and_the_one_before_the_first_tell_nothing() {
        let mut reader = Reader::default();
        let first = Stat {
            pod_name: POD.to_owned(),
            ..Stat::default()
        };
        assert_eq!(
            reader.read(POD, &first.encode_to_vec(), None).unwrap(),
            None
        );
        assert!(reader.read(POD, &bytes(BUSY), None).unwrap().is_some());
        assert_eq!(reader.read(POD, &bytes(BUSY), None).unwrap(), None);
        assert!(reader.read(POD, &bytes(PROXIED), None).unwrap().is_some());
        // Started again, in the same pod.
        assert!(reader.read(POD, &bytes(IDLE), None).unwrap().is_some());
    }

    #[test]
    fn a_field_of_a_later_version_is_skipped() {
        let mut page = bytes(BUSY);
        page.extend([0x42, 3, b'n', b'e', b'w']);
        assert!(Reader::default().read(POD, &page, None).unwrap().is_some());
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        let read = |page: &[u8]| {
            Reader::default()
                .read(POD, page, None)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(read(&[b'x'; 4097]), "longer than 4096 bytes");
        assert!(read(b"<html>").starts_with("cannot be read: a Stat"));
        let other = Stat {
            pod_name: "other".to_owned(),
            process_uptime: 1.0,
            ..Stat::default()
        };
        let wrong = r#"cannot be read: it is of pod "other", and should be of "#;
        assert!(read(&other.encode_to_vec()).starts_with(wrong));
        let negative = Stat {
            pod_name: POD.to_owned(),
            average_concurrent_requests: -1.0,
            ..Stat::default()
        };
        assert_eq!(
            read(&negative.encode_to_vec()),
            "average_concurrent_requests is -1, and should be a number from 0 on"
        );
        for value in [f64::NAN, f64::INFINITY] {
            let endless = Stat {
                pod_name: POD.to_owned(),
                request_count: value,
                ..Stat::default()
            };
            assert_eq!(
                Stat::read(&endless.encode_to_vec()).unwrap_err().name(),
                "impossible"
            );
        }
    }
}

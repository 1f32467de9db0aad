// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use crate::Moment;

/// One scale request at a time, the newest wish next: the pure half of writing a scale.
///
/// A wish that equals what was last written (or is being written) is no request. A request that has not
/// answered within [`Serializer::LIMIT`] is given up; its late answer is ignored, and the newest wish goes
/// next. A wish that failed goes again with the next wish or tick, never at once, so that a platform that
/// refuses everything is asked once per tick.
#[derive(Clone, Debug, Default)]
pub struct Serializer {
    under_way: Option<Request>,
    next: Option<u32>,
    /// What the platform is known to have; `None` after a failure, for then it may have either.
    written: Option<u32>,
    requests: u64,
}

#[derive(Clone, Copy, Debug)]
struct Request {
    number: u64,
    replicas: u32,
    deadline: Moment,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum SerializerEvent {
    /// A decision.
    Wanted { replicas: u32 },
    /// The request of that number was carried out.
    Done { request: u64 },
    /// The request of that number failed.
    Failed { request: u64 },
    /// The platform has this as the wish, whoever wrote it. While a request is under way it says nothing.
    Written { replicas: u32 },
    /// Time passed.
    Tick,
}

/// What the shell has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum SerializerAction {
    /// Nothing.
    Rest,
    /// Send this request now, and say `Tick` at `deadline` at the latest. A request under way before is to be dropped.
    Send {
        request: u64,
        replicas: u32,
        deadline: Moment,
    },
}

impl Serializer {
    /// How long a scale request may take.
    pub const LIMIT: Duration = Duration::from_secs(5);

    /// Takes what happened and says what to do.
    pub fn step(&mut self, event: SerializerEvent, now: Moment) -> SerializerAction {
        match event {
            SerializerEvent::Wanted { replicas } => self.next = Some(replicas),
            SerializerEvent::Done { request } => {
                let Some(done) = self.end(request) else {
                    return SerializerAction::Rest;
                };
                self.written = Some(done.replicas);
            }
            SerializerEvent::Failed { request } => {
                let Some(failed) = self.end(request) else {
                    return SerializerAction::Rest;
                };
                self.written = None;
                if self.next.is_none() {
                    self.next = Some(failed.replicas);
                    return SerializerAction::Rest;
                }
            }
            SerializerEvent::Written { replicas } => {
                if self.under_way.is_none() {
                    self.written = Some(replicas);
                }
                return SerializerAction::Rest;
            }
            SerializerEvent::Tick => {}
        }
        self.give_up_what_is_late(now);
        self.send_next(now)
    }

    /// What is being written now.
    #[must_use]
    pub fn under_way(&self) -> Option<u32> {
        self.under_way.map(|request| request.replicas)
    }

    fn end(&mut self, number: u64) -> Option<Request> {
        self.under_way.take_if(|request| request.number == number)
    }

    fn give_up_what_is_late(&mut self, now: Moment) {
        if let Some(late) = self.under_way.take_if(|request| now >= request.deadline) {
            self.written = None;
            self.next = self.next.or(Some(late.replicas));
        }
    }

    fn send_next(&mut self, now: Moment) -> SerializerAction {
        if let Some(request) = self.under_way {
            self.next = self.next.filter(|replicas| *replicas != request.replicas);
            return SerializerAction::Rest;
        }
        let Some(replicas) = self.next.take() else {
            return SerializerAction::Rest;
        };
        if self.written == Some(replicas) {
            return SerializerAction::Rest;
        }
        let request = Request {
            number: self.requests,
            replicas,
            deadline: now.plus(Self::LIMIT),
        };
        self.requests += 1;
        self.under_way = Some(request);
        SerializerAction::Send {
            request: request.number,
            replicas,
            deadline: request.deadline,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use SerializerAction::Rest;
    use SerializerEvent::{Done, Failed, Tick, Wanted};

    fn at(seconds: u64) -> Moment {
        Moment::from_micros(seconds * 1_000_000)
    }
    fn sent(request: u64, replicas: u32, seconds: u64) -> SerializerAction {
        SerializerAction::Send {
            request,
            replicas,
            deadline: at(seconds + 5),
        }
    }

    #[test]
    fn the_newest_wish_goes_next_and_those_between_never() {
        let mut serializer = Serializer::default();
        assert_eq!(
            serializer.step(Wanted { replicas: 3 }, at(0)),
            sent(0, 3, 0)
        );
        assert_eq!(serializer.step(Wanted { replicas: 4 }, at(1)), Rest);
        assert_eq!(serializer.step(Wanted { replicas: 5 }, at(1)), Rest);
        assert_eq!(serializer.step(Done { request: 0 }, at(2)), sent(1, 5, 2));
        assert_eq!(serializer.step(Done { request: 1 }, at(3)), Rest);
        assert_eq!(serializer.step(Wanted { replicas: 5 }, at(4)), Rest);
        assert_eq!(
            serializer.step(Wanted { replicas: 4 }, at(4)),
            sent(2, 4, 4)
        );
    }

    #[test]
    fn a_wish_that_returns_to_what_is_under_way_is_no_request() {
        let mut serializer = Serializer::default();
        assert_eq!(
            serializer.step(Wanted { replicas: 3 }, at(0)),
            sent(0, 3, 0)
        );
        assert_eq!(serializer.step(Wanted { replicas: 4 }, at(1)), Rest);
        assert_eq!(serializer.step(Wanted { replicas: 3 }, at(1)), Rest);
        assert_eq!(serializer.step(Done { request: 0 }, at(2)), Rest);
    }

    #[test]
    fn a_request_is_given_up_after_its_limit_and_its_late_answer_ignored() {
        let mut serializer = Serializer::default();
        assert_eq!(
            serializer.step(Wanted { replicas: 3 }, at(0)),
            sent(0, 3, 0)
        );
        assert_eq!(serializer.step(Tick, at(4)), Rest);
        assert_eq!(serializer.step(Tick, at(5)), sent(1, 3, 5));
        assert_eq!(serializer.step(Done { request: 0 }, at(6)), Rest);
        assert_eq!(
            serializer.step(Wanted { replicas: 7 }, at(11)),
            sent(2, 7, 11)
        );
        assert_eq!(serializer.under_way(), Some(7));
    }

    #[test]
    fn what_another_wrote_is_put_right_by_the_next_wish() {
        let written = |replicas| SerializerEvent::Written { replicas };
        let mut serializer = Serializer::default();
        assert_eq!(serializer.step(written(3), at(0)), Rest);
        assert_eq!(serializer.step(Wanted { replicas: 3 }, at(0)), Rest);
        assert_eq!(serializer.step(written(7), at(1)), Rest);
        assert_eq!(
            serializer.step(Wanted { replicas: 3 }, at(2)),
            sent(0, 3, 2)
        );
        assert_eq!(serializer.step(written(7), at(2)), Rest);
        assert_eq!(serializer.step(Done { request: 0 }, at(3)), Rest);
        assert_eq!(serializer.step(Wanted { replicas: 3 }, at(4)), Rest);
    }

    #[test]
    fn a_failure_goes_again_with_the_next_tick_and_gives_way_to_a_newer_wish() {
        let mut serializer = Serializer::default();
        assert_eq!(
            serializer.step(Wanted { replicas: 3 }, at(0)),
            sent(0, 3, 0)
        );
        assert_eq!(serializer.step(Failed { request: 0 }, at(1)), Rest);
        assert_eq!(serializer.step(Tick, at(2)), sent(1, 3, 2));
        assert_eq!(serializer.step(Wanted { replicas: 4 }, at(2)), Rest);
        assert_eq!(serializer.step(Failed { request: 1 }, at(3)), sent(2, 4, 3));
    }
}

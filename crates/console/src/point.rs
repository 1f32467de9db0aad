// SPDX-License-Identifier: Apache-2.0
use cheerful_autoscaler::RevisionView;

/// One revision at one second, or the highest of each figure over a longer step: who looks back looks for peaks.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Point {
    pub(crate) ready: u32,
    pub(crate) starting: u32,
    pub(crate) draining: u32,
    pub(crate) wanted: u32,
    pub(crate) held: u32,
    /// Requests in flight, now and as averages over both windows.
    pub(crate) in_flight: f32,
    pub(crate) stable: f32,
    pub(crate) panic: f32,
    /// Requests in flight per replica; the last of a step, for it is no load.
    pub(crate) target: f32,
    pub(crate) panicking: bool,
}

impl Point {
    /// What is kept of a view.
    pub(crate) fn of(view: &RevisionView) -> Self {
        Self {
            ready: view.ready,
            starting: view.starting,
            draining: view.draining,
            wanted: view.wanted,
            held: u32::try_from(view.held).unwrap_or(u32::MAX),
            in_flight: rounded(view.in_flight),
            stable: rounded(view.stable),
            panic: rounded(view.panic),
            target: rounded(view.target),
            panicking: view.mode == "panic",
        }
    }

    /// Whether there is no replica, no request and no wish for any.
    pub(crate) fn is_nothing(&self) -> bool {
        let nothing = Self {
            target: self.target,
            ..Self::default()
        };
        *self == nothing
    }

    /// The highest of both; `later` came after.
    pub(crate) fn highest(self, later: Self) -> Self {
        Self {
            ready: self.ready.max(later.ready),
            starting: self.starting.max(later.starting),
            draining: self.draining.max(later.draining),
            wanted: self.wanted.max(later.wanted),
            held: self.held.max(later.held),
            in_flight: self.in_flight.max(later.in_flight),
            stable: self.stable.max(later.stable),
            panic: self.panic.max(later.panic),
            target: later.target,
            panicking: self.panicking || later.panicking,
        }
    }
}

/// To a hundredth: more could not be seen, and what moves by less need not be kept again.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a figure for a chart; f32 has seven digits"
)]
fn rounded(figure: f64) -> f32 {
    ((figure * 100.0).round() / 100.0) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_of_each_figure_is_kept_and_the_last_target() {
        let one = Point {
            ready: 3,
            in_flight: 1.0,
            target: 5.0,
            panicking: true,
            ..Point::default()
        };
        let other = Point {
            ready: 1,
            in_flight: 9.0,
            target: 4.0,
            ..Point::default()
        };
        let both = one.highest(other);
        assert_eq!((both.ready, both.in_flight), (3, 9.0));
        assert_eq!((both.target, both.panicking), (4.0, true));
    }
}

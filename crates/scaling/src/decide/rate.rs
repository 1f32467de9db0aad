// SPDX-License-Identifier: Apache-2.0
//! Step 4: how far one decision may go.
use super::Course;
use crate::{
    Bound,
    number::{ceil, floor},
};

pub(crate) struct Rate {
    pub(crate) ready: u32,
    pub(crate) present: u32,
    pub(crate) max_up: f64,
    pub(crate) max_down: f64,
}

impl Rate {
    /// Up at most `max_up` times the ready replicas (one at least), yet never below the present scale. With
    /// no replica ready there is nothing to multiply: what the held requests ask for is asked for at once.
    pub(crate) fn limit(&self, course: &mut Course, held: u32) {
        let up = ceil(self.max_up * f64::from(self.ready.max(1))).max(self.present);
        let most = if self.ready == 0 { up.max(held) } else { up };
        course.at_most(most, Bound::MaxUp);
        course.at_least(
            floor(f64::from(self.present) / self.max_down),
            Bound::MaxDown,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limited(ready: u32, present: u32, wish: u32, held: u32) -> u32 {
        let mut course = Course::new(wish);
        Rate {
            ready,
            present,
            max_up: 10.0,
            max_down: 2.0,
        }
        .limit(&mut course, held);
        course.replicas
    }

    #[test]
    fn up_ten_times_and_down_by_half() {
        assert_eq!(limited(3, 3, 31, 0), 30);
        assert_eq!(limited(3, 40, 100, 0), 40);
        assert_eq!(limited(9, 9, 0, 0), 4);
        assert_eq!(limited(1, 1, 0, 0), 0);
        assert_eq!(limited(u32::MAX, u32::MAX, u32::MAX, 0), u32::MAX);
    }

    #[test]
    fn from_zero_the_held_requests_are_served_at_once() {
        assert_eq!(limited(0, 0, 100, 0), 10);
        assert_eq!(limited(0, 0, 100, 25), 25);
        assert_eq!(limited(1, 1, 100, 25), 10);
    }
}

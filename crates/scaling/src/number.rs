// SPDX-License-Identifier: Apache-2.0
//! From fractions of replicas to whole ones.

/// Relative slack for rounding: sums of fractions that should be a whole number may miss it by this much.
const SLACK: f64 = 1e-9;

/// The least whole number that is not below `value`, but for rounding errors. 0 for NaN and below;
/// `u32::MAX` for what is too large.
pub(crate) fn ceil(value: f64) -> u32 {
    (value - value.abs() * SLACK).ceil() as u32
}

/// The largest whole number that is not above `value`, but for rounding errors; saturates like [`ceil`].
pub(crate) fn floor(value: f64) -> u32 {
    (value + value.abs() * SLACK).floor() as u32
}

/// Whether `value` is at least `limit`, but for rounding errors.
pub(crate) fn reaches(value: f64, limit: f64) -> bool {
    value >= limit - limit.abs() * SLACK
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_errors_add_no_replica() {
        assert_eq!(ceil(0.1 + 0.2), 1);
        assert_eq!(ceil(3.0 + 4.0 * f64::EPSILON), 3);
        assert_eq!(ceil(3.001), 4);
        assert_eq!(floor(3.0 - 4.0 * f64::EPSILON), 3);
        assert_eq!(floor(90.9), 90);
        assert!(reaches(20.0 - 1e-9, 20.0));
        assert!(!reaches(19.99, 20.0));
    }

    #[test]
    fn nothing_wraps() {
        assert_eq!(ceil(f64::NAN), 0);
        assert_eq!(ceil(-1.0), 0);
        assert_eq!(ceil(1e300), u32::MAX);
        assert_eq!(floor(f64::INFINITY), u32::MAX);
    }
}

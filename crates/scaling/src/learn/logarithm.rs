// SPDX-License-Identifier: Apache-2.0
//! Logarithm and exponential out of plain arithmetic, so that a replay on another machine, whose mathematical library
//! may round otherwise, comes to the same decision to the bit.

const LN_2: f64 = std::f64::consts::LN_2;

/// The natural logarithm of a number above 0; 0 of any other.
pub(crate) fn ln(value: f64) -> f64 {
    if !value.is_normal() || value < 0.0 {
        return 0.0;
    }
    let bits = value.to_bits();
    let exponent = ((bits >> 52) & 0x7ff) as i32 - 1023;
    let mantissa = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) | 0x3ff0_0000_0000_0000);
    // 2 artanh((m - 1) / (m + 1)), the argument at most a third.
    let z = (mantissa - 1.0) / (mantissa + 1.0);
    let square = z * z;
    let mut sum = 0.0;
    for odd in (0..12).rev() {
        sum = sum * square + 1.0 / f64::from(2 * odd + 1);
    }
    f64::from(exponent) * LN_2 + 2.0 * z * sum
}

/// e to the power of a number from -700 to 700; what is outside counts as the bound.
pub(crate) fn exp(value: f64) -> f64 {
    let value = if value.is_nan() {
        0.0
    } else {
        value.clamp(-700.0, 700.0)
    };
    let twos = (value / LN_2).round();
    let rest = value - twos * LN_2;
    let mut sum = 1.0;
    for step in (1..16).rev() {
        sum = 1.0 + sum * rest / f64::from(step);
    }
    let exponent = (twos as i64 + 1023) as u64;
    sum * f64::from_bits(exponent << 52)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_agree_with_the_library() {
        for step in -600..600 {
            let value = f64::from(step) * 0.37;
            let ratio = exp(value) / value.exp();
            assert!((ratio - 1.0).abs() < 1e-12, "{value}: {ratio}");
            assert!((ln(value.exp()) - value).abs() < 1e-11, "{value}");
        }
        assert_eq!((ln(1.0), exp(0.0)), (0.0, 1.0));
    }

    #[test]
    fn nothing_breaks_on_what_has_no_logarithm() {
        for odd in [0.0, -1.0, f64::NAN, f64::INFINITY, f64::MIN_POSITIVE / 4.0] {
            assert_eq!(ln(odd), 0.0);
        }
        assert!(exp(f64::INFINITY).is_finite() && exp(f64::NAN) == 1.0);
    }
}

// SPDX-License-Identifier: Apache-2.0
use crate::Unread;

/// The mean of a figure over ready replicas, of which some may not be known: these count as nothing where the others ask
/// for more replicas all the same, as a HorizontalPodAutoscaler has it; else nothing is known, for what is missing never
/// asks for fewer.
///
/// # Errors
/// When there is no replica, and when too little is known.
pub fn mean(figures: &[Option<f64>], target: f64) -> Result<f64, Unread> {
    let known = figures.iter().flatten().count();
    let all = figures.len();
    if known == 0 {
        return Err(Unread::Absent(match all {
            0 => "ready replica".to_owned(),
            _ => format!("figure of any of its {all} ready replicas yet"),
        }));
    }
    let count = u32::try_from(all).map_or(f64::INFINITY, f64::from);
    let mean = figures.iter().flatten().sum::<f64>() / count;
    match mean.is_finite() && mean >= 0.0 {
        false => Err(Unread::Impossible {
            what: "the mean".to_owned(),
            value: mean.to_string(),
        }),
        true if known == all || mean > target => Ok(mean),
        true => Err(Unread::Absent(format!(
            "figure of {} of its {all} ready replicas",
            all - known
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_never_asks_for_fewer() {
        let said = |figures: &[Option<f64>]| mean(figures, 70.0).map_err(|why| why.to_string());
        assert_eq!(said(&[Some(20.0), Some(40.0)]), Ok(30.0));
        assert_eq!(
            said(&[Some(100.0), Some(200.0), None]),
            Ok(100.0),
            "the others ask for more all the same"
        );
        let missing = "has no figure of 1 of its 3 ready replicas";
        assert_eq!(
            said(&[Some(100.0), Some(50.0), None]),
            Err(missing.to_owned())
        );
        assert_eq!(
            said(&[None]),
            Err("has no figure of any of its 1 ready replicas yet".to_owned())
        );
        assert_eq!(said(&[]), Err("has no ready replica".to_owned()));
        assert_eq!(said(&[Some(0.0)]), Ok(0.0));
        assert!(said(&[Some(f64::NAN)]).is_err() && said(&[Some(f64::INFINITY)]).is_err());
    }
}

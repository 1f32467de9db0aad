// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use super::{Issued, Root};

/// How long what holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// Of an authority. A new one is made after two thirds of it.
    pub root: Duration,
    /// Of the autoscalers' certificate, likewise.
    pub issued: Duration,
    /// From the making of an authority until all know it; only then it signs.
    pub known_after: Duration,
    /// Between two looks.
    pub look: Duration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        const DAY: Duration = Duration::from_hours(24);
        Self {
            root: DAY.saturating_mul(365),
            issued: DAY.saturating_mul(90),
            known_after: Duration::from_mins(10),
            look: Duration::from_mins(1),
        }
    }
}

/// What has to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    /// These authorities have ended and are no longer trusted (by when they were made).
    Forget(Vec<Duration>),
    /// A new authority has to be made, and trusted from now on beside the others.
    MakeRoot {
        /// When it ends.
        ends: Duration,
    },
    /// A certificate has to be signed for the autoscalers.
    Sign {
        /// By the authority that was made then.
        by: Duration,
        /// When it ends.
        ends: Duration,
    },
}

/// The rule: the next thing to do, or nothing. Called again until there is nothing. `roots` are those that are trusted;
/// `names` are those that the certificate has to have.
#[must_use]
pub fn step(
    roots: &[Root],
    issued: Option<&Issued>,
    names: &[String],
    lifetimes: &Lifetimes,
    now: Duration,
) -> Option<Due> {
    let ended: Vec<Duration> = roots
        .iter()
        .filter(|root| now >= root.ends)
        .map(|root| root.made)
        .collect();
    if !ended.is_empty() {
        return Some(Due::Forget(ended));
    }
    let newest = roots.iter().max_by_key(|root| root.made);
    if newest.is_none_or(|root| now >= renewal(root.made, root.ends)) {
        let ends = now + lifetimes.root;
        return Some(Due::MakeRoot { ends });
    }
    // One that all know signs; the very first one has nobody before it.
    let known = roots
        .iter()
        .filter(|root| now >= root.made + lifetimes.known_after);
    let signer = known
        .max_by_key(|root| root.made)
        .or_else(|| roots.iter().min_by_key(|root| root.made))?;
    let fits = issued.is_some_and(|issued| {
        issued.names == names
            && issued.signed_by == signer.made
            && now < renewal(issued.made, issued.ends)
    });
    (!fits).then(|| Due::Sign {
        by: signer.made,
        ends: (now + lifetimes.issued).min(signer.ends),
    })
}

/// Two thirds of the way.
fn renewal(made: Duration, ends: Duration) -> Duration {
    made + ends.saturating_sub(made) * 2 / 3
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFETIMES: Lifetimes = Lifetimes {
        root: Duration::from_secs(900),
        issued: Duration::from_secs(90),
        known_after: Duration::from_secs(30),
        look: Duration::from_secs(1),
    };

    fn names() -> Vec<String> {
        vec!["a.b.svc".to_owned()]
    }

    /// Runs the rule for `seconds`, looking each second, with what it says carried out.
    fn run(seconds: u64, mut each: impl FnMut(&[Root], &Issued, Duration)) {
        let (mut roots, mut issued): (Vec<Root>, Option<Issued>) = (Vec::new(), None);
        for second in 1_000..1_000 + seconds {
            let now = Duration::from_secs(second);
            let mut steps = 0;
            while let Some(due) = step(&roots, issued.as_ref(), &names(), &LIFETIMES, now) {
                steps += 1;
                assert!(steps < 6, "it comes to an end");
                match due {
                    Due::Forget(made) => roots.retain(|root| !made.contains(&root.made)),
                    Due::MakeRoot { ends } => roots.push(Root {
                        certificate: String::new(),
                        key: String::new(),
                        made: now,
                        ends,
                    }),
                    Due::Sign { by, ends } => {
                        issued = Some(Issued {
                            names: names(),
                            made: now,
                            ends,
                            signed_by: by,
                        });
                    }
                }
            }
            each(&roots, issued.as_ref().unwrap(), now);
        }
    }

    #[test]
    fn what_serves_is_signed_by_one_that_all_know_and_never_ends_in_use() {
        let mut roots_seen = 0;
        let mut first = None;
        run(5_000, |roots, issued, now| {
            roots_seen = roots_seen.max(roots.len());
            let signer = roots.iter().find(|root| root.made == issued.signed_by);
            let signer = signer.expect("its authority is trusted");
            assert!(now < issued.ends && now < signer.ends);
            let first = *first.get_or_insert(signer.made);
            assert!(signer.made == first || now >= signer.made + LIFETIMES.known_after);
        });
        assert_eq!(
            roots_seen, 2,
            "old and new are trusted together for a while"
        );
    }

    #[test]
    fn other_names_are_signed_anew() {
        let now = Duration::from_secs(10);
        let root = Root {
            certificate: String::new(),
            key: String::new(),
            made: now,
            ends: Duration::from_secs(900),
        };
        let issued = Issued {
            names: names(),
            made: now,
            ends: Duration::from_secs(100),
            signed_by: now,
        };
        let roots = [root];
        assert_eq!(step(&roots, Some(&issued), &names(), &LIFETIMES, now), None);
        let other = ["other".to_owned()];
        let due = step(&roots, Some(&issued), &other, &LIFETIMES, now);
        assert!(matches!(due, Some(Due::Sign { .. })));
    }
}

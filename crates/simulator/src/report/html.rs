// SPDX-License-Identifier: Apache-2.0
use serde::Serialize;

use super::{
    Comparison, Figures,
    table::{figure, percent, seconds},
    uplot,
};

/// The comparison as one page that stands alone: it holds its style, its script and its data, and its policy
/// (`default-src 'none'`) lets a browser ask nobody for anything.
///
/// # Errors
/// None that a comparison can cause: its numbers are finite or absent.
pub fn html(comparison: &Comparison) -> serde_json::Result<String> {
    // Within a script `<` could end it; in JSON's strings it may be written otherwise.
    let data = serde_json::to_string(&PageData::of(comparison))?.replace('<', "\\u003c");
    Ok(fill(
        include_str!("page/page.html"),
        &[
            ("title", &escaped(&comparison.title)),
            ("uplot.css", uplot::STYLE),
            ("page.css", include_str!("page/page.css")),
            ("load", &comparison.load.in_words()),
            ("rows", &rows(comparison)),
            ("assumptions", &items(&comparison.assumptions)),
            ("about", &about(&comparison.policies)),
            ("data", &data),
            ("uplot.licence", uplot::LICENCE),
            ("uplot.js", uplot::SCRIPT),
            ("page.js", include_str!("page/page.js")),
        ],
    ))
}

/// What the plots are drawn from: columns, to three or four digits.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PageData<'a> {
    slots: Option<u32>,
    demand: [Vec<f64>; 2],
    policies: Vec<PagePolicy<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PagePolicy<'a> {
    policy: &'a str,
    waiting_share: f64,
    cost: Option<f64>,
    replica_seconds: f64,
    tail: [Vec<f64>; 2],
    timeline: [Vec<f64>; 2],
}

impl<'a> PageData<'a> {
    fn of(comparison: &'a Comparison) -> Self {
        let demand = &comparison.load.demand;
        Self {
            slots: comparison.slots,
            demand: columns(demand.iter().map(|one| (one.seconds, one.in_flight))),
            policies: comparison.policies.iter().map(PagePolicy::of).collect(),
        }
    }
}

impl<'a> PagePolicy<'a> {
    fn of(one: &'a Figures) -> Self {
        Self {
            policy: &one.policy,
            waiting_share: one.waiting_share,
            cost: one.cost,
            replica_seconds: one.replica_seconds,
            tail: columns(one.tail.iter().map(|one| (one.seconds, one.share))),
            timeline: columns(one.timeline.iter().map(|one| (one.seconds, one.replicas))),
        }
    }
}

fn columns(points: impl Iterator<Item = (f64, f64)>) -> [Vec<f64>; 2] {
    let (xs, ys) = points.map(|(x, y)| (exact(x, 7), exact(y, 4))).unzip();
    [xs, ys]
}

/// To so many digits: more could not be seen, and would make the page large.
fn exact(value: f64, digits: i32) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return 0.0;
    }
    let scale = 10_f64.powi(digits - 1 - value.abs().log10().floor() as i32);
    (value * scale).round() / scale
}

/// Puts each value where `{{name}}` stands; what is put in is not searched again.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut parts = template.split("{{");
    let mut page = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let Some((name, rest)) = part.split_once("}}") else {
            page.push_str("{{");
            page.push_str(part);
            continue;
        };
        let value = values.iter().find(|(known, _)| *known == name);
        page.push_str(value.map_or("", |(_, value)| value));
        page.push_str(rest);
    }
    page
}

fn rows(comparison: &Comparison) -> String {
    let dearest = comparison
        .policies
        .iter()
        .map(|one| one.replica_seconds)
        .fold(0.0, f64::max);
    let frontier = comparison.frontier();
    let rows = comparison.policies.iter().enumerate();
    rows.map(|(index, one)| {
        let best = frontier.contains(&one.policy.as_str());
        row(index, one, dearest, best)
    })
    .collect()
}

fn row(index: usize, one: &Figures, dearest: f64, best: bool) -> String {
    // The bar leaves room for the number.
    let width = 60.0 * one.replica_seconds / dearest.max(f64::MIN_POSITIVE);
    let star = if best {
        " <abbr title=\"no other policy is better in both cost and waiting\">★</abbr>"
    } else {
        ""
    };
    let cost = one
        .cost
        .map_or_else(|| "–".to_owned(), |cost| format!("{cost:.2}×"));
    format!(
        "<tr><th scope=row><i class=key style=\"--c:var(--p{})\"></i>{}{star}</th>\
         <td>{}</td><td>{}</td><td>{}</td><td>{}</td>\
         <td class=bar><i style=\"width:{width:.1}%;--c:var(--p{})\"></i><span>{cost}</span></td>\
         <td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
        index % PALETTE,
        escaped(&one.policy),
        percent(one.waiting_share),
        seconds(one.p50_wait_seconds),
        seconds(one.p99_wait_seconds),
        seconds(one.p99_latency_seconds),
        index % PALETTE,
        figure(one.replica_seconds / 3600.0),
        one.cold_starts,
        one.starts,
        one.refused + one.timed_out,
    )
}

/// Colours that page.css names, `--p0` and on.
const PALETTE: usize = 8;

fn about(policies: &[Figures]) -> String {
    policies
        .iter()
        .map(|one| {
            format!(
                "<dt>{}</dt><dd>{}</dd>\n",
                escaped(&one.policy),
                escaped(&one.about)
            )
        })
        .collect()
}

fn items(lines: &[String]) -> String {
    lines
        .iter()
        .map(|line| format!("<li>{}</li>\n", escaped(line)))
        .collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::comparison::tests::specimen;

    #[test]
    fn it_stands_alone_and_asks_nobody() {
        let page = html(&specimen()).unwrap();
        assert!(page.contains("default-src 'none'"));
        for way_out in ["src=\"http", "href=\"http", "@import", "url(http", "fetch("] {
            assert!(!page.contains(way_out), "{way_out}");
        }
        assert!(!page.contains("{{"), "all places are filled");
    }

    #[test]
    fn names_cannot_become_markup() {
        let mut all = specimen();
        all.policies[0].policy = "</script>x".to_owned();
        let page = html(&all).unwrap();
        assert!(page.contains("a &lt;/script&gt; log"));
        assert!(page.contains("\"\\u003c/script>x\""));
        assert!(!page.contains("a </script>") && !page.contains("</script>x"));
    }

    #[test]
    fn each_policy_has_its_row_and_the_best_are_marked() {
        let page = html(&specimen()).unwrap();
        let rows = page.matches("<th scope=row>").count();
        assert_eq!((rows, page.matches('★').count()), (3, 2));
    }
}

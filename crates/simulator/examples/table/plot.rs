// SPDX-License-Identifier: Apache-2.0
//! The plots that `docs/policies.md` keeps, as SVG: for a page that nobody opens in a browser of its own.
use cheerful_simulator::report::{Comparison, Figures, Sample};
use plotters::prelude::*;

type Drawn = Result<String, Box<dyn std::error::Error>>;

const SIZE: (u32, u32) = (760, 400);
/// Steps over time: more cannot be seen at this width.
const STEPS: usize = 380;
/// The colours of `report/page/page.css`, in its order.
const COLOURS: [RGBColor; 8] = [
    RGBColor(0x0b, 0x6f, 0xb8),
    RGBColor(0xd1, 0x49, 0x5b),
    RGBColor(0x8a, 0x6d, 0x00),
    RGBColor(0x7a, 0x4f, 0xb5),
    RGBColor(0x00, 0x80, 0x6a),
    RGBColor(0xc2, 0x5a, 0x00),
    RGBColor(0x5f, 0x6b, 0x7a),
    RGBColor(0xb0, 0x30, 0x8f),
];

/// Cost against waiting: each policy is a point.
pub(crate) fn frontier(comparison: &Comparison) -> Drawn {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let cost = |one: &Figures| one.cost.unwrap_or_default();
        let most = comparison.policies.iter().map(cost).fold(1.0, f64::max);
        let mut chart = ChartBuilder::on(&area)
            .margin(12)
            .caption(&comparison.title, ("sans-serif", 18))
            .x_label_area_size(40)
            .y_label_area_size(64)
            .build_cartesian_2d(0.5..most * 1.15, (LEAST / 2.0..1.0).log_scale())?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .x_label_formatter(&|cost| format!("{:.1}x", cost))
            .x_desc("cost, times the clairvoyant's")
            .y_desc("requests that waited > 0.1 s")
            .y_label_formatter(&|share| match *share {
                ..0.000_11 => "none".to_owned(),
                share => format!("{} %", share * 100.0),
            })
            .draw()?;
        let mut named: Vec<(f64, f64, i32)> = Vec::new();
        let mut points = Vec::new();
        for (index, one) in comparison.policies.iter().enumerate() {
            let colour = COLOURS[index % COLOURS.len()];
            let place = (cost(one), one.waiting_share.max(LEAST));
            // Names that would lie on each other move up.
            let near = named.iter().filter(|(x, y, _)| {
                (x - place.0).abs() < 0.13 * most && (y / place.1).ln().abs() < 0.5
            });
            let up = near.map(|(.., up)| up + 14).max().unwrap_or(0);
            named.push((place.0, place.1, up));
            let font = ("sans-serif", 14).into_font().color(&colour);
            points.push(
                EmptyElement::at(place)
                    + Circle::new((0, 0), 5, colour.filled())
                    + Text::new(one.policy.clone(), (9, -7 - up), font),
            );
        }
        chart.draw_series(points)?;
        area.present()?;
    }
    Ok(svg)
}

/// A share below is drawn there: nobody waited.
const LEAST: f64 = 1e-4;

/// Replicas of some policies over the load.
pub(crate) fn replicas(comparison: &Comparison, names: &[&str]) -> Drawn {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let slots = f64::from(comparison.slots.unwrap_or(1));
        let load = coarse(&comparison.load.demand, |one| one.in_flight / slots);
        let shown: Vec<(usize, &Figures)> = comparison
            .policies
            .iter()
            .enumerate()
            .filter(|(_, one)| names.contains(&one.policy.as_str()))
            .collect();
        let lines: Vec<_> = shown
            .iter()
            .map(|(index, one)| (*index, one, coarse(&one.timeline, |one| one.replicas)))
            .collect();
        let most = lines
            .iter()
            .flat_map(|(.., line)| line.iter().map(|point| point.1))
            .fold(1.0, f64::max);
        let mut chart = ChartBuilder::on(&area)
            .margin(12)
            .caption(&comparison.title, ("sans-serif", 18))
            .x_label_area_size(40)
            .y_label_area_size(48)
            .build_cartesian_2d(0.0..comparison.load.seconds / 60.0, 0.0..most * 1.2)?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .x_label_formatter(&|minutes| format!("{minutes:.0}"))
            .y_label_formatter(&|replicas| format!("{replicas:.0}"))
            .x_desc("minutes")
            .y_desc("replicas")
            .draw()?;
        let grey = RGBColor(0xc3, 0xc9, 0xd1);
        let ground = load
            .iter()
            .copied()
            .chain([(comparison.load.seconds / 60.0, 0.0), (0.0, 0.0)]);
        chart
            .draw_series([Polygon::new(
                ground.collect::<Vec<_>>(),
                grey.mix(0.7).filled(),
            )])?
            .label("load / slots")
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], grey.stroke_width(6)));
        for (index, one, line) in lines {
            let colour = COLOURS[index % COLOURS.len()];
            chart
                .draw_series(LineSeries::new(line, colour.stroke_width(2)))?
                .label(one.policy.clone())
                .legend(move |(x, y)| {
                    PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2))
                });
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperRight)
            .background_style(WHITE.mix(0.8))
            .border_style(TRANSPARENT)
            .label_font(("sans-serif", 14))
            .draw()?;
        area.present()?;
    }
    Ok(svg)
}

/// Minutes and means over stretches of equal length.
fn coarse(samples: &[Sample], value: impl Fn(&Sample) -> f64) -> Vec<(f64, f64)> {
    let together = samples.len().div_ceil(STEPS).max(1);
    samples
        .chunks(together)
        .map(|some| {
            let mean = some.iter().map(&value).sum::<f64>() / some.len() as f64;
            (some.first().map_or(0.0, |one| one.seconds) / 60.0, mean)
        })
        .collect()
}

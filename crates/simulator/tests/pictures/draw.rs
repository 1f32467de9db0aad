// SPDX-License-Identifier: Apache-2.0
use plotters::prelude::*;

use super::scene::Scene;

const SIZE: (u32, u32) = (760, 460);
const LOAD: RGBColor = RGBColor(0xc3, 0xc9, 0xd1);
const STABLE: RGBColor = RGBColor(0x0b, 0x6f, 0xb8);
const PANIC: RGBColor = RGBColor(0xd1, 0x49, 0x5b);
const WANTED: RGBColor = RGBColor(0x7a, 0x4f, 0xb5);
const READY: RGBColor = RGBColor(0x00, 0x80, 0x6a);

/// Above the load and its means, below the replicas; where it was in panic the ground is red.
pub(crate) fn draw(title: &str, scene: &Scene) -> String {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        area.fill(&WHITE).unwrap();
        let area = area.titled(title, ("sans-serif", 18)).unwrap();
        let (above, below) = area.split_vertically(SIZE.1 * 11 / 20);
        load(&above, scene);
        replicas(&below, scene);
        area.present().unwrap();
    }
    svg
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

fn load(area: &Area<'_>, scene: &Scene) {
    let most = scene.load.iter().map(|point| point.1).fold(1.0, f64::max) * 1.15;
    let mut chart = ChartBuilder::on(area)
        .margin(8)
        .x_label_area_size(4)
        .y_label_area_size(52)
        .build_cartesian_2d(0.0..scene.seconds, 0.0..most)
        .unwrap();
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .x_labels(0)
        .y_label_formatter(&|requests| format!("{requests:.0}"))
        .y_desc("requests in flight")
        .draw()
        .unwrap();
    chart.draw_series(panics(scene, most)).unwrap();
    let ground = steps(scene.load.iter().copied(), scene.seconds)
        .into_iter()
        .chain([(scene.seconds, 0.0), (0.0, 0.0)]);
    let ground: Vec<_> = ground.collect();
    chart
        .draw_series([Polygon::new(ground, LOAD.mix(0.8).filled())])
        .unwrap()
        .label("requests there")
        .legend(|(x, y)| PathElement::new([(x, y), (x + 16, y)], LOAD.stroke_width(6)));
    let stable = scene.decided.iter().map(|one| (one.at, one.stable));
    let panic = scene.decided.iter().map(|one| (one.at, one.panic));
    for (name, colour, line) in [
        ("mean over 60 s", STABLE, stable.collect::<Vec<_>>()),
        ("mean over 6 s", PANIC, panic.collect()),
    ] {
        chart
            .draw_series(LineSeries::new(line, colour.stroke_width(2)))
            .unwrap()
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
    }
    legend(&mut chart);
}

fn replicas(area: &Area<'_>, scene: &Scene) {
    let wanted = scene.decided.iter().map(|one| f64::from(one.replicas));
    let most = (wanted.fold(1.0, f64::max) * 1.25).ceil();
    let mut chart = ChartBuilder::on(area)
        .margin(8)
        .x_label_area_size(34)
        .y_label_area_size(52)
        .build_cartesian_2d(0.0..scene.seconds, 0.0..most)
        .unwrap();
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .x_label_formatter(&|seconds| format!("{seconds:.0} s"))
        .y_label_formatter(&|replicas| format!("{replicas:.0}"))
        .y_desc("replicas")
        .draw()
        .unwrap();
    chart.draw_series(panics(scene, most)).unwrap();
    let ready = scene
        .ready
        .iter()
        .map(|(at, ready)| (*at, f64::from(*ready)));
    let ready = steps(ready, scene.seconds);
    let ground: Vec<_> = ready
        .into_iter()
        .chain([(scene.seconds, 0.0), (0.0, 0.0)])
        .collect();
    chart
        .draw_series([Polygon::new(ground, READY.mix(0.35).filled())])
        .unwrap()
        .label("ready")
        .legend(|(x, y)| PathElement::new([(x, y), (x + 16, y)], READY.mix(0.35).stroke_width(6)));
    let wanted = scene
        .decided
        .iter()
        .map(|one| (one.at, f64::from(one.replicas)));
    chart
        .draw_series(LineSeries::new(
            steps(wanted, scene.seconds),
            WANTED.stroke_width(2),
        ))
        .unwrap()
        .label("wanted")
        .legend(|(x, y)| PathElement::new([(x, y), (x + 16, y)], WANTED.stroke_width(2)));
    legend(&mut chart);
}

fn legend<'a, 'b: 'a>(
    chart: &mut ChartContext<
        'a,
        SVGBackend<'b>,
        Cartesian2d<plotters::coord::types::RangedCoordf64, plotters::coord::types::RangedCoordf64>,
    >,
) {
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.8))
        .border_style(TRANSPARENT)
        .label_font(("sans-serif", 13))
        .draw()
        .unwrap();
}

/// The times of panic, from one decision to the next.
fn panics(scene: &Scene, most: f64) -> Vec<Rectangle<(f64, f64)>> {
    let mut found: Vec<(f64, f64)> = Vec::new();
    for pair in scene.decided.windows(2) {
        let [one, next] = pair else { continue };
        if !one.is_panic {
            continue;
        }
        match found.last_mut() {
            Some(last) if last.1 == one.at => last.1 = next.at,
            _ => found.push((one.at, next.at)),
        }
    }
    found
        .into_iter()
        .map(|(from, until)| Rectangle::new([(from, 0.0), (until, most)], PANIC.mix(0.10).filled()))
        .collect()
}

/// A value holds until the next.
fn steps(points: impl Iterator<Item = (f64, f64)>, until: f64) -> Vec<(f64, f64)> {
    let mut line: Vec<(f64, f64)> = Vec::new();
    for (at, value) in points.take_while(|(at, _)| *at <= until) {
        if let Some((_, before)) = line.last().copied() {
            line.push((at, before));
        }
        line.push((at, value));
    }
    if let Some((_, last)) = line.last().copied() {
        line.push((until, last));
    }
    line
}

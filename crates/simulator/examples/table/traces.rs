// SPDX-License-Identifier: Apache-2.0
//! The traces, from `CHEERFUL_TRACES` or `../shared/traces`.
use std::{env, fs, path::PathBuf, time::Duration};

use cheerful_scaling::Moment;
use cheerful_simulator::{
    Arrival, Rng,
    load::{LoadError, Summary, Trace},
};

fn path(file: &str) -> PathBuf {
    let folder = env::var_os("CHEERFUL_TRACES").map_or_else(
        || {
            PathBuf::from(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../../shared/traces"
            ))
        },
        PathBuf::from,
    );
    folder.join(file)
}

fn read(file: &str) -> Result<String, String> {
    let path = path(file);
    fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
}

pub(crate) fn llm(file: &str) -> Result<(Vec<Arrival>, Summary), String> {
    let told = |error: LoadError| error.to_string();
    let mut arrivals = Trace::new(path(file)).open(1).map_err(told)?;
    let load = arrivals.by_ref().collect();
    Ok((load, arrivals.finish().map_err(told)?))
}

/// One of the sparse apps.
pub(crate) struct App {
    pub(crate) gigabytes: f64,
    pub(crate) load: Vec<Arrival>,
}

/// The trace has the requests of a day and how many replicas were busy in each minute. The requests are given to the
/// minutes in proportion, and within their minute are spread evenly or by chance; each takes a second, or less where so many would not fit.
pub(crate) fn sparse_apps(by_chance: bool) -> Result<Vec<App>, String> {
    let mut rng = Rng::new(1);
    let text = read("azure2019_femux50_containers_per_min.csv")?;
    text.lines()
        .skip(1)
        .map(|line| sparse_app(line, by_chance.then_some(&mut rng)))
        .collect()
}

fn sparse_app(line: &str, mut chance: Option<&mut Rng>) -> Result<App, String> {
    let numbers: Result<Vec<f64>, _> = line.trim().split(',').skip(1).map(str::parse).collect();
    let numbers = numbers.map_err(|error| format!("{line:.80}: {error}"))?;
    let [megabytes, requests, minutes @ ..] = &numbers[..] else {
        return Err(format!("{line:.80}: too short"));
    };
    let sum: f64 = minutes.iter().sum();
    let work = Duration::from_secs_f64((60.0 * sum / requests / 2.0).min(1.0));
    let mut load = Vec::new();
    let (mut due, mut given) = (0.0, 0.0);
    for (minute, busy) in minutes.iter().enumerate() {
        due += requests * busy / sum;
        let here = (due + 1e-9).floor() - given;
        given += here;
        let mut places: Vec<f64> = (0..here as u64)
            .map(|number| match &mut chance {
                Some(rng) => rng.unit(),
                None => (number as f64 + 0.5) / here,
            })
            .collect();
        places.sort_by(f64::total_cmp);
        for place in places {
            let second = 60.0 * (minute as f64 + place);
            let at = Moment::ZERO.plus(Duration::from_secs_f64(second));
            load.push(Arrival { at, work });
        }
    }
    Ok(App {
        gigabytes: megabytes / 1024.0,
        load,
    })
}

/// Requests in each minute, from the first minute of that day on (the first day is 0).
pub(crate) fn worldcup(days: std::ops::Range<usize>) -> Result<Vec<u64>, String> {
    let text = read("worldcup98_per_minute.csv")?;
    let minutes = days.start * 1440..days.end * 1440;
    let lines = text.lines().skip(1 + minutes.start).take(minutes.len());
    lines
        .map(|line| {
            let count = line
                .trim()
                .rsplit(',')
                .next()
                .and_then(|count| count.parse().ok());
            count.ok_or_else(|| format!("{line}: no count"))
        })
        .collect()
}

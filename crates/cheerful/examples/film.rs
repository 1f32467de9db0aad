// SPDX-License-Identifier: Apache-2.0
//! Films what a command prints, line by line, into an SVG that moves by itself: the picture of the README.
//!
//! `cargo run -p cheerful --example film -- docs/pictures/demo.svg target/debug/cheerful demo`
//!
//! It lasts a third of what the command took. Who wants nothing to move (`prefers-reduced-motion`) sees its end.
#![allow(
    clippy::disallowed_methods,
    reason = "it takes the time of a command, and is no part of the program"
)]
use std::{
    error::Error,
    fmt::Write as _,
    fs,
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
    time::Instant,
};

/// Lines and columns of the screen.
const LINES: usize = 24;
const COLUMNS: usize = 80;
/// In pixels.
const LINE: usize = 17;
const COLUMN: f64 = 8.4;
/// How much quicker it is shown.
const SPEED: f64 = 3.0;
/// The end stays for so many seconds.
const STAYS: f64 = 6.0;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: film FILE.svg PROGRAM [ARGUMENT...]";
    let (Some(file), Some(program)) = (arguments.next(), arguments.next()) else {
        return Err(usage.into());
    };
    let rest: Vec<String> = arguments.collect();
    let mut child = Command::new(&program)
        .args(&rest)
        .env("COLUMNS", COLUMNS.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let began = Instant::now();
    let output = child.stdout.take().ok_or("no output")?;
    let name = program.rsplit('/').next().unwrap_or_default();
    let mut lines = vec![(0.0, format!("$ {name} {}", rest.join(" ")))];
    for line in BufReader::new(output).lines() {
        lines.push((began.elapsed().as_secs_f64() / SPEED, line?));
    }
    if !child.wait()?.success() {
        return Err(format!("{program} failed").into());
    }
    fs::write(&file, film(&lines))?;
    Ok(())
}

/// All lines stand in one column, which moves up behind a window whenever one comes.
fn film(lines: &[(f64, String)]) -> String {
    let (width, height) = ((COLUMNS as f64 * COLUMN) as usize + 32, LINES * LINE + 32);
    let ends = lines.last().map_or(0.0, |last| last.0) + STAYS;
    let mut frames = String::new();
    let mut before = None;
    for (number, (at, _)) in lines.iter().enumerate() {
        // What comes at once is one step.
        let percent = (at / ends * 1000.0).round() / 10.0;
        if lines
            .get(number + 1)
            .is_some_and(|next| (next.0 / ends * 1000.0).round() / 10.0 == percent)
        {
            continue;
        }
        let up = (number as i64 + 1 - LINES as i64) * LINE as i64;
        if before.replace(up) != Some(up) {
            write!(frames, "{percent}%{{transform:translateY({}px)}}", -up).ok();
        }
    }
    let last = lines.len() as i64 - LINES as i64;
    let end = -(last * LINE as i64);
    let mut text = String::new();
    for (number, (_, line)) in lines.iter().enumerate() {
        let line: String = line.chars().take(COLUMNS).collect();
        let line = line
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;");
        let class = match () {
            () if line.starts_with('$') => " class=\"typed\"",
            () if line.contains("-&gt;") => " class=\"step\"",
            () => "",
        };
        let y = (number + 1) * LINE;
        writeln!(text, "<text y=\"{y}\"{class}>{line}</text>").ok();
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\">\n\
         <title>cheerful demo in a terminal</title>\n\
         <style>\n\
         text{{font:13.5px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#d7dce2;white-space:pre}}\n\
         .typed{{fill:#fff;font-weight:bold}} .step{{fill:#8fd0ff}}\n\
         #film{{transform:translateY({end}px);animation:film {ends:.1}s step-end infinite}}\n\
         @keyframes film{{{frames}100%{{transform:translateY({end}px)}}}}\n\
         @media (prefers-reduced-motion:reduce){{#film{{animation:none}}}}\n\
         </style>\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#14181d\"/>\n\
         <clipPath id=\"window\"><rect x=\"16\" y=\"12\" width=\"{}\" height=\"{}\"/></clipPath>\n\
         <g clip-path=\"url(#window)\"><g transform=\"translate(16 12)\"><g id=\"film\" xml:space=\"preserve\">\n{text}</g></g></g>\n</svg>\n",
        width - 32,
        LINES * LINE + 5,
    )
}

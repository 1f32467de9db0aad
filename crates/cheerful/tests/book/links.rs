// SPDX-License-Identifier: Apache-2.0
use std::{collections::BTreeMap, fs, path::Path};

/// Each link of a page to another of the project: that file is there, with that heading.
pub(crate) fn check(page: &Path, faults: &mut Vec<String>) {
    let text = fs::read_to_string(page).unwrap();
    let name = page.strip_prefix(crate::root()).unwrap_or(page).display();
    for (index, line) in prose(&text) {
        for target in targets(&line) {
            let place = format!("{name}:{}", index + 1);
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let path = match file {
                "" => page.to_owned(),
                file => page.parent().unwrap().join(file),
            };
            if !path.exists() {
                faults.push(format!("{place}: there is no {target}"));
            } else if !heading.is_empty()
                && !anchors(&fs::read_to_string(&path).unwrap_or_default())
                    .contains(&heading.to_owned())
            {
                faults.push(format!("{place}: {file} has no heading #{heading}"));
            }
        }
    }
}

/// Lines that are no code, with spans of code taken out.
fn prose(text: &str) -> Vec<(usize, String)> {
    let mut inside = false;
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
        } else if !inside {
            let without: String = line.split('`').step_by(2).collect::<Vec<_>>().join("code");
            found.push((index, without));
        }
    }
    found
}

/// What stands in `](...)`.
fn targets(line: &str) -> Vec<&str> {
    line.split("](")
        .skip(1)
        .filter_map(|rest| rest.split([')', ' ']).next())
        .collect()
}

/// The headings as a forge makes anchors of them.
fn anchors(text: &str) -> Vec<String> {
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    let mut inside = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
        }
        let heading = line.trim_start_matches('#');
        if inside || heading.len() == line.len() || !heading.starts_with(' ') {
            continue;
        }
        let anchor: String = heading
            .trim()
            .to_lowercase()
            .chars()
            .filter_map(|letter| match letter {
                ' ' => Some('-'),
                letter if letter.is_alphanumeric() || letter == '-' || letter == '_' => {
                    Some(letter)
                }
                _ => None,
            })
            .collect();
        let times = seen.entry(anchor.clone()).or_default();
        found.push(match *times {
            0 => anchor,
            times => format!("{anchor}-{times}"),
        });
        *times += 1;
    }
    found
}

#[test]
fn anchors_are_those_of_a_forge() {
    let text = "# What it *is*, `now`\n## Two\n## Two\n```\n# no\n```\n#no\n";
    assert_eq!(anchors(text), ["what-it-is-now", "two", "two-1"]);
}

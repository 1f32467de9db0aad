// SPDX-License-Identifier: Apache-2.0
use std::{
    fmt::Write as _,
    fs,
    path::Path,
    process::{Command, Stdio},
};

use crate::page::{Block, Kind};

/// What comes before the steps. A step that fails ends all, and is told with what it printed.
const PROLOGUE: &str = r#"set -eu -o pipefail
instance=
end_instance() {
    if [ -n "$instance" ]; then kill "$instance" && wait "$instance" || true; fi
    instance=
}
at_exit() {
    status=$?
    if [ "$status" -ne 0 ]; then
        printf '%s: exit code %s\n' "$place" "$status"
        cat "$out" || true
        if [ -n "$instance" ]; then tail -n 20 "$said"; fi
    fi
    end_instance
    exit "$status"
}
trap at_exit EXIT
is_up() {
    for _ in $(seq 1200); do
        if cheerful explain >"$out" 2>&1; then return 0; fi
        if ! kill -0 "$instance"; then cat "$said"; return 1; fi
        sleep 0.05
    done
    return 1
}
"#;

/// Runs a page from its first command to its last, in an empty folder, and looks at what was printed. Where that is
/// allowed its ports are those of a network of its own.
pub(crate) fn play(page: &Path, blocks: &[Block]) {
    let folder = tempfile::tempdir().unwrap();
    let outputs = folder.path().join("outputs");
    let work = folder.path().join("work");
    for made in [&outputs, &work, &folder.path().join("run")] {
        fs::create_dir(made).unwrap();
    }
    let mut script = PROLOGUE.to_owned();
    let mut expected = Vec::new();
    for block in blocks {
        match &block.kind {
            Kind::File(name) => {
                let text = block.lines.join("\n");
                writeln!(script, "cat >'{name}' <<'END OF FILE'\n{text}\nEND OF FILE").unwrap();
            }
            Kind::Stays => {
                let command = block.lines.join("\n");
                let said = outputs.join("instance");
                writeln!(
                    script,
                    "place='{}'\nend_instance\nsaid='{}' out='{}'\n(exec {command}) >\"$said\" 2>&1 &\ninstance=$!\nis_up",
                    block.place,
                    said.display(),
                    outputs.join("up").display(),
                )
                .unwrap();
            }
            Kind::Run => {
                for typed in block.typed() {
                    let out = outputs.join(expected.len().to_string());
                    let command = &typed.command;
                    writeln!(
                        script,
                        "place='{}' out='{}'\n{{\n{command}\n}} >\"$out\" 2>&1",
                        block.place,
                        out.display()
                    )
                    .unwrap();
                    let printed: Vec<String> =
                        typed.printed.iter().map(|&line| line.to_owned()).collect();
                    expected.push((format!("{}: {command}", block.place), out, printed));
                }
            }
            Kind::Elsewhere => {}
        }
    }
    let mut shell = if may_have_a_network() {
        let mut shell = Command::new("unshare");
        shell.args([
            "--user",
            "--map-root-user",
            "--net",
            "bash",
            "-c",
            "ip link set lo up; exec bash -c \"$0\"",
        ]);
        shell
    } else {
        let mut shell = Command::new("bash");
        shell.arg("-c");
        shell
    };
    let program = Path::new(env!("CARGO_BIN_EXE_cheerful"));
    let path = format!(
        "{}:{}",
        program.parent().unwrap().display(),
        std::env::var("PATH").unwrap()
    );
    let ended = shell
        .arg(script)
        .current_dir(&work)
        .env("PATH", path)
        .env("HOME", &work)
        .env("XDG_RUNTIME_DIR", folder.path().join("run"))
        .env_remove("CHEERFUL_SOCKET")
        .env_remove("KUBECONFIG")
        .env_remove("XDG_STATE_HOME")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(
        ended.status.success(),
        "{}\n{}{}",
        page.display(),
        String::from_utf8_lossy(&ended.stdout),
        String::from_utf8_lossy(&ended.stderr)
    );
    for (place, out, printed) in expected {
        let got = fs::read_to_string(out).unwrap();
        if !printed.is_empty() {
            assert!(
                is_like(&printed, &got),
                "{place}\nthe page has\n{}\n\nthere came\n{got}",
                printed.join("\n")
            );
        }
    }
}

/// Whether a network of its own can be had: not where users may have no namespaces.
fn may_have_a_network() -> bool {
    Command::new("unshare")
        .args([
            "--user",
            "--map-root-user",
            "--net",
            "ip",
            "link",
            "set",
            "lo",
            "up",
        ])
        .output()
        .is_ok_and(|output| output.status.success())
}

/// Line by line, but for figures and the number of spaces.
fn is_like(page: &[String], got: &str) -> bool {
    let plain: Vec<String> = got.lines().map(without_figures).collect();
    let mut rest = plain.as_slice();
    let mut anywhere = false;
    for line in page {
        let line = without_figures(line);
        if line == "..." {
            anywhere = true;
            continue;
        }
        let fits = |one: &String| match line.strip_suffix("...") {
            Some(begin) => one.starts_with(begin.trim_end()),
            None => *one == line,
        };
        let Some(found) = rest.iter().position(fits) else {
            return false;
        };
        if found > 0 && !anywhere {
            return false;
        }
        rest = rest.get(found + 1..).unwrap_or_default();
        anywhere = false;
    }
    anywhere || rest.is_empty()
}

/// `1.5 s` and `12 s` are `0 s`.
fn without_figures(line: &str) -> String {
    let mut plain = String::new();
    let mut letters = line.trim().chars().peekable();
    while let Some(letter) = letters.next() {
        if letter.is_ascii_digit() {
            while letters
                .next_if(|next| next.is_ascii_digit() || *next == '.')
                .is_some()
            {}
            plain.push('0');
        } else if letter.is_whitespace() {
            while letters.next_if(|next| next.is_whitespace()).is_some() {}
            plain.push(' ');
        } else {
            plain.push(letter);
        }
    }
    plain
}

#[test]
fn figures_may_differ_and_words_may_not() {
    let page = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    assert!(is_like(&page("a 1.5 s  b"), "a 12 s b\n"));
    assert!(!is_like(&page("a 1 s"), "a 1 ms\n"));
    assert!(is_like(&page("a\n...\nd"), "a\nb\nc\nd\n"));
    assert!(!is_like(&page("a\nd"), "a\nb\nd\n"));
    assert!(!is_like(&page("a"), "a\nb\n"));
    assert!(is_like(&page("a\n..."), "a\n"));
    assert!(is_like(&page("kept by ..."), "kept by max 8\n"));
}

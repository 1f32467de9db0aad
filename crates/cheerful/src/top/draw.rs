// SPDX-License-Identifier: Apache-2.0
use std::borrow::Cow;

use cheerful_autoscaler::RevisionView;
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::{Color, Modifier, Style, Stylize as _},
    text::{Line, Span},
    widgets::{Block, Borders, Cell, Paragraph, Row, TableState, Wrap},
};

use super::{
    opened,
    table::{CURVE, Table},
};
use crate::words;

/// From this many columns on the reasons stand in the table as well.
const WIDE: u16 = 120;

/// Draws the whole screen. Without colour, bold and reversed letters say the same.
pub(crate) fn draw(frame: &mut Frame<'_>, table: &Table, colour: bool) {
    if let Some(opened) = &table.opened {
        return opened::draw(frame, table, opened);
    }
    let [head, middle, detail, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Min(3),
        Constraint::Length(6),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    frame.render_widget(heading(table), head);
    rows(frame, middle, table, colour);
    frame.render_widget(chosen(table), detail);
    frame.render_widget(keys(table), foot);
}

fn keys(table: &Table) -> Paragraph<'_> {
    if table.typing {
        let typed = format!(" /{}_   Enter done   Esc all", table.filter);
        return Paragraph::new(typed.bold());
    }
    let sort = table.sort.name();
    let mut keys = format!(" q quit   Enter open   / filter   s sort: {sort}");
    if table.rows.iter().any(|row| row.shadow.is_some()) {
        keys += "   +: a second policy beside";
    }
    Paragraph::new(keys.dim())
}

/// That what is on the screen is old, and why.
pub(super) fn trouble(table: &Table) -> Option<Paragraph<'_>> {
    let why = table.trouble.as_ref()?;
    let text = format!(" not reachable, trying again: {why}");
    Some(Paragraph::new(text.bold().reversed()))
}

fn heading(table: &Table) -> Paragraph<'_> {
    if let Some(trouble) = trouble(table) {
        return trouble;
    }
    let ready: u64 = table.rows.iter().map(|row| u64::from(row.ready)).sum();
    let in_flight: f64 = table.rows.iter().map(|row| row.in_flight).sum();
    Paragraph::new(Line::from(vec![
        " cheerful ".bold(),
        Span::raw(format!(
            "  {}, {} ready, {} in flight{}",
            words::count(table.rows.len() as u64, "revision"),
            words::count(ready, "replica"),
            words::number(in_flight),
            if table.filter.is_empty() {
                String::new()
            } else {
                format!("; like {:?}, {} are not", table.filter, table.hidden.len())
            }
        )),
    ]))
}

fn rows(frame: &mut Frame<'_>, area: Rect, table: &Table, colour: bool) {
    let wide = area.width >= WIDE;
    let mut titles = vec![
        Cell::from("REVISION"),
        right("IN FLIGHT"),
        right("HELD"),
        right("READY/WANTED"),
        Cell::from("MODE"),
        right("TARGET"),
        Cell::from("LAST 12 s"),
    ];
    let mut widths = vec![
        Constraint::Fill(1),
        Constraint::Length(9),
        Constraint::Length(5),
        Constraint::Length(12),
        Constraint::Length(7),
        Constraint::Length(6),
        Constraint::Length(CURVE as u16),
    ];
    if wide {
        titles.push(Cell::from("LAST REASON"));
        widths.push(Constraint::Fill(3));
    }
    // Rows outside the screen are not made: there may be ten thousand.
    let height = usize::from(area.height.saturating_sub(1)).max(1);
    let first = table.chosen.saturating_sub(height - 1);
    let shown = table.rows.iter().skip(first).take(height).map(|row| {
        let mut cells = vec![
            Cell::from(row.revision.as_str()),
            right(words::number(row.in_flight)),
            right(row.held.to_string()),
            right(format!("{}/{}", row.ready, row.wanted)),
            Cell::from(mode(row)),
            right(words::number(row.target)),
            Cell::from(curve(table.curve(&row.revision))),
        ];
        if wide {
            cells.push(Cell::from(row.why.as_str()));
        }
        Row::new(cells).style(style(row, colour))
    });
    let widget = ratatui::widgets::Table::new(shown, widths)
        .header(Row::new(titles).bold())
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED))
        .highlight_symbol("> ");
    let mut state =
        TableState::new().with_selected((!table.rows.is_empty()).then_some(table.chosen - first));
    frame.render_stateful_widget(widget, area, &mut state);
}

/// `stable`, and `stable+` with a second policy beside it.
fn mode(row: &RevisionView) -> Cow<'_, str> {
    match row.shadow {
        None => Cow::Borrowed(&row.mode),
        Some(_) => Cow::Owned(format!("{}+", row.mode)),
    }
}

fn right<'a>(text: impl Into<Line<'a>>) -> Cell<'a> {
    Cell::from(text.into().right_aligned())
}

fn style(row: &RevisionView, colour: bool) -> Style {
    let style = Style::new();
    match row.mode.as_str() {
        "panic" if colour => style.fg(Color::Yellow).bold(),
        "panic" => style.bold(),
        "zero" => style.dim(),
        _ => style,
    }
}

/// `▁▂▅█`: each reading as a share of the highest.
pub(super) fn curve(readings: impl Iterator<Item = f64>) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let readings: Vec<f64> = readings.collect();
    let highest = readings.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    readings
        .iter()
        .map(|reading| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a float becomes the nearest integer that there is"
            )]
            let bar = (reading / highest * 7.0).round() as usize;
            BARS[bar.min(7)]
        })
        .collect()
}

fn chosen(table: &Table) -> Paragraph<'_> {
    let Some(row) = table.chosen() else {
        let none = if table.hidden.is_empty() {
            " no revisions"
        } else {
            " none is like that"
        };
        return Paragraph::new(none).block(Block::new());
    };
    let mut lines = vec![Line::from(row.why.as_str())];
    if let Some(woken) = words::woken(row) {
        lines.push(Line::from(woken));
    }
    if let Some(kept) = &row.kept_awake_by {
        lines.push(Line::from(format!("kept awake by {kept}")));
    }
    if let Some(shadow) = &row.shadow {
        lines.push(Line::from(shadow.sentence.as_str()));
    }
    let title = format!(" {} ", row.revision);
    Paragraph::new(lines)
        .wrap(Wrap { trim: true })
        .block(Block::new().borders(Borders::TOP).title(title))
}

#[cfg(test)]
mod tests {
    use cheerful_autoscaler::ShadowView;
    use cheerful_scaling::Compared;
    use ratatui::{Terminal, backend::TestBackend};

    use cheerful_autoscaler::DecisionLine;

    use super::{
        super::table::{Wish, tests::row},
        *,
    };
    use crate::{
        api::{ReplicaLine, RevisionDetail},
        explain::tests::line as decision,
    };

    fn screen(table: &Table, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, table, false)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn one_is_opened_at_80_columns() {
        let mut table = busy();
        table.wish(Wish::Open);
        table.detail("hello", Some(detail()));
        insta::assert_snapshot!(screen(&table, 80, 24));
        table.wish(Wish::Move(3));
        let scrolled = screen(&table, 80, 24);
        assert!(!scrolled.contains("09:25:07Z"), "{scrolled}");
        for _ in 0..100 {
            table.wish(Wish::Move(10));
        }
        let end = screen(&table, 80, 24);
        assert!(
            end.contains("0 -> 1: new"),
            "the oldest stays in sight: {end}"
        );
    }

    #[test]
    fn a_filter_is_typed_at_the_foot() {
        let mut table = busy();
        table.wish(Wish::Filter);
        table.wish(Wish::Letter('d'));
        let typing = screen(&table, 80, 14);
        assert!(typing.contains(" /d_   Enter done"), "{typing}");
        assert!(
            typing.contains("1 revision, 0 replicas ready, 0 in flight; like \"d\", 1 are not"),
            "{typing}"
        );
        table.wish(Wish::Letter('x'));
        assert!(screen(&table, 80, 14).contains("none is like that"));
    }

    fn detail() -> RevisionDetail {
        let mut view = busy().rows.remove(0);
        let sentences = [
            "0 -> 1: new, and no request yet; held by initial 1",
            "1 -> 4: 36 requests in flight or held right now (a burst), target 10 each",
            "4 -> 8: 40 requests in flight on average over 6 s (panic), target 5.6 each; limited from 9 by max 8",
        ];
        let decisions = sentences
            .into_iter()
            .zip(0..)
            .map(|(sentence, number)| DecisionLine {
                sentence: sentence.to_owned(),
                unix_millis: 1_795_512_301_000 + number * 3_000,
                times: 1,
                ..decision()
            });
        view.decisions = decisions.collect();
        let replicas = (1..=4).map(|number| ReplicaLine {
            replica: format!("hello-{number}"),
            pid: Some(number),
            port: 40_000,
            state: "ready".to_owned(),
            age_seconds: 12.0,
            restarts: u32::from(number == 2),
            in_flight: 10,
            memory_bytes: None,
            last_output: Vec::new(),
        });
        RevisionDetail {
            view,
            replicas: replicas.collect(),
            starts: Vec::new(),
        }
    }

    fn busy() -> Table {
        let mut table = Table::default();
        let mut hello = row("hello", 40.0, 4);
        hello.wanted = 8;
        hello.held = 3;
        hello.mode = "panic".to_owned();
        hello.why = "4 -> 8: 40 requests in flight on average over 6 s (panic), target 5.6 each; \
                     limited from 9 by max 8"
            .to_owned();
        hello.woken_by = Some("GET /".to_owned());
        hello.woken_seconds_ago = Some(12.4);
        hello.kept_awake_by = Some("40 requests in flight".to_owned());
        let mut idle = row("idle", 0.0, 0);
        idle.mode = "zero".to_owned();
        for in_flight in [4.0, 8.0] {
            table.refresh(vec![row("hello", in_flight, 4)]);
        }
        table.refresh(vec![hello, idle]);
        table
    }

    #[test]
    fn it_reads_well_at_80_columns() {
        insta::assert_snapshot!(screen(&busy(), 80, 14));
    }

    #[test]
    fn a_second_policy_is_marked_and_told() {
        let mut table = busy();
        let mut hello = table.rows[0].clone();
        hello.shadow = Some(ShadowView {
            policy: "auto".to_owned(),
            ready: 3,
            starting: 0,
            why: String::new(),
            compared: Compared::default(),
            sentence: "beside it, auto would have used 12 % fewer replica-seconds".to_owned(),
        });
        table.refresh(vec![hello]);
        let screen = screen(&table, 80, 14);
        for told in ["panic+", "12 % fewer", "+: a second policy"] {
            assert!(screen.contains(told), "{screen}");
        }
    }

    #[test]
    fn trouble_is_told_and_the_rows_stay() {
        let mut table = busy();
        table.lost("connection refused".to_owned());
        let screen = screen(&table, 80, 14);
        assert!(
            screen.contains("not reachable, trying again: connection refused"),
            "{screen}"
        );
        assert!(screen.contains("> hello"), "{screen}");
    }

    #[test]
    fn any_size_is_drawn_and_the_chosen_row_is_in_sight() {
        let mut table = Table::default();
        table.refresh(
            (0..10_000)
                .map(|n| row(&format!("service-{n:05}"), 0.0, 0))
                .collect(),
        );
        table.wish(Wish::Last);
        assert!(screen(&table, 80, 24).contains("> service-09999"));
        for (width, height) in [(1, 1), (10, 3), (40, 10), (250, 60)] {
            screen(&table, width, height);
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::Stylize as _,
    text::Line,
    widgets::{Block, Borders, Paragraph, Wrap},
};

use super::{
    draw::{curve, trouble},
    table::{Table, Wish},
};
use crate::{api::RevisionDetail, explain::decided, words};

/// One revision that is looked at alone.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) revision: String,
    /// What was read of it last; `None`: nothing yet, or it is not there.
    pub(crate) detail: Option<RevisionDetail>,
    pub(crate) is_read: bool,
    /// How many decisions are above the screen.
    passed: usize,
}

impl Opened {
    pub(crate) fn new(revision: &str) -> Self {
        Self {
            revision: revision.to_owned(),
            detail: None,
            is_read: false,
            passed: 0,
        }
    }

    /// Scrolls; the oldest decision stays in sight.
    pub(crate) fn wish(&mut self, wish: Wish) {
        let decisions = self.detail.as_ref().map_or(0, |it| it.view.decisions.len());
        let last = decisions.saturating_sub(1);
        match wish {
            Wish::Move(rows) => {
                let by = usize::try_from(rows.unsigned_abs()).unwrap_or(usize::MAX);
                self.passed = if rows < 0 {
                    self.passed.saturating_sub(by)
                } else {
                    self.passed.saturating_add(by).min(last)
                };
            }
            Wish::First => self.passed = 0,
            Wish::Last => self.passed = last,
            _ => {}
        }
    }
}

/// All that is known of one: how it is, why, its replicas, its decisions with the newest first.
pub(super) fn draw(frame: &mut Frame<'_>, table: &Table, opened: &Opened) {
    let [head, state, replicas, decisions, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(4),
        Constraint::Percentage(25),
        Constraint::Min(3),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    let title = format!(" {} ", opened.revision);
    frame.render_widget(
        trouble(table).unwrap_or_else(|| Paragraph::new(title.bold())),
        head,
    );
    let keys = " Esc back   up/down older, newer";
    frame.render_widget(Paragraph::new(keys.dim()), foot);
    let Some(detail) = &opened.detail else {
        let none = if opened.is_read {
            " it is not there any more"
        } else {
            " ..."
        };
        frame.render_widget(Paragraph::new(none), state);
        return;
    };
    frame.render_widget(how_it_is(table, detail), state);
    all_replicas(frame, replicas, detail);
    let lines: Vec<Line<'_>> = detail
        .view
        .decisions
        .iter()
        .rev()
        .skip(opened.passed)
        .take(usize::from(decisions.height))
        .map(|decision| Line::from(decided(decision).trim_end().to_owned()))
        .collect();
    let newest_first = Paragraph::new(lines)
        .wrap(Wrap { trim: true })
        .block(titled(" decisions, newest first ".to_owned()));
    frame.render_widget(newest_first, decisions);
}

fn how_it_is<'a>(table: &Table, detail: &RevisionDetail) -> Paragraph<'a> {
    let view = &detail.view;
    let mut lines = vec![
        format!(
            "{}: {}/{} ready, {} starting, {} draining; {} in flight, {} held, target {}",
            view.mode,
            view.ready,
            view.wanted,
            view.starting,
            view.draining,
            words::number(view.in_flight),
            view.held,
            words::number(view.target)
        ),
        format!(
            "{} in flight over the stable window, {} over the short one  {}",
            words::number(view.stable),
            words::number(view.panic),
            curve(table.curve(&view.revision))
        ),
    ];
    lines.extend(words::woken(view));
    if let Some(kept) = &view.kept_awake_by {
        lines.push(format!("kept awake by {}", words::printable(kept)));
    }
    Paragraph::new(lines.into_iter().map(Line::from).collect::<Vec<_>>())
}

fn all_replicas(frame: &mut Frame<'_>, area: Rect, detail: &RevisionDetail) {
    let height = usize::from(area.height.saturating_sub(1));
    let total = detail.replicas.len();
    let lines: Vec<Line<'_>> = detail
        .replicas
        .iter()
        .take(height)
        .map(|replica| Line::from(words::replica(replica)))
        .collect();
    let title = if total > lines.len() {
        format!(" replicas, {} of {total} ", lines.len())
    } else {
        " replicas ".to_owned()
    };
    frame.render_widget(Paragraph::new(lines).block(titled(title)), area);
}

fn titled<'a>(title: String) -> Block<'a> {
    Block::new().borders(Borders::TOP).title(title)
}

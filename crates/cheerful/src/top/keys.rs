// SPDX-License-Identifier: Apache-2.0
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::table::{Table, Wish};

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    Quit,
    Wish(Wish),
}

/// What it means depends on what is on the screen: while a filter is typed letters are letters.
pub(super) fn meaning(key: KeyEvent, table: &Table) -> Option<Meaning> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
    let wish = match key.code {
        KeyCode::Char('c') if is_control => return Some(Meaning::Quit),
        KeyCode::Char(_) if is_control => return None,
        KeyCode::Esc => Wish::Back,
        KeyCode::Char(letter) if table.typing => Wish::Letter(letter),
        KeyCode::Backspace if table.typing => Wish::Erase,
        KeyCode::Enter if table.typing => Wish::Typed,
        KeyCode::Char('q') if table.opened.is_none() => return Some(Meaning::Quit),
        KeyCode::Char('q') | KeyCode::Left | KeyCode::Backspace => Wish::Back,
        KeyCode::Char('/') => Wish::Filter,
        KeyCode::Char('s') => Wish::NextSort,
        KeyCode::Enter | KeyCode::Right => Wish::Open,
        KeyCode::Up | KeyCode::Char('k') => Wish::Move(-1),
        KeyCode::Down | KeyCode::Char('j') => Wish::Move(1),
        KeyCode::PageUp => Wish::Move(-10),
        KeyCode::PageDown => Wish::Move(10),
        KeyCode::Home => Wish::First,
        KeyCode::End => Wish::Last,
        _ => return None,
    };
    Some(Meaning::Wish(wish))
}

#[cfg(test)]
mod tests {
    use super::{super::table::tests::row, *};

    #[test]
    fn keys_have_their_meaning() {
        let mut table = Table::default();
        table.refresh(vec![row("a", 1.0, 1)]);
        let key = |code, table: &Table| meaning(KeyEvent::new(code, KeyModifiers::NONE), table);
        assert_eq!(key(KeyCode::Char('q'), &table), Some(Meaning::Quit));
        let down = Some(Meaning::Wish(Wish::Move(1)));
        assert_eq!(key(KeyCode::Down, &table), down);
        assert_eq!(key(KeyCode::Char('x'), &table), None);
        let interrupt = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        table.wish(Wish::Filter);
        assert_eq!(
            key(KeyCode::Char('q'), &table),
            Some(Meaning::Wish(Wish::Letter('q')))
        );
        assert_eq!(meaning(interrupt, &table), Some(Meaning::Quit));
        assert_eq!(
            key(KeyCode::Enter, &table),
            Some(Meaning::Wish(Wish::Typed))
        );
        table.wish(Wish::Typed);
        table.wish(Wish::Open);
        assert_eq!(
            key(KeyCode::Char('q'), &table),
            Some(Meaning::Wish(Wish::Back))
        );
    }
}

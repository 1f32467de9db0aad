// SPDX-License-Identifier: Apache-2.0
//! `top`: a live table of the revisions of a running instance.
mod draw;
mod table;

use std::{
    io::{self, IsTerminal as _},
    path::PathBuf,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
    time::Duration,
};

use cheerful_autoscaler::RevisionView;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use self::table::{Table, Wish};
use crate::{
    api::Client,
    exit::{Failure, print},
    instance, logs,
    signals::Signals,
    words,
};

/// Between two readings of the API.
const EVERY: Duration = Duration::from_secs(1);
/// An instance that does not answer for so long is not reachable.
const PATIENCE: Duration = Duration::from_secs(3);
/// Between two looks at the keys and the news.
const BEAT: Duration = Duration::from_millis(100);

#[derive(Debug, clap::Args)]
pub(crate) struct TopArgs {
    /// The instance's socket [default: the only one that runs]
    #[arg(long, value_name = "PATH", env = "CHEERFUL_SOCKET", hide_env = true)]
    socket: Option<PathBuf>,
    /// Print the table once, as plain text
    #[arg(long)]
    once: bool,
}

/// Shows the table until `q`, or prints it once.
///
/// # Errors
/// No instance is found, or there is no terminal to draw on.
pub(crate) fn run(args: TopArgs) -> Result<(), Failure> {
    let client = Client::new(&instance::socket(args.socket)?);
    if args.once {
        let rows = runtime()?.block_on(read(&client)).map_err(Failure::later)?;
        return print(&plain(rows));
    }
    if !io::stdout().is_terminal() {
        return Err(Failure::bad_input(
            "top draws on a terminal and stdout is none; --once prints the table as plain text",
        ));
    }
    let runtime = runtime()?;
    let (sender, news) = sync_channel(1);
    // Ends with the receiver, within one reading.
    thread::spawn(move || runtime.block_on(watch(client, sender)));
    let failed = |error| Failure::later(format_args!("the terminal cannot be used: {error}"));
    let mut terminal = ratatui::try_init().map_err(failed)?;
    let ended = live(&mut terminal, &news);
    ratatui::restore();
    ended.map_err(failed)
}

/// What the reading thread has to say.
enum News {
    Rows(Result<Vec<RevisionView>, String>),
    /// A signal asks to end.
    End,
}

fn live(terminal: &mut ratatui::DefaultTerminal, news: &Receiver<News>) -> io::Result<()> {
    let colour = logs::colour_is_wanted();
    let mut table = Table::default();
    loop {
        terminal.draw(|frame| draw::draw(frame, &table, colour))?;
        match news.try_recv() {
            Ok(News::Rows(Ok(rows))) => table.refresh(rows),
            Ok(News::Rows(Err(why))) => table.lost(why),
            Ok(News::End) => return Ok(()),
            Err(_) => {}
        }
        // A resize is drawn by the next turn.
        if event::poll(BEAT)?
            && let Event::Key(key) = event::read()?
        {
            match meaning(key) {
                Some(Meaning::Quit) => return Ok(()),
                Some(Meaning::Wish(wish)) => table.wish(wish),
                None => {}
            }
        }
    }
}

enum Meaning {
    Quit,
    Wish(Wish),
}

fn meaning(key: KeyEvent) -> Option<Meaning> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    let wish = match key.code {
        KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => {
            return Some(Meaning::Quit);
        }
        KeyCode::Char('q') | KeyCode::Esc => return Some(Meaning::Quit),
        KeyCode::Char('s') => Wish::NextSort,
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

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::later(format_args!("the runtime cannot start: {error}")))
}

/// Reads the API until nobody listens, or a signal asks to end.
async fn watch(client: Client, news: SyncSender<News>) {
    let Ok(mut signals) = Signals::new() else {
        news.send(News::End).ok();
        return;
    };
    loop {
        if news.send(News::Rows(read(&client).await)).is_err() {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            _ = signals.next() => { news.send(News::End).ok(); }
        }
    }
}

async fn read(client: &Client) -> Result<Vec<RevisionView>, String> {
    let mut rows = match tokio::time::timeout(PATIENCE, client.revisions()).await {
        Ok(rows) => rows.map_err(|error| error.to_string())?,
        Err(_) => return Err(format!("no answer within {} s", PATIENCE.as_secs())),
    };
    for row in &mut rows {
        row.why = words::printable(&row.why);
        row.kept_awake_by = row.kept_awake_by.as_deref().map(words::printable);
    }
    Ok(rows)
}

/// The table for scripts: one line a revision, in the order of their names, the reason last.
fn plain(mut rows: Vec<RevisionView>) -> String {
    rows.sort_by(|a, b| a.revision.cmp(&b.revision));
    let width = rows
        .iter()
        .map(|row| row.revision.len())
        .max()
        .unwrap_or(0)
        .max(8);
    let mut text = format!(
        "{:<width$}  {:>9}  {:>6}  {:>5}  {:>6}  {:<6}  {:>6}  LAST REASON\n",
        "REVISION", "IN FLIGHT", "HELD", "READY", "WANTED", "MODE", "TARGET"
    );
    for row in &rows {
        text += &format!(
            "{:<width$}  {:>9}  {:>6}  {:>5}  {:>6}  {:<6}  {:>6}  {}\n",
            row.revision,
            words::number(row.in_flight),
            row.held,
            row.ready,
            row.wanted,
            row.mode,
            words::number(row.target),
            row.why
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{table::tests::row, *};

    #[test]
    fn the_plain_table_is_one_line_a_revision() {
        let text = plain(vec![row("web", 0.0, 0), row("api", 12.0, 2)]);
        assert_eq!(
            text,
            "REVISION  IN FLIGHT    HELD  READY  WANTED  MODE    TARGET  LAST REASON\n\
             api              12       0      2       2  stable      10  2 replicas are enough\n\
             web               0       0      0       0  stable      10  0 replicas are enough\n"
        );
    }

    #[test]
    fn keys_have_their_meaning() {
        let key = |code| meaning(KeyEvent::new(code, KeyModifiers::NONE));
        assert!(matches!(key(KeyCode::Char('q')), Some(Meaning::Quit)));
        assert!(matches!(
            key(KeyCode::Down),
            Some(Meaning::Wish(Wish::Move(1)))
        ));
        assert!(key(KeyCode::Char('x')).is_none());
        let interrupt = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert!(matches!(meaning(interrupt), Some(Meaning::Quit)));
    }
}

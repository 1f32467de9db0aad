// SPDX-License-Identifier: Apache-2.0
//! `top`: a live table of the revisions of a running instance.
mod draw;
mod keys;
mod opened;
mod table;

use std::{
    io::{self, IsTerminal as _},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
    time::Duration,
};

use cheerful_autoscaler::RevisionView;
use ratatui::crossterm::event::{self, Event};
use tokio::sync::watch;

use self::{keys::Meaning, table::Table};
use crate::{
    api::{ClientError, RevisionDetail},
    asked::{About, Answering, Asked},
    exit::{Failure, print},
    logs,
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
    /// Print the table once, as plain text
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    asked: Asked,
}

/// Shows the table until `q`, or prints it once.
///
/// # Errors
/// No instance is found, or there is no terminal to draw on.
pub(crate) fn run(args: TopArgs) -> Result<(), Failure> {
    let runtime = runtime()?;
    let answering = runtime.block_on(args.asked.find(About::All))?;
    if args.once {
        let rows = runtime.block_on(read(&answering)).map_err(Failure::later)?;
        return print(&plain(rows));
    }
    if !io::stdout().is_terminal() {
        return Err(Failure::bad_input(
            "top draws on a terminal and stdout is none; --once prints the table as plain text",
        ));
    }
    let (sender, news) = sync_channel(1);
    let (opened, looked_at) = watch::channel(None);
    // Ends with the receiver, within one reading.
    thread::spawn(move || runtime.block_on(follow(answering, looked_at, sender)));
    let failed = |error| Failure::later(format_args!("the terminal cannot be used: {error}"));
    let mut terminal = ratatui::try_init().map_err(failed)?;
    let ended = live(&mut terminal, &news, &opened);
    ratatui::restore();
    ended.map_err(failed)
}

/// What the reading thread has to say.
enum News {
    Rows(Result<Vec<RevisionView>, String>),
    /// Of one revision; `None`: it is not there any more.
    Detail(String, Box<Option<RevisionDetail>>),
    /// A signal asks to end.
    End,
}

fn live(
    terminal: &mut ratatui::DefaultTerminal,
    news: &Receiver<News>,
    opened: &watch::Sender<Option<String>>,
) -> io::Result<()> {
    let colour = logs::colour_is_wanted();
    let mut table = Table::default();
    loop {
        terminal.draw(|frame| draw::draw(frame, &table, colour))?;
        match news.try_recv() {
            Ok(News::Rows(Ok(rows))) => table.refresh(rows),
            Ok(News::Rows(Err(why))) => table.lost(why),
            Ok(News::Detail(name, detail)) => table.detail(&name, *detail),
            Ok(News::End) => return Ok(()),
            Err(_) => {}
        }
        // A resize is drawn by the next turn.
        if event::poll(BEAT)?
            && let Event::Key(key) = event::read()?
        {
            match keys::meaning(key, &table) {
                Some(Meaning::Quit) => return Ok(()),
                Some(Meaning::Wish(wish)) => table.wish(wish),
                None => {}
            }
            opened.send_if_modified(|looked_at| {
                let now = table.opened.as_ref().map(|opened| opened.revision.clone());
                let differs = *looked_at != now;
                *looked_at = now;
                differs
            });
        }
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::later(format_args!("the runtime cannot start: {error}")))
}

/// Reads the API until nobody listens, or a signal asks to end.
async fn follow(
    answering: Answering,
    mut looked_at: watch::Receiver<Option<String>>,
    news: SyncSender<News>,
) {
    let Ok(mut signals) = Signals::new() else {
        news.send(News::End).ok();
        return;
    };
    loop {
        let name = looked_at.borrow_and_update().clone();
        if let Some(name) = name {
            let detail = in_time(answering.client.revision(&name)).await;
            let told = match detail {
                Ok(detail) => News::Detail(name, Box::new(detail)),
                Err(why) => News::Rows(Err(why)),
            };
            if news.send(told).is_err() {
                return;
            }
        }
        if news.send(News::Rows(read(&answering).await)).is_err() {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            changed = looked_at.changed() => if changed.is_err() { return; },
            _ = signals.next() => { news.send(News::End).ok(); }
        }
    }
}

async fn read(answering: &Answering) -> Result<Vec<RevisionView>, String> {
    let mut rows = in_time(answering.client.revisions()).await?;
    rows.retain(|row| answering.is_about(&row.revision));
    for row in &mut rows {
        row.why = words::printable(&row.why);
        row.kept_awake_by = row.kept_awake_by.as_deref().map(words::printable);
    }
    Ok(rows)
}

async fn in_time<T>(answer: impl Future<Output = Result<T, ClientError>>) -> Result<T, String> {
    match tokio::time::timeout(PATIENCE, answer).await {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
    }
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
}

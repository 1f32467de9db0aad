// SPDX-License-Identifier: Apache-2.0
//! What replicas write: cut into lines, labelled, handed to the sink; the last ones are kept.
use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{SyncSender, TrySendError, sync_channel},
    },
    thread::{self, JoinHandle},
};

/// A longer line is cut into several.
const LONGEST_LINE: usize = 8 * 1024;
/// Lines that wait for the sink. When it is full new ones are dropped and counted.
const WAITING_LINES: usize = 1024;
/// Lines that are kept to say why a replica ended, and bytes of each.
const LAST_LINES: usize = 10;
const LAST_LINE_BYTES: usize = 500;

/// Takes each line that a replica writes to its standard output or standard error, as
/// `hello-1 | text` without the line break. It is called on a thread of its own and may block: while
/// it does, up to 1024 lines wait, further ones are dropped, counted and told of in a line.
#[derive(Clone)]
pub struct LineSink(Arc<dyn Fn(&str) + Send + Sync>);

impl LineSink {
    /// From a function.
    #[must_use]
    pub fn new(take: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(take))
    }
}

impl fmt::Debug for LineSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LineSink")
    }
}

/// The way to the sink. Cheap to clone; never blocks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Output {
    lines: Option<SyncSender<String>>,
    dropped: Arc<AtomicU64>,
}

impl Output {
    /// With the thread that feeds the sink; it ends when the last clone is dropped.
    pub(crate) fn to(sink: LineSink) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (lines, waiting) = sync_channel::<String>(WAITING_LINES);
        let dropped = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&dropped);
        let feed = move || {
            let mut told = 0;
            while let Ok(line) = waiting.recv() {
                (sink.0)(&line);
                let total = count.load(Ordering::Relaxed);
                if total > told {
                    let missed = total - told;
                    (sink.0)(&format!(
                        "({missed} lines of output were dropped: too many at once)"
                    ));
                    told = total;
                }
            }
        };
        let thread = thread::Builder::new()
            .name("output".to_owned())
            .spawn(feed)?;
        Ok((
            Self {
                lines: Some(lines),
                dropped,
            },
            thread,
        ))
    }

    /// Lines that were dropped so far.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn send(&self, line: String) {
        if let Some(lines) = &self.lines
            && let Err(TrySendError::Full(_)) = lines.try_send(line)
        {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The last lines of one process: fed by who reads its output, and to be looked at meanwhile.
#[derive(Clone, Debug, Default)]
pub(crate) struct LastLines(Arc<Mutex<VecDeque<String>>>);

impl LastLines {
    /// Oldest first.
    pub(crate) fn all(&self) -> Vec<String> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().cloned().collect()
    }

    fn put(&self, line: &str) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LAST_LINES {
            lines.pop_front();
        }
        lines.push_back(cut(line, LAST_LINE_BYTES).to_owned());
    }
}

/// The lines of one replica's process.
#[derive(Debug)]
pub(crate) struct Lines {
    replica: String,
    output: Output,
    /// The line that has not ended yet.
    begun: Vec<u8>,
    last: LastLines,
}

impl Lines {
    pub(crate) fn new(replica: &str, output: Output, last: LastLines) -> Self {
        Self {
            replica: replica.to_owned(),
            output,
            begun: Vec::new(),
            last,
        }
    }

    /// Takes what was read.
    pub(crate) fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = LONGEST_LINE - self.begun.len();
            let end = bytes.iter().take(room).position(|byte| *byte == b'\n');
            let taken = end.unwrap_or_else(|| room.min(bytes.len()));
            let (line, rest) = bytes.split_at(taken);
            self.begun.extend_from_slice(line);
            bytes = rest;
            if end.is_some() {
                bytes = bytes.get(1..).unwrap_or_default();
                self.end_line();
            } else if self.begun.len() == LONGEST_LINE {
                self.end_line();
            }
        }
    }

    /// Nothing more comes: the last lines, oldest first.
    pub(crate) fn finish(mut self) -> Vec<String> {
        if !self.begun.is_empty() {
            self.end_line();
        }
        self.last.all()
    }

    fn end_line(&mut self) {
        let line = String::from_utf8_lossy(&self.begun);
        let line = line.trim_end_matches('\r');
        self.output.send(format!("{} | {line}", self.replica));
        if !line.is_empty() {
            self.last.put(line);
        }
        self.begun.clear();
        self.begun.shrink_to(256);
    }
}

/// The longest beginning of at most so many bytes.
fn cut(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at));
    end.and_then(|end| text.get(..end)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    fn lines_of(chunks: &[&[u8]]) -> (Vec<String>, Vec<String>) {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let store = Arc::clone(&seen);
        let sink = LineSink::new(move |line| store.lock().unwrap().push(line.to_owned()));
        let (output, thread) = Output::to(sink).unwrap();
        let mut lines = Lines::new("hello-1", output, LastLines::default());
        for chunk in chunks {
            lines.feed(chunk);
        }
        let last = lines.finish();
        thread.join().unwrap();
        let seen = seen.lock().unwrap().clone();
        (seen, last)
    }

    #[test]
    fn labels_lines_however_they_arrive() {
        let (seen, last) = lines_of(&[b"on", b"e\r\ntwo\n\nth", b"\xffree"]);
        assert_eq!(
            seen,
            [
                "hello-1 | one",
                "hello-1 | two",
                "hello-1 | ",
                "hello-1 | th\u{fffd}ree"
            ]
        );
        assert_eq!(last, ["one", "two", "th\u{fffd}ree"]);
    }

    #[test]
    fn cuts_a_long_line_into_several() {
        let long = vec![b'x'; 2 * LONGEST_LINE + 3];
        let (seen, last) = lines_of(&[&long, b"\nend\n"]);
        let lengths: Vec<_> = seen
            .iter()
            .map(|line| line.len() - "hello-1 | ".len())
            .collect();
        assert_eq!(lengths, [LONGEST_LINE, LONGEST_LINE, 3, 3]);
        assert_eq!(last.first().map(String::len), Some(LAST_LINE_BYTES));
    }

    #[test]
    fn keeps_the_last_ten_lines() {
        let text: String = (0..25).map(|n| format!("line {n}\n")).collect();
        let (seen, last) = lines_of(&[text.as_bytes()]);
        assert_eq!(seen.len(), 25);
        assert_eq!(last.first().map(String::as_str), Some("line 15"));
        assert_eq!(last.len(), LAST_LINES);
    }

    #[test]
    fn cuts_between_characters() {
        assert_eq!(cut("aéb", 2), "a");
        assert_eq!(cut("aéb", 3), "aé");
        assert_eq!(cut("ab", 500), "ab");
    }

    #[test]
    fn a_blocked_sink_costs_lines_but_neither_time_nor_memory() {
        let (go, wait) = sync_channel::<()>(1);
        let wait = Mutex::new(wait);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let store = Arc::clone(&seen);
        let sink = LineSink::new(move |line| {
            // Blocked until the sender is dropped.
            assert!(wait.lock().unwrap().recv().is_err());
            store.lock().unwrap().push(line.to_owned());
        });
        let (output, thread) = Output::to(sink).unwrap();
        let mut lines = Lines::new("hello-1", output.clone(), LastLines::default());
        for _ in 0..WAITING_LINES + 100 {
            lines.feed(b"flood\n");
        }
        // One line may be with the sink already.
        let dropped = output.dropped();
        assert!((99..=100).contains(&dropped), "{dropped}");
        drop((go, lines, output));
        thread.join().unwrap();
        let seen = seen.lock().unwrap();
        assert_eq!(
            seen.len() as u64,
            (WAITING_LINES as u64 + 100 - dropped) + 1
        );
        assert!(
            seen.iter()
                .any(|line| line.starts_with(&format!("({dropped} lines"))),
            "{seen:?}"
        );
    }
}

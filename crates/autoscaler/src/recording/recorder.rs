// SPDX-License-Identifier: Apache-2.0
use std::{
    fs::File,
    io::{self, Write},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use super::{Line, writer::LineWriter};

/// Lines that wait for the disk at most.
const LINES: usize = 8_192;
/// Longest time that a line waits to be written, and between two tries after a fault.
const FLUSH: Duration = Duration::from_secs(1);
/// Longest wait for the disk at the end.
const FINISH: Duration = Duration::from_secs(5);

/// Records lines in a thread of its own, so that no decision ever waits for a disk. What the disk is too slow for,
/// or does not take, is lost, counted and told of in the recording.
#[derive(Debug)]
pub(crate) struct Recorder {
    lines: SyncSender<Line>,
    ended: Receiver<()>,
    lost: Arc<AtomicU64>,
    /// Lines lost because the channel was full, of which the recording does not tell yet.
    untold: u64,
}

impl Recorder {
    /// Creates the file, or replaces it.
    ///
    /// # Errors
    /// The file cannot be created, or the thread not be started.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let file = File::create(path).map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("recording to {}: {error}", path.display()),
            )
        })?;
        Self::to(file, LINES)
    }

    /// Records to anything that takes bytes; `lines` wait for it at most.
    #[expect(
        clippy::disallowed_methods,
        reason = "the shell tells people the wall clock"
    )]
    pub(crate) fn to(sink: impl Write + Send + 'static, lines: usize) -> io::Result<Self> {
        let lost = Arc::new(AtomicU64::new(0));
        let mut writer = LineWriter::new(sink, Arc::clone(&lost));
        let since_1970 = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let header = Line::header(since_1970.as_millis().try_into().unwrap_or(u64::MAX));
        let (sender, receiver) = sync_channel(lines);
        let (end, ended) = sync_channel::<()>(1);
        thread::Builder::new()
            .name("recording".to_owned())
            .spawn(move || {
                say(writer.line(&header));
                write_all(&receiver, &mut writer);
                drop(end);
            })?;
        Ok(Self {
            lines: sender,
            ended,
            lost,
            untold: 0,
        })
    }

    /// Hands a line over; never waits.
    pub(crate) fn record(&mut self, line: Line) {
        if self.untold > 0 && self.lines.try_send(Line::lost(self.untold)).is_ok() {
            self.untold = 0;
        }
        if self.untold > 0 || self.lines.try_send(line).is_err() {
            if self.untold == 0 {
                tracing::warn!("the recording cannot keep up: lines are lost until it can");
            }
            self.untold += 1;
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Lines lost so far.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Waits until all is written, 5 s at most.
    pub(crate) async fn finish(self) {
        let Self {
            lines,
            ended,
            untold,
            ..
        } = self;
        let waited = tokio::task::spawn_blocking(move || {
            // The channel may be full for a moment; a disk that takes nothing is given up below.
            if untold > 0 && lines.try_send(Line::lost(untold)).is_err() {
                tracing::warn!(lines = untold, "the end of the recording is lost");
            }
            drop(lines);
            ended.recv_timeout(FINISH) != Err(RecvTimeoutError::Timeout)
        });
        if !matches!(waited.await, Ok(true)) {
            tracing::warn!("the recording was not written to its end within 5 s");
        }
    }
}

/// Writes until every sender is gone.
#[expect(
    clippy::disallowed_methods,
    reason = "a thread of its own, with a clock of its own"
)]
fn write_all(lines: &Receiver<Line>, writer: &mut LineWriter<impl Write>) {
    let mut due = Instant::now() + FLUSH;
    loop {
        match lines.recv_timeout(due.saturating_duration_since(Instant::now())) {
            Ok(line) => say(writer.line(&line)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if Instant::now() >= due {
            flush(writer);
            due = Instant::now() + FLUSH;
        }
    }
    flush(writer);
}

fn flush(writer: &mut LineWriter<impl Write>) {
    if !writer.is_broken() {
        say(writer.flush());
    } else if writer.resume().is_ok() {
        tracing::info!("the recording goes on");
    }
}

/// One line for each fault that begins; the tries after it are silent.
fn say(result: io::Result<()>) {
    if let Err(error) = result {
        tracing::warn!("cannot write the recording: {error}; lines are lost until it works again");
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::ErrorKind,
        sync::{Mutex, mpsc::SyncSender},
    };

    use super::*;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A disk that hangs until it is let go.
    struct Hanging(Receiver<()>, Shared, SyncSender<()>);

    impl Write for Hanging {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.2.try_send(()).ok();
            self.0.recv().ok();
            self.1.write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_slow_disk_loses_lines_and_the_gap_stands_where_it_was() {
        let shared = Shared::default();
        let (go, hang) = sync_channel(1);
        let (hangs, hung) = sync_channel(1);
        let mut recorder = Recorder::to(Hanging(hang, shared.clone(), hangs), 2).unwrap();
        // The first flush, of the header, hangs the thread.
        hung.recv_timeout(Duration::from_secs(60)).unwrap();
        for line in 1..=5 {
            recorder.record(Line::lost(line * 100));
        }
        assert_eq!(recorder.lost(), 3);
        drop(go);
        // Until there is room again, each try costs a line.
        let mut tries = 0;
        while recorder.untold > 0 {
            tries += 1;
            assert!(tries < 10_000);
            tokio::time::sleep(Duration::from_millis(1)).await;
            recorder.record(Line::lost(900));
        }
        let lost = recorder.lost();
        recorder.finish().await;
        let bytes = shared.0.lock().unwrap().clone();
        let text = String::from_utf8(bytes).unwrap();
        let written: Vec<u64> = text
            .lines()
            .skip(1)
            .map(|line| {
                line.trim_matches(|c: char| !c.is_ascii_digit())
                    .parse()
                    .unwrap()
            })
            .collect();
        assert_eq!(written.get(..2), Some(&[100, 200][..]));
        assert_eq!(written.last(), Some(&900));
        let told: u64 = written.iter().filter(|line| **line < 100).sum();
        assert_eq!(told, lost, "{written:?}");
    }

    #[tokio::test]
    async fn a_disk_that_takes_nothing_is_counted() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
                Err(ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut recorder = Recorder::to(Full, LINES).unwrap();
        let lost = Arc::clone(&recorder.lost);
        for _ in 0..10 {
            recorder.record(Line::lost(1));
        }
        recorder.finish().await;
        // The header too.
        assert_eq!(lost.load(Ordering::Relaxed), 11);
    }
}

// SPDX-License-Identifier: Apache-2.0
use std::{
    io::{self, ErrorKind, Write},
    mem,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::Line;

/// Bytes collected before they are written.
const FULL: usize = 64 * 1024;

/// Writes lines, and goes on after a fault without ever leaving a torn one: when writing works again, what was left
/// of a line that was begun comes first, then a line that says how many were lost.
#[derive(Debug)]
pub(super) struct LineWriter<W> {
    sink: W,
    /// Not yet written. While broken: the rest of a line that was begun, if any.
    pending: Vec<u8>,
    /// Whether what the sink has taken ends in the middle of a line.
    mid_line: bool,
    broken: bool,
    /// Lines lost that the recording does not tell of yet.
    untold: u64,
    /// All lines lost, for whoever counts.
    lost: Arc<AtomicU64>,
}

impl<W: Write> LineWriter<W> {
    pub(super) const fn new(sink: W, lost: Arc<AtomicU64>) -> Self {
        Self {
            sink,
            pending: Vec::new(),
            mid_line: false,
            broken: false,
            untold: 0,
            lost,
        }
    }

    pub(super) const fn is_broken(&self) -> bool {
        self.broken
    }

    /// Takes a line. While broken it is lost and counted.
    ///
    /// # Errors
    /// The fault that breaks the writer; what was collected is lost and counted.
    pub(super) fn line(&mut self, line: &Line) -> io::Result<()> {
        if self.broken || line.write(&mut self.pending).is_err() {
            self.lose(1);
        }
        if self.pending.len() < FULL {
            Ok(())
        } else {
            self.flush()
        }
    }

    /// Writes what was collected; nothing while broken.
    ///
    /// # Errors
    /// As for [`LineWriter::line`].
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if self.broken {
            return Ok(());
        }
        let result = self.write();
        if result.is_err() {
            self.broken = true;
            let whole = self.torn();
            let lines = self
                .pending
                .drain(whole..)
                .filter(|byte| *byte == b'\n')
                .count();
            self.lose(lines.try_into().unwrap_or(u64::MAX));
        }
        result
    }

    /// Tries to go on after a fault.
    ///
    /// # Errors
    /// It still does not work.
    pub(super) fn resume(&mut self) -> io::Result<()> {
        let told = mem::take(&mut self.untold);
        let rest = self.pending.len();
        if told > 0 {
            Line::lost(told).write(&mut self.pending)?;
        }
        let before = self.pending.len();
        let result = self.write();
        let written = before - self.pending.len();
        if result.is_ok() {
            self.broken = false;
        } else if written <= rest {
            // The telling line was not begun: it will be made anew.
            self.pending.truncate(rest - written);
            self.untold += told;
        }
        result
    }

    fn lose(&mut self, lines: u64) {
        self.untold += lines;
        self.lost.fetch_add(lines, Ordering::Relaxed);
    }

    /// Length of the rest of a line that was begun.
    fn torn(&self) -> usize {
        if !self.mid_line {
            return 0;
        }
        let end = self.pending.iter().position(|byte| *byte == b'\n');
        end.map_or(self.pending.len(), |end| end + 1)
    }

    /// Writes as much as it can of what is pending, and keeps the rest.
    fn write(&mut self) -> io::Result<()> {
        let mut written = 0;
        let result = loop {
            let rest = self.pending.get(written..).unwrap_or_default();
            if rest.is_empty() {
                break self.sink.flush();
            }
            match self.sink.write(rest) {
                Ok(0) => break Err(ErrorKind::WriteZero.into()),
                Ok(bytes) => written += bytes,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        if let Some(last) = self.pending.drain(..written).next_back() {
            self.mid_line = last != b'\n';
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// A disk with so much room.
    #[derive(Debug, Default)]
    struct Disk {
        room: RefCell<usize>,
        bytes: RefCell<Vec<u8>>,
    }

    impl Write for &Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(*self.room.borrow());
            if taken == 0 {
                return Err(ErrorKind::StorageFull.into());
            }
            *self.room.borrow_mut() -= taken;
            self.bytes.borrow_mut().extend(bytes.iter().take(taken));
            Ok(taken)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    const LINE: &str = "{\"lost\":7}\n";

    /// Whatever room the disk has and gets, each line on it is whole, and the lines on it and those that it says are
    /// lost are all there were.
    #[test]
    fn a_full_disk_never_tears_a_line() {
        for room in 0..3 * LINE.len() {
            for more in 0..2 * LINE.len() {
                let disk = Disk::default();
                *disk.room.borrow_mut() = room;
                let lost = Arc::new(AtomicU64::new(0));
                let mut writer = LineWriter::new(&disk, Arc::clone(&lost));
                for _ in 0..3 {
                    writer.line(&Line::lost(7)).unwrap();
                }
                assert!(writer.flush().is_err());
                writer.line(&Line::lost(7)).unwrap();
                *disk.room.borrow_mut() = more;
                if writer.resume().is_err() {
                    writer.line(&Line::lost(7)).unwrap();
                    *disk.room.borrow_mut() = 1000;
                    writer.resume().unwrap();
                }
                writer.line(&Line::lost(7)).unwrap();
                *disk.room.borrow_mut() = 1000;
                writer.flush().unwrap();
                let text = String::from_utf8(disk.bytes.borrow().clone()).unwrap();
                let mut told = 0;
                let mut whole = 0;
                for line in text.lines() {
                    let count: u64 = line
                        .strip_prefix("{\"lost\":")
                        .unwrap()
                        .strip_suffix('}')
                        .unwrap()
                        .parse()
                        .unwrap();
                    if count == 7 {
                        whole += 1
                    } else {
                        told += count
                    }
                }
                let lost = lost.load(Ordering::Relaxed);
                assert_eq!(told, lost, "room {room} then {more}: {text}");
                assert!(
                    [5, 6].contains(&(whole + told)),
                    "room {room} then {more}: {text}"
                );
                assert!(text.ends_with('\n'));
            }
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use flate2::bufread::MultiGzDecoder;

use super::LoadError;

/// The longest line that is read; the rest of a longer one is passed over.
pub(super) const LINE_BYTES: usize = 64 * 1024;

const BUFFER_BYTES: usize = 256 * 1024;
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// What other tools compress to, by its first bytes.
const PACKED: [(&[u8], &str); 4] = [
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\xfd7zXZ", "xz"),
    (b"BZh", "bzip2"),
    (b"PK\x03\x04", "zip"),
];
const UTF_16: [&[u8]; 2] = [b"\xff\xfe", b"\xfe\xff"];
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The lines of a file, plain or gzip (told by its first bytes), one at a time in a buffer of fixed size.
pub(super) struct Lines {
    source: Box<dyn BufRead + Send>,
    buffer: Vec<u8>,
    number: u64,
    progress: Progress,
}

/// One line.
pub(super) enum Line<'a> {
    /// Without its end.
    Text(&'a [u8]),
    /// Longer than [`LINE_BYTES`].
    TooLong,
}

/// How much of a file has been read.
#[derive(Clone, Debug)]
pub struct Progress {
    read: Arc<AtomicU64>,
    size: u64,
}

impl Progress {
    /// The share that has been read, 0 to 1.
    #[must_use]
    pub fn share(&self) -> f64 {
        (self.read.load(Relaxed) as f64 / self.size.max(1) as f64).min(1.0)
    }
}

impl Lines {
    /// # Errors
    /// What cannot be opened, is no file, is empty, or is packed in a way that is not read here.
    pub(super) fn open(path: &Path) -> Result<Self, LoadError> {
        let open = |error| LoadError::Open {
            path: path.to_owned(),
            error,
        };
        let file = File::open(path).map_err(open)?;
        let about = file.metadata().map_err(open)?;
        if !about.is_file() {
            // Each policy reads it anew, so it must be there to be read again.
            return Err(LoadError::unusable(path, None, NO_FILE));
        }
        let progress = Progress {
            read: Arc::default(),
            size: about.len(),
        };
        let counted = Counted {
            file,
            read: Arc::clone(&progress.read),
        };
        let mut plain = BufReader::with_capacity(BUFFER_BYTES, counted);
        let head = plain.fill_buf().map_err(open)?;
        if head.is_empty() {
            return Err(LoadError::unusable(path, None, "the file is empty"));
        }
        if let Some((_, packer)) = PACKED.iter().find(|(bytes, _)| head.starts_with(bytes)) {
            let what =
                format!("is packed by {packer}, should be plain text or gzip: unpack it first");
            return Err(LoadError::unusable(path, None, what));
        }
        if UTF_16.iter().any(|mark| head.starts_with(mark)) {
            let what = "is UTF-16, should be UTF-8: convert it first (iconv -f UTF-16 -t UTF-8)";
            return Err(LoadError::unusable(path, None, what));
        }
        let source: Box<dyn BufRead + Send> = if head.starts_with(&GZIP) {
            let unpacked = MultiGzDecoder::new(plain);
            Box::new(BufReader::with_capacity(BUFFER_BYTES, unpacked))
        } else {
            Box::new(plain)
        };
        Ok(Self::new(source, progress))
    }

    fn new(source: Box<dyn BufRead + Send>, progress: Progress) -> Self {
        Self {
            source,
            buffer: Vec::new(),
            number: 0,
            progress,
        }
    }

    /// Lines that no file holds.
    #[cfg(test)]
    pub(super) fn of(source: impl BufRead + Send + 'static) -> Self {
        let progress = Progress {
            read: Arc::default(),
            size: 0,
        };
        Self::new(Box::new(source), progress)
    }

    /// The next line; `None` at the end.
    ///
    /// # Errors
    /// When the file cannot be read on; [`io::ErrorKind::UnexpectedEof`] where a gzip file is cut off.
    pub(super) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.buffer.clear();
        // A file that is cut off in its middle is told as such; what is left of its last line is none.
        let most = LINE_BYTES as u64 + 2;
        let bytes = (&mut self.source)
            .take(most)
            .read_until(b'\n', &mut self.buffer)?;
        if bytes == 0 {
            return Ok(None);
        }
        self.number += 1;
        let mut line = self.buffer.as_slice();
        if let Some(ended) = line.strip_suffix(b"\n") {
            line = ended.strip_suffix(b"\r").unwrap_or(ended);
        } else if bytes as u64 == most {
            self.source.skip_until(b'\n')?;
            return Ok(Some(Line::TooLong));
        }
        if self.number == 1 {
            line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        }
        Ok(Some(if line.len() > LINE_BYTES {
            Line::TooLong
        } else {
            Line::Text(line)
        }))
    }

    /// The number of the last line, from 1.
    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn progress(&self) -> Progress {
        self.progress.clone()
    }
}

const NO_FILE: &str = "is no regular file, should be one: it is read once for each policy";

/// A file that counts what was read of it.
struct Counted {
    file: File,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.file.read(buffer)?;
        self.read.fetch_add(bytes as u64, Relaxed);
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn all(bytes: Vec<u8>) -> Vec<(u64, String)> {
        let mut lines = Lines::of(Cursor::new(bytes));
        let mut all = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            let text = match line {
                Line::Text(text) => String::from_utf8_lossy(text).into_owned(),
                Line::TooLong => "too long".to_owned(),
            };
            all.push((lines.number(), text));
        }
        all
    }

    #[test]
    fn ends_and_marks_are_taken_off() {
        let lines = all(b"\xef\xbb\xbfone\r\n\ntwo\n\xef".to_vec());
        let texts: Vec<&str> = lines.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(texts, ["one", "", "two", "\u{fffd}"]);
        assert_eq!(lines.last().unwrap().0, 4);
    }

    #[test]
    fn of_a_line_that_is_too_long_nothing_is_kept() {
        let long = |length| vec![b'x'; length];
        for (length, fits) in [
            (LINE_BYTES, true),
            (LINE_BYTES + 1, false),
            (5 << 20, false),
        ] {
            for end in [&b"\n"[..], b"\r\n"] {
                let lines = all([&long(length)[..], end, b"next"].concat());
                assert_eq!(lines.len(), 2, "{length}");
                assert_eq!(lines[0].1 != "too long", fits, "{length}");
                assert_eq!(lines[1], (2, "next".to_owned()));
            }
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
//! Reads over hyper's shoulder: where each request of an HTTP/1.1 connection begins and ends, and whether two
//! readers could disagree on it. hyper sees a head only when it is whole and beyond doubt.
use http::StatusCode;

use crate::chunks::Chunks;

/// Follows one connection from its client. Pure: bytes in, how many of them may go on out.
#[derive(Debug)]
pub(crate) struct Framing {
    state: State,
    max_head: usize,
    heads: u32,
}

#[derive(Debug)]
enum State {
    Head(Head),
    Length {
        left: u64,
        upgrade: bool,
    },
    Chunked {
        chunks: Chunks,
        upgrade: bool,
    },
    /// Behind an upgrade request: another protocol or the next request.
    Undecided,
    /// Another protocol.
    Open,
}

/// Why bytes are kept back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// They are not: all may go on.
    No,
    /// A head that is not whole yet.
    Head,
    /// It must be known first whether the upgrade was taken.
    Undecided,
    /// A head that is refused.
    Refused(Refusal),
    /// A chunked body that is none: nothing behind it can be told apart any more.
    Broken,
}

/// Why a request is refused before anybody sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Refusal {
    TwoLengths,
    BadLength,
    UnknownCoding,
    BadHost,
    BadHeader,
    BadRequestLine,
    HeadTooLarge,
    HeadTimeout,
    Connect,
}

impl Refusal {
    const ALL: [Self; 9] = [
        Self::TwoLengths,
        Self::BadLength,
        Self::UnknownCoding,
        Self::BadHost,
        Self::BadHeader,
        Self::BadRequestLine,
        Self::HeadTooLarge,
        Self::HeadTimeout,
        Self::Connect,
    ];

    pub(crate) fn from_code(code: u8) -> Self {
        Self::ALL
            .get(usize::from(code))
            .copied()
            .unwrap_or(Self::BadHeader)
    }

    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::TwoLengths
            | Self::BadLength
            | Self::BadHost
            | Self::BadHeader
            | Self::BadRequestLine => StatusCode::BAD_REQUEST,
            Self::UnknownCoding | Self::Connect => StatusCode::NOT_IMPLEMENTED,
            Self::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::HeadTimeout => StatusCode::REQUEST_TIMEOUT,
        }
    }

    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::TwoLengths => "the request has both Content-Length and Transfer-Encoding",
            Self::BadLength => "the request's Content-Length is not one number",
            Self::UnknownCoding => "the request's Transfer-Encoding is not chunked",
            Self::BadHost => "the request must have one Host header",
            Self::BadHeader => "a header line of the request is malformed",
            Self::BadRequestLine => "the request line is malformed",
            Self::HeadTooLarge => "the request's headers are too large",
            Self::HeadTimeout => "the request's headers did not arrive in time",
            Self::Connect => "CONNECT is not offered here",
        }
    }
}

impl Framing {
    pub(crate) fn new(max_head: usize) -> Self {
        Self {
            state: State::Head(Head::default()),
            max_head,
            heads: 0,
        }
    }

    /// For what is not HTTP/1.1: everything goes on.
    pub(crate) fn open() -> Self {
        Self {
            state: State::Open,
            max_head: 0,
            heads: 0,
        }
    }

    /// Heads let through so far.
    pub(crate) fn heads(&self) -> u32 {
        self.heads
    }

    /// The upgrade was taken: everything goes on.
    pub(crate) fn switched(&mut self) {
        self.state = State::Open;
    }

    /// The upgrade was not taken: a head comes next.
    pub(crate) fn declined(&mut self) {
        if matches!(self.state, State::Undecided) {
            self.state = State::Head(Head::default());
        }
    }

    /// How many of the bytes may go on, and why not the others. Those must be given again, at the front,
    /// together with what came after them.
    pub(crate) fn inspect(&mut self, bytes: &[u8]) -> (usize, Stop) {
        let mut passed = 0;
        loop {
            let rest = bytes.get(passed..).unwrap_or_default();
            match &mut self.state {
                State::Open => return (bytes.len(), Stop::No),
                State::Undecided if rest.is_empty() => return (passed, Stop::No),
                State::Undecided => return (passed, Stop::Undecided),
                State::Length { left, upgrade } => {
                    let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                    *left -= taken as u64;
                    passed += taken;
                    if *left > 0 {
                        return (passed, Stop::No);
                    }
                    self.state = after_body(*upgrade);
                }
                State::Chunked { chunks, upgrade } => {
                    let Ok(taken) = chunks.advance(rest) else {
                        return (passed, Stop::Broken);
                    };
                    passed += taken;
                    if !chunks.is_done() {
                        return (passed, Stop::No);
                    }
                    self.state = after_body(*upgrade);
                }
                State::Head(_) if rest.is_empty() => return (passed, Stop::No),
                State::Head(head) => match head.scan(rest, self.max_head) {
                    Ok(None) => return (passed, Stop::Head),
                    Err(refusal) => return (passed, Stop::Refused(refusal)),
                    Ok(Some(len)) => {
                        passed += len;
                        self.heads = self.heads.wrapping_add(1);
                        self.state = match (head.chunked, head.length) {
                            (true, _) => State::Chunked {
                                chunks: Chunks::new(),
                                upgrade: head.upgrade,
                            },
                            (false, Some(left)) => State::Length {
                                left,
                                upgrade: head.upgrade,
                            },
                            (false, None) => after_body(head.upgrade),
                        };
                    }
                },
            }
        }
    }
}

fn after_body(upgrade: bool) -> State {
    if upgrade {
        State::Undecided
    } else {
        State::Head(Head::default())
    }
}

/// A head as far as it has been read.
#[derive(Debug, Default)]
struct Head {
    /// Where the line that is being read begins, and how far it has been looked at.
    line: usize,
    looked: usize,
    request_line: bool,
    version_10: bool,
    hosts: u32,
    length: Option<u64>,
    chunked: bool,
    upgrade: bool,
}

impl Head {
    /// `Some(length)` when the head is whole.
    fn scan(&mut self, bytes: &[u8], max: usize) -> Result<Option<usize>, Refusal> {
        loop {
            let unseen = bytes.get(self.looked..).unwrap_or_default();
            let Some(end) = unseen.iter().position(|byte| *byte == b'\n') else {
                self.looked = bytes.len();
                return if bytes.len() > max {
                    Err(Refusal::HeadTooLarge)
                } else {
                    Ok(None)
                };
            };
            let end = self.looked + end;
            let line = bytes.get(self.line..end).unwrap_or_default();
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            self.line = end + 1;
            self.looked = end + 1;
            if self.line > max {
                return Err(Refusal::HeadTooLarge);
            }
            match (line.is_empty(), self.request_line) {
                // Empty lines before a request are skipped (RFC 9112, 2.2).
                (true, false) => {}
                (true, true) => return self.whole().map(|()| Some(end + 1)),
                (false, false) => self.request_line(line)?,
                (false, true) => self.header(line)?,
            }
        }
    }

    fn request_line(&mut self, line: &[u8]) -> Result<(), Refusal> {
        self.request_line = true;
        if line.starts_with(b"CONNECT ") {
            return Err(Refusal::Connect);
        }
        if line.ends_with(b" HTTP/1.1") {
            Ok(())
        } else if line.ends_with(b" HTTP/1.0") {
            self.version_10 = true;
            Ok(())
        } else {
            Err(Refusal::BadRequestLine)
        }
    }

    fn header(&mut self, line: &[u8]) -> Result<(), Refusal> {
        let colon = line
            .iter()
            .position(|byte| *byte == b':')
            .ok_or(Refusal::BadHeader)?;
        let (name, value) = line.split_at(colon);
        // A space in front is an obsolete fold; one at the end of the name hides the name from some readers.
        if name.is_empty() || name.iter().any(|byte| *byte <= b' ') || line.contains(&b'\r') {
            return Err(Refusal::BadHeader);
        }
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => self.hosts += 1,
            7 if name.eq_ignore_ascii_case(b"upgrade") => self.upgrade = true,
            14 if name.eq_ignore_ascii_case(b"content-length") => {
                let length = number(value).ok_or(Refusal::BadLength)?;
                if self.length.is_some_and(|other| other != length) {
                    return Err(Refusal::BadLength);
                }
                self.length = Some(length);
            }
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                    return Err(Refusal::UnknownCoding);
                }
                self.chunked = true;
            }
            _ => {}
        }
        Ok(())
    }

    fn whole(&self) -> Result<(), Refusal> {
        if self.chunked && (self.length.is_some() || self.version_10) {
            return Err(Refusal::TwoLengths);
        }
        if self.hosts > 1 || (self.hosts == 0 && !self.version_10) {
            return Err(Refusal::BadHost);
        }
        Ok(())
    }
}

/// Digits only: no sign, no list.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inspect(bytes: &str) -> (usize, Stop) {
        Framing::new(1000).inspect(bytes.as_bytes())
    }

    fn refused(head: &str) -> Option<Refusal> {
        match inspect(&format!("{head}\r\n\r\n")) {
            (0, Stop::Refused(refusal)) => Some(refusal),
            (_, Stop::No) => None,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_two_readers_could_read_in_two_ways_is_refused() {
        for (head, refusal) in [
            ("GET / HTTP/1.1\r\nHost: a", None),
            ("GET / HTTP/1.0", None),
            (
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\ncontent-length: 0",
                None,
            ),
            (
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nTransfer-Encoding: chunked",
                Some(Refusal::TwoLengths),
            ),
            (
                "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 0",
                Some(Refusal::TwoLengths),
            ),
            (
                "POST / HTTP/1.0\r\nTransfer-Encoding: chunked",
                Some(Refusal::TwoLengths),
            ),
            (
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2",
                Some(Refusal::BadLength),
            ),
            (
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1",
                Some(Refusal::BadLength),
            ),
            (
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1",
                Some(Refusal::BadLength),
            ),
            (
                "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x",
                Some(Refusal::UnknownCoding),
            ),
            (
                "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity, chunked",
                Some(Refusal::UnknownCoding),
            ),
            (
                "GET / HTTP/1.1\r\nHost: a\r\nHost: a",
                Some(Refusal::BadHost),
            ),
            ("GET / HTTP/1.1\r\nX: a", Some(Refusal::BadHost)),
            ("GET / HTTP/1.1\r\nHost : a", Some(Refusal::BadHeader)),
            (
                "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b",
                Some(Refusal::BadHeader),
            ),
            (
                "GET / HTTP/1.1\r\nHost: a\r\nno colon",
                Some(Refusal::BadHeader),
            ),
            ("GET / HTTP/3.0\r\nHost: a", Some(Refusal::BadRequestLine)),
            ("CONNECT a:1 HTTP/1.1\r\nHost: a", Some(Refusal::Connect)),
        ] {
            assert_eq!(refused(head), refusal, "{head}");
        }
    }

    #[test]
    fn requests_behind_one_another_are_told_apart_however_they_are_cut() {
        let good = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc\
            POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
            5;x=y\r\nHost \r\n0\r\nTrailer: x\r\n\r\n\r\nGET / HTTP/1.1\nHost: a\n\n";
        let bytes = format!("{good}GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").into_bytes();
        for step in [1, 2, 3, 7, 50, 1000] {
            let mut framing = Framing::new(1000);
            let mut kept: Vec<u8> = Vec::new();
            let mut passed = 0;
            let mut stop = Stop::No;
            for piece in bytes.chunks(step) {
                kept.extend(piece);
                let (taken, why) = framing.inspect(&kept);
                passed += taken;
                kept.drain(..taken);
                stop = why;
                if matches!(stop, Stop::Refused(_)) {
                    break;
                }
            }
            assert_eq!(stop, Stop::Refused(Refusal::BadHost), "in steps of {step}");
            assert_eq!(
                (framing.heads(), passed),
                (3, good.len()),
                "in steps of {step}"
            );
        }
    }

    #[test]
    fn a_head_over_the_bound_is_refused_whole_or_not() {
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "x".repeat(1000));
        assert_eq!(inspect(&head), (0, Stop::Refused(Refusal::HeadTooLarge)));
        assert_eq!(
            inspect(&format!("{head}\r\n\r\n")),
            (0, Stop::Refused(Refusal::HeadTooLarge))
        );
    }

    #[test]
    fn what_follows_an_upgrade_waits_for_its_answer() {
        let head = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\n\r\n";
        let mut framing = Framing::new(1000);
        let bytes = format!("{head}Host : \r\n");
        assert_eq!(
            framing.inspect(bytes.as_bytes()),
            (head.len(), Stop::Undecided)
        );
        framing.switched();
        assert_eq!(framing.inspect(b"Host : \r\n"), (9, Stop::No));

        let mut framing = Framing::new(1000);
        assert_eq!(
            framing.inspect(bytes.as_bytes()),
            (head.len(), Stop::Undecided)
        );
        framing.declined();
        assert_eq!(
            framing.inspect(b"Host : \r\n"),
            (0, Stop::Refused(Refusal::BadRequestLine))
        );
    }

    #[test]
    fn codes_are_the_refusals_they_came_from() {
        for refusal in Refusal::ALL {
            assert_eq!(Refusal::from_code(refusal as u8), refusal);
        }
    }
}

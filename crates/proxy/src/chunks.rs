// SPDX-License-Identifier: Apache-2.0
/// Follows a chunked body (RFC 9112, 7.1) to its end, as strictly as hyper or more so: where hyper would go on
/// reading, this must not see an end.
#[derive(Debug)]
pub(crate) struct Chunks {
    state: State,
    /// Bytes of extensions and trailers so far.
    extra: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Size { size: u64, digits: u8 },
    SizeSpace { size: u64 },
    Extension { size: u64 },
    SizeLf { size: u64 },
    Data { left: u64 },
    DataCr,
    DataLf,
    TrailerStart,
    Trailer,
    TrailerLf,
    LastLf,
    Done,
}

/// Extensions and trailers of one body together.
const MAX_EXTRA: usize = 16 * 1024;

/// What came is no chunked body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadChunk;

impl Chunks {
    pub(crate) fn new() -> Self {
        Self {
            state: State::Size { size: 0, digits: 0 },
            extra: 0,
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Takes bytes until the body's end; says how many.
    pub(crate) fn advance(&mut self, bytes: &[u8]) -> Result<usize, BadChunk> {
        let mut at = 0;
        while self.state != State::Done
            && let Some(&byte) = bytes.get(at)
        {
            if let State::Data { left } = &mut self.state {
                let taken = usize::try_from(*left)
                    .unwrap_or(usize::MAX)
                    .min(bytes.len() - at);
                *left -= taken as u64;
                at += taken;
                if *left == 0 {
                    self.state = State::DataCr;
                }
                continue;
            }
            self.state = self.step(byte)?;
            at += 1;
        }
        Ok(at)
    }

    fn step(&mut self, byte: u8) -> Result<State, BadChunk> {
        Ok(match (self.state, byte) {
            (State::Size { size, digits }, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                // 15 digits: far from an overflow, here or in any reader behind us.
                if digits == 15 {
                    return Err(BadChunk);
                }
                let digit = char::from(byte).to_digit(16).ok_or(BadChunk)?;
                State::Size {
                    size: size * 16 + u64::from(digit),
                    digits: digits + 1,
                }
            }
            (State::Size { digits: 0, .. }, _) => return Err(BadChunk),
            (State::Size { size, .. } | State::SizeSpace { size }, b' ' | b'\t') => {
                self.count_extra()?;
                State::SizeSpace { size }
            }
            (State::Size { size, .. } | State::SizeSpace { size }, b';') => {
                State::Extension { size }
            }
            (
                State::Size { size, .. } | State::SizeSpace { size } | State::Extension { size },
                b'\r',
            ) => State::SizeLf { size },
            (State::Extension { size }, byte) if byte != b'\n' => {
                self.count_extra()?;
                State::Extension { size }
            }
            (State::SizeLf { size: 0 }, b'\n') => State::TrailerStart,
            (State::SizeLf { size }, b'\n') => State::Data { left: size },
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf | State::TrailerLf, b'\n') => {
                if self.state == State::DataLf {
                    State::Size { size: 0, digits: 0 }
                } else {
                    State::TrailerStart
                }
            }
            (State::TrailerStart, b'\r') => State::LastLf,
            (State::Trailer, b'\r') => State::TrailerLf,
            (State::TrailerStart | State::Trailer, byte) if byte != b'\n' => {
                self.count_extra()?;
                State::Trailer
            }
            (State::LastLf, b'\n') => State::Done,
            _ => return Err(BadChunk),
        })
    }

    fn count_extra(&mut self) -> Result<(), BadChunk> {
        self.extra += 1;
        if self.extra > MAX_EXTRA {
            Err(BadChunk)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(bytes: &str) -> Result<(usize, bool), BadChunk> {
        let mut chunks = Chunks::new();
        let taken = chunks.advance(bytes.as_bytes())?;
        Ok((taken, chunks.is_done()))
    }

    #[test]
    fn a_body_ends_where_it_ends() {
        assert_eq!(body("0\r\n\r\nGET"), Ok((5, true)));
        assert_eq!(
            body("3;a=b\r\n0\r\n\r\n0\r\nA: b\r\n\r\nGET"),
            Ok((23, true))
        );
        assert_eq!(body("a \r\n0123456789\r\n"), Ok((16, false)));
    }

    #[test]
    fn what_is_no_chunk_is_refused() {
        for bytes in [
            "x\r\n",
            "\r\n",
            "-1\r\n",
            "0x1\r\n",
            "1\nab",
            "1\r\nab\r\n",
            "1;\n",
            "1 1\r\n",
            "1111111111111111\r\n",
            "0\r\nA: b\n\r\n",
            "0\r\n\n",
        ] {
            assert_eq!(body(bytes), Err(BadChunk), "{bytes:?}");
        }
        assert_eq!(
            body(&format!("1;{}", "a".repeat(MAX_EXTRA + 1))),
            Err(BadChunk)
        );
    }
}

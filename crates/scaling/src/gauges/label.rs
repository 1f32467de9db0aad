// SPDX-License-Identifier: Apache-2.0
use std::fmt;

/// A name that fits into a decision, which is copied: longer ones are cut.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Label {
    length: u8,
    bytes: [u8; Self::BYTES],
}

impl Label {
    const BYTES: usize = 31;

    pub(crate) fn new(name: &str) -> Self {
        let mut length = name.len().min(Self::BYTES);
        while !name.is_char_boundary(length) {
            length -= 1;
        }
        let mut bytes = [0; Self::BYTES];
        for (to, from) in bytes.iter_mut().zip(name.bytes().take(length)) {
            *to = from;
        }
        let cut = u8::from(length < name.len()) << 7;
        Self {
            length: length as u8 | cut,
            bytes,
        }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = usize::from(self.length & 0x7f);
        let text = self.bytes.get(..length).unwrap_or_default();
        f.write_str(std::str::from_utf8(text).unwrap_or_default())?;
        f.write_str(if self.length > 0x7f { "..." } else { "" })
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_cut_between_characters() {
        for (name, told) in [
            ("", ""),
            ("queue-length", "queue-length"),
            (
                "a23456789-b23456789-c23456789-d",
                "a23456789-b23456789-c23456789-d",
            ),
            (
                "a23456789-b23456789-c23456789-de",
                "a23456789-b23456789-c23456789-d...",
            ),
            (
                "a23456789-b23456789-c23456789-ä",
                "a23456789-b23456789-c23456789-...",
            ),
        ] {
            assert_eq!(Label::new(name).to_string(), told);
        }
    }
}

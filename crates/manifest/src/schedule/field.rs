// SPDX-License-Identifier: Apache-2.0

/// One of the five fields: its name, its bounds, and the words that may stand for its numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) first: u32,
    pub(super) last: u32,
    /// For the numbers from `first` on.
    pub(super) words: &'static [&'static str],
}

/// The numbers of a field that are meant, a bit for each, and whether it begins with `*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Numbers {
    pub(super) bits: u64,
    pub(super) any: bool,
}

impl Numbers {
    pub(super) const fn has(self, number: u32) -> bool {
        number < 64 && self.bits & (1 << number) != 0
    }
}

impl Field {
    /// Reads `*`, `5`, `mon-fri`, `*/15`, `10-40/10`, `5/20` and lists of these.
    ///
    /// # Errors
    /// What would be right.
    pub(super) fn read(&self, text: &str) -> Result<Numbers, String> {
        let mut bits = 0;
        for part in text.split(',') {
            bits |= self.part(part)?;
        }
        Ok(Numbers {
            bits,
            any: text.starts_with(['*', '?']),
        })
    }

    fn part(&self, part: &str) -> Result<u64, String> {
        let (range, step) = match part.split_once('/') {
            None => (part, None),
            Some((range, step)) => (range, Some(self.step(step)?)),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" || range == "?" => (self.first, self.last),
            Some((from, to)) => (self.number(from, false)?, self.number(to, true)?),
            None => {
                let from = self.number(range, false)?;
                (from, if step.is_some() { self.last } else { from })
            }
        };
        if from > to {
            return Err(format!(
                "its {} {range:?} should not end before it begins: write two, with a comma between",
                self.name
            ));
        }
        let step = usize::try_from(step.unwrap_or(1)).unwrap_or(usize::MAX);
        Ok((from..=to)
            .step_by(step)
            .fold(0, |bits, number| bits | 1 << number))
    }

    fn step(&self, text: &str) -> Result<u32, String> {
        let step = digits(text).filter(|step| (1..=self.last).contains(step));
        step.ok_or_else(|| {
            format!(
                "the step of its {} is {text:?} and should be a number from 1 to {}",
                self.name, self.last
            )
        })
    }

    /// `is_end`: Sunday at the end of a range is the one after Saturday.
    fn number(&self, text: &str, is_end: bool) -> Result<u32, String> {
        let word = (self.words.iter().zip(self.first..))
            .find(|(word, _)| word.eq_ignore_ascii_case(text))
            .map(|(word, number)| if is_end && *word == "sun" { 7 } else { number });
        word.or_else(|| digits(text).filter(|number| (self.first..=self.last).contains(number)))
            .ok_or_else(|| self.wrong(text))
    }

    fn wrong(&self, text: &str) -> String {
        let words = match (self.words.first(), self.words.last()) {
            (Some(first), Some(last)) => format!(", or {first} to {last}"),
            _ => String::new(),
        };
        format!(
            "its {} is {text:?} and should be * or a number from {} to {}{words}",
            self.name, self.first, self.last
        )
    }
}

fn digits(text: &str) -> Option<u32> {
    let is_plain = (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| text.parse().ok())?
}

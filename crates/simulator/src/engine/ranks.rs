// SPDX-License-Identifier: Apache-2.0

/// Numbers (of replicas) by their load: the first among those of one load is found without a look at the others.
#[derive(Debug, Default)]
pub(crate) struct Ranks {
    loads: Vec<u32>,
    /// A bit for each number, `words` words for each load.
    bits: Vec<u64>,
    words: usize,
    /// How many have each load.
    counts: Vec<u32>,
    /// The least load there is.
    least: u32,
}

impl Ranks {
    /// With new numbers, from 0 on.
    pub(crate) fn rebuild(&mut self, loads: impl Iterator<Item = u32>) {
        self.loads.clear();
        self.loads.extend(loads);
        self.words = self.loads.len().div_ceil(64);
        self.bits.clear();
        self.counts.clear();
        self.least = self.loads.iter().copied().min().unwrap_or(0);
        for number in 0..self.loads.len() {
            self.enter(number, self.loads[number]);
        }
    }
    pub(crate) fn len(&self) -> usize {
        self.loads.len()
    }
    pub(crate) fn load(&self, number: usize) -> u32 {
        self.loads[number]
    }
    /// The least load; 0 where there is none.
    pub(crate) fn least(&self) -> u32 {
        self.least
    }
    /// One more.
    pub(crate) fn raise(&mut self, number: usize) {
        let load = self.loads[number];
        self.leave(number, load);
        self.loads[number] = load + 1;
        self.enter(number, load + 1);
        if self.counts[load as usize] == 0 && self.least == load {
            self.least = load + 1;
        }
    }
    /// One less.
    pub(crate) fn lower(&mut self, number: usize) {
        let load = self.loads[number];
        self.leave(number, load);
        self.loads[number] = load - 1;
        self.enter(number, load - 1);
        self.least = self.least.min(load - 1);
    }
    /// The first of that load.
    pub(crate) fn first(&self, load: u32) -> Option<usize> {
        let load = load as usize;
        if self.counts.get(load).is_none_or(|count| *count == 0) {
            return None;
        }
        let words = &self.bits[load * self.words..(load + 1) * self.words];
        let (word, bits) = words.iter().enumerate().find(|(_, bits)| **bits != 0)?;
        Some(word * 64 + bits.trailing_zeros() as usize)
    }

    fn enter(&mut self, number: usize, load: u32) {
        let load = load as usize;
        if load >= self.counts.len() {
            self.counts.resize(load + 1, 0);
            self.bits.resize((load + 1) * self.words, 0);
        }
        self.counts[load] += 1;
        self.bits[load * self.words + number / 64] |= 1 << (number % 64);
    }
    fn leave(&mut self, number: usize, load: u32) {
        let load = load as usize;
        self.counts[load] -= 1;
        self.bits[load * self.words + number / 64] &= !(1 << (number % 64));
    }
}

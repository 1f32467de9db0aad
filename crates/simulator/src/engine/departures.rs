// SPDX-License-Identifier: Apache-2.0

/// The next moment of each slot, and the earliest of all: a tree of winners. An update walks from a leaf up until
/// nothing changes, the earliest stands at the top.
#[derive(Debug)]
pub(crate) struct Departures {
    /// Node `n` has the children `2n` and `2n + 1`; the leaves are the second half.
    nodes: Vec<(u64, u32)>,
}

impl Departures {
    /// Never.
    pub(crate) const NEVER: u64 = u64::MAX;

    pub(crate) fn new() -> Self {
        Self {
            nodes: vec![(Self::NEVER, 0); 2],
        }
    }
    /// The earliest moment, and whose it is; of equal ones the lowest slot.
    pub(crate) fn first(&self) -> (u64, usize) {
        let (at, slot) = self.nodes[1];
        (at, slot as usize)
    }
    /// Sets the moment of a slot.
    pub(crate) fn set(&mut self, slot: usize, at: u64) {
        while slot >= self.leaves() {
            self.grow();
        }
        let mut node = self.leaves() + slot;
        self.nodes[node] = (at, slot as u32);
        while node > 1 {
            node /= 2;
            let winner = self.nodes[2 * node].min(self.nodes[2 * node + 1]);
            if self.nodes[node] == winner {
                break;
            }
            self.nodes[node] = winner;
        }
    }

    fn leaves(&self) -> usize {
        self.nodes.len() / 2
    }
    fn grow(&mut self) {
        let leaves = 2 * self.leaves();
        let mut nodes = vec![(Self::NEVER, 0); 2 * leaves];
        for (slot, leaf) in nodes[leaves..].iter_mut().enumerate() {
            let known = self.nodes.get(leaves / 2 + slot);
            *leaf = known.map_or((Self::NEVER, slot as u32), |known| (known.0, slot as u32));
        }
        for node in (1..leaves).rev() {
            nodes[node] = nodes[2 * node].min(nodes[2 * node + 1]);
        }
        self.nodes = nodes;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_first_is_the_least(steps in prop::collection::vec((0_usize..40, 0_u64..100), 1..200)) {
            let mut departures = Departures::new();
            let mut known = [Departures::NEVER; 40];
            for (slot, at) in steps {
                departures.set(slot, at);
                known[slot] = at;
                let least = known.iter().enumerate().map(|(slot, at)| (*at, slot)).min();
                prop_assert_eq!(Some(departures.first()), least);
            }
        }
    }
}

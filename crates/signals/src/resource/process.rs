// SPDX-License-Identifier: Apache-2.0
//! What `/proc` says of processes.
use std::collections::{BTreeMap, BTreeSet};

/// One process, as `/proc/PID/stat` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) parent: u32,
    pub(super) group: u32,
    /// When it started, by which it is told from another that has its number later.
    pub(super) start: u64,
    /// Its own CPU time, and that of the children that it has seen end, in [`TICKS`].
    pub(super) own: u64,
    pub(super) reaped: u64,
}

/// The unit of CPU time in `/proc`: a hundredth of a second on every architecture that we build for.
pub(super) const TICKS: f64 = 100.0;

impl Process {
    /// Reads a line of `/proc/PID/stat`. The name in brackets may hold anything, brackets too.
    pub(super) fn parse(stat: &str) -> Option<Self> {
        let (_, fields) = stat.rsplit_once(')')?;
        let mut fields = fields.split_ascii_whitespace();
        let mut number = |skip: usize| fields.nth(skip)?.parse::<u64>().ok();
        // The state is skipped, and all that is between.
        let (parent, group) = (number(1)?, number(0)?);
        let (user, system, user_reaped, system_reaped) =
            (number(8)?, number(0)?, number(0)?, number(0)?);
        let start = number(4)?;
        Some(Self {
            parent: u32::try_from(parent).ok()?,
            group: u32::try_from(group).ok()?,
            start,
            own: user.checked_add(system)?,
            reaped: user_reaped.checked_add(system_reaped)?,
        })
    }
}

/// The processes of a machine at one moment, by number.
#[derive(Clone, Debug, Default)]
pub(super) struct Processes(pub(super) BTreeMap<u32, Process>);

impl Processes {
    /// The processes of a replica that was started as `root`, which leads a group: that group, and all that descend from it.
    pub(super) fn family(&self, root: u32) -> BTreeMap<u32, Process> {
        let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (pid, process) in &self.0 {
            children.entry(process.parent).or_default().push(*pid);
        }
        let mut open: Vec<u32> = (self.0.iter())
            .filter(|(pid, process)| **pid == root || process.group == root)
            .map(|(pid, _)| *pid)
            .collect();
        let mut family = BTreeSet::new();
        while let Some(pid) = open.pop() {
            if family.insert(pid) {
                open.extend(children.get(&pid).into_iter().flatten());
            }
        }
        let of = |pid: u32| Some((pid, *self.0.get(&pid)?));
        family.into_iter().filter_map(of).collect()
    }
}

/// A figure in bytes of `/proc/PID/status` or `smaps_rollup`, which give it in kB: `VmRSS`, `Pss`.
pub(super) fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let number = line.trim().strip_suffix("kB")?.trim();
    number.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_stat() {
        let stat = "30343 (a) R (b) S 30331 30330 5126 0 -1 4194304 100 0 0 0 7 5 3 2 20 0 1 0 4216770 3133440 380 1 2";
        let expected = Process {
            parent: 30331,
            group: 30330,
            start: 4_216_770,
            own: 12,
            reaped: 5,
        };
        assert_eq!(Process::parse(stat), Some(expected));
        for bad in [
            "",
            "1 (a",
            "1 (a) S 1",
            "1 (a) S x 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
        ] {
            assert_eq!(Process::parse(bad), None);
        }
    }

    #[test]
    fn kilobytes_of_a_name() {
        let status = "Name:\tVmRSS\nVmRSSx:\t 9 kB\nVmRSS:\t    1234 kB\nThreads:\t1\n";
        assert_eq!(kilobytes(status, "VmRSS"), Some(1_263_616));
        assert_eq!(kilobytes(status, "Threads"), None);
        assert_eq!(kilobytes("Pss: 99999999999999999999 kB", "Pss"), None);
    }

    #[test]
    fn a_family_is_the_group_and_all_that_descend_from_it() {
        let one = |parent, group| Process {
            parent,
            group,
            start: 0,
            own: 0,
            reaped: 0,
        };
        let all = [
            (1, one(0, 1)),
            (10, one(1, 10)),
            (11, one(10, 10)),
            // A group of its own, under a parent of ours.
            (12, one(11, 12)),
            (13, one(12, 12)),
            // Its parent has ended.
            (14, one(1, 10)),
            (20, one(1, 20)),
            // A loop that cannot be.
            (30, one(31, 30)),
            (31, one(30, 30)),
        ];
        let table = Processes(all.into_iter().collect());
        let family = |root| table.family(root).into_keys().collect::<Vec<_>>();
        assert_eq!(family(10), [10, 11, 12, 13, 14]);
        assert_eq!(family(20), [20]);
        assert_eq!(family(30), [30, 31]);
        assert_eq!(family(99), [] as [u32; 0]);
    }
}

// SPDX-License-Identifier: Apache-2.0
use std::{os::unix::fs::MetadataExt, path::Path, time::SystemTime};

/// Tells when a file has changed and come to rest: looked at once a second, it must be the same twice.
#[derive(Debug)]
pub(crate) struct Watch {
    /// What was read last.
    read: Option<Stamp>,
    /// What was seen last.
    seen: Option<Stamp>,
}

/// What tells one state of a file from another. The inode tells a file that was replaced by a rename.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
    inode: u64,
}

impl Stamp {
    /// The present state; `None` if there is no such file, or it cannot be looked at.
    pub(crate) async fn of(path: &Path) -> Option<Self> {
        let found = tokio::fs::metadata(path).await.ok()?;
        Some(Self {
            modified: found.modified().ok(),
            bytes: found.len(),
            inode: found.ino(),
        })
    }
}

impl Watch {
    /// A file that was in this state when it was read.
    pub(crate) fn new(read: Option<Stamp>) -> Self {
        Self { read, seen: read }
    }

    /// Takes the present state and says whether to read the file now. A file that is gone is no change: an editor may
    /// be about to put the new one there.
    pub(crate) fn step(&mut self, now: Option<Stamp>) -> bool {
        let at_rest = now == self.seen;
        self.seen = now;
        let changed = now.is_some() && now != self.read && at_rest;
        if changed {
            self.read = now;
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(bytes: u64, inode: u64) -> Option<Stamp> {
        Some(Stamp {
            modified: Some(SystemTime::UNIX_EPOCH),
            bytes,
            inode,
        })
    }

    #[test]
    fn a_change_is_read_once_and_only_at_rest() {
        let mut watch = Watch::new(stamp(1, 1));
        assert!(!watch.step(stamp(1, 1)));
        assert!(!watch.step(stamp(2, 1)));
        assert!(!watch.step(stamp(3, 1)));
        assert!(watch.step(stamp(3, 1)));
        assert!(!watch.step(stamp(3, 1)));
    }

    #[test]
    fn a_file_that_is_gone_for_a_while_is_no_change() {
        let mut watch = Watch::new(stamp(1, 1));
        assert!(!watch.step(None));
        assert!(!watch.step(None));
        assert!(!watch.step(stamp(1, 2)));
        assert!(watch.step(stamp(1, 2)));
    }
}

// SPDX-License-Identifier: Apache-2.0
use std::collections::{BTreeMap, BTreeSet};

use kube::runtime::watcher::Event;

/// A namespace and a name.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub struct Key {
    pub namespace: String,
    pub name: String,
}

/// Objects of one kind, trimmed to what is needed, as a watch tells them.
#[derive(Debug)]
pub(super) struct Table<V> {
    rows: BTreeMap<Key, V>,
    /// The list that a watch begins with, until it is whole.
    staged: Option<BTreeMap<Key, V>>,
    /// Whether there was a whole list.
    synced: bool,
}

impl<V> Default for Table<V> {
    fn default() -> Self {
        Self {
            rows: BTreeMap::new(),
            staged: None,
            synced: false,
        }
    }
}

impl<V: PartialEq> Table<V> {
    /// Takes what a watch told. Gives each row that changed, as it was before or as it is now.
    pub(super) fn take<K>(
        &mut self,
        event: Event<K>,
        view: impl Fn(K) -> (Key, V),
        mut changed: impl FnMut(&Key, &V),
    ) {
        match event {
            Event::Init => self.staged = Some(BTreeMap::new()),
            Event::InitApply(object) => {
                let (key, row) = view(object);
                self.staged.get_or_insert_default().insert(key, row);
            }
            Event::InitDone => {
                let rows = self.staged.take().unwrap_or_default();
                let before = std::mem::replace(&mut self.rows, rows);
                self.synced = true;
                let keys: BTreeSet<&Key> = before.keys().chain(self.rows.keys()).collect();
                for key in keys {
                    let (old, new) = (before.get(key), self.rows.get(key));
                    if old != new {
                        for row in old.into_iter().chain(new) {
                            changed(key, row);
                        }
                    }
                }
            }
            Event::Apply(object) => {
                let (key, row) = view(object);
                let before = self.rows.get(&key);
                if before == Some(&row) {
                    return;
                }
                if let Some(before) = before {
                    changed(&key, before);
                }
                changed(&key, &row);
                self.rows.insert(key, row);
            }
            Event::Delete(object) => {
                let (key, row) = view(object);
                self.rows.remove(&key);
                changed(&key, &row);
            }
        }
    }
}

impl<V> Table<V> {
    pub(super) fn get(&self, namespace: &str, name: &str) -> Option<&V> {
        let key = Key {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        };
        self.rows.get(&key)
    }

    pub(super) const fn rows(&self) -> &BTreeMap<Key, V> {
        &self.rows
    }

    pub(super) const fn is_synced(&self) -> bool {
        self.synced
    }
}

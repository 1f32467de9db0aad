// SPDX-License-Identifier: Apache-2.0
//! What was learned of the revisions, kept over a restart in one small file.
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use cheerful_autoscaler::{Autoscaler, Input};
use cheerful_scaling::Memory;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

/// The file, and what was written to it last.
#[derive(Debug)]
pub(crate) struct MemoryFile {
    path: PathBuf,
    written: BTreeMap<String, Kept>,
    failing: bool,
    failures: Arc<AtomicU64>,
}

/// What was learned before, of the revisions that have not been told yet.
#[derive(Debug, Default)]
pub(crate) struct Recollection(BTreeMap<String, Kept>);

impl Recollection {
    /// Tells the autoscaler what was learned of these revisions before; each is told once.
    pub(crate) async fn recall(&mut self, autoscaler: &Autoscaler, names: &[String]) {
        let now = unix_millis();
        for name in names {
            let Some(kept) = self.0.remove(name) else {
                continue;
            };
            let recall = Input::Recall {
                memory: Box::new(kept.learned),
                age: Duration::from_millis(now.saturating_sub(kept.unix_millis)),
            };
            if autoscaler.tell(name, recall).await.is_err() {
                return;
            }
        }
    }
}

/// What is kept of one revision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Kept {
    /// When it changed last.
    unix_millis: u64,
    learned: Memory,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Whole {
    cheerful_memory: u32,
    revisions: BTreeMap<String, Kept>,
}

impl MemoryFile {
    const VERSION: u32 = 1;
    /// Between two looks at what was learned.
    const PAUSE: Duration = Duration::from_secs(60);
    /// Revisions kept at most, each of a few KB; those beyond, by name, learn anew after a restart.
    const REVISIONS: usize = 10_000;
    /// A longer file is none of ours.
    const BYTES: u64 = 128 * 1024 * 1024;

    /// Reads the file. One that is not there, or cannot be read, is as if nothing had been learned; the latter is told.
    pub(crate) fn open(folder: &Path, name: &str, failures: Arc<AtomicU64>) -> Self {
        let path = folder.join(format!("learned-{name}.json"));
        let written = match read(&path) {
            Ok(kept) => kept,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => {
                tracing::warn!(
                    file = %path.display(),
                    "what was learned before cannot be read, and is learned anew: {error}"
                );
                BTreeMap::new()
            }
        };
        Self {
            path,
            written,
            failing: false,
            failures,
        }
    }

    /// What was learned before.
    pub(crate) fn recollection(&self) -> Recollection {
        Recollection(self.written.clone())
    }

    /// Writes what changed, once a minute and when it ends.
    pub(crate) async fn keep(mut self, autoscaler: Autoscaler, mut ends: oneshot::Receiver<()>) {
        loop {
            let ended = tokio::time::timeout(Self::PAUSE, &mut ends).await.is_ok();
            let Ok(memories) = autoscaler.memories().await else {
                return;
            };
            self = match tokio::task::spawn_blocking(move || self.written_with(memories)).await {
                Ok(this) => this,
                Err(error) => {
                    tracing::error!("what was learned is not kept any more: {error}");
                    return;
                }
            };
            if ended {
                return;
            }
        }
    }

    fn written_with(mut self, memories: Vec<(String, Memory)>) -> Self {
        let now = unix_millis();
        let mut kept = self.written.clone();
        for (name, learned) in memories {
            if kept.get(&name).is_some_and(|kept| kept.learned == learned) {
                continue;
            }
            if kept.len() < Self::REVISIONS || kept.contains_key(&name) {
                let unix_millis = now;
                kept.insert(
                    name,
                    Kept {
                        unix_millis,
                        learned,
                    },
                );
            }
        }
        // What is too old is of no use to anyone.
        let longest = u64::try_from(Memory::LONGEST.as_millis()).unwrap_or(u64::MAX);
        kept.retain(|_, kept| now.saturating_sub(kept.unix_millis) <= longest);
        if kept == self.written {
            return self;
        }
        match write(&self.path, &kept) {
            Ok(()) => {
                if self.failing {
                    tracing::info!(file = %self.path.display(), "what was learned is kept again");
                }
                (self.failing, self.written) = (false, kept);
            }
            Err(error) => {
                self.failures.fetch_add(1, Ordering::Relaxed);
                if !self.failing {
                    tracing::warn!(
                        file = %self.path.display(),
                        "what was learned cannot be kept; all goes on, and it is tried each minute: {error}"
                    );
                }
                self.failing = true;
            }
        }
        self
    }
}

/// Where it is kept when nobody says: systemd's folder for it, or the user's.
pub(crate) fn state_folder() -> Option<PathBuf> {
    let given = |name: &str| std::env::var_os(name).filter(|folder| !folder.is_empty());
    if let Some(folder) = given("STATE_DIRECTORY") {
        return Some(PathBuf::from(folder));
    }
    if let Some(folder) = given("XDG_STATE_HOME") {
        return Some(Path::new(&folder).join("cheerful"));
    }
    Some(Path::new(&given("HOME")?).join(".local/state/cheerful"))
}

fn read(path: &Path) -> io::Result<BTreeMap<String, Kept>> {
    let length = fs::metadata(path)?.len();
    if length > MemoryFile::BYTES {
        let error = format!(
            "it has {length} bytes, should be at most {}",
            MemoryFile::BYTES
        );
        return Err(io::Error::new(io::ErrorKind::InvalidData, error));
    }
    let whole: Whole = serde_json::from_slice(&fs::read(path)?)?;
    if whole.cheerful_memory != MemoryFile::VERSION {
        let error = format!(
            "cheerfulMemory is {}, should be {}",
            whole.cheerful_memory,
            MemoryFile::VERSION
        );
        return Err(io::Error::new(io::ErrorKind::InvalidData, error));
    }
    Ok(whole.revisions)
}

/// Whole or not at all: a file beside it takes its place.
fn write(path: &Path, revisions: &BTreeMap<String, Kept>) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let text = serde_json::to_vec(&Whole {
        cheerful_memory: MemoryFile::VERSION,
        revisions: revisions.clone(),
    })?;
    let beside = path.with_extension("json.new");
    let written = write_whole(&beside, &text).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        drop(fs::remove_file(&beside));
    }
    written
}

fn write_whole(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = fs::File::create(path)?;
    io::Write::write_all(&mut file, text)?;
    file.sync_all()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the shell knows how old is what it kept"
)]
fn unix_millis() -> u64 {
    let since_1970 = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(target: f64) -> Memory {
        let json = serde_json::json!({"version": 1, "target": {"requests": target, "seconds": 600.0,
            "top": 2.0, "curve": [[5, 0.5, 2.0, [0.1, 0.2, 0.5]]]}});
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn it_is_written_when_it_changed_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a/b");
        let file = MemoryFile::open(&inner, "8080", Arc::default());
        let file = file.written_with(vec![("one".to_owned(), memory(7.25))]);
        let path = inner.join("learned-8080.json");
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(read(&path).unwrap()["one"].learned, memory(7.25));
        fs::remove_file(&path).unwrap();
        // Nothing changed: nothing is written.
        let file = file.written_with(vec![("one".to_owned(), memory(7.25))]);
        assert!(!path.exists());
        fs::write(&path, text).unwrap();
        // One that is not there now keeps what was learned of it.
        file.written_with(vec![("two".to_owned(), memory(3.0))]);
        assert_eq!(
            MemoryFile::open(&inner, "8080", Arc::default())
                .written
                .len(),
            2
        );
    }

    #[test]
    fn what_cannot_be_read_is_learned_anew_and_what_cannot_be_written_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("learned-1.json");
        for text in ["", "{", "[]", r#"{"cheerfulMemory":2,"revisions":{}}"#] {
            fs::write(&path, text).unwrap();
            assert!(
                MemoryFile::open(folder.path(), "1", Arc::default())
                    .written
                    .is_empty(),
                "{text}"
            );
        }
        // A folder cannot be made below a file.
        let failures = Arc::<AtomicU64>::default();
        let file = MemoryFile::open(&path.join("below"), "1", Arc::clone(&failures));
        let file = file.written_with(vec![("one".to_owned(), memory(1.0))]);
        assert!(file.failing && file.written.is_empty());
        assert_eq!(failures.load(Ordering::Relaxed), 1);
    }
}

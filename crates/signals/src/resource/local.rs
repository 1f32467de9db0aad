// SPDX-License-Identifier: Apache-2.0
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use tokio::{task::spawn_blocking, time::Instant};

use super::{
    cgroup, mean,
    process::{Process, Processes, kilobytes},
    rate::{Rates, Used},
};
use crate::Unread;

/// Which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// Percent of one core, since the time before.
    Cpu,
    /// Bytes. Of a control group its working set; of one process what of it is in memory; of several their share of what
    /// is in memory, so that what they have in common counts once (`Pss`), or where we may not read that what of each is in
    /// memory.
    Memory,
}

/// Measures a resource of the replicas of a revision, which are processes of this machine.
#[derive(Debug)]
pub struct Local {
    resource: Resource,
    target: f64,
    origin: Instant,
    rates: Rates,
}

/// What is read of a machine at one time.
struct Reader {
    proc: PathBuf,
    groups: PathBuf,
    table: Processes,
}

impl Local {
    /// `target`: the mean that is aimed at.
    #[must_use]
    pub fn new(resource: Resource, target: f64) -> Self {
        Self {
            resource,
            target,
            origin: Instant::now(),
            rates: Rates::default(),
        }
    }

    /// The mean over these replicas, each by the number of the process that it was started as.
    ///
    /// # Errors
    /// See [`mean`].
    pub async fn measure(&mut self, replicas: Vec<u32>) -> Result<f64, Unread> {
        let resource = self.resource;
        let wanted = replicas.clone();
        let read = spawn_blocking(move || {
            let reader = Reader::new("/proc".into(), "/sys/fs/cgroup".into());
            match resource {
                Resource::Cpu => Read::Cpu(reader.cpu(&wanted)),
                Resource::Memory => Read::Memory(reader.memory(&wanted)),
            }
        });
        let figures = match read.await {
            Ok(Read::Cpu(used)) => self.rates.step(self.origin.elapsed(), used),
            Ok(Read::Memory(bytes)) => bytes,
            Err(error) => return Err(Unread::Silent(error.to_string())),
        };
        let of = |replica: &u32| figures.get(replica).copied().flatten();
        mean(&replicas.iter().map(of).collect::<Vec<_>>(), self.target)
    }
}

/// The bytes of memory of replicas, each by the number of the process that it was started as; see [`Resource::Memory`].
/// Those of which nothing can be read are left out.
pub async fn memory_of(replicas: Vec<u32>) -> BTreeMap<u32, f64> {
    let read = spawn_blocking(move || {
        let reader = Reader::new("/proc".into(), "/sys/fs/cgroup".into());
        reader.memory(&replicas)
    });
    let figures = read.await.unwrap_or_default();
    let known = |(replica, bytes): (u32, Option<f64>)| Some((replica, bytes?));
    figures.into_iter().filter_map(known).collect()
}

enum Read {
    Cpu(BTreeMap<u32, Used>),
    Memory(BTreeMap<u32, Option<f64>>),
}

impl Reader {
    fn new(proc: PathBuf, groups: PathBuf) -> Self {
        let mut table = Processes::default();
        for entry in fs::read_dir(&proc).into_iter().flatten().flatten() {
            let pid = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok());
            // One that ends meanwhile is not there.
            let stat = || fs::read_to_string(entry.path().join("stat")).ok();
            if let Some(pid) = pid
                && let Some(process) = stat().as_deref().and_then(Process::parse)
            {
                table.0.insert(pid, process);
            }
        }
        Self {
            proc,
            groups,
            table,
        }
    }

    fn cpu(&self, replicas: &[u32]) -> BTreeMap<u32, Used> {
        let groups = self.own_groups(replicas);
        let used = |replica: &u32| {
            let group = groups.get(replica).and_then(|group| {
                let stat = fs::read_to_string(self.groups.join(group).join("cpu.stat")).ok()?;
                Some(Used::Group(cgroup::figure(&stat, "usage_usec")?))
            });
            let by_process = || {
                let family = self.table.family(*replica);
                (!family.is_empty()).then_some(Used::Processes(family))
            };
            Some((*replica, group.or_else(by_process)?))
        };
        replicas.iter().filter_map(used).collect()
    }

    fn memory(&self, replicas: &[u32]) -> BTreeMap<u32, Option<f64>> {
        let groups = self.own_groups(replicas);
        let bytes = |replica: &u32| {
            let group = groups.get(replica).and_then(|group| {
                let file = |name| fs::read_to_string(self.groups.join(group).join(name)).ok();
                cgroup::working_set(&file("memory.current")?, &file("memory.stat")?)
            });
            let bytes = group.or_else(|| self.family_memory(*replica));
            (*replica, bytes.map(as_f64))
        };
        replicas.iter().map(bytes).collect()
    }

    fn family_memory(&self, replica: u32) -> Option<u64> {
        let family: Vec<u32> = self.table.family(replica).into_keys().collect();
        let read = |pid: &u32, file: &str, name: &str| {
            let text = fs::read_to_string(self.proc.join(pid.to_string()).join(file)).ok()?;
            kilobytes(&text, name)
        };
        let resident = |pid: &u32| read(pid, "status", "VmRSS");
        let share = |pid: &u32| read(pid, "smaps_rollup", "Pss").or_else(|| resident(pid));
        // One that has ended meanwhile, or is only waited for, has none.
        let bytes: Vec<u64> = match &*family {
            [one] => resident(one).into_iter().collect(),
            several => several.iter().filter_map(share).collect(),
        };
        (!bytes.is_empty()).then(|| bytes.into_iter().fold(0, u64::saturating_add))
    }

    /// The control groups of replicas that are alone in one: not ours, not another's, and none that holds others below it.
    fn own_groups(&self, replicas: &[u32]) -> BTreeMap<u32, String> {
        let of = |pid: &str| {
            let text = fs::read_to_string(self.proc.join(pid).join("cgroup")).ok()?;
            Some(cgroup::path(&text)?.to_owned())
        };
        let ours = of("self");
        let found = |replica: &u32| {
            let group = of(&replica.to_string()).filter(|group| Some(group) != ours.as_ref())?;
            let members = fs::read_to_string(self.groups.join(&group).join("cgroup.procs")).ok()?;
            let members: BTreeSet<u32> =
                members.lines().filter_map(|pid| pid.parse().ok()).collect();
            let family: BTreeSet<u32> = self.table.family(*replica).into_keys().collect();
            (members.contains(replica) && members.is_subset(&family)).then_some((*replica, group))
        };
        replicas.iter().filter_map(found).collect()
    }
}

#[expect(clippy::cast_precision_loss, reason = "2^53 bytes are eight petabytes")]
const fn as_f64(bytes: u64) -> f64 {
    bytes as f64
}

#[cfg(test)]
mod tests {
    use std::{path::Path, process::Command, time::Duration};

    use super::*;

    /// The time that a machine's figures need to tell anything.
    const MOMENT: Duration = Duration::from_millis(600);

    struct Child(std::process::Child);

    impl Child {
        fn start(script: &str) -> Self {
            use std::os::unix::process::CommandExt as _;
            let child = Command::new("sh")
                .args(["-c", script])
                .process_group(0)
                .spawn();
            Self(child.unwrap())
        }
    }

    impl Drop for Child {
        fn drop(&mut self) {
            let group = format!("-{}", self.0.id());
            Command::new("kill")
                .args(["-9", "--", &group])
                .status()
                .unwrap();
            self.0.wait().unwrap();
        }
    }

    #[tokio::test]
    async fn processes_of_this_machine_are_measured_with_their_children() {
        let busy = Child::start("sh -c 'while :; do :; done' & wait");
        let idle = Child::start("sleep 60 & wait");
        let mut cpu = Local::new(Resource::Cpu, 1.0);
        let both = vec![busy.0.id(), idle.0.id()];
        assert_eq!(
            cpu.measure(both.clone()).await.unwrap_err().name(),
            "absent",
            "the first time"
        );
        tokio::time::sleep(MOMENT).await;
        let mean = cpu.measure(both).await.unwrap();
        assert!((2.0..=60.0).contains(&mean), "half a core at most: {mean}");
        tokio::time::sleep(MOMENT).await;
        let alone = cpu.measure(vec![idle.0.id()]).await.unwrap();
        assert!(alone < 2.0, "{alone}");
        let gone = cpu.measure(vec![idle.0.id(), u32::MAX]).await;
        assert_eq!(
            gone.unwrap_err().to_string(),
            "has no figure of 1 of its 2 ready replicas"
        );
        let mut memory = Local::new(Resource::Memory, 1.0);
        let bytes = memory.measure(vec![idle.0.id()]).await.unwrap();
        assert!((1e5..1e8).contains(&bytes), "{bytes}");
    }

    fn write(root: &Path, file: &str, text: &str) {
        let file = root.join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    #[test]
    fn a_control_group_of_its_own_counts_and_a_shared_one_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let (proc, groups) = (folder.path().join("proc"), folder.path().join("groups"));
        write(&proc, "self/cgroup", "0::/ours\n");
        for (pid, group) in [(7, "alone"), (8, "alone"), (20, "shared"), (30, "ours")] {
            let group_leader = if pid == 8 { 7 } else { pid };
            let stat =
                format!("{pid} (a) S 1 {group_leader} 0 0 -1 0 0 0 0 0 7 5 3 2 20 0 1 0 99 0 0");
            write(&proc, &format!("{pid}/stat"), &stat);
            write(&proc, &format!("{pid}/cgroup"), &format!("0::/{group}\n"));
            write(&proc, &format!("{pid}/status"), "VmRSS:\t 4 kB\n");
        }
        write(&proc, "8/smaps_rollup", "Rss: 9 kB\nPss: 2 kB\n");
        for (group, members) in [
            ("alone", "7\n8\n"),
            ("shared", "20\n99\n"),
            ("ours", "30\n"),
        ] {
            write(&groups, &format!("{group}/cgroup.procs"), members);
            write(&groups, &format!("{group}/cpu.stat"), "usage_usec 1234\n");
            write(&groups, &format!("{group}/memory.current"), "5000\n");
            write(
                &groups,
                &format!("{group}/memory.stat"),
                "inactive_file 1000\n",
            );
        }
        let reader = Reader::new(proc, groups);
        let used = reader.cpu(&[7, 20, 30, 40]);
        assert_eq!(used[&7], Used::Group(1234));
        assert!(matches!(&used[&20], Used::Processes(family) if family.len() == 1));
        assert!(matches!(&used[&30], Used::Processes(_)) && used.len() == 3);
        let memory = reader.memory(&[7, 20, 40]);
        assert_eq!(
            (memory[&7], memory[&20], memory[&40]),
            (Some(4000.0), Some(4096.0), None)
        );
        fs::remove_file(folder.path().join("groups/alone/memory.current")).unwrap();
        assert_eq!(reader.memory(&[7])[&7], Some(4096.0 + 2048.0), "by process");
    }
}

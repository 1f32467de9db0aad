// SPDX-License-Identifier: Apache-2.0
//! Control groups, version 2.

/// The group of a process within the one tree of version 2, from `/proc/PID/cgroup`; `None` for the root, which is all.
pub(super) fn path(text: &str) -> Option<&str> {
    let path = text.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let is_inside = !path.is_empty() && !path.split('/').any(|part| part == "..");
    is_inside.then_some(path)
}

/// A figure of `cpu.stat` or `memory.stat`.
pub(super) fn figure(text: &str, name: &str) -> Option<u64> {
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    value.trim().parse().ok()
}

/// What a group needs of memory: all that is charged to it but the pages of files that it has not used of late, which
/// go when somebody needs the room. (The kubelet's working set.)
pub(super) fn working_set(current: &str, stat: &str) -> Option<u64> {
    let current: u64 = current.trim().parse().ok()?;
    Some(current.saturating_sub(figure(stat, "inactive_file")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_and_its_figures() {
        assert_eq!(
            path("9:name=systemd:/\n0::/app.slice/hello.scope\n"),
            Some("app.slice/hello.scope")
        );
        for none in ["", "0::/\n", "4:memory:/a\n", "0::/../../x\n"] {
            assert_eq!(path(none), None);
        }
        let stat = "usage_usec 1234\nuser_usec 1000\nsystem_usec 234\n";
        assert_eq!(figure(stat, "usage_usec"), Some(1234));
        assert_eq!(figure(stat, "usage"), None);
        assert_eq!(
            working_set("5000\n", "anon 1\ninactive_file 2000\n"),
            Some(3000)
        );
        assert_eq!(working_set("5000\n", "anon 1\n"), None);
        assert_eq!(working_set("10\n", "inactive_file 2000\n"), Some(0));
    }
}

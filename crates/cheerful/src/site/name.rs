// SPDX-License-Identifier: Apache-2.0

/// The name by which the gateway and the processes know a version of a revision: the first is `hello`, the next
/// `hello~2`. A revision's own name is a DNS label and so never has a `~`.
pub(crate) fn version_name(revision: &str, number: u32) -> String {
    if number <= 1 {
        revision.to_owned()
    } else {
        format!("{revision}~{number}")
    }
}

/// The revision that a version belongs to.
pub(crate) fn revision_of(version: &str) -> &str {
    version
        .split_once('~')
        .map_or(version, |(revision, _)| revision)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_there_and_back() {
        assert_eq!(version_name("hello", 1), "hello");
        assert_eq!(version_name("hello", 12), "hello~12");
        assert_eq!(revision_of("hello~12"), "hello");
        assert_eq!(revision_of("hello"), "hello");
    }
}

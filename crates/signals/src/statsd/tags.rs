// SPDX-License-Identifier: Apache-2.0

/// The tags of a line, in place.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tags<'a> {
    /// Behind the name: `key=value`.
    behind: &'a [u8],
    separator: u8,
    /// In the part that begins with `#`: `key:value`, by commas.
    hashed: &'a [u8],
}

impl<'a> Tags<'a> {
    /// Most tags that are looked at, in each of both places.
    pub const MOST: usize = 64;

    pub(super) const fn behind_the_name(behind: &'a [u8], separator: u8) -> Self {
        Self {
            behind,
            separator,
            hashed: &[],
        }
    }

    pub(super) const fn and(self, hashed: &'a [u8]) -> Self {
        Self { hashed, ..self }
    }

    /// The value of a tag, empty for one that has none. The first one counts.
    #[must_use]
    pub fn get(&self, key: &[u8]) -> Option<&'a [u8]> {
        find(self.hashed, b',', b':', key).or_else(|| find(self.behind, self.separator, b'=', key))
    }
}

fn find<'a>(tags: &'a [u8], between: u8, within: u8, key: &[u8]) -> Option<&'a [u8]> {
    if tags.is_empty() {
        return None;
    }
    let each = tags.split(|byte| *byte == between).take(Tags::MOST);
    each.filter_map(|tag| tag.strip_prefix(key))
        .find_map(|rest| match rest.split_first() {
            None => Some(rest),
            Some((mark, value)) if *mark == within => Some(value),
            // A longer key that begins alike.
            Some(_) => None,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_begins_alike_is_another() {
        let tags = Tags::default().and(b"replicas:2,replica:a:b,replica:c");
        assert_eq!(tags.get(b"replica"), Some(&b"a:b"[..]));
        assert_eq!(tags.get(b"rep"), None);
    }

    #[test]
    fn no_more_than_the_most_are_looked_at() {
        let many = "x:1,".repeat(Tags::MOST) + "replica:a";
        assert_eq!(Tags::default().and(many.as_bytes()).get(b"replica"), None);
    }
}

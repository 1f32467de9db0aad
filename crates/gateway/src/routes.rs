// SPDX-License-Identifier: Apache-2.0
use std::{borrow::Cow, collections::HashMap, fmt};

/// Which requests are a revision's. No field set: all requests (at most one such revision).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// Host name without port; `*.example.com` takes any one label. Case does not matter.
    pub host: Option<String>,
    /// A path prefix that ends at a segment's border: `/shop` takes `/shop` and `/shop/x`, not `/shopping`.
    pub path_prefix: Option<String>,
}

impl Route {
    /// As it is compared: two routes are the same where this is. The host without port and final dot and in lower
    /// case, the path prefix without a slash at its end.
    #[must_use]
    pub fn normal(&self) -> Self {
        let path_prefix = self.path_prefix.as_deref().map(prefix).unwrap_or_default();
        Self {
            host: self
                .host
                .as_deref()
                .map(|host| host_name(host).into_owned()),
            path_prefix: (!path_prefix.is_empty()).then(|| path_prefix.to_owned()),
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.host.as_deref().unwrap_or("*");
        write!(
            formatter,
            "{host}{}",
            self.path_prefix.as_deref().unwrap_or("/")
        )
    }
}

/// All routes. An exact host comes before a wildcard, a wildcard before no host; within a host the
/// longest path prefix wins; where no prefix of a host matches, the next host is tried. A search costs
/// one hash per kind of host and one binary search per segment of the path, whatever the number of routes.
#[derive(Debug)]
pub(crate) struct Routes<T> {
    exact: HashMap<Box<str>, Paths<T>>,
    /// By what follows `*.`.
    wildcard: HashMap<Box<str>, Paths<T>>,
    any: Paths<T>,
}

/// The path prefixes of one host, sorted, without a slash at their end.
#[derive(Debug)]
struct Paths<T> {
    prefixes: Vec<(Box<str>, T)>,
    /// Bytes of the longest prefix: so much of a path is looked at.
    longest: usize,
}

/// Two have the same route.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Same<T> {
    pub(crate) route: Route,
    pub(crate) first: T,
    pub(crate) second: T,
}

impl<T> Default for Routes<T> {
    fn default() -> Self {
        Self {
            exact: HashMap::new(),
            wildcard: HashMap::new(),
            any: Paths::default(),
        }
    }
}

impl<T> Routes<T> {
    /// # Errors
    /// When two entries have the same host and path prefix.
    pub(crate) fn new(entries: impl Iterator<Item = (Route, T)>) -> Result<Self, Same<T>> {
        let mut routes = Self::default();
        for (route, to) in entries {
            let host = route.host.as_deref().map(host_name);
            let paths = match host.as_deref() {
                None => &mut routes.any,
                Some(host) => match host.strip_prefix("*.") {
                    Some(parent) => routes.wildcard.entry(parent.into()).or_default(),
                    None => routes.exact.entry(host.into()).or_default(),
                },
            };
            let prefix = prefix(route.path_prefix.as_deref().unwrap_or_default());
            paths.prefixes.push((prefix.into(), to));
        }
        let Self {
            exact,
            wildcard,
            any,
        } = routes;
        Ok(Self {
            exact: checked(exact, "")?,
            wildcard: checked(wildcard, "*.")?,
            any: any.sorted(None)?,
        })
    }

    /// Whose request this is. `host` may carry a port.
    pub(crate) fn find(&self, host: &str, path: &str) -> Option<&T> {
        if !(self.exact.is_empty() && self.wildcard.is_empty()) {
            let host = host_name(host);
            let parent = host.split_once('.').map(|(_, parent)| parent);
            let found = self
                .exact
                .get(&*host)
                .and_then(|paths| paths.find(path))
                .or_else(|| {
                    parent
                        .and_then(|parent| self.wildcard.get(parent))
                        .and_then(|paths| paths.find(path))
                });
            if found.is_some() {
                return found;
            }
        }
        self.any.find(path)
    }
}

/// Each host's paths sorted and checked.
fn checked<T>(
    hosts: HashMap<Box<str>, Paths<T>>,
    mark: &str,
) -> Result<HashMap<Box<str>, Paths<T>>, Same<T>> {
    hosts
        .into_iter()
        .map(|(host, paths)| {
            let paths = paths.sorted(Some(&format!("{mark}{host}")))?;
            Ok((host, paths))
        })
        .collect()
}

impl<T> Default for Paths<T> {
    fn default() -> Self {
        Self {
            prefixes: Vec::new(),
            longest: 0,
        }
    }
}

impl<T> Paths<T> {
    fn sorted(mut self, host: Option<&str>) -> Result<Self, Same<T>> {
        self.prefixes.sort_by(|one, other| one.0.cmp(&other.0));
        if let Some(at) = self
            .prefixes
            .windows(2)
            .position(|pair| matches!(pair, [one, other] if one.0 == other.0))
        {
            let (prefix, second) = self.prefixes.swap_remove(at + 1);
            let (_, first) = self.prefixes.swap_remove(at);
            let path_prefix = (!prefix.is_empty()).then(|| prefix.into_string());
            let route = Route {
                host: host.map(str::to_owned),
                path_prefix,
            };
            return Err(Same {
                route,
                first,
                second,
            });
        }
        self.prefixes.shrink_to_fit();
        self.longest = self
            .prefixes
            .iter()
            .map(|(prefix, _)| prefix.len())
            .max()
            .unwrap_or(0);
        Ok(self)
    }

    fn find(&self, path: &str) -> Option<&T> {
        if self.prefixes.is_empty() {
            return None;
        }
        // No more than the longest prefix and the slash after it is looked at, so that a long path
        // full of slashes costs no more than a short one.
        let head = path
            .as_bytes()
            .get(..=self.longest)
            .unwrap_or(path.as_bytes());
        let borders = head
            .iter()
            .enumerate()
            .rev()
            .filter(|(_, byte)| **byte == b'/')
            .map(|(at, _)| at);
        std::iter::once(path.len())
            .filter(|end| *end <= self.longest)
            .chain(borders)
            .chain(std::iter::once(0))
            .find_map(|end| self.exactly(path.get(..end)?))
    }

    fn exactly(&self, prefix: &str) -> Option<&T> {
        let at = self
            .prefixes
            .binary_search_by(|(known, _)| (**known).cmp(prefix))
            .ok()?;
        self.prefixes.get(at).map(|(_, to)| to)
    }
}

/// A path prefix as it is compared.
fn prefix(given: &str) -> &str {
    given.trim_end_matches('/')
}

/// A host as it is compared: without port and final dot, in lower case.
fn host_name(host: &str) -> Cow<'_, str> {
    let end_of_address = if host.starts_with('[') {
        host.find(']').map_or(0, |at| at + 1)
    } else {
        0
    };
    let name = match host.rfind(':') {
        Some(colon) if colon >= end_of_address => host.get(..colon).unwrap_or(host),
        _ => host,
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn route(host: &str, prefix: &str) -> Route {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Route {
            host: some(host),
            path_prefix: some(prefix),
        }
    }

    fn routes(of: &[(&str, &str, &'static str)]) -> Routes<&'static str> {
        Routes::new(
            of.iter()
                .map(|(host, prefix, to)| (route(host, prefix), *to)),
        )
        .unwrap()
    }

    #[test]
    fn the_longest_prefix_wins_and_ends_at_a_segment() {
        let routes = routes(&[
            ("", "/", "all"),
            ("", "/shop", "shop"),
            ("", "/shop/old/", "old"),
        ]);
        for (path, to) in [
            ("/", "all"),
            ("*", "all"),
            ("", "all"),
            ("/shopping", "all"),
            ("/shop", "shop"),
            ("/shop/", "shop"),
            ("/shop/x", "shop"),
            ("/shop/older", "shop"),
            ("/shop/old", "old"),
            ("/shop/old/x/y", "old"),
            ("/sh\u{f6}p/x", "all"),
        ] {
            assert_eq!(routes.find("any", path), Some(&to), "{path}");
        }
    }

    #[test]
    fn an_exact_host_before_a_wildcard_before_any() {
        let routes = routes(&[
            ("a.example.com", "/x", "exact"),
            ("*.example.com", "", "wildcard"),
            ("", "", "any"),
        ]);
        for (host, path, to) in [
            ("a.example.com", "/x", "exact"),
            ("A.Example.COM.:8080", "/x/y", "exact"),
            ("a.example.com", "/y", "wildcard"),
            ("b.example.com:80", "/x", "wildcard"),
            ("a.b.example.com", "/x", "any"),
            ("example.com", "/x", "any"),
            ("", "/x", "any"),
        ] {
            assert_eq!(routes.find(host, path), Some(&to), "{host}{path}");
        }
    }

    #[test]
    fn what_no_route_matches_is_nobodys() {
        let routes = routes(&[("a", "/x", "a")]);
        assert_eq!(routes.find("b", "/x"), None);
        assert_eq!(routes.find("a", "/y"), None);
    }

    #[test]
    fn a_port_is_no_part_of_an_address_in_brackets() {
        assert_eq!(host_name("[::1]:8080"), "[::1]");
        assert_eq!(host_name("[::1]"), "[::1]");
        assert_eq!(host_name("Localhost:8080"), "localhost");
    }

    #[test]
    fn the_same_route_twice_is_refused() {
        for (one, other) in [("a.b", "A.B:80"), ("*.b", "*.b"), ("", "")] {
            let entries = [
                (route(one, "/x/"), 1),
                (route("", "/y"), 3),
                (route(other, "/x"), 2),
            ];
            let same = Routes::new(entries.into_iter()).unwrap_err();
            assert_eq!((same.first, same.second), (1, 2));
            assert_eq!(same.route.path_prefix.as_deref(), Some("/x"));
            assert_eq!(route(one, "/x/").normal(), route(other, "/x").normal());
        }
    }

    proptest! {
        /// Against the rule itself, tried on every route.
        #[test]
        fn finds_what_the_rule_says(
            prefixes in prop::collection::btree_set("(/[ab]{1,2}){0,3}", 1..6),
            path in "(/[ab]{0,2}){0,5}",
        ) {
            let routes = Routes::new(
                prefixes.iter().map(|prefix| (route("", prefix), prefix.clone()))
            ).unwrap();
            let expected = prefixes.iter()
                .filter(|prefix| path.strip_prefix(prefix.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
                .max_by_key(|prefix| prefix.len());
            prop_assert_eq!(routes.find("", &path), expected);
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
//! What the form of a revision cannot say: bounds, names, paths and how the fields go together.
use cheerful_scaling::{Invalid, Settings};

use crate::{
    API_VERSION, KIND, Matches, Problem, Revision, Route,
    node::{Node, shown},
};

/// Most routes, paths or user agents in one list.
const MAX_LIST: usize = 1_000;

/// Longest path, host or user agent, in bytes.
const MAX_TEXT: usize = 1_024;

impl Revision {
    /// Everything that is wrong with it, without a line: for a revision that was not loaded from text.
    ///
    /// # Errors
    /// Every field that cannot be used.
    pub fn check(&self) -> Result<(), Vec<Problem>> {
        let mut check = Check {
            node: None,
            reported: &[],
            problems: Vec::new(),
        };
        check.revision(self);
        if check.problems.is_empty() {
            Ok(())
        } else {
            Err(check.problems)
        }
    }
}

/// What is wrong with a revision that was read from `node`; what is in `reported` already is left out.
pub(crate) fn problems(revision: &Revision, node: &Node, reported: &[Problem]) -> Vec<Problem> {
    let mut check = Check {
        node: Some(node),
        reported,
        problems: Vec::new(),
    };
    check.revision(revision);
    check.problems
}

struct Check<'a> {
    node: Option<&'a Node>,
    /// What could not be read and so is at its default: a fault of that default is no news.
    reported: &'a [Problem],
    problems: Vec<Problem>,
}

impl Check<'_> {
    fn say(&mut self, field: &str, value: Option<String>, message: &str) {
        let told = |problem: &Problem| {
            field
                .strip_prefix(problem.field.as_str())
                .is_some_and(|rest| {
                    rest.is_empty() || problem.field.is_empty() || rest.starts_with(['.', '['])
                })
        };
        if !self.reported.iter().any(told) {
            self.problems.push(Problem {
                field: field.to_owned(),
                value,
                message: message.to_owned(),
                line: self.node.and_then(|node| node.line_near(field)),
            });
        }
    }

    /// Refuses a text for which `right` does not hold.
    fn text(&mut self, field: &str, text: &str, message: &str, right: impl Fn(&str) -> bool) {
        let value = if text.is_empty() {
            "empty".to_owned()
        } else {
            shown(text)
        };
        if text.len() > MAX_TEXT {
            self.say(field, Some(value), "should be at most 1024 bytes long");
        } else if !right(text) {
            self.say(field, Some(value), message);
        }
    }

    fn revision(&mut self, revision: &Revision) {
        self.kind(revision);
        let name_is = "should be a DNS label: 1 to 63 lower-case letters, digits and -, with a letter or digit at both ends";
        match revision.name() {
            "" => self.say("metadata.name", None, name_is),
            name => self.text("metadata.name", name, name_is, is_dns_label),
        }
        self.process(revision);
        self.routes(&revision.spec.routes);
        if let Some(readiness) = &revision.spec.readiness {
            self.text(
                "spec.readiness.path",
                &readiness.path,
                "should be a path such as /healthz",
                is_path,
            );
        }
        self.hold(revision);
        self.matches(
            "spec.waking.answerAtZero",
            &revision.spec.waking.answer_at_zero,
        );
        self.matches("spec.waking.uncounted", &revision.spec.waking.uncounted);
        if let Err(invalid) = revision.scaling(Settings::default().grace_period) {
            for Invalid {
                field,
                value,
                expected,
            } in invalid
            {
                let field = match field {
                    "concurrency" => "spec.concurrency".to_owned(),
                    field => format!("spec.scaling.{field}"),
                };
                self.say(&field, Some(value), &format!("should be {expected}"));
            }
        }
    }

    fn kind(&mut self, revision: &Revision) {
        let (version, kind) = (&revision.api_version, &revision.kind);
        match version.as_str() {
            API_VERSION => {}
            "" => self.say(
                "apiVersion",
                None,
                &format!("is missing, should be {API_VERSION}"),
            ),
            _ => self.say(
                "apiVersion",
                Some(shown(version)),
                &format!("should be {API_VERSION}"),
            ),
        }
        match kind.as_str() {
            KIND => {}
            "" => self.say("kind", None, "is missing, should be Revision"),
            _ => self.say(
                "kind",
                Some(shown(kind)),
                "should be Revision, the one kind on one machine",
            ),
        }
    }

    fn process(&mut self, revision: &Revision) {
        let spec = &revision.spec;
        if spec.command.first().is_none_or(String::is_empty) {
            let message =
                "should be a program and its arguments, such as [./server, --port, \"{port}\"]";
            self.say("spec.command", Some("empty".to_owned()), message);
        }
        for (index, argument) in spec.command.iter().enumerate() {
            if argument.contains('\0') {
                let field = format!("spec.command[{index}]");
                self.say(
                    &field,
                    Some(shown(argument)),
                    "should hold no NUL character",
                );
            }
        }
        let usable = |text: &str| !text.is_empty() && !text.contains('\0');
        if let Some(folder) = &spec.working_directory {
            self.text(
                "spec.workingDirectory",
                folder,
                "should be the path of a folder",
                usable,
            );
        }
        if let Some(user) = &spec.user {
            self.text("spec.user", user, "should be the name of a user", usable);
        }
        for (name, value) in &spec.env {
            let field = format!("spec.env.{name}");
            if name == "PORT" {
                self.say(
                    &field,
                    Some(shown(value)),
                    "is set for each replica; leave it out",
                );
            } else if name.is_empty() || name.contains(['=', '\0']) {
                self.say(
                    "spec.env",
                    Some(shown(name)),
                    "should be a name without = and NUL",
                );
            } else if value.contains('\0') {
                self.say(&field, Some(shown(value)), "should hold no NUL character");
            }
        }
    }

    fn list(&mut self, field: &str, length: usize) {
        if length > MAX_LIST {
            let message = format!("should have at most {MAX_LIST} items");
            self.say(field, Some(format!("a list of {length}")), &message);
        }
    }

    fn routes(&mut self, routes: &[Route]) {
        self.list("spec.routes", routes.len());
        for (index, route) in routes.iter().enumerate().take(MAX_LIST) {
            let field = format!("spec.routes[{index}]");
            if let Some(host) = &route.host {
                let message = "should be a host name in lower case without a port, such as shop.example.com or *.example.com";
                self.text(&format!("{field}.host"), host, message, is_host);
            }
            if let Some(prefix) = &route.path_prefix {
                let message = "should be a path such as /shop, without / at its end";
                self.text(&format!("{field}.pathPrefix"), prefix, message, |text| {
                    is_path(text) && (text == "/" || !text.ends_with('/'))
                });
            }
            if route.host.is_none() && route.path_prefix.is_none() {
                self.say(&field, None, "should have a host or a pathPrefix");
            }
        }
    }

    fn hold(&mut self, revision: &Revision) {
        let hold = &revision.spec.hold;
        if hold.requests() == 0 {
            self.say(
                "spec.hold.requests",
                Some("0".to_owned()),
                "should be at least 1",
            );
        }
        if hold.bytes() < 1024 {
            self.say(
                "spec.hold.bytes",
                Some(hold.bytes().to_string()),
                "should be at least 1024",
            );
        }
        if let Some(wait) = hold.wait.filter(|_| hold.wait().is_zero()) {
            self.say(
                "spec.hold.wait",
                Some(wait.to_string()),
                "should be longer than 0s",
            );
        }
    }

    fn matches(&mut self, field: &str, matches: &Matches) {
        self.list(&format!("{field}.paths"), matches.paths.len());
        self.list(&format!("{field}.userAgents"), matches.user_agents.len());
        for (index, path) in matches.paths.iter().enumerate().take(MAX_LIST) {
            let message = "should be a path such as /healthz or /static/*";
            self.text(&format!("{field}.paths[{index}]"), path, message, |text| {
                is_path(text.strip_suffix('*').unwrap_or(text))
            });
        }
        for (index, agent) in matches.user_agents.iter().enumerate().take(MAX_LIST) {
            let message = "should be what the user agent begins with, such as kube-probe/";
            self.text(
                &format!("{field}.userAgents[{index}]"),
                agent,
                message,
                |text| !text.is_empty(),
            );
        }
    }
}

fn is_dns_label(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

fn is_host(text: &str) -> bool {
    text.len() <= 253
        && text
            .strip_prefix("*.")
            .unwrap_or(text)
            .split('.')
            .all(is_dns_label)
}

/// A path as it stands in a request: printable ASCII without `?` and `#`.
fn is_path(text: &str) -> bool {
    text.starts_with('/')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#' | b'*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_paths_and_labels() {
        for host in [
            "localhost",
            "shop.example.com",
            "*.example.com",
            "127.0.0.1",
        ] {
            assert!(is_host(host), "{host}");
        }
        for host in [
            "",
            "Shop.example.com",
            "shop:80",
            "*",
            "a..b",
            "*.*.com",
            "-a.com",
            "a_b",
        ] {
            assert!(!is_host(host), "{host}");
        }
        for path in ["/", "/a/b.c", "/%20"] {
            assert!(is_path(path), "{path}");
        }
        for path in ["", "a", "/a b", "/ä", "/a?b", "/a#b"] {
            assert!(!is_path(path), "{path}");
        }
    }

    #[test]
    fn a_plain_command_is_right() {
        let command = vec!["true".to_owned()];
        assert_eq!(
            Revision::from_command("hello", command.clone()).check(),
            Ok(())
        );
        let problems = Revision::from_command("Hello World", command)
            .check()
            .unwrap_err();
        assert_eq!(problems.len(), 1);
        assert!(
            problems[0]
                .to_string()
                .starts_with("metadata.name is \"Hello World\": should be")
        );
    }
}

// SPDX-License-Identifier: Apache-2.0
use http::{HeaderMap, header::USER_AGENT, request::Parts};

/// What counts and what wakes. A path is taken exactly, or as a prefix when it ends in `*`; a user agent
/// is taken as a prefix. An empty entry takes nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WakingRules {
    /// Answered 200 while no replica is ready, without waking; passed on without counting otherwise.
    pub answer_at_zero_paths: Vec<String>,
    /// As the paths.
    pub answer_at_zero_user_agents: Vec<String>,
    /// Passed on without counting; answered 503 and not held while no replica is ready.
    pub uncounted_paths: Vec<String>,
    /// As the paths.
    pub uncounted_user_agents: Vec<String>,
}

/// What a request means for the scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counting {
    /// It is demand: it wakes and keeps awake.
    Counted,
    /// No demand; answered here when no replica is ready.
    AnsweredAtZero,
    /// No demand; refused when no replica is ready.
    Uncounted,
}

impl WakingRules {
    /// What a request means by its path and user agent; by no other header.
    pub(crate) fn counting(&self, request: &Parts) -> Counting {
        let path = request.uri.path();
        let headers = &request.headers;
        if has_path(&self.answer_at_zero_paths, path)
            || has_user_agent(&self.answer_at_zero_user_agents, headers)
        {
            Counting::AnsweredAtZero
        } else if has_path(&self.uncounted_paths, path)
            || has_user_agent(&self.uncounted_user_agents, headers)
        {
            Counting::Uncounted
        } else {
            Counting::Counted
        }
    }
}

fn has_path(rules: &[String], path: &str) -> bool {
    rules.iter().any(|rule| match rule.strip_suffix('*') {
        Some(prefix) => path.starts_with(prefix),
        None => !rule.is_empty() && path == rule,
    })
}

fn has_user_agent(rules: &[String], headers: &HeaderMap) -> bool {
    !rules.is_empty()
        && headers.get(USER_AGENT).is_some_and(|agent| {
            rules
                .iter()
                .any(|rule| !rule.is_empty() && agent.as_bytes().starts_with(rule.as_bytes()))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> WakingRules {
        WakingRules {
            answer_at_zero_paths: vec!["/healthz".to_owned(), "/probe/*".to_owned()],
            answer_at_zero_user_agents: vec!["kube-probe/".to_owned(), String::new()],
            uncounted_paths: vec!["/metrics".to_owned(), String::new()],
            uncounted_user_agents: vec!["Prometheus".to_owned()],
        }
    }

    fn counting(path: &str, agent: Option<&str>) -> Counting {
        let mut request = http::Request::builder().uri(path);
        if let Some(agent) = agent {
            request = request.header("user-agent", agent);
        }
        rules().counting(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn paths_are_exact_or_prefixes() {
        assert_eq!(counting("/healthz?x=1", None), Counting::AnsweredAtZero);
        assert_eq!(counting("/healthz/x", None), Counting::Counted);
        assert_eq!(counting("/probe/deep/er", None), Counting::AnsweredAtZero);
        assert_eq!(counting("/metrics", None), Counting::Uncounted);
        assert_eq!(counting("/", None), Counting::Counted);
    }

    #[test]
    fn user_agents_are_prefixes() {
        assert_eq!(
            counting("/", Some("kube-probe/1.33")),
            Counting::AnsweredAtZero
        );
        assert_eq!(counting("/", Some("Prometheus/3")), Counting::Uncounted);
        assert_eq!(
            counting("/", Some("curl like Prometheus")),
            Counting::Counted
        );
    }

    #[test]
    fn without_rules_all_counts() {
        let request = http::Request::builder()
            .uri("/healthz")
            .body(())
            .unwrap()
            .into_parts()
            .0;
        assert_eq!(WakingRules::default().counting(&request), Counting::Counted);
    }
}

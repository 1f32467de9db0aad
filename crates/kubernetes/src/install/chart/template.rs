// SPDX-License-Identifier: Apache-2.0
//! Text with placeholders to a template of Helm. Lines with an action that is no value stand alone, and begin with
//! `{{-`, which takes away the line's end before it.
use crate::install::{InstallOptions, Scope};

/// Found again in the text. None of these occurs in what is installed.
const NAMESPACE: &str = "placeholder-of-namespace";
const IMAGE: &str = "placeholder-of-image";
const PULL_POLICY: &str = "placeholder-of-pull-policy";
const REPLICAS: [(u32, &str); 3] = [
    (4_000_000_001, "controller"),
    (4_000_000_002, "autoscaler"),
    (4_000_000_003, "gateway"),
];

pub(super) fn placeholders(scope: Scope, external_metrics: bool) -> InstallOptions {
    let [controller, autoscaler, gateway] = REPLICAS.map(|(number, _)| number);
    InstallOptions {
        namespace: NAMESPACE.to_owned(),
        scope,
        image: IMAGE.to_owned(),
        image_pull_policy: Some(PULL_POLICY.to_owned()),
        replicas_controller: controller,
        replicas_autoscaler: autoscaler,
        replicas_gateway: gateway,
        // Rights in every namespace are not for a value that is easily set: that is `manifests install --dedicated`.
        dedicated: false,
        external_metrics,
    }
}

/// The values in place of their placeholders.
pub(super) fn with_values(text: &str) -> String {
    let mut done = String::new();
    for line in text.lines() {
        let mut line = line.replace(IMAGE, "{{ .Values.image | quote }}");
        for (number, role) in REPLICAS {
            let value = format!("{{{{ int .Values.replicas.{role} }}}}");
            line = line.replace(&number.to_string(), &value);
        }
        // What is a whole value may look like a number.
        let whole = format!(": {NAMESPACE}");
        line = line.replace(&whole, ": {{ .Release.Namespace | quote }}");
        line = line.replace(NAMESPACE, "{{ .Release.Namespace }}");
        if line.contains(PULL_POLICY) {
            line = line.replace(PULL_POLICY, "{{ .Values.imagePullPolicy }}");
            done.push_str(&when(".Values.imagePullPolicy", &format!("{line}\n")));
        } else {
            done.push_str(&line);
            done.push('\n');
        }
    }
    done
}

/// Lines that are there on a condition.
pub(super) fn when(condition: &str, lines: &str) -> String {
    format!("{{{{- if {condition} }}}}\n{lines}{{{{- end }}}}\n")
}

/// A document that is this or that by the scope.
pub(super) fn by_scope(cluster: Option<&str>, namespaced: Option<&str>) -> String {
    either(
        "eq .Values.scope \"namespace\"",
        namespaced,
        cluster,
        "eq .Values.scope \"cluster\"",
    )
}

/// A document that is this one on a condition and else that one: what both begin and end with is there once. `or`: the
/// condition of the other.
pub(super) fn either(condition: &str, one: Option<&str>, other: Option<&str>, or: &str) -> String {
    let lines = |text: Option<&str>| -> Vec<String> {
        let lines = text.into_iter().flat_map(str::lines);
        lines.map(|line| format!("{line}\n")).collect()
    };
    let (one, other) = (lines(one), lines(other));
    let first = alike(one.iter(), other.iter());
    let (first, one) = one.split_at(first);
    let (_, other) = other.split_at(first.len());
    let last = alike(one.iter().rev(), other.iter().rev());
    let (one, last) = one.split_at(one.len().saturating_sub(last));
    let (other, _) = other.split_at(other.len().saturating_sub(last.len()));
    let between = match (one.concat(), other.concat()) {
        (one, other) if one.is_empty() && other.is_empty() => String::new(),
        (one, other) if one.is_empty() => when(or, &other),
        (one, other) if other.is_empty() => when(condition, &one),
        (one, other) => when(condition, &format!("{one}{{{{- else }}}}\n{other}")),
    };
    [first.concat(), between, last.concat()].concat()
}

fn alike<'a>(
    one: impl Iterator<Item = &'a String>,
    other: impl Iterator<Item = &'a String>,
) -> usize {
    one.zip(other)
        .take_while(|(one, other)| one == other)
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_both_scopes_have_is_there_once() {
        assert_eq!(by_scope(Some("a\nb\n"), Some("a\nb\n")), "a\nb\n");
        assert_eq!(
            by_scope(Some("a\nc\n"), Some("a\nb\nc\n")),
            "a\n{{- if eq .Values.scope \"namespace\" }}\nb\n{{- end }}\nc\n"
        );
        assert_eq!(
            by_scope(Some("a\nb\n"), Some("a\nc\n")),
            "a\n{{- if eq .Values.scope \"namespace\" }}\nc\n{{- else }}\nb\n{{- end }}\n"
        );
        assert_eq!(
            by_scope(Some("a\n"), None),
            "{{- if eq .Values.scope \"cluster\" }}\na\n{{- end }}\n"
        );
    }

    #[test]
    fn a_placeholder_becomes_its_value() {
        let text = format!(
            "image: {IMAGE}\nimagePullPolicy: {PULL_POLICY}\nnamespace: {NAMESPACE}\n- --in={NAMESPACE}\n"
        );
        assert_eq!(
            with_values(&text),
            "image: {{ .Values.image | quote }}\n\
             {{- if .Values.imagePullPolicy }}\nimagePullPolicy: {{ .Values.imagePullPolicy }}\n{{- end }}\n\
             namespace: {{ .Release.Namespace | quote }}\n\
             - --in={{ .Release.Namespace }}\n"
        );
    }
}

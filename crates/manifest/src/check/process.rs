// SPDX-License-Identifier: Apache-2.0
use super::Check;
use crate::{Spec, node::shown};

impl Check<'_> {
    /// What runs on one machine.
    pub(super) fn process(&mut self, spec: &Spec) {
        if spec.command.first().is_none_or(String::is_empty) {
            let message =
                "should be a program and its arguments, such as [./server, --port, \"{port}\"]";
            if spec.template.is_some() && spec.command.is_empty() {
                let message = format!("is missing; template is for a cluster: {message}");
                self.say("spec.command", None, &message);
            } else {
                self.say("spec.command", Some("empty".to_owned()), message);
            }
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
}

// SPDX-License-Identifier: Apache-2.0
use std::{
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

use cheerful_manifest::{DurationText, PolicyText, Revision};

use super::{Admin, Beside, RunOptions, Source, TlsFiles, memory};
use crate::{exit::Failure, otlp::OtlpArgs};

/// The flags of `cheerful run`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct RunArgs {
    /// Manifest of revisions; read again when it changes
    #[arg(
        short,
        long,
        value_name = "MANIFEST",
        required_unless_present = "command"
    )]
    file: Option<PathBuf>,
    /// Port to listen on; 0: any free one
    #[arg(
        short,
        long,
        default_value_t = 8080,
        env = "CHEERFUL_PORT",
        hide_env = true
    )]
    port: u16,
    /// Its address; 0.0.0.0: all
    #[arg(
        long,
        default_value = "127.0.0.1",
        env = "CHEERFUL_ADDRESS",
        hide_env = true
    )]
    address: IpAddr,
    /// Threads that serve requests
    #[arg(long, hide_short_help = true, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256), env = "CHEERFUL_THREADS", hide_env = true)]
    threads: u16,
    /// Speak TLS with this certificate chain (PEM)
    #[arg(
        long,
        value_name = "FILE",
        requires = "tls_key",
        env = "CHEERFUL_TLS_CERT",
        hide_env = true
    )]
    tls_cert: Option<PathBuf>,
    /// The key of the certificate (PEM)
    #[arg(
        long,
        value_name = "FILE",
        requires = "tls_cert",
        env = "CHEERFUL_TLS_KEY",
        hide_env = true
    )]
    tls_key: Option<PathBuf>,
    /// Record what decides the scale, for `replay`
    #[arg(long, value_name = "FILE", env = "CHEERFUL_RECORD", hide_env = true)]
    record: Option<PathBuf>,
    /// What another policy would have cost
    ///
    /// A second policy beside each revision that has no `shadow` itself: auto or stable-panic; without a word the one
    /// that does not act.
    #[arg(
        long,
        value_name = "POLICY",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "other",
        value_parser = beside,
        env = "CHEERFUL_SHADOW",
        hide_env = true
    )]
    shadow: Option<Beside>,
    /// Console and API; off: none [default: port 8800]
    ///
    /// A loopback address; where the port is taken, a free one.
    #[arg(
        long,
        value_name = "ADDRESS:PORT",
        value_parser = admin,
        env = "CHEERFUL_ADMIN",
        hide_env = true
    )]
    admin: Option<Admin>,
    /// Where StatsD is taken for revisions that ask for it
    #[arg(
        long,
        value_name = "ADDRESS:PORT",
        hide_short_help = true,
        default_value = "127.0.0.1:8125",
        env = "CHEERFUL_STATSD",
        hide_env = true
    )]
    statsd: SocketAddr,
    /// Let the console pause, hold and wake
    ///
    /// Anyone on this machine may then.
    #[arg(long, env = "CHEERFUL_ALLOW_ACTIONS", hide_env = true)]
    allow_actions: bool,
    /// The local API's Unix socket, if not the usual one
    #[arg(
        long,
        hide_short_help = true,
        value_name = "PATH",
        env = "CHEERFUL_SOCKET",
        hide_env = true
    )]
    socket: Option<PathBuf>,
    /// Folder to keep what was learned in [default: systemd's, or the user's]
    #[arg(
        long,
        hide_short_help = true,
        value_name = "FOLDER",
        env = "CHEERFUL_STATE",
        hide_env = true
    )]
    state: Option<PathBuf>,
    #[command(flatten)]
    otlp: OtlpArgs,
    /// Name of the revision [default: the program's]
    #[arg(long, conflicts_with = "file")]
    name: Option<String>,
    /// Between two decisions when nothing urges
    #[arg(long, hide = true, default_value = "2s")]
    tick: String,
    /// How long requests in flight may take at the end
    #[arg(long, hide = true, default_value = "30s")]
    drain: String,
    /// Program and arguments; {port}: a replica's own port
    #[arg(last = true, conflicts_with = "file", num_args = 1.., value_name = "COMMAND")]
    command: Vec<String>,
}

impl RunArgs {
    /// Checks what can be checked without touching anything.
    ///
    /// # Errors
    /// Names the flag, the value, and what would be right.
    pub(crate) fn options(self) -> Result<RunOptions, Failure> {
        let tick = duration("--tick", &self.tick)?;
        if tick.is_zero() {
            return Err(Failure::bad_input("--tick: 0s is no time; 2s is right"));
        }
        let drain = duration("--drain", &self.drain)?;
        if !self.statsd.ip().is_loopback() {
            return Err(Failure::bad_input(format!(
                "--statsd: {} can be reached from other machines, and whoever sends to it decides the scale; \
                 127.0.0.1:{} is right",
                self.statsd,
                self.statsd.port()
            )));
        }
        let source = match self.file {
            Some(file) => Source::Manifest(file),
            None => {
                let name = self.name.unwrap_or_else(|| name_of(&self.command));
                Source::Command(Box::new(Revision::from_command(&name, self.command)))
            }
        };
        Ok(RunOptions {
            otlp: self.otlp.options()?,
            source,
            listen: SocketAddr::new(self.address, self.port),
            tls: self
                .tls_cert
                .zip(self.tls_key)
                .map(|(cert, key)| TlsFiles { cert, key }),
            threads: usize::from(self.threads),
            record: self.record,
            admin: self.admin.unwrap_or(Admin::Usual),
            statsd: self.statsd,
            allow_actions: self.allow_actions,
            socket: self.socket,
            // What listens anywhere is tried out, and would not be found again.
            state: self
                .state
                .or_else(|| (self.port > 0).then(memory::state_folder).flatten()),
            shadow: self.shadow,
            tick,
            drain,
        })
    }
}

fn admin(text: &str) -> Result<Admin, String> {
    if text == "off" {
        return Ok(Admin::Off);
    }
    let address = text.parse().map(Admin::At);
    address.map_err(|_| "an address such as 127.0.0.1:8800, or off, is right".to_owned())
}

fn duration(flag: &str, text: &str) -> Result<std::time::Duration, Failure> {
    let parsed: Result<DurationText, _> = text.parse();
    parsed
        .map(Into::into)
        .map_err(|error| Failure::bad_input(format!("{flag}: {error}")))
}

fn beside(text: &str) -> Result<Beside, String> {
    if text == "other" {
        return Ok(Beside::Other);
    }
    let policy: Result<PolicyText, _> = serde_json::from_value(text.into());
    policy
        .map(|PolicyText(policy)| Beside::Policy(policy))
        .map_err(|_| "should be auto, stable-panic, or other: the one that does not act".to_owned())
}

/// A DNS label from a program's file name: `./My_Server.py` gives `my-server-py`.
fn name_of(command: &[String]) -> String {
    let program = command
        .first()
        .map(Path::new)
        .and_then(Path::file_name)
        .unwrap_or_default();
    let label: String = program
        .to_string_lossy()
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '-'
            }
        })
        .take(63)
        .collect();
    let label = label.trim_matches('-');
    if label.is_empty() {
        "app".to_owned()
    } else {
        label.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use cheerful_scaling::Policy;
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        run: RunArgs,
    }

    fn options(line: &[&str]) -> Result<RunOptions, Failure> {
        Line::try_parse_from(line).unwrap().run.options()
    }

    #[test]
    fn a_command_is_taken_with_its_own_flags() {
        let options = options(&[
            "run",
            "--port",
            "0",
            "--",
            "./My_Server.py",
            "--port",
            "{port}",
        ])
        .unwrap();
        let Source::Command(revision) = options.source else {
            panic!("no command")
        };
        assert_eq!(revision.name(), "my-server-py");
        assert_eq!(
            revision.spec.command,
            ["./My_Server.py", "--port", "{port}"]
        );
        assert_eq!(options.listen, "127.0.0.1:0".parse().unwrap());
    }

    #[test]
    fn an_address_that_others_reach_is_refused_where_nobody_is_asked_who_they_are() {
        let failure = options(&["run", "--statsd", "0.0.0.0:8125", "--", "true"]).unwrap_err();
        assert!(
            failure.message.contains("127.0.0.1:8125 is right"),
            "{}",
            failure.message
        );
    }

    #[test]
    fn the_console_is_there_unless_it_is_turned_off() {
        assert_eq!(options(&["run", "--", "true"]).unwrap().admin, Admin::Usual);
        let off = options(&["run", "--admin", "off", "--", "true"]).unwrap();
        assert_eq!(off.admin, Admin::Off);
        let wrong = Line::try_parse_from(["run", "--admin", "8800", "--", "true"]).unwrap_err();
        assert!(wrong.to_string().contains("127.0.0.1:8800"), "{wrong}");
    }

    #[test]
    fn a_second_policy_is_named_or_is_the_other() {
        for (flag, beside) in [
            ("--shadow", Beside::Other),
            ("--shadow=auto", Beside::Policy(Policy::Auto)),
            ("--shadow=stable-panic", Beside::Policy(Policy::StablePanic)),
        ] {
            let options = options(&["run", flag, "--", "true"]).unwrap();
            assert_eq!(options.shadow, Some(beside));
        }
        let wrong = Line::try_parse_from(["run", "--shadow=classic", "--", "true"]);
        let said = wrong.unwrap_err().to_string();
        assert!(
            said.contains("should be auto, stable-panic, or other"),
            "{said}"
        );
    }

    #[test]
    fn a_file_and_a_command_exclude_each_other_and_one_is_needed() {
        Line::try_parse_from(["run", "-f", "x.yaml", "--", "true"]).unwrap_err();
        Line::try_parse_from(["run"]).unwrap_err();
    }

    #[test]
    fn a_duration_needs_a_unit() {
        let failure = options(&["run", "--tick", "5", "--", "true"]).unwrap_err();
        assert!(failure.message.starts_with("--tick"), "{}", failure.message);
    }
}

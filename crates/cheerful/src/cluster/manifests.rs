// SPDX-License-Identifier: Apache-2.0
//! `manifests`: prints what is applied to a cluster, or writes it as a Helm chart.
use std::{
    fs, io,
    path::{Path, PathBuf},
};

use cheerful_kubernetes::{
    install::{self, InstallOptions, Scope, cluster_objects, to_yaml},
    names,
};
use serde_json::{Value, json};

use crate::exit::{self, Failure};

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ManifestsArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum What {
    /// All of cheerful: the definitions of its resources, rights, and its three roles
    #[command(after_help = "Example: cheerful manifests install | kubectl apply -f -")]
    Install(InstallArgs),
    /// What is the whole cluster's, for installations in one namespace
    #[command(
        after_help = "Example: cheerful manifests crds --for-namespace shop | kubectl apply -f -"
    )]
    Crds {
        /// With the right to have tokens reviewed, for an installation in it
        #[arg(long, value_name = "NAMESPACE", value_parser = namespace)]
        for_namespace: Option<String>,
        /// With the rights for autoscalers that serve one Revision alone
        #[arg(long, requires = "for_namespace")]
        dedicated: bool,
        /// With the rights to answer HPAs
        #[arg(long, requires = "for_namespace")]
        external_metrics: bool,
        /// As what it is printed
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// The same as a Helm chart
    #[command(after_help = "Example: cheerful manifests helm --out cheerful && \
                            helm install cheerful ./cheerful -n cheerful-system --create-namespace")]
    Helm {
        /// New or empty folder for it
        #[arg(long, value_name = "FOLDER")]
        out: PathBuf,
    },
}

#[derive(Clone, Debug, clap::Args)]
struct InstallArgs {
    /// Where the three roles run
    #[arg(long, short, default_value = names::SYSTEM_NAMESPACE, value_parser = namespace)]
    namespace: String,
    /// Which Revisions they see: the cluster's, or those of their namespace
    #[arg(long, value_enum, default_value_t)]
    scope: ScopeArg,
    /// The image of the roles and the queues
    #[arg(long, default_value_t = InstallOptions::default().image)]
    image: String,
    /// When the image is pulled; absent: as Kubernetes has it for such a tag
    #[arg(long, value_name = "POLICY", value_parser = ["Always", "IfNotPresent", "Never"])]
    image_pull_policy: Option<String>,
    /// Replicas of the controller; one leads
    #[arg(long, value_name = "NUMBER", default_value_t = 2, value_parser = replicas())]
    replicas_controller: u32,
    /// Replicas of the autoscaler; one leads, the others are warm
    #[arg(long, value_name = "NUMBER", default_value_t = 2, value_parser = replicas())]
    replicas_autoscaler: u32,
    /// Replicas of the gateway; all serve
    #[arg(long, value_name = "NUMBER", default_value_t = 2, value_parser = replicas())]
    replicas_gateway: u32,
    /// Let a Revision have an autoscaler of its own; the controller then may make Secrets in the namespaces it serves
    #[arg(long)]
    dedicated: bool,
    /// Let HPAs go by requests in flight and wanted replicas: external.metrics.k8s.io, which a cluster has once
    #[arg(long)]
    external_metrics: bool,
    /// As what it is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum ScopeArg {
    #[default]
    Cluster,
    Namespace,
}

#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum Format {
    #[default]
    Yaml,
    Json,
}

/// Prints or writes it.
///
/// # Errors
/// When stdout or the folder cannot be written to.
pub(crate) fn run(args: ManifestsArgs) -> Result<(), Failure> {
    match args.what {
        What::Install(args) => {
            let format = args.format;
            print(&install::objects(&args.options()), format)
        }
        What::Crds {
            for_namespace,
            dedicated,
            external_metrics,
            format,
        } => {
            let options = for_namespace.map(|namespace| InstallOptions {
                namespace,
                dedicated,
                external_metrics,
                scope: Scope::Namespace,
                ..InstallOptions::default()
            });
            print(&cluster_objects(options.as_ref()), format)
        }
        What::Helm { out } => {
            let chart = install::chart().map_err(unprintable)?;
            for (path, text) in free(&out).map(|()| chart).map_err(|error| {
                Failure::bad_input(format_args!("--out {}: {error}", out.display()))
            })? {
                let path = out.join(path);
                write(&path, &text)
                    .map_err(|error| Failure::later(format_args!("{}: {error}", path.display())))?;
            }
            Ok(())
        }
    }
}

/// A template that is left from another version would be installed with the chart.
fn free(folder: &Path) -> io::Result<()> {
    match fs::read_dir(folder).map(|mut files| files.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(io::Error::new(
            io::ErrorKind::DirectoryNotEmpty,
            "is not empty: should be a new or an empty folder",
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)
}

fn unprintable(error: impl std::fmt::Display) -> Failure {
    Failure::later(format_args!("the manifests cannot be printed: {error}"))
}

impl InstallArgs {
    fn options(self) -> InstallOptions {
        InstallOptions {
            namespace: self.namespace,
            scope: match self.scope {
                ScopeArg::Cluster => Scope::Cluster,
                ScopeArg::Namespace => Scope::Namespace,
            },
            image: self.image,
            image_pull_policy: self.image_pull_policy,
            replicas_controller: self.replicas_controller,
            replicas_autoscaler: self.replicas_autoscaler,
            replicas_gateway: self.replicas_gateway,
            dedicated: self.dedicated,
            external_metrics: self.external_metrics,
        }
    }
}

fn print(objects: &[Value], format: Format) -> Result<(), Failure> {
    let text = match format {
        Format::Yaml => to_yaml(objects).map_err(unprintable)?,
        Format::Json => {
            let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
            format!("{list:#}\n")
        }
    };
    exit::print(&text)
}

fn replicas() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=100)
}

/// A namespace is a DNS label.
pub(super) fn namespace(text: &str) -> Result<String, String> {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let edge = |c: Option<char>| c.is_some_and(|c| c != '-' && inner(c));
    if text.len() <= 63
        && text.chars().all(inner)
        && edge(text.chars().next())
        && edge(text.chars().last())
    {
        Ok(text.to_owned())
    } else {
        Err(
            "a namespace has at most 63 small letters, digits and hyphens, no hyphen first or last"
                .to_owned(),
        )
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args as _, CommandFactory as _};

    use super::*;
    use crate::cli::Cli;

    /// Without the definitions: they are read in `cheerful-kubernetes`.
    fn text(options: &InstallOptions) -> String {
        let mut objects = install::objects(options);
        objects.retain(|object| object["kind"] != "CustomResourceDefinition");
        to_yaml(&objects).unwrap()
    }

    #[test]
    fn it_installs_for_the_whole_cluster() {
        insta::assert_snapshot!(text(&InstallOptions {
            image: "cheerful:1.2.3".to_owned(),
            ..InstallOptions::default()
        }));
    }

    #[test]
    fn for_one_namespace_there_is_nothing_of_the_clusters() {
        let options = InstallOptions {
            scope: Scope::Namespace,
            namespace: "shop".to_owned(),
            ..InstallOptions::default()
        };
        let all = install::objects(&options);
        assert!(!all.is_empty());
        for object in all {
            assert_eq!(object["metadata"]["namespace"], "shop", "{object:#}");
        }
    }

    /// What the Deployments say by arguments and environment is what the roles take.
    #[test]
    fn the_roles_know_what_they_are_told() {
        let options = InstallOptions {
            scope: Scope::Namespace,
            ..InstallOptions::default()
        };
        for object in install::objects(&options) {
            if object["kind"] != "Deployment" {
                continue;
            }
            let container = &object["spec"]["template"]["spec"]["containers"][0];
            let args: Vec<&str> = container["args"]
                .as_array()
                .unwrap()
                .iter()
                .map(|arg| arg.as_str().unwrap())
                .collect();
            let mut cli = Cli::command();
            let role = cli.find_subcommand_mut(args[0]).unwrap();
            for arg in &args[1..] {
                let (name, _) = arg.trim_start_matches("--").split_once('=').unwrap();
                let knows = role.get_arguments().any(|arg| arg.get_long() == Some(name));
                assert!(knows, "{} does not know --{name}", args[0]);
            }
            for entry in container["env"].as_array().unwrap() {
                let name = entry["name"].as_str().unwrap();
                let knows = role
                    .get_arguments()
                    .any(|arg| arg.get_env().is_some_and(|env| env == name));
                assert!(knows, "{} does not know {name}", args[0]);
            }
        }
    }

    #[test]
    fn a_chart_is_written_to_a_folder_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("new/cheerful");
        let args = ManifestsArgs {
            what: What::Helm { out: out.clone() },
        };
        run(args.clone()).unwrap();
        for (path, text) in install::chart().unwrap() {
            assert_eq!(fs::read_to_string(out.join(path)).unwrap(), text);
        }
        let refused = run(args).unwrap_err();
        assert!(
            format!("{refused:?}").contains("is not empty"),
            "{refused:?}"
        );
    }

    #[test]
    fn a_namespace_is_a_dns_label() {
        for good in ["a", "cheerful-system", "x2"] {
            assert_eq!(namespace(good), Ok(good.to_owned()));
        }
        for bad in ["", "-a", "a-", "A", "a.b", "a/b", &"a".repeat(64)] {
            assert!(namespace(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_given_is_what_is_installed() {
        let command = InstallArgs::augment_args(clap::Command::new("install"));
        let given = [
            "install",
            "--scope=namespace",
            "--image-pull-policy=Never",
            "--replicas-gateway=3",
        ];
        let matches = command.try_get_matches_from(given).unwrap();
        let args = <InstallArgs as clap::FromArgMatches>::from_arg_matches(&matches).unwrap();
        assert_eq!(
            args.options(),
            InstallOptions {
                scope: Scope::Namespace,
                image_pull_policy: Some("Never".to_owned()),
                replicas_gateway: 3,
                ..InstallOptions::default()
            }
        );
    }
}

// SPDX-License-Identifier: Apache-2.0
use std::{
    env, io,
    os::{fd::OwnedFd, unix::fs::PermissionsExt},
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::process::{Child, Command};

use crate::{
    Probe, ProcessRevision,
    passwd::{self, User},
    ports::{Port, Ports},
};

/// What a service manager meant for this process alone.
const NOT_FOR_CHILDREN: [&str; 6] = [
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "LISTEN_PID",
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
];

/// Why a replica cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// `command` is empty.
    #[error("command is empty: it needs at least a program")]
    NoCommand,
    /// No such program.
    #[error("command not found: {program:?} is neither a file nor in PATH ({path})")]
    NotFound {
        /// As given.
        program: String,
        /// Where it was looked for.
        path: String,
    },
    /// The program is no file that may be run.
    #[error("command {0:?} is not an executable file")]
    NotExecutable(PathBuf),
    /// The working directory is missing.
    #[error("directory {0:?} is not a directory")]
    NoDirectory(PathBuf),
    /// The path to probe is none.
    #[error("readiness path {0:?} must begin with / and have no blanks or control characters")]
    BadProbePath(String),
    /// A name or value that the system cannot take.
    #[error("env {0:?}: a name needs a character and may have no '=', neither may have a NUL")]
    BadEnv(String),
    /// The user is unknown.
    #[error("user {0:?} is not in /etc/passwd")]
    NoUser(String),
    /// Only root may become somebody else.
    #[error("running as user {0:?} needs root; this process has user id {1}")]
    NotRoot(String, u32),
    /// No free port, or no file descriptor to find one.
    #[error("no free port on 127.0.0.1: {0}")]
    NoPort(#[source] io::Error),
    /// The system said no.
    #[error("starting {program:?}: {source}")]
    System {
        /// As given.
        program: String,
        /// What it said.
        source: io::Error,
    },
}

impl ProcessRevision {
    /// Whether its replicas could be started on this machine now: the program, the directory, the
    /// user and the probe are looked at, nothing is started.
    ///
    /// # Errors
    /// What is wrong, with the value.
    pub fn check(&self) -> Result<(), StartError> {
        self.checked().map(drop)
    }

    /// The same, with the user to become, if it is another one.
    fn checked(&self) -> Result<Option<User>, StartError> {
        let program = self.command.first().filter(|program| !program.is_empty());
        let program = program.ok_or(StartError::NoCommand)?;
        if let Probe::Http(path) = &self.readiness
            && !(path.starts_with('/') && path.chars().all(|c| c.is_ascii_graphic()))
        {
            return Err(StartError::BadProbePath(path.clone()));
        }
        for (name, value) in &self.env {
            if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
                return Err(StartError::BadEnv(name.clone()));
            }
        }
        if let Some(directory) = &self.directory
            && !directory.is_dir()
        {
            return Err(StartError::NoDirectory(directory.clone()));
        }
        let user = self.user()?;
        // `{port}` in the program's own name cannot be looked up before there is a port.
        if !program.contains("{port}") {
            self.find_program(program)?;
        }
        Ok(user)
    }

    fn user(&self) -> Result<Option<User>, StartError> {
        let Some(run_as) = &self.run_as else {
            return Ok(None);
        };
        let text = std::fs::read("/etc/passwd").unwrap_or_default();
        let user = passwd::find(&String::from_utf8_lossy(&text), &run_as.user)
            .ok_or_else(|| StartError::NoUser(run_as.user.clone()))?;
        let own = rustix::process::geteuid();
        if own.as_raw() == user.uid {
            return Ok(None);
        }
        if !own.is_root() {
            return Err(StartError::NotRoot(user.name, own.as_raw()));
        }
        Ok(Some(user))
    }

    fn find_program(&self, program: &str) -> Result<(), StartError> {
        if program.contains('/') {
            let path = self.directory.clone().unwrap_or_default().join(program);
            return match path.metadata() {
                Ok(_) if is_executable(&path) => Ok(()),
                Ok(_) => Err(StartError::NotExecutable(path)),
                Err(_) => {
                    let path = "it has a slash, so PATH does not matter".to_owned();
                    Err(StartError::NotFound {
                        program: program.to_owned(),
                        path,
                    })
                }
            };
        }
        let path = match self.env.get("PATH") {
            Some(path) => path.into(),
            None => env::var_os("PATH").unwrap_or_else(|| "/bin:/usr/bin".into()),
        };
        let found = env::split_paths(&path).map(|directory| directory.join(program));
        let mut found = found.filter(|file| file.is_file());
        match found.next() {
            None => {
                let path = path.to_string_lossy().into_owned();
                Err(StartError::NotFound {
                    program: program.to_owned(),
                    path,
                })
            }
            Some(first) if is_executable(&first) || found.any(|file| is_executable(&file)) => {
                Ok(())
            }
            Some(first) => Err(StartError::NotExecutable(first)),
        }
    }
}

fn is_executable(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

/// A process that has just been started.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) child: Child,
    /// Its process id and the id of its process group.
    pub(crate) pid: u32,
    pub(crate) port: Port,
    /// The end of the pipe that its standard output and standard error write into.
    pub(crate) output: OwnedFd,
}

/// Starts one replica in a process group of its own. Blocks for some milliseconds.
///
/// `run` marks every process of this run in its environment, for the warden.
pub(crate) fn start(
    revision: &ProcessRevision,
    replica: &str,
    run: &str,
    ports: &Ports,
) -> Result<Started, StartError> {
    let user = revision.checked()?;
    let port = ports.take().map_err(StartError::NoPort)?;
    let number = port.number().to_string();
    let filled: Vec<_> = revision
        .command
        .iter()
        .map(|part| part.replace("{port}", &number))
        .collect();
    let [program, arguments @ ..] = filled.as_slice() else {
        return Err(StartError::NoCommand);
    };
    let failed = |source| StartError::System {
        program: program.clone(),
        source,
    };

    let (output, input) = io::pipe().map_err(failed)?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .envs(user.iter().flat_map(|user| {
            [
                ("HOME", &user.home),
                ("USER", &user.name),
                ("LOGNAME", &user.name),
            ]
        }))
        .envs(&revision.env)
        .env("PORT", &number)
        .env("CHEERFUL_REVISION", &revision.name)
        .env("CHEERFUL_REPLICA", replica)
        .env(crate::warden::MARK, run)
        .stdin(Stdio::null())
        .stdout(input.try_clone().map_err(failed)?)
        .stderr(input)
        .process_group(0)
        .kill_on_drop(true);
    for name in NOT_FOR_CHILDREN {
        command.env_remove(name);
    }
    if let Some(directory) = &revision.directory {
        command.current_dir(directory);
    }
    if let Some(user) = user {
        // The standard library drops the supplementary groups when root becomes somebody else.
        command.uid(user.uid).gid(user.gid);
    }
    let child = command.spawn().map_err(failed)?;
    let pid = child
        .id()
        .ok_or_else(|| failed(io::Error::other("it has no process id")))?;
    Ok(Started {
        child,
        pid,
        port,
        output: output.into(),
    })
}

// SPDX-License-Identifier: Apache-2.0
use std::{
    ffi::OsStr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use cheerful_processes::ProcessRevision;

/// Looks a revision's program up before anything is started, as the system will: a name with a slash from the
/// revision's folder, another in PATH (the revision's own, if it sets one).
///
/// # Errors
/// Says in one line what is not there, or not to be run.
pub(crate) fn find(process: &ProcessRevision, path: Option<&OsStr>) -> Result<(), String> {
    if let Some(directory) = &process.directory
        && !directory.is_dir()
    {
        return Err(format!(
            "{}: workingDirectory: {} is no folder on this machine",
            process.name,
            directory.display()
        ));
    }
    let Some(program) = process.command.first() else {
        return Err(format!(
            "{}: command: it is empty; a program and its arguments are right",
            process.name
        ));
    };
    if program.contains("{port}") {
        return Ok(());
    }
    if program.contains('/') {
        let directory = process.directory.clone().unwrap_or_default();
        return runs(&directory.join(program))
            .map_err(|why| format!("{}: command: {program:?} {why}", process.name));
    }
    let path = process
        .env
        .get("PATH")
        .map(OsStr::new)
        .or(path)
        .unwrap_or_default();
    let mut wrong = None;
    for folder in std::env::split_paths(path) {
        match runs(&folder.join(program)) {
            Ok(()) => return Ok(()),
            Err(why) if why == MISSING => {}
            Err(why) => wrong = Some((folder.join(program), why)),
        }
    }
    Err(match wrong {
        Some((file, why)) => format!("{}: command: {} {why}", process.name, file.display()),
        None => format!(
            "{}: command: {program:?} was not found in PATH; give a program that is there, or its path",
            process.name
        ),
    })
}

const MISSING: &str = "is not there";

fn runs(file: &Path) -> Result<(), &'static str> {
    let Ok(found) = PathBuf::from(file).metadata() else {
        return Err(MISSING);
    };
    if found.is_dir() {
        return Err("is a folder, not a program");
    }
    if found.permissions().mode() & 0o111 == 0 {
        return Err("may not be run (chmod +x makes it so)");
    }
    Ok(())
}

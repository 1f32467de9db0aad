// SPDX-License-Identifier: Apache-2.0
use std::{
    fs::Permissions,
    io::{self, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use crate::exit::{self, Failure};

/// Writes a file whole or not at all: beside its place first, then moved there. `-` is stdout.
///
/// # Errors
/// 1: it cannot be written; what stood there before still stands.
pub(super) fn write(path: &Path, text: &str) -> Result<(), Failure> {
    if path == Path::new("-") {
        return exit::print(text);
    }
    let failed = |error: &dyn std::fmt::Display| {
        Failure::later(format_args!(
            "{} cannot be written: {error}",
            path.display()
        ))
    };
    let mut file = beside(path).map_err(|error| failed(&error))?;
    file.write_all(text.as_bytes())
        .map_err(|error| failed(&error))?;
    file.persist(path).map_err(|error| failed(&error.error))?;
    Ok(())
}

/// Whether a file can be written there, told before long work begins.
///
/// # Errors
/// 2: its folder is not there or cannot be written, or it is a folder itself.
pub(super) fn check(path: &Path) -> Result<(), Failure> {
    if path == Path::new("-") {
        return Ok(());
    }
    if path.is_dir() {
        return Err(Failure::bad_input(format_args!(
            "{} is a folder, should be a file",
            path.display()
        )));
    }
    beside(path).map(drop).map_err(|error| {
        Failure::bad_input(format_args!(
            "{} cannot be written: {error}",
            path.display()
        ))
    })
}

/// A file in the same folder that goes away unless it is moved. Who may read it is as for any other file.
fn beside(path: &Path) -> io::Result<tempfile::NamedTempFile> {
    tempfile::Builder::new()
        .prefix(".cheerful-")
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder(path))
}

fn folder(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_over_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("page.html");
        check(&path).unwrap();
        write(&path, "one").unwrap();
        write(&path, "two").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_place_that_is_not_there_is_told_before_the_work() {
        let failure = check(Path::new("no/such/folder/page.html")).unwrap_err();
        assert_eq!(failure.exit_code, 2);
        assert!(
            failure.message.contains("no/such/folder/page.html"),
            "{}",
            failure.message
        );
    }
}

// SPDX-License-Identifier: Apache-2.0
//! Where running instances are found: each has one Unix socket in the user's runtime folder.
use std::path::{Path, PathBuf};

use crate::exit::Failure;

/// The folder of this user's sockets: `$XDG_RUNTIME_DIR/cheerful`, or `/tmp/cheerful-<uid>`.
pub(crate) fn runtime_folder() -> PathBuf {
    match std::env::var_os("XDG_RUNTIME_DIR") {
        Some(folder) if !folder.is_empty() => Path::new(&folder).join("cheerful"),
        _ => PathBuf::from(format!(
            "/tmp/cheerful-{}",
            rustix::process::getuid().as_raw()
        )),
    }
}

/// The socket of the instance that a person means: the one named, or else the only one that there is.
///
/// # Errors
/// None is running, or several are and none was named.
pub(crate) fn socket(named: Option<PathBuf>) -> Result<PathBuf, Failure> {
    match named {
        Some(path) => Ok(path),
        None => only_one(&runtime_folder(), answers),
    }
}

fn only_one(folder: &Path, answers: impl Fn(&Path) -> bool) -> Result<PathBuf, Failure> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "sock") && answers(path))
        .collect();
    found.sort();
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(Failure::bad_input(format_args!(
            "no running instance is found in {}; start one with `cheerful run`, \
             or name its socket with --socket PATH",
            folder.display()
        ))),
        several => Err(Failure::bad_input(format_args!(
            "{} instances are running; name one of them with --socket:{}",
            several.len(),
            several
                .iter()
                .map(|path| format!("\n  {}", path.display()))
                .collect::<String>()
        ))),
    }
}

/// A socket file whose process is dead refuses the connection.
fn answers(path: &Path) -> bool {
    std::os::unix::net::UnixStream::connect(path).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_only_living_socket_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let living = folder.path().join("8080.sock");
        let _living = std::os::unix::net::UnixListener::bind(&living).unwrap();
        drop(std::os::unix::net::UnixListener::bind(folder.path().join("8081.sock")).unwrap());
        std::fs::write(folder.path().join("notes.txt"), "").unwrap();
        assert_eq!(only_one(folder.path(), answers).unwrap(), living);
    }

    #[test]
    fn none_and_several_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let none = only_one(folder.path(), answers).unwrap_err();
        assert_eq!(none.exit_code, 2);
        assert!(
            none.message.starts_with("no running instance is found in "),
            "{none:?}"
        );
        let absent = only_one(&folder.path().join("absent"), answers).unwrap_err();
        assert!(
            absent
                .message
                .starts_with("no running instance is found in "),
            "{absent:?}"
        );
        for name in ["8080.sock", "8081.sock"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let several = only_one(folder.path(), |_| true).unwrap_err();
        assert!(
            several
                .message
                .starts_with("2 instances are running; name one"),
            "{several:?}"
        );
        assert!(several.message.contains("8080.sock\n"), "{several:?}");
    }
}

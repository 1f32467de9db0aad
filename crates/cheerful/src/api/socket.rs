// SPDX-License-Identifier: Apache-2.0
use std::{
    fs, io,
    os::unix::{
        fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
};

use crate::exit::Failure;

/// The Unix socket of the local API. Its file goes when this is dropped.
#[derive(Debug)]
pub(crate) struct ApiSocket {
    path: PathBuf,
    inode: u64,
    listener: UnixListener,
}

impl ApiSocket {
    /// Binds it. The folder is made for this user alone if it is not there; the file of a process that has died is
    /// replaced, that of a living one is not.
    ///
    /// # Errors
    /// Names the path, and what would be right.
    pub(crate) fn bind(path: &Path) -> Result<Self, Failure> {
        let wrong = |why: &str| Failure::bad_input(format!("--socket {}: {why}", path.display()));
        if let Some(folder) = path.parent()
            && !folder.as_os_str().is_empty()
            && !folder.exists()
        {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)
                .map_err(|error| {
                    wrong(&format!(
                        "its folder cannot be made: {error}; give a path that can be written"
                    ))
                })?;
        }
        Self::make_way(path, &wrong)?;
        let cannot = |error: io::Error| {
            wrong(&format!(
                "it cannot be made: {error}; give a path that can be written"
            ))
        };
        let listener = UnixListener::bind(path).map_err(cannot)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(cannot)?;
        listener.set_nonblocking(true).map_err(cannot)?;
        let inode = fs::symlink_metadata(path).map_err(cannot)?.ino();
        Ok(Self {
            path: path.to_owned(),
            inode,
            listener,
        })
    }

    /// In a folder that others can write to, whoever made the socket's own folder first must be this user.
    ///
    /// # Errors
    /// Names the folder.
    pub(crate) fn bind_in(folder: &Path, file: &str) -> Result<Self, Failure> {
        if let Ok(found) = fs::symlink_metadata(folder) {
            let ours = found.uid() == rustix::process::geteuid().as_raw() && found.is_dir();
            if !ours || found.mode() & 0o022 != 0 {
                return Err(Failure::bad_input(format!(
                    "the socket's folder {} is not this user's alone; remove it, set XDG_RUNTIME_DIR, or give --socket PATH",
                    folder.display()
                )));
            }
        }
        Self::bind(&folder.join(file))
    }

    fn make_way(path: &Path, wrong: &dyn Fn(&str) -> Failure) -> Result<(), Failure> {
        match fs::symlink_metadata(path) {
            Err(_) => Ok(()),
            Ok(found) if !found.file_type().is_socket() => Err(wrong(
                "a file that is no socket is there; give another path",
            )),
            Ok(_) if UnixStream::connect(path).is_ok() => Err(wrong(
                "another instance listens there; stop that, or give another path",
            )),
            Ok(_) => fs::remove_file(path).map_err(|error| {
                wrong(&format!(
                    "the socket of a dead process cannot be removed: {error}"
                ))
            }),
        }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A handle for the server.
    pub(crate) fn listener(&self) -> io::Result<tokio::net::UnixListener> {
        tokio::net::UnixListener::from_std(self.listener.try_clone()?)
    }
}

impl Drop for ApiSocket {
    fn drop(&mut self) {
        // Only our own: somebody may have put another there.
        if fs::symlink_metadata(&self.path).is_ok_and(|found| found.ino() == self.inode)
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::debug!("{} stays behind: {error}", self.path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_socket_is_replaced_and_a_living_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made/8080.sock");
        let first = ApiSocket::bind(&path).unwrap();
        assert_eq!(
            path.parent().unwrap().metadata().unwrap().mode() & 0o777,
            0o700
        );
        assert_eq!(path.symlink_metadata().unwrap().mode() & 0o777, 0o600);
        let failure = ApiSocket::bind(&path).unwrap_err();
        assert_eq!(failure.exit_code, 2);
        assert!(
            failure.message.contains("another instance"),
            "{}",
            failure.message
        );
        drop(first);
        assert!(!path.exists());
        // A socket whose listener has gone without removing it.
        drop(UnixListener::bind(&path).unwrap());
        ApiSocket::bind(&path).unwrap();
    }

    #[test]
    fn a_file_in_the_way_is_not_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes");
        fs::write(&path, "mine").unwrap();
        assert!(
            ApiSocket::bind(&path)
                .unwrap_err()
                .message
                .contains("no socket")
        );
        assert!(path.exists());
    }

    #[test]
    fn a_folder_of_others_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let open = folder.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(
            ApiSocket::bind_in(&open, "1.sock")
                .unwrap_err()
                .message
                .contains("alone")
        );
    }
}

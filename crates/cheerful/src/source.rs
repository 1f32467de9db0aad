// SPDX-License-Identifier: Apache-2.0
use std::{
    fs,
    io::{self, Read as _},
    path::Path,
};

/// Largest manifest that is read, in bytes.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// A manifest as it is, from a file or, where it is called `-`, from stdin.
///
/// # Errors
/// Why it cannot be read, or that it is too long.
pub(crate) fn read(file: &Path) -> io::Result<String> {
    let mut text = String::new();
    let from: Box<dyn io::Read> = if file.as_os_str() == "-" {
        Box::new(io::stdin().lock())
    } else {
        Box::new(fs::File::open(file)?)
    };
    from.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    if u64::try_from(text.len()).is_ok_and(|length| length > MAX_BYTES) {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("should be at most {MAX_BYTES} bytes"),
        ));
    }
    Ok(text)
}

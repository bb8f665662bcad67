//! The directory of the database and the sealing key: made on first start, for this user only.

use std::fs::DirBuilder;
use std::io;
use std::path::{Path, PathBuf};

/// A data directory that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the data directory {} cannot be used: {source}", path.display())]
pub(crate) struct DataDirError {
    path: PathBuf,
    source: io::Error,
}

impl DataDirError {
    /// What an operator can do about it.
    pub(crate) fn help(&self) -> &'static str {
        match self.source.kind() {
            io::ErrorKind::PermissionDenied => {
                "give this user write permission there, or choose another place with --data-dir"
            }
            io::ErrorKind::ReadOnlyFilesystem => {
                "the file system is read-only, choose another place with --data-dir"
            }
            io::ErrorKind::StorageFull => {
                "free some space, or choose another place with --data-dir"
            }
            io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
                "a file stands in the way, choose another place with --data-dir"
            }
            _ => "choose another place with --data-dir",
        }
    }
}

/// Makes sure that the directory is there. A new one is readable for this user only.
///
/// # Errors
/// If it cannot be made, or something else stands there.
pub(crate) fn prepare(path: &Path) -> Result<(), DataDirError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(path).map_err(|source| DataDirError {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_directory_is_for_this_user_only_and_may_exist_already() {
        use std::os::unix::fs::PermissionsExt;
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/b");
        prepare(&path).unwrap();
        prepare(&path).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[test]
    fn file_in_the_way_is_told_with_its_path_and_what_to_do() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("file");
        std::fs::write(&path, "").unwrap();
        let error = prepare(&path).unwrap_err();
        assert!(error.to_string().contains("file cannot be used"), "{error}");
        assert!(
            error.help().contains("stands in the way"),
            "{}",
            error.help()
        );
    }
}

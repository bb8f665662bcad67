//! `dragoman export`, `import` and `verify`: archives in folders.

mod directory;
mod export;
mod import;
mod restoring;
mod verify;

use std::io;
use std::path::Path;

use migration::archive::ArchiveError;

pub(super) use self::export::export;
pub(super) use self::import::import;
pub(super) use self::verify::verify;
use crate::failure::Failure;

/// What writes archives, as their manifests say.
const MADE_BY: &str = concat!("dragoman ", env!("CARGO_PKG_VERSION"));

/// What cannot be done with a folder, and what to do about it.
fn cannot_use(folder: &Path, error: ArchiveError) -> Failure {
    let message = format!("{}: {error}", folder.display());
    match error {
        ArchiveError::Io(error) if error.kind() == io::ErrorKind::WouldBlock => {
            Failure::temporary(message, "wait for its end, or name another folder")
        }
        ArchiveError::Io(_) => {
            Failure::permanent(message, "is there room, and may this user write there?")
        }
        ArchiveError::Damaged(_) => Failure::permanent(
            message,
            format!(
                "`dragoman verify {}` names everything that is wrong",
                folder.display()
            ),
        ),
        ArchiveError::Occupied(_) => Failure::usage(message, "name another folder"),
        ArchiveError::Misplaced(_) => Failure::temporary(
            message,
            "the same command goes on behind the last complete conversation",
        ),
    }
}

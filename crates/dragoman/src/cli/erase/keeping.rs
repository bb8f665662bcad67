//! The file that a receipt is kept in: what cannot be undone must not end without its proof.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// How the file is called until the receipt is in it.
const UNFINISHED: &str = ".unfinished";

/// A place for a receipt that is known to take one.
#[derive(Debug)]
pub(super) struct Keeping {
    path: PathBuf,
    unfinished: PathBuf,
    file: File,
}

impl Keeping {
    /// Makes the file, for this user only: a receipt names a person.
    pub(super) fn at(path: &Path) -> Result<Self, Failure> {
        let mut name = OsString::from(path);
        name.push(UNFINISHED);
        let unfinished = PathBuf::from(name);
        let file = make(&unfinished).map_err(|error| {
            Failure::permanent(
                format!("{} cannot be written: {error}", path.display()),
                "nothing was erased; name another file with --receipt",
            )
        })?;
        Ok(Self {
            path: path.to_owned(),
            unfinished,
            file,
        })
    }

    /// Puts the receipt there. It is there whole, also after a power cut.
    pub(super) fn keep(mut self, receipt: &str) -> Result<(), Failure> {
        let kept = self
            .file
            .write_all(receipt.as_bytes())
            .and_then(|()| self.file.sync_all())
            .and_then(|()| fs::rename(&self.unfinished, &self.path));
        kept.map_err(|error| {
            Failure::permanent(
                format!(
                    "it was erased, but {} cannot be written: {error}",
                    self.path.display()
                ),
                "the same command again writes the receipt to another file",
            )
        })
    }
}

impl Drop for Keeping {
    fn drop(&mut self) {
        // Once the receipt is kept there is none of this name; nobody is told where an empty file stays.
        let _removed = fs::remove_file(&self.unfinished);
    }
}

fn make(path: &Path) -> io::Result<File> {
    // A killed command may have left one.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.write(true).create_new(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_receipt_is_there_whole_and_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("receipt.json");
        fs::write(&path, "an older one that is longer").unwrap();
        drop(Keeping::at(&path).unwrap());
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            "an older one that is longer"
        );
        Keeping::at(&path).unwrap().keep("{}\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "{}\n");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0);
        }
    }

    #[test]
    fn a_place_that_takes_none_is_told_before_anything_is_erased() {
        let folder = tempfile::tempdir().unwrap();
        let failure = Keeping::at(&folder.path().join("absent/receipt.json")).unwrap_err();
        assert!(
            format!("{failure:?}").contains("nothing was erased"),
            "{failure:?}"
        );
    }
}

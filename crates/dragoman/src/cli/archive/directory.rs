//! An archive's folder on a disk: files that grow, and files that are there whole or not at all.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use migration::archive::{Folder, Readable};

/// How a file is called until it is whole.
const UNFINISHED: &str = ".unfinished";

/// An archive's folder on a disk.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    /// Files that grew, or went, and are not known to be on the disk.
    grown: BTreeSet<String>,
    /// Held while it is written: two exports into one folder would destroy each other's work.
    _lock: Option<File>,
}

impl Directory {
    /// A folder that is only read.
    pub(super) fn for_reading(path: &Path) -> io::Result<Self> {
        if !fs::metadata(path)?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self {
            path: path.to_owned(),
            grown: BTreeSet::new(),
            _lock: None,
        })
    }

    /// A folder that is written by nobody else meanwhile. It is made where it is absent, for this user only; what a
    /// killed writer left half written is removed.
    pub(super) fn for_writing(path: &Path) -> io::Result<Self> {
        make(path)?;
        let lock = lock(path)?;
        let mut directory = Self::for_reading(path)?;
        directory._lock = lock;
        for (name, _) in directory.files()? {
            if name.ends_with(UNFINISHED) {
                fs::remove_file(directory.path_of(&name)?)?;
            }
        }
        Ok(directory)
    }

    /// Where a file is. Names with other parts than plain ones lead out of the folder.
    fn path_of(&self, name: &str) -> io::Result<PathBuf> {
        let is_plain = name.split('/').all(|part| {
            !part.is_empty() && part != "." && part != ".." && !part.contains(['\\', ':', '\0'])
        });
        if !is_plain {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "this is no name of an archive's file",
            ));
        }
        Ok(self.path.join(name))
    }

    /// The same, where every folder on the way is one and the file, if it is there, is plain. A link would lead out of the
    /// archive: whoever made the folder is not always who reads it, or goes on with it. A pipe would never end.
    fn sound(&self, name: &str) -> io::Result<PathBuf> {
        let path = self.path_of(name)?;
        let mut place = self.path.clone();
        let mut parts = name.split('/').peekable();
        while let Some(part) = parts.next() {
            place.push(part);
            let found = match fs::symlink_metadata(&place) {
                Ok(metadata) => metadata,
                Err(error) if error.kind() == io::ErrorKind::NotFound => break,
                Err(error) => return Err(error),
            };
            let fits = match parts.peek() {
                Some(_) => found.is_dir(),
                None => found.is_file(),
            };
            if !fits {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    format!(
                        "{} is a link or a device, and an archive has none",
                        place.display()
                    ),
                ));
            }
        }
        Ok(path)
    }

    /// Brings everything that grew to the disk, and the folders that name it.
    fn settle(&mut self) -> io::Result<()> {
        for name in std::mem::take(&mut self.grown) {
            match File::open(self.sound(&name)?) {
                Ok(file) => file.sync_all()?,
                // It was removed since.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            self.settle_folder_of(&name)?;
        }
        Ok(())
    }

    fn settle_folder_of(&self, name: &str) -> io::Result<()> {
        let path = self.path_of(name)?;
        let folder = path.parent().unwrap_or(&self.path);
        // Windows has no way to say this; there a rename is durable by itself.
        #[cfg(unix)]
        File::open(folder)?.sync_all()?;
        #[cfg(not(unix))]
        let _ = folder;
        Ok(())
    }
}

impl Folder for Directory {
    fn files(&self) -> io::Result<Vec<(String, u64)>> {
        let mut found = Vec::new();
        list(&self.path, "", &mut found)?;
        found.sort();
        Ok(found)
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn Readable + '_>> {
        Ok(Box::new(File::open(self.sound(name)?)?))
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.sound(name)?;
        if let Some(folder) = path.parent() {
            make(folder)?;
        }
        let mut file = private().create(true).append(true).open(path)?;
        self.grown.insert(name.to_owned());
        file.write_all(bytes)
    }

    fn truncate(&mut self, name: &str, length: u64) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(self.sound(name)?)?;
        self.grown.insert(name.to_owned());
        file.set_len(length)
    }

    fn replace(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.settle()?;
        let path = self.sound(name)?;
        let unfinished = self.sound(&format!("{name}{UNFINISHED}"))?;
        if let Some(folder) = path.parent() {
            make(folder)?;
        }
        let mut file = private().create_new(true).write(true).open(&unfinished)?;
        let written = file.write_all(bytes).and_then(|()| file.sync_all());
        drop(file);
        if let Err(error) = written.and_then(|()| fs::rename(&unfinished, &path)) {
            // What is half there takes room where there may be none; that it stays is no news beside the error.
            let _removed = fs::remove_file(&unfinished);
            return Err(error);
        }
        self.settle_folder_of(name)
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        fs::remove_file(self.sound(name)?)?;
        self.grown.insert(name.to_owned());
        Ok(())
    }
}

/// Makes a folder, for this user only: an archive holds everybody's messages.
fn make(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// How a file is made: for this user only.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

#[cfg(unix)]
fn lock(path: &Path) -> io::Result<Option<File>> {
    let folder = File::open(path)?;
    match folder.try_lock() {
        Ok(()) => Ok(Some(folder)),
        Err(TryLockError::WouldBlock) => Err(io::Error::new(
            io::ErrorKind::WouldBlock,
            "another export writes into it",
        )),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// A folder cannot be locked there.
#[cfg(not(unix))]
fn lock(_: &Path) -> io::Result<Option<File>> {
    Ok(None)
}

fn list(folder: &Path, prefix: &str, found: &mut Vec<(String, u64)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        // A link to elsewhere is a file of no archive, not a way out of the folder.
        let metadata = fs::symlink_metadata(entry.path())?;
        if metadata.is_dir() {
            list(&entry.path(), &format!("{name}/"), found)?;
        } else {
            found.push((name, metadata.len()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn text(directory: &Directory, name: &str) -> String {
        let mut text = String::new();
        directory
            .open(name)
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        text
    }

    #[test]
    fn files_grow_shrink_and_are_replaced_whole() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/archive");
        let mut directory = Directory::for_writing(&path).unwrap();
        directory.append("segments/1", b"one").unwrap();
        directory.append("segments/1", b"two").unwrap();
        directory.truncate("segments/1", 4).unwrap();
        directory.replace("manifest.json", b"first").unwrap();
        directory.replace("manifest.json", b"2").unwrap();
        assert_eq!(text(&directory, "segments/1"), "onet");
        assert_eq!(text(&directory, "manifest.json"), "2");
        let expected = vec![
            ("manifest.json".to_owned(), 1),
            ("segments/1".to_owned(), 4),
        ];
        assert_eq!(directory.files().unwrap(), expected);
        directory.remove("segments/1").unwrap();
        directory.replace("manifest.json", b"3").unwrap();
        assert_eq!(directory.files().unwrap().len(), 1);
    }

    #[test]
    fn half_written_files_of_a_killed_writer_go() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("manifest.json.unfinished"), "hal").unwrap();
        let directory = Directory::for_writing(folder.path()).unwrap();
        assert!(directory.files().unwrap().is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn a_second_writer_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let first = Directory::for_writing(folder.path()).unwrap();
        let error = Directory::for_writing(folder.path()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        drop(first);
        assert!(Directory::for_writing(folder.path()).is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn links_lead_nowhere_and_are_never_written_through() {
        use std::os::unix::fs::symlink;
        let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let secret = outside.path().join("secret");
        fs::write(&secret, "not yours").unwrap();
        let mut directory = Directory::for_writing(folder.path()).unwrap();
        directory.append("segments/1", b"one").unwrap();
        symlink(&secret, folder.path().join("segments/2")).unwrap();
        symlink(&secret, folder.path().join("manifest.json")).unwrap();
        symlink(&secret, folder.path().join("other.unfinished")).unwrap();
        symlink(outside.path(), folder.path().join("attachments")).unwrap();
        assert!(directory.open("segments/2").is_err());
        assert!(directory.append("segments/2", b"more").is_err());
        assert!(directory.truncate("segments/2", 0).is_err());
        assert!(directory.remove("attachments/secret").is_err());
        assert!(directory.open("attachments/secret").is_err());
        assert!(directory.replace("attachments/new", b"x").is_err());
        assert!(directory.replace("manifest.json", b"x").is_err());
        assert!(directory.replace("other", b"x").is_err());
        assert_eq!(fs::read_to_string(&secret).unwrap(), "not yours");
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
        assert_eq!(text(&directory, "segments/1"), "one");
    }

    #[cfg(unix)]
    #[test]
    fn what_is_written_is_for_this_user_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let mut directory = Directory::for_writing(folder.path()).unwrap();
        directory.append("segments/1", b"one").unwrap();
        directory.replace("manifest.json", b"x").unwrap();
        for name in ["segments/1", "manifest.json"] {
            let mode = fs::metadata(folder.path().join(name))
                .unwrap()
                .permissions();
            assert_eq!(mode.mode() & 0o077, 0, "{name}");
        }
    }

    #[test]
    fn names_never_lead_out_of_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let mut directory = Directory::for_writing(folder.path()).unwrap();
        for name in [
            "../x",
            "/etc/passwd",
            "a//b",
            ".",
            "a/../../b",
            "c:x",
            "a\\b",
            "",
        ] {
            assert!(directory.replace(name, b"").is_err(), "{name}");
            assert!(directory.open(name).is_err(), "{name}");
        }
    }
}

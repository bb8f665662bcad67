//! Where an archive's files are, without paths.

use std::fmt::Debug;
use std::io::{self, Read, Seek};

/// What can be read and jumped in.
pub trait Readable: Read + Seek {}

impl<T: Read + Seek> Readable for T {}

/// A folder of an archive. Names are relative, with `/` between folders, and only ever `manifest.json`,
/// `segments/<six or more digits>.jsonl.zst` and `attachments/<64 hexadecimal digits>`.
pub trait Folder: Debug {
    /// Every file in it, folders below included, with its size in bytes: also files that are no archive's.
    ///
    /// # Errors
    /// Where the folder cannot be read.
    fn files(&self) -> io::Result<Vec<(String, u64)>>;

    /// Opens a file.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] where there is none.
    fn open(&self, name: &str) -> io::Result<Box<dyn Readable + '_>>;

    /// Writes behind the end of a file, which is made where it is not there. Nobody needs to find it after a power cut
    /// before the next [`Folder::replace`].
    ///
    /// # Errors
    /// Where it cannot be written; a part may have been.
    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()>;

    /// Cuts a file off behind so many bytes.
    ///
    /// # Errors
    /// Where it cannot be written.
    fn truncate(&mut self, name: &str, length: u64) -> io::Result<()>;

    /// Writes a whole file, in place of one of the same name: a reader finds the old one or the new one. Durable on
    /// return, with everything that was appended before.
    ///
    /// # Errors
    /// Where it cannot be written; then the old one is there.
    fn replace(&mut self, name: &str, bytes: &[u8]) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// Where it cannot be removed.
    fn remove(&mut self, name: &str) -> io::Result<()>;
}

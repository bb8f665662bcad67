//! A folder in memory, which can be made to fail at any write.

use std::collections::BTreeMap;
use std::io::{self, Cursor};

use migration::archive::Folder;

/// A folder. After `writes_left` writes, the next is done by half and every later one fails.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory {
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    pub(crate) writes_left: Option<usize>,
}

impl Memory {
    /// Whether this write is done; an error from the one on that a kill cuts.
    fn write(&mut self) -> io::Result<bool> {
        match &mut self.writes_left {
            None => Ok(true),
            Some(0) => Err(io::Error::other("killed")),
            Some(left) => {
                *left -= 1;
                Ok(*left > 0)
            }
        }
    }
}

impl Folder for Memory {
    fn files(&self) -> io::Result<Vec<(String, u64)>> {
        let size = |(name, bytes): (&String, &Vec<u8>)| (name.clone(), bytes.len() as u64);
        Ok(self.files.iter().map(size).collect())
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn migration::archive::Readable + '_>> {
        let file = self.files.get(name);
        let bytes = file.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        Ok(Box::new(Cursor::new(bytes.as_slice())))
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let is_whole = self.write()?;
        let file = self.files.entry(name.to_owned()).or_default();
        if is_whole {
            file.extend_from_slice(bytes);
            return Ok(());
        }
        file.extend_from_slice(&bytes[..bytes.len() / 2]);
        Err(io::Error::other("killed"))
    }

    fn truncate(&mut self, name: &str, length: u64) -> io::Result<()> {
        self.write()?;
        let file = self.files.get_mut(name).unwrap();
        file.truncate(usize::try_from(length).unwrap());
        Ok(())
    }

    fn replace(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        if self.write()? {
            self.files.insert(name.to_owned(), bytes.to_vec());
            return Ok(());
        }
        Err(io::Error::other("killed"))
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.write()?;
        self.files.remove(name);
        Ok(())
    }
}

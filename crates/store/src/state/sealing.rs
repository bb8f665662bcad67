//! The key that seals credentials at rest.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use backend::{Error, Kind, Outcome, Result};
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use conversation::Digest;
use secrecy::{ExposeSecret as _, SecretBox, SecretString};

/// The length of a sealing key, in bytes.
const KEY_BYTES: usize = 32;
/// The length of a nonce, in bytes.
const NONCE_BYTES: usize = 24;
/// The longest key file that is read, in bytes.
const FILE_MAX_BYTES: u64 = 1_024;

/// The key that seals credentials at rest: 32 random bytes. Never shown, never logged.
#[derive(Debug)]
pub struct SealingKey(SecretBox<[u8; KEY_BYTES]>);

impl SealingKey {
    /// From its 32 bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(SecretBox::new(Box::new(bytes)))
    }

    /// From 64 hexadecimal digits, as configuration and the key file spell it.
    ///
    /// # Errors
    /// [`Kind::InvalidRequest`] for anything else; the message does not quote it.
    pub fn parse(text: &SecretString) -> Result<Self> {
        let invalid = || {
            Error::new(
                Kind::InvalidRequest,
                "a sealing key is 64 hexadecimal digits",
            )
        };
        let text = text.expose_secret().trim();
        if text.len() != 2 * KEY_BYTES || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(invalid());
        }
        let mut bytes = [0_u8; KEY_BYTES];
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte =
                u8::from_str_radix(&text[2 * index..2 * index + 2], 16).map_err(|_| invalid())?;
        }
        Ok(Self::from_bytes(bytes))
    }

    /// Reads the key from a file; makes key and file, for this user only, where there is none.
    ///
    /// # Errors
    /// [`Kind::Unavailable`] where the file cannot be read or made; [`Kind::InvalidRequest`] where it holds no key.
    pub fn load_or_create(path: &Path) -> Result<Self> {
        loop {
            match File::open(path) {
                Ok(file) => return Self::load(path, file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(unusable(path, error)),
            }
            match Self::create(path) {
                Ok(()) => {}
                // Another process was first: its key counts.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(unusable(path, error)),
            }
        }
    }

    fn load(path: &Path, file: File) -> Result<Self> {
        let text = io::read_to_string(io::Read::take(file, FILE_MAX_BYTES))
            .map_err(|error| unusable(path, error))?;
        Self::parse(&SecretString::from(text)).map_err(|_| {
            let message = format!(
                "the sealing key file {} is damaged (not 64 hexadecimal digits): restore it from a backup; without \
                 it, stored credentials cannot be read",
                path.display()
            );
            Error::new(Kind::InvalidRequest, message)
        })
    }

    /// Makes the file whole or not at all: written beside, then linked to its name, which fails where it exists.
    fn create(path: &Path) -> io::Result<()> {
        let mut bytes = [0_u8; KEY_BYTES];
        getrandom::fill(&mut bytes).map_err(io::Error::other)?;
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{}", uuid::Uuid::now_v7().simple()));
        let beside = Path::new(&name);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(beside)?;
        let written = writeln!(file, "{}", Digest::from_bytes(bytes))
            .and_then(|()| file.sync_all())
            .and_then(|()| std::fs::hard_link(beside, path));
        std::fs::remove_file(beside)?;
        written
    }

    /// Which key it is, without telling anything of it.
    pub(super) fn id(&self) -> String {
        let mut bytes = b"dragoman.sealing-key.v1".to_vec();
        bytes.extend_from_slice(self.0.expose_secret());
        let mut id = Digest::of(&bytes).to_string();
        id.truncate(16);
        id
    }

    /// Seals `secret` for one place: it opens nowhere else.
    pub(super) fn seal(&self, place: &[u8], secret: &SecretString) -> Result<Sealed> {
        let mut nonce = [0_u8; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|error| {
            Error::new(Kind::Internal, "the system gives no random bytes").source(error)
        })?;
        let payload = Payload {
            msg: secret.expose_secret().as_bytes(),
            aad: place,
        };
        let sealed = self
            .cipher()
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| Error::new(Kind::Internal, "a credential could not be sealed"))?;
        Ok(Sealed { nonce, sealed })
    }

    /// Opens what was sealed for the same place with the same key.
    pub(super) fn open(&self, place: &[u8], sealed: &Sealed) -> Result<SecretString> {
        let failed = || {
            let message = "a stored credential cannot be opened: the sealing key is not the one that sealed it, or \
                           the row was changed; restore the former sealing key or store the credential again";
            Error::new(Kind::Internal, message).outcome(Outcome::NotApplied)
        };
        let payload = Payload {
            msg: &sealed.sealed,
            aad: place,
        };
        let opened = self
            .cipher()
            .decrypt(&XNonce::from(sealed.nonce), payload)
            .map_err(|_| failed())?;
        String::from_utf8(opened)
            .map(SecretString::from)
            .map_err(|_| failed())
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(self.0.expose_secret().into())
    }
}

impl Clone for SealingKey {
    fn clone(&self) -> Self {
        Self::from_bytes(*self.0.expose_secret())
    }
}

/// A sealed secret.
pub(super) struct Sealed {
    pub(super) nonce: [u8; NONCE_BYTES],
    pub(super) sealed: Vec<u8>,
}

fn unusable(path: &Path, error: io::Error) -> Error {
    let message = format!(
        "the sealing key file {} cannot be read or made: {error}",
        path.display()
    );
    Error::new(Kind::Unavailable, message).source(error)
}

//! Where the database is, and how far it is trusted to be that: the address that an operator writes.
//!
//! The words are those of PostgreSQL's own clients. `sslmode` and `sslrootcert` are read here, because the client
//! library knows only some of their values.

use std::path::PathBuf;

use backend::{Error, Kind, Result};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};
use url::Url;

/// What is asked of the encryption of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// No encryption.
    Disable,
    /// Encrypted where the server can; nobody is checked. What an address asks for that says nothing.
    Prefer,
    /// Always encrypted; nobody is checked.
    Require,
    /// Always encrypted, with a certificate of a known authority.
    VerifyCa,
    /// As before, and the certificate names the host.
    VerifyFull,
}

impl Trust {
    fn of(word: &str) -> Option<Self> {
        Some(match word {
            "disable" => Self::Disable,
            "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => return None,
        })
    }

    /// Somebody between us and the server would be noticed.
    pub(crate) fn verifies(self) -> bool {
        matches!(self, Self::VerifyCa | Self::VerifyFull)
    }
}

/// Where a database is.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    pub(crate) config: Config,
    pub(crate) trust: Trust,
    /// The file of the authorities that are trusted; the machine's own where it is absent.
    pub(crate) authorities: Option<PathBuf>,
    /// The address without the password, for messages.
    pub(crate) shown: Box<str>,
}

impl Address {
    /// Reads `postgres://user:password@host:port/database?sslmode=…&sslrootcert=…`.
    ///
    /// # Errors
    /// [`Kind::InvalidRequest`] that says which part is wrong, and nothing of the password.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let refused = |detail: &str| {
            Error::new(
                Kind::InvalidRequest,
                format!("the address of the database cannot be used: {detail}"),
            )
        };
        let mut url = Url::parse(text).map_err(|error| refused(&error.to_string()))?;
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err(refused("it does not begin with `postgres://`"));
        }
        let (mut trust, mut authorities, mut others) = (Trust::Prefer, None, Vec::new());
        for (name, value) in url.query_pairs() {
            match &*name {
                "sslmode" => {
                    trust = Trust::of(&value).ok_or_else(|| {
                        refused(
                            "`sslmode` is none of disable, prefer, require, verify-ca, verify-full",
                        )
                    })?;
                }
                "sslrootcert" if value == "system" => {}
                "sslrootcert" => authorities = Some(PathBuf::from(value.into_owned())),
                _ => others.push((name.into_owned(), value.into_owned())),
            }
        }
        url.set_query(None);
        if !others.is_empty() {
            url.query_pairs_mut().extend_pairs(&others);
        }
        let mut config: Config = url
            .as_str()
            .parse()
            .map_err(|error: tokio_postgres::Error| refused(&error.to_string()))?;
        config.ssl_mode(match trust {
            Trust::Disable => SslMode::Disable,
            Trust::Prefer => SslMode::Prefer,
            Trust::Require | Trust::VerifyCa | Trust::VerifyFull => SslMode::Require,
        });
        // A user without a password stays as it is.
        if url.password().is_some() && url.set_password(Some("***")).is_err() {
            return Err(refused("it names no host"));
        }
        url.set_query(None);
        Ok(Self {
            config,
            trust,
            authorities,
            shown: url.as_str().into(),
        })
    }

    /// True where all of it stays on this machine.
    pub(crate) fn is_local(&self) -> bool {
        self.config.get_hosts().iter().all(|host| match host {
            Host::Tcp(name) => {
                name == "localhost"
                    || name
                        .parse()
                        .is_ok_and(|address: std::net::IpAddr| address.is_loopback())
            }
            #[cfg(unix)]
            Host::Unix(_) => true,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_password() {
        let address =
            Address::parse("postgres://ann:secret@db.example/chats?sslmode=verify-full").unwrap();
        assert_eq!(&*address.shown, "postgres://ann:***@db.example/chats");
        assert_eq!(address.trust, Trust::VerifyFull);
        assert!(!address.is_local());
        assert_eq!(address.config.get_password(), Some("secret".as_bytes()));
    }

    #[test]
    fn the_authorities_may_be_a_file_or_the_machines() {
        let of = |query: &str| {
            Address::parse(&format!("postgresql://127.0.0.1/a?{query}"))
                .unwrap()
                .authorities
        };
        assert_eq!(of("sslrootcert=/etc/ca.pem"), Some("/etc/ca.pem".into()));
        assert_eq!(of("sslrootcert=system"), None);
        assert_eq!(of("connect_timeout=3"), None);
    }

    #[test]
    fn what_is_no_address_is_refused_without_telling_the_password() {
        for text in [
            "mysql://ann:secret@h/d",
            "postgres://ann:secret@h/d?sslmode=maybe",
            "postgres://ann:secret@h/d?no_such_word=1",
            "nothing at all",
        ] {
            let error = Address::parse(text).unwrap_err();
            assert_eq!(error.kind, Kind::InvalidRequest, "{text}");
            assert!(!format!("{error:?}").contains("secret"), "{error:?}");
        }
    }
}

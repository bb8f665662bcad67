//! `dragoman credentials`: credentials of tenants and end users at a vendor, sealed in the state.

use std::collections::BTreeMap;
use std::io::{BufRead, IsTerminal, Read};

use backend::ports::{CredentialName, Credentials, remove_credential};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use super::arguments::{CredentialOf, CredentialsCommand};
use super::beside::with_state;
use super::{listings, print};
use crate::config::{BackendKind, Configuration};
use crate::failure::Failure;

/// Largest credential, in bytes.
const CREDENTIAL_MAX_BYTES: u64 = 64 * 1024;

/// Runs one of the credential commands.
pub(super) fn run(
    command: &CredentialsCommand,
    variables: &BTreeMap<String, String>,
) -> Result<(), Failure> {
    match command {
        CredentialsCommand::Set(of) => {
            let name = of.name();
            with_state(&of.source, variables, async |open, configuration| {
                of.check_backend(configuration)?;
                let secret = read_secret()?;
                let put = open.state.put(&name, &secret).await;
                put.map_err(Failure::runtime)
            })?;
            print::out(&format!("{} {}: stored\n", name.backend, name.reference))?;
        }
        CredentialsCommand::List(listing) => {
            let names = with_state(&listing.source, variables, async |open, _| {
                let mut names = open.state.names().await.map_err(Failure::runtime)?;
                names.retain(CredentialName::is_credential);
                Ok(names)
            })?;
            show(&names, listing.json)?;
        }
        CredentialsCommand::Remove(of) => {
            let name = of.name();
            let removed = with_state(&of.source, variables, async |open, _| {
                let removed = remove_credential(&*open.state, &name).await;
                removed.map_err(Failure::runtime)
            })?;
            if !removed {
                return Err(Failure::with_help(
                    "there is no such credential",
                    "`dragoman credentials list` shows which there are",
                ));
            }
            print::out(&format!("{} {}: removed\n", name.backend, name.reference))?;
        }
    }
    Ok(())
}

impl CredentialOf {
    fn name(&self) -> CredentialName {
        match &self.user {
            Some(user) => CredentialName::of_user(&self.backend, &self.tenant, user),
            None => adapterkit::of_tenant(&self.backend, &self.tenant),
        }
    }

    /// A credential for a backend that does not exist would never be used.
    fn check_backend(&self, configuration: &Configuration) -> Result<(), Failure> {
        let takes_credentials = configuration.backends.iter().any(|backend| {
            backend.name.as_str() == self.backend && backend.kind != BackendKind::Store
        });
        if takes_credentials {
            return Ok(());
        }
        Err(Failure::Usage {
            message: format!("no vendor's backend is called `{}`", self.backend),
            help: "`dragoman backends` lists them; --config names the file".to_owned(),
        })
    }
}

/// The first line of standard input: never an argument, which other users of the machine can see.
fn read_secret() -> Result<SecretString, Failure> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        print::error("type or paste the credential, then press Enter:\n");
    }
    let mut line = String::new();
    stdin
        .lock()
        .take(CREDENTIAL_MAX_BYTES)
        .read_line(&mut line)
        .map_err(|error| Failure::runtime(format!("standard input cannot be read: {error}")))?;
    let secret = SecretString::from(line.trim());
    if secret.expose_secret().is_empty() {
        return Err(Failure::Usage {
            message: "standard input holds no credential".to_owned(),
            help: "write it there: dragoman credentials set … < file".to_owned(),
        });
    }
    Ok(secret)
}

fn show(names: &[CredentialName], json: bool) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Row<'a> {
        backend: &'a str,
        reference: &'a str,
    }
    if json {
        let rows: Vec<Row<'_>> = names
            .iter()
            .map(|name| Row {
                backend: &name.backend,
                reference: &name.reference,
            })
            .collect();
        return Ok(print::out(&listings::to_json(&rows)?)?);
    }
    let mut table = listings::table(&["backend", "of"]);
    for name in names {
        table.add_row([&*name.backend, &*name.reference]);
    }
    Ok(print::out(&(table.trim_fmt() + "\n"))?)
}

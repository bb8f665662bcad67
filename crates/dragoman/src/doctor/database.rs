//! The database and what is in it: structure, access, keys, credentials, writes in doubt.

use backend::Scope;
use backend::ports::{Credentials, IntentQuery, IntentState, Intents, KeyRecord};
use conversation::Time;
use store::Store;

use super::Finding;
use crate::config::Configuration;
use crate::failure::Failure;
use crate::state::{self, OpenState, Use};

/// Most names in one finding.
const NAMES_MAX: usize = 5;

/// The database, as far as it can be opened.
pub(super) enum Opened {
    /// It is there.
    Open(OpenState),
    /// There is none yet.
    Absent,
    /// It is there and cannot be opened.
    Broken(Failure),
}

impl Opened {
    /// The state in it.
    pub(super) fn state(&self) -> Option<&OpenState> {
        match self {
            Self::Open(open) => Some(open),
            Self::Absent | Self::Broken(_) => None,
        }
    }

    /// The store itself.
    pub(super) fn store(&self) -> Option<&Store> {
        self.state().map(|open| &open.store)
    }

    /// Gives the file back.
    pub(super) async fn close(&self) -> Result<(), Failure> {
        match self {
            Self::Open(open) => open.close().await,
            Self::Absent | Self::Broken(_) => Ok(()),
        }
    }
}

/// Opens the database beside a server that may run. None is made.
pub(super) fn open(configuration: &Configuration) -> Opened {
    if configuration.store.missing_file().is_some() {
        return Opened::Absent;
    }
    match state::open(configuration, Use::Beside) {
        Ok(open) => Opened::Open(open),
        Err(failure) => Opened::Broken(failure),
    }
}

/// What is found in it.
pub(super) async fn look(configuration: &Configuration, opened: &Opened) -> Vec<Finding> {
    let open = match opened {
        Opened::Open(open) => open,
        Opened::Absent => {
            let found = format!(
                "there is none at {} yet, the first start makes it",
                configuration.store.database_shown()
            );
            return vec![Finding::ok("database", found)];
        }
        Opened::Broken(failure) => {
            let fix = if configuration.store.database_file().is_some() {
                "--data-dir, or `store.data_dir` in the file, chooses another place; else bring back a backup"
            } else {
                "look whether the server runs, and at the address and the password in `store.database_url`"
            };
            return vec![Finding::failure("database", failure.message(), fix)];
        }
    };
    let mut findings = vec![integrity(&open.store).await, room_inside(&open.store).await];
    findings.push(keys(open).await);
    findings.extend(credentials(configuration, open).await);
    findings.push(doubts(open).await);
    findings
}

async fn integrity(store: &Store) -> Finding {
    let fix = "stop the gateway, keep a copy of the database, and bring back a backup";
    match store.verify().await {
        Ok(found) if found.is_empty() => {
            Finding::ok("database.integrity", format!("{} is whole", store.place()))
        }
        Ok(found) => Finding::failure("database.integrity", found.join("; "), fix),
        Err(error) => Finding::failure("database.integrity", error.to_string(), fix),
    }
}

async fn room_inside(store: &Store) -> Finding {
    match store.status().await {
        Ok(status) => Finding::ok(
            "database.schema",
            format!(
                "schema {}, {} {}, {} MiB",
                status.schema_version,
                status.engine.as_str(),
                status.version,
                status.bytes / (1024 * 1024)
            ),
        ),
        Err(error) => Finding::failure(
            "database.schema",
            error.to_string(),
            "look whether the disk is full, and whether this user may write there",
        ),
    }
}

async fn keys(open: &OpenState) -> Finding {
    let id = "keys";
    let known = match open.keys().list(None).await {
        Ok(known) => known,
        Err(error) => {
            let fix = "look at the findings of the database";
            return Finding::failure(id, error.to_string(), fix);
        }
    };
    let now = Time::now();
    let live: Vec<&KeyRecord> = known.iter().filter(|key| key.is_active(now)).collect();
    if !known.is_empty() && live.is_empty() {
        let fix = "make one: dragoman keys create --tenant NAME";
        return Finding::warning(id, "no key opens the gateway any more", fix);
    }
    let endless: Vec<&str> = live
        .iter()
        .filter(|key| key.expires_at.is_none() && key.scopes.contains(&Scope::Admin))
        .map(|key| &*key.id)
        .collect();
    if endless.is_empty() {
        return Finding::ok(id, format!("{} open the gateway", live.len()));
    }
    Finding::warning(
        id,
        format!(
            "keys with the scope `admin` that never end: {}",
            some(&endless)
        ),
        "make ones that end (dragoman keys create --expires TIME) and revoke these",
    )
}

/// A few names, and how many more there are.
fn some(names: &[&str]) -> String {
    let shown = names[..names.len().min(NAMES_MAX)].join(", ");
    match names.len().saturating_sub(NAMES_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Whether stored credentials can be opened, and belong to backends that exist.
async fn credentials(configuration: &Configuration, open: &OpenState) -> Vec<Finding> {
    let id = "credentials";
    let names = match open.state.names().await {
        Ok(names) => names,
        Err(error) => {
            let fix = "look at the findings of the database";
            return vec![Finding::failure(id, error.to_string(), fix)];
        }
    };
    for name in &names {
        if let Err(error) = open.state.get(name).await {
            return vec![Finding::failure(
                id,
                format!(
                    "that of {} at {} cannot be opened: {error}",
                    name.reference, name.backend
                ),
                "bring back the sealing key that belongs to this database (`sealing.key` beside it, or `store.sealing_key`)",
            )];
        }
    }
    let is_known = |backend: &str| {
        let mut known = configuration.backends.iter();
        known.any(|config| config.name.as_str() == backend)
    };
    let of_users = names.iter().filter(|name| is_credential(&name.reference));
    let (known, lost): (Vec<_>, Vec<_>) = of_users.partition(|name| is_known(&name.backend));
    let mut findings = vec![Finding::ok(
        id,
        format!("{} are stored and can be opened", known.len()),
    )];
    if !lost.is_empty() {
        let backends: std::collections::BTreeSet<&str> =
            lost.iter().map(|name| &*name.backend).collect();
        let backends: Vec<&str> = backends.into_iter().collect();
        findings.push(Finding::warning(
            "credentials.lost",
            format!(
                "some are for backends that are not configured: {}",
                some(&backends)
            ),
            "configure the backend again, or remove them: dragoman credentials remove",
        ));
    }
    findings
}

/// Whether a reference is a tenant's or an end user's; the state keeps other secrets too.
fn is_credential(reference: &str) -> bool {
    reference.starts_with("tenant:") || reference.starts_with("user:")
}

async fn doubts(open: &OpenState) -> Finding {
    let id = "writes.in_doubt";
    let query = IntentQuery {
        state: Some(IntentState::Unknown),
        limit: 1,
        ..IntentQuery::default()
    };
    match Intents::list(&*open.state, &query).await {
        Ok(page) if page.items.is_empty() => {
            Finding::ok(id, "of no write it is unknown what became of it")
        }
        Ok(_) => Finding::warning(
            id,
            "of some writes nobody knows what became of them at the vendor",
            "GET /admin/v1/intents?state=unknown lists them; look for each at the vendor, then DELETE /admin/v1/intents/ID",
        ),
        Err(error) => Finding::failure(
            id,
            error.to_string(),
            "look at the findings of the database",
        ),
    }
}

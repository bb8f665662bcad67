//! The directory: every conversation that we know, who owns it and where it lives.
//!
//! The embedded backend keeps its own entries true inside its transactions; what the router notes afterwards is then
//! there already and costs a read.

use async_trait::async_trait;
use backend::ports::{
    BackendBinding, Binding, Directory, DirectoryEntry, DirectoryWalk, NewDirectoryEntry,
};
use backend::{ConversationQuery, Cursor, Error, Kind, Location, Page, Principal, Result};
use conversation::{Conversation, ConversationId, NewConversation, Time};

use super::ledger::places;
use super::terms::{self, Term};
use super::{State, facades, leases, overlay};
use crate::failure::Attempt;
use crate::json;
use crate::sql::{Connection, LOCKED, Micros, OptionalExtension as _, Row, params};

/// The columns that [`read`] reads, in its order.
pub(super) const COLUMNS: &str = "d.number, d.id, d.tenant, d.owner, d.backend, d.native, d.credential, d.hidden, \
     d.updated_at, d.last_message_at, d.renamed, d.document";

/// How much of a title sorts: cursors hold it, and they are short. Equal beginnings sort by id.
const TITLE_SORT_CHARS: usize = 64;

/// The value of `hidden` for what was deleted. What is only gone at its backend may come back, so it counts as there.
pub(super) const DELETED: u8 = 2;

#[async_trait]
impl Directory for State {
    async fn insert_under(&self, fence: Option<u64>, entry: NewDirectoryEntry) -> Result<bool> {
        if self
            .store
            .read(|connection| is_known(connection, &entry.location))
            .await?
        {
            return Ok(false);
        }
        self.store
            .write(move |connection, _now| {
                leases::check_fence(connection, fence)?;
                insert_entry(connection, &entry)
            })
            .await
    }

    async fn locate(&self, id: ConversationId) -> Result<Option<Binding>> {
        self.store.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT backend, native, credential, tenant, owner, hidden, renamed FROM directory WHERE id = ?1",
            )?;
            let mut rows = statement.query(params![id.to_string()])?;
            let Some(row) = rows.next()? else {
                return Ok(None);
            };
            let tenant: Box<str> = row.get(3)?;
            Ok(Some(Binding {
                location: Location {
                    id,
                    backend: row.get(0)?,
                    native: row.get(1)?,
                    credential: row.get(2)?,
                    renamed: row.get(6)?,
                },
                tenant: Some(tenant).filter(|tenant| !tenant.is_empty()),
                owner: row.get(4)?,
                deleted: row.get::<_, u8>(5)? == DELETED,
            }))
        }).await
    }

    async fn find(&self, id: ConversationId) -> Result<Option<DirectoryEntry>> {
        self.store
            .read(|connection| {
                let mut statement = connection.prepare_cached(&format!(
                    "SELECT {COLUMNS} FROM directory d WHERE d.id = ?1"
                ))?;
                let mut rows = statement.query(params![id.to_string()])?;
                rows.next()?.map(|row| read(&row)).transpose()
            })
            .await
    }

    async fn find_native(&self, backend: &str, native: &str) -> Result<Option<DirectoryEntry>> {
        self.store.read(|connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM directory d WHERE d.backend = ?1 AND d.native = ?2 \
                 UNION ALL SELECT {COLUMNS} FROM places p CROSS JOIN directory d ON d.id = p.conversation \
                 WHERE p.backend = ?1 AND p.native = ?2 LIMIT 1"
            ))?;
            let mut rows = statement.query(params![backend, native])?;
            rows.next()?.map(|row| read(&row)).transpose()
        }).await
    }

    async fn first_homes(
        &self,
        ids: &[ConversationId],
    ) -> Result<Vec<Option<(Box<str>, Box<str>)>>> {
        self.store
            .read_together(|connection| {
                let mut statement = connection.prepare_cached(
                "SELECT first_backend, first_native FROM directory WHERE id = ?1 AND hidden < 2",
            )?;
                let mut homes = Vec::with_capacity(ids.len());
                for id in ids {
                    let home = statement
                        .query_row(params![id.to_string()], |row| {
                            Ok((row.get(0)?, row.get(1)?))
                        })
                        .optional()?;
                    homes.push(home);
                }
                Ok(homes)
            })
            .await
    }

    async fn find_first(&self, backend: &str, native: &str) -> Result<Option<ConversationId>> {
        // What a vendor made has an id that follows from its first home.
        let id = ConversationId::derive(backend, native);
        self.store.read(|connection| {
            let found = connection
                .prepare_cached(
                    "SELECT 1 FROM directory WHERE id = ?1 AND first_backend = ?2 AND first_native = ?3",
                )?
                .exists(params![id.to_string(), backend, native])?;
            Ok(found.then_some(id))
        }).await
    }

    async fn refresh_under(
        &self,
        fence: Option<u64>,
        id: ConversationId,
        document: &Conversation,
    ) -> Result<()> {
        self.refreshed(fence, id, document.clone(), false).await
    }

    async fn refresh_listed(&self, id: ConversationId, listed: &Conversation) -> Result<()> {
        self.refreshed(None, id, listed.clone(), true).await
    }

    async fn touch(&self, id: ConversationId, at: Time) -> Result<()> {
        let behind = self
            .store
            .read(|connection| {
                Ok(connection
                    .prepare_cached(
                        "SELECT 1 FROM directory WHERE id = ?1 AND hidden < 2 \
                     AND (updated_at < ?2 OR last_message_at IS NULL OR last_message_at < ?2)",
                    )?
                    .exists(params![id.to_string(), Micros(at)])?)
            })
            .await?;
        if !behind {
            return Ok(());
        }
        self.store
            .write_beside(move |connection, _now| {
                connection
                    .prepare_cached(
                        "UPDATE directory SET updated_at = max(updated_at, ?2), \
                         last_message_at = max(coalesce(last_message_at, ?2), ?2) WHERE id = ?1 AND hidden < 2",
                    )?
                    .execute(params![id.to_string(), Micros(at)])?;
                Ok(())
            })
            .await
    }

    async fn mark_gone(&self, id: ConversationId) -> Result<()> {
        self.store
            .write_beside(move |connection, _now| {
                connection
                    .prepare_cached("UPDATE directory SET hidden = 1 WHERE id = ?1 AND hidden = 0")?
                    .execute(params![id.to_string()])?;
                Ok(())
            })
            .await
    }

    async fn rebind_under(&self, fence: Option<u64>, location: &Location) -> Result<()> {
        let location = location.clone();
        self.store
            .write(move |connection, _now| {
                leases::check_fence(connection, fence)?;
                let id = location.id.to_string();
                let other: Option<String> = connection
                    .prepare_cached(
                        "SELECT id FROM directory WHERE backend = ?1 AND native = ?2 AND id <> ?3",
                    )?
                    .query_row(params![location.backend, location.native, id], |row| row.get(0))
                    .optional()?;
                if let Some(other) = other {
                    places::forget_entry(connection, &other)?;
                }
                places::follow_home(connection, &location)?;
                let bound = connection
                    .prepare_cached(
                        "UPDATE directory SET backend = ?2, native = ?3, credential = ?4, renamed = max(renamed, ?5) \
                         WHERE id = ?1 AND hidden < 2",
                    )?
                    .execute(params![
                        id,
                        location.backend,
                        location.native,
                        location.credential,
                        location.renamed
                    ])?;
                if bound == 0 {
                    return Err(Error::conversation_not_found().into());
                }
                Ok(())
            })
            .await
    }

    async fn tombstone(&self, id: ConversationId) -> Result<()> {
        match Directory::find(self, id).await? {
            Some(entry) if !entry.deleted => {
                self.store
                    .write(move |connection, _now| {
                        tombstone_native(
                            connection,
                            &entry.location.backend,
                            &entry.location.native,
                        )
                    })
                    .await
            }
            _ => Ok(()),
        }
    }

    async fn list(
        &self,
        principal: &Principal,
        query: &ConversationQuery,
    ) -> Result<Page<DirectoryEntry>> {
        self.page(principal, query).await
    }

    async fn count(&self, principal: &Principal, query: &ConversationQuery) -> Result<u64> {
        self.count_list(principal, query).await
    }

    async fn cursor_at(
        &self,
        principal: &Principal,
        query: &ConversationQuery,
        skip: u64,
    ) -> Result<Option<Cursor>> {
        self.cursor_of(principal, query, skip).await
    }

    async fn walk(&self, walk: &DirectoryWalk) -> Result<Vec<DirectoryEntry>> {
        self.walk_entries(walk).await
    }

    async fn discovered_at(&self, backend: &str, credential: Option<&str>) -> Result<Option<Time>> {
        self.last_discovery(backend, credential).await
    }

    async fn set_discovered_at(
        &self,
        backend: &str,
        credential: Option<&str>,
        started: Time,
    ) -> Result<()> {
        self.note_discovery(backend, credential, started).await
    }

    async fn bind_backend(&self, binding: &BackendBinding) -> Result<()> {
        self.bind(binding).await
    }
}

/// Makes a conversation known; false where it is known already.
pub(crate) fn insert_entry(connection: &Connection, entry: &NewDirectoryEntry) -> Attempt<bool> {
    if is_known(connection, &entry.location)? {
        return Ok(false);
    }
    let NewDirectoryEntry {
        location,
        tenant,
        owner,
        document,
    } = entry;
    let tenant = tenant.as_deref().unwrap_or_default();
    let text = json::to_text("conversation", document)?;
    let number = connection
        .prepare_cached(
            "INSERT INTO directory (id, tenant, owner, backend, native, credential, first_backend, first_native, \
             title, status, kind, priority, created_at, updated_at, last_message_at, document, renamed) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?4, ?5, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
        )?
        .insert(params![
            location.id.to_string(),
            tenant,
            owner,
            location.backend,
            location.native,
            location.credential,
            title_key(document),
            document.status.as_str(),
            document.kind.as_str(),
            document.priority.as_ref().map(|priority| priority.as_str()),
            Micros(document.created_at),
            Micros(document.updated_at),
            document.last_message_at.map(Micros),
            text,
            location.renamed
        ])?;
    insert_terms(
        connection,
        number,
        tenant,
        terms::of_document(document).iter(),
    )?;
    Ok(true)
}

/// Replaces the document of the conversation that lives here, where it is known.
pub(crate) fn refresh_native(
    connection: &Connection,
    backend: &str,
    native: &str,
    document: &Conversation,
) -> Attempt<()> {
    let found: Option<(i64, String)> = connection
        .prepare_cached(
            "SELECT number, id FROM directory WHERE backend = ?1 AND native = ?2 AND hidden < 2",
        )?
        .query_row(params![backend, native], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    match found {
        // A document under another id is not the one that this entry shows.
        Some((number, id)) if id == document.id.to_string() => {
            replace(connection, number, document)
        }
        _ => Ok(()),
    }
}

/// Takes over the times of a conversation of the embedded backend, by its row, where it is known.
pub(crate) fn follow(connection: &Connection, conversation: i64) -> Attempt<()> {
    connection
        .prepare_cached(
            "UPDATE directory SET updated_at = c.updated_at, last_message_at = c.last_message_at \
             FROM conversations c WHERE c.number = ?1 AND directory.backend = c.backend \
             AND directory.native = c.native AND directory.hidden < 2",
        )?
        .execute(params![conversation])?;
    Ok(())
}

/// As [`follow`], by where the conversation lives.
pub(crate) fn follow_native(connection: &Connection, backend: &str, native: &str) -> Attempt<()> {
    let number = connection
        .prepare_cached("SELECT number FROM conversations WHERE backend = ?1 AND native = ?2")?
        .query_row(params![backend, native], |row| row.get(0))
        .optional()?;
    match number {
        Some(number) => follow(connection, number),
        None => Ok(()),
    }
}

/// Marks the conversation that lives here as deleted, where it is known. What it was found by goes; only what keeps
/// its id from coming back stays.
pub(crate) fn tombstone_native(
    connection: &Connection,
    backend: &str,
    native: &str,
) -> Attempt<()> {
    let found = connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM directory d WHERE d.backend = ?1 AND d.native = ?2 AND d.hidden < 2"
        ))?
        .query_row(params![backend, native], |row| Ok((row.get::<_, i64>(0)?, read(row))))
        .optional()?;
    let Some((number, entry)) = found else {
        return Ok(());
    };
    let DirectoryEntry {
        location, document, ..
    } = entry?;
    let bare = NewConversation {
        kind: Some(document.kind),
        status: Some(document.status),
        ..NewConversation::default()
    };
    let bare = bare.into_conversation(document.id, &document.backend, document.created_at);
    connection
        .prepare_cached(
            "UPDATE directory SET hidden = 2, title = '', priority = NULL, document = ?2 WHERE number = ?1",
        )?
        .execute(params![number, json::to_text("conversation", &bare)?])?;
    connection
        .prepare_cached("DELETE FROM directory_terms WHERE entry = ?1")?
        .execute(params![number])?;
    let id = location.id.to_string();
    facades::forget_conversation(connection, &id)?;
    overlay::forget(connection, &id)
}

/// Leaves of an entry only what keeps its id and its home from coming back.
pub(super) fn empty(connection: &Connection, id: &str) -> Attempt<()> {
    let home: Option<(String, String)> = connection
        .prepare_cached("SELECT backend, native FROM directory WHERE id = ?1")?
        .query_row(params![id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((backend, native)) = home else {
        return Ok(());
    };
    tombstone_native(connection, &backend, &native)?;
    connection
        .prepare_cached("UPDATE directory SET owner = NULL, credential = NULL WHERE id = ?1")?
        .execute(params![id])?;
    Ok(())
}

impl State {
    /// Replaces a document, where it tells something else. One of a list leaves what it does not tell: as it is held when
    /// it is written, because a read's document may come in between.
    async fn refreshed(
        &self,
        fence: Option<u64>,
        id: ConversationId,
        document: Conversation,
        is_listed: bool,
    ) -> Result<()> {
        let held = self
            .store
            .read(|connection| {
                let mut statement = connection.prepare_cached(&format!(
                    "SELECT {COLUMNS} FROM directory d WHERE d.id = ?1 AND d.hidden = 0"
                ))?;
                let mut rows = statement.query(params![id.to_string()])?;
                rows.next()?.map(|row| read(&row)).transpose()
            })
            .await?;
        let leaves = is_listed && document.last_message_at.is_none();
        if let Some(held) = held {
            let mut told = document.clone();
            if leaves {
                told.last_message_at = held.document.last_message_at;
            }
            if held.document == told {
                return Ok(());
            }
        }
        self.store
            .write_beside(move |connection, _now| {
                leases::check_fence(connection, fence)?;
                let row: Option<(i64, String)> = connection
                    .prepare_cached(&format!(
                        "SELECT number, document FROM directory WHERE id = ?1 AND hidden < 2{LOCKED}"
                    ))?
                    .query_row(params![id.to_string()], |row| {
                        Ok((row.get(0)?, row.get(1)?))
                    })
                    .optional()?;
                let Some((number, held)) = row else {
                    return Ok(());
                };
                let mut document = document.clone();
                if leaves {
                    let held: Conversation = json::from_text("conversation", &held)?;
                    document.last_message_at = held.last_message_at;
                }
                replace(connection, number, &document)
            })
            .await
    }
}

/// Replaces the document of an entry, and its terms where they changed.
fn replace(connection: &Connection, number: i64, document: &Conversation) -> Attempt<()> {
    let (tenant, before): (String, String) = connection
        .prepare_cached("SELECT tenant, document FROM directory WHERE number = ?1")?
        .query_row(params![number], |row| Ok((row.get(0)?, row.get(1)?)))?;
    connection
        .prepare_cached(
            "UPDATE directory SET title = ?2, status = ?3, kind = ?4, priority = ?5, created_at = ?6, \
             updated_at = ?7, last_message_at = ?8, document = ?9, hidden = 0 WHERE number = ?1",
        )?
        .execute(params![
            number,
            title_key(document),
            document.status.as_str(),
            document.kind.as_str(),
            document.priority.as_ref().map(|priority| priority.as_str()),
            Micros(document.created_at),
            Micros(document.updated_at),
            document.last_message_at.map(Micros),
            json::to_text("conversation", document)?
        ])?;
    let before = terms::of_document(&json::from_text("conversation", &before)?);
    let after = terms::of_document(document);
    for gone in before.difference(&after) {
        connection
            .prepare_cached(
                "DELETE FROM directory_terms WHERE tenant = ?1 AND field = ?2 AND value = ?3 AND entry = ?4",
            )?
            .execute(params![tenant, gone.field, gone.value, number])?;
    }
    insert_terms(connection, number, &tenant, after.difference(&before))
}

fn insert_terms<'a>(
    connection: &Connection,
    number: i64,
    tenant: &str,
    terms: impl Iterator<Item = &'a Term>,
) -> Attempt<()> {
    for term in terms {
        connection
            .prepare_cached(
                "INSERT INTO directory_terms (tenant, field, value, entry) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![tenant, term.field, term.value, number])?;
    }
    Ok(())
}

/// True where the id is known, or the place: one where a conversation lived before, or is copied to, is no other one.
fn is_known(connection: &Connection, location: &Location) -> Attempt<bool> {
    let is_known = connection
        .prepare_cached("SELECT 1 FROM directory WHERE id = ?1 OR (backend = ?2 AND native = ?3)")?
        .exists(params![
            location.id.to_string(),
            location.backend,
            location.native
        ])?;
    Ok(is_known || places::is_taken(connection, location)?)
}

/// What a title sorts by.
pub(super) fn title_key(document: &Conversation) -> String {
    document
        .title
        .as_deref()
        .unwrap_or_default()
        .chars()
        .take(TITLE_SORT_CHARS)
        .collect()
}

/// Reads a row of [`COLUMNS`].
pub(super) fn read(row: &Row<'_>) -> Attempt<DirectoryEntry> {
    let id = row.get_ref(1)?.as_str().map_err(crate::sql::Error::from)?;
    let id = id.parse().map_err(|error| {
        Error::new(Kind::Internal, "a stored conversation id is none").source(error)
    })?;
    let tenant: Box<str> = row.get(2)?;
    let Micros(updated_at) = row.get(8)?;
    let last_message_at: Option<Micros> = row.get(9)?;
    let text = row.get_ref(11)?.as_str().map_err(crate::sql::Error::from)?;
    let mut document: Conversation = json::from_text("conversation", text)?;
    document.updated_at = updated_at;
    document.last_message_at = last_message_at.map(|Micros(time)| time);
    Ok(DirectoryEntry {
        location: Location {
            id,
            backend: row.get(4)?,
            native: row.get(5)?,
            credential: row.get(6)?,
            renamed: row.get(10)?,
        },
        tenant: Some(tenant).filter(|tenant| !tenant.is_empty()),
        owner: row.get(3)?,
        deleted: row.get::<_, u8>(7)? == DELETED,
        document,
    })
}

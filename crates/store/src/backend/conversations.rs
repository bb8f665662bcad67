//! Conversations: made, read, changed, deleted.

use backend::ports::NewDirectoryEntry;
use backend::{Context, Error, Kind, Located, Location, Precondition, Result};
use conversation::{
    Conversation, ConversationId, ConversationPatch, Counts, NewConversation, Time, Usage,
    Violation,
};
use futures_util::stream::{self, BoxStream, StreamExt as _};

use super::writes::{self, Operation};
use super::{Admission, StoreBackend, document, in_time, participants};
use crate::failure::{Attempt, Failure};
use crate::sql::{Connection, LOCKED, Micros, OptionalExtension as _, Row, ValueRef, params};
use crate::{json, state};

/// The columns that [`read`] reads, in its order.
pub(super) const COLUMNS: &str =
    "number, native, created_at, updated_at, last_message_at, messages, unread, usage, document";

impl StoreBackend {
    pub(super) async fn create(&self, cx: &Context, new: NewConversation) -> Result<Located> {
        let made = ConversationId::generate();
        // A copy has the id of what it is a copy of, and a native id of its own: both may be in this database.
        let id = cx.public_id.unwrap_or(made);
        let public = cx.public_id.map(|id| id.to_string());
        // What is made now began now, whatever is said of it.
        let began = new.created_at.filter(|_| cx.copying);
        let mut conversation = new.into_conversation(id, self.name(), Time::now());
        participants::complete(&mut conversation.participants)?;
        conversation.counts = Some(Counts { messages: Some(0) });
        conversation.unread = Some(0);
        let native: Box<str> = made.to_string().into();
        let location = Location {
            id,
            backend: self.info.name.clone(),
            native: native.clone(),
            credential: None,
            renamed: public.is_some(),
        };
        let text = json::to_text(
            "conversation",
            &document::of_conversation(conversation.clone()),
        )?;
        let write = writes::Reference::new(cx, self.name(), Operation::Create, &native);
        let (deadline, principal) = (cx.deadline, cx.principal.clone());
        self.store
            .write_beside(move |connection, now| {
                in_time(deadline)?;
                connection
                    .prepare_cached(
                        "INSERT INTO conversations (backend, native, created_at, updated_at, document, public) \
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                    )?
                    .execute(params![
                        write.backend,
                        write.conversation,
                        Micros(began.unwrap_or(now)),
                        Micros(now),
                        text,
                        public
                    ])?;
                write.store(connection, None, now)?;
                let mut document = conversation.clone();
                document.created_at = began.unwrap_or(now);
                document.updated_at = now;
                // In the same transaction, so that no crash leaves a conversation that belongs to nobody. What a copy
                // is a copy of is known already.
                let entry = NewDirectoryEntry {
                    location: location.clone(),
                    tenant: Some(principal.tenant.clone()),
                    owner: principal.user.clone(),
                    document,
                };
                state::insert_entry(connection, &entry)?;
                Ok(Located { location: entry.location, conversation: entry.document })
            })
            .await
    }

    pub(super) async fn read_conversation(&self, at: &Location) -> Result<Conversation> {
        self.store
            .read(|connection| Ok(find(connection, self.name(), at)?.conversation))
            .await
    }

    /// Several at once, in one statement.
    pub(super) fn read_each<'a>(
        &'a self,
        at: &'a [Location],
    ) -> BoxStream<'a, (usize, Result<Conversation>)> {
        // Not before the stream is asked.
        stream::once(async move {
            let at_fault = |error: Error| error.at(self.name(), "get_conversation");
            let read = self
                .store
                .read(|connection| find_all(connection, self.name(), at))
                .await
                .map_err(at_fault);
            let told: Vec<_> = match read {
                Ok(found) => found
                    .into_iter()
                    .map(|found| {
                        found.unwrap_or_else(|| Err(at_fault(Error::conversation_not_found())))
                    })
                    .collect(),
                Err(error) => at.iter().map(|_| Err(error.clone())).collect(),
            };
            stream::iter(told.into_iter().enumerate())
        })
        .flatten()
        .boxed()
    }

    pub(super) async fn change_conversation(
        &self,
        cx: &Context,
        at: &Location,
        patch: ConversationPatch,
        precondition: Option<&Precondition>,
    ) -> Result<Conversation> {
        self.change(cx, at, precondition, move |conversation| {
            patch.clone().apply(conversation).map_err(|_| {
                let detail = "has a shape that it cannot have".to_owned();
                Error::new(
                    Kind::InvalidRequest,
                    "the change does not fit the conversation",
                )
                .violations(vec![
                    // serde's words may quote the document, so the members that can fail are named instead.
                    Violation {
                        pointer: "/assistant".to_owned(),
                        code: "invalid",
                        detail: detail.clone(),
                        exceeds: None,
                    },
                    Violation {
                        pointer: "/extensions".to_owned(),
                        code: "invalid",
                        detail,
                        exceeds: None,
                    },
                ])
            })?;
            participants::complete(&mut conversation.participants)
        })
        .await
    }

    /// Changes a conversation inside a transaction. One that stays equal keeps its times.
    pub(super) async fn change(
        &self,
        cx: &Context,
        at: &Location,
        precondition: Option<&Precondition>,
        change: impl Fn(&mut Conversation) -> Result<()> + Send + 'static,
    ) -> Result<Conversation> {
        let write = writes::Reference::new(cx, self.name(), Operation::Update, &at.native);
        let (at, precondition) = (at.clone(), precondition.cloned());
        let admission = Admission::of(cx);
        self.store
            .write_beside(move |connection, now| {
                admission.check(connection, &write.backend, &at)?;
                let Stored { number, conversation: current } = find(connection, &write.backend, &at)?;
                if let Some(precondition) = &precondition {
                    precondition.check(&current)?;
                }
                let mut changed = current.clone();
                change(&mut changed)?;
                if changed != current {
                    // Every change shows, also where the clock stands still.
                    changed.updated_at = current.updated_at.saturating_add_micros(1).max(now);
                    let text = json::to_text("conversation", &document::of_conversation(changed.clone()))?;
                    connection
                        .prepare_cached("UPDATE conversations SET updated_at = ?2, document = ?3 WHERE number = ?1")?
                        .execute(params![number, Micros(changed.updated_at), text])?;
                    state::refresh_native(connection, &write.backend, &write.conversation, &changed)?;
                }
                write.store(connection, None, now)?;
                Ok(changed)
            })
            .await
    }

    pub(super) async fn remove_conversation(
        &self,
        cx: &Context,
        at: &Location,
        precondition: Option<&Precondition>,
    ) -> Result<()> {
        let (backend, at, precondition) =
            (self.info.name.clone(), at.clone(), precondition.cloned());
        let admission = Admission::of(cx);
        self.store
            .write_beside(move |connection, _now| {
                admission.check(connection, &backend, &at)?;
                let stored = find(connection, &backend, &at)?;
                if let Some(precondition) = &precondition {
                    precondition.check(&stored.conversation)?;
                }
                // Messages and votes go with it: the schema says so.
                connection
                    .prepare_cached("DELETE FROM conversations WHERE number = ?1")?
                    .execute(params![stored.number])?;
                state::tombstone_native(connection, &backend, &at.native)
            })
            .await
    }
}

/// A conversation and its row.
pub(super) struct Stored {
    pub(super) number: i64,
    pub(super) conversation: Conversation,
}

/// The conversation at a location.
pub(super) fn find(connection: &Connection, backend: &str, at: &Location) -> Attempt<Stored> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM conversations WHERE backend = ?1 AND native = ?2"
    ))?;
    let mut rows = statement.query(params![backend, at.native])?;
    let row = rows.next()?.ok_or_else(Error::conversation_not_found)?;
    read(&row, backend, at.id)
}

/// The conversations at these locations, in their order; `None` for one that is not there. CROSS JOIN keeps this order:
/// a lookup for each. What cannot be read of one says nothing of the others.
fn find_all(
    connection: &Connection,
    backend: &str,
    at: &[Location],
) -> Attempt<Vec<Option<Result<Conversation>>>> {
    let natives: Vec<&str> = at.iter().map(|at| &*at.native).collect();
    let natives = json::to_text("list of conversations", &natives)?;
    let mut found: Vec<Option<Result<Conversation>>> = at.iter().map(|_| None).collect();
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS}, j.key FROM json_each(?2) j CROSS JOIN conversations c \
         ON c.backend = ?1 AND c.native = j.value"
    ))?;
    let mut rows = statement.query(params![backend, natives])?;
    while let Some(row) = rows.next()? {
        let place: usize = row.get("key")?;
        if let (Some(found), Some(at)) = (found.get_mut(place), at.get(place)) {
            *found = Some(match read(&row, backend, at.id) {
                Ok(stored) => Ok(stored.conversation),
                Err(Failure::Port(error)) => Err(error),
                Err(failure) => return Err(failure),
            });
        }
    }
    Ok(found)
}

/// The row number of the conversation at a location.
pub(super) fn number(connection: &Connection, backend: &str, at: &Location) -> Attempt<i64> {
    Ok(connection
        .prepare_cached("SELECT number FROM conversations WHERE backend = ?1 AND native = ?2")?
        .query_row(params![backend, at.native], |row| row.get(0))
        .optional()?
        .ok_or_else(Error::conversation_not_found)?)
}

/// True where the conversation at a location lives elsewhere by now. Locks it for the transaction, if it is there.
pub(super) fn is_closed(connection: &Connection, backend: &str, at: &Location) -> Attempt<bool> {
    let closed: Option<bool> = connection
        .prepare_cached(&format!(
            "SELECT closed FROM conversations WHERE backend = ?1 AND native = ?2{LOCKED}"
        ))?
        .query_row(params![backend, at.native], |row| row.get(0))
        .optional()?;
    Ok(closed.unwrap_or_default())
}

/// The public id of a conversation by its row's columns `public` and `native`.
pub(super) fn read_public(public: Option<&str>, native: &str) -> Result<ConversationId> {
    public.unwrap_or(native).parse().map_err(|error| {
        Error::new(Kind::Internal, "a stored conversation id is none").source(error)
    })
}

/// Reads a row of [`COLUMNS`].
pub(super) fn read(row: &Row<'_>, backend: &str, id: ConversationId) -> Attempt<Stored> {
    let Micros(created_at) = row.get(2)?;
    let Micros(updated_at) = row.get(3)?;
    let last_message_at: Option<Micros> = row.get(4)?;
    let usage = read_usage(row.get_ref(7)?)?;
    let text = row.get_ref(8)?.as_str().map_err(crate::sql::Error::from)?;
    let new: NewConversation = json::from_text("conversation", text)?;
    let conversation = Conversation {
        updated_at,
        last_message_at: last_message_at.map(|Micros(time)| time),
        counts: Some(Counts {
            messages: Some(row.get(5)?),
        }),
        unread: Some(row.get(6)?),
        usage,
        ..new.into_conversation(id, backend, created_at)
    };
    Ok(Stored {
        number: row.get(0)?,
        conversation,
    })
}

/// Reads the column `usage`.
pub(super) fn read_usage(column: ValueRef<'_>) -> Attempt<Option<Usage>> {
    let text = column.as_str_or_null().map_err(crate::sql::Error::from)?;
    Ok(text
        .map(|text| json::from_text("usage", text))
        .transpose()?)
}

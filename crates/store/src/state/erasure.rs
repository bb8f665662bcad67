//! Erasing what is kept of a person. Rows are removed here; that nothing of them is left in the files is `scrub`'s.

use async_trait::async_trait;
use backend::Result;
use backend::ports::{Erased, Erasure, KeptAt, RosterEntry};
use conversation::{ConversationId, Digest, MessageId};
use serde_json::Value;

use super::{State, terms};
use crate::failure::Attempt;
use crate::json;
use crate::sql::{Connection, params};

mod answers;
mod conversations;
mod messages;
mod persons;

#[async_trait]
impl Erasure for State {
    async fn conversations_of(&self, person: &RosterEntry) -> Result<Vec<(ConversationId, bool)>> {
        self.store
            .read_together(|connection| of(connection, person))
            .await
    }

    async fn erase_conversation(&self, id: ConversationId) -> Result<Erased> {
        let id = id.to_string();
        let answers = self.erase_answers(id.clone()).await?;
        let erased = self
            .store
            .write(move |connection, _now| conversations::erase(connection, &id))
            .await?;
        Ok(Erased { answers, ..erased })
    }

    async fn erase_message(&self, at: &KeptAt, id: &MessageId) -> Result<Erased> {
        let answers = self.erase_answers(id.as_str().to_owned()).await?;
        let (at, id) = (at.clone(), id.clone());
        let erased = self
            .store
            .write(move |connection, _now| messages::erase(connection, &at, &id))
            .await?;
        Ok(Erased { answers, ..erased })
    }

    async fn erase_person(&self, person: &RosterEntry) -> Result<Erased> {
        let votes = {
            let person = person.clone();
            self.store
                .read_apart(move |connection| persons::votes(connection, &person))
                .await?
        };
        let person = person.clone();
        self.store
            .write(move |connection, _now| persons::erase(connection, &person, &votes))
            .await
    }

    async fn note(&self, person: &RosterEntry, what: &str, note: &Value) -> Result<()> {
        let (person, what) = (digest(person), what.to_owned());
        let note = json::to_text("note", note)?;
        self.store
            .write(move |connection, _now| {
                connection
                    .prepare_cached(
                        "INSERT INTO erasure_notes (person, what, note) VALUES (?1, ?2, ?3) \
                         ON CONFLICT (person, what) DO UPDATE SET note = excluded.note",
                    )?
                    .execute(params![person.as_bytes(), what, note])?;
                Ok(())
            })
            .await
    }

    async fn notes(&self, person: &RosterEntry) -> Result<Vec<(Box<str>, Value)>> {
        let person = digest(person);
        self.store
            .read(|connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT what, note FROM erasure_notes WHERE person = ?1 ORDER BY what",
                )?;
                let mut rows = statement.query(params![person.as_bytes()])?;
                let mut notes = Vec::new();
                while let Some(row) = rows.next()? {
                    let text = row.get_ref(1)?.as_str().map_err(crate::sql::Error::from)?;
                    notes.push((row.get(0)?, json::from_text("note", text)?));
                }
                Ok(notes)
            })
            .await
    }

    async fn scrub(&self) -> Result<()> {
        self.store.scrub().await
    }
}

impl State {
    /// Removes stored answers and requests in which a text occurs that is no part of anything else, such as an id. They
    /// are looked for on a thread of their own: there may be very many.
    async fn erase_answers(&self, text: String) -> Result<u64> {
        let looked_for = text.clone();
        let found = self
            .store
            .read_apart(move |connection| answers::with(connection, &looked_for))
            .await?;
        if found.is_empty() {
            return Ok(0);
        }
        self.store
            .write(move |connection, _now| answers::remove(connection, &found, &text))
            .await
    }
}

/// What stands for a person where nobody may be named. No tenant's name has the separator.
fn digest(person: &RosterEntry) -> Digest {
    Digest::of(format!("{}\0{}", person.tenant, person.user).as_bytes())
}

/// Those that a person owns, deleted ones too, and those in which they take part.
fn of(connection: &Connection, person: &RosterEntry) -> Attempt<Vec<(ConversationId, bool)>> {
    let term = terms::of_participant(&person.user);
    let owned = [
        "SELECT id FROM directory WHERE tenant = ?1 AND owner = ?2 AND hidden = 0",
        "SELECT id FROM directory WHERE tenant = ?1 AND owner = ?2 AND hidden > 0",
    ];
    let mut conversations = Vec::new();
    for sql in owned {
        let mut statement = connection.prepare_cached(sql)?;
        let ids = statement.query_map(params![person.tenant, person.user], |row| {
            row.get::<_, String>(0)
        })?;
        for id in ids {
            conversations.push((read_id(&id?)?, true));
        }
    }
    let mut statement = connection.prepare_cached(
        "SELECT d.id FROM directory_terms t CROSS JOIN directory d ON d.number = t.entry \
         WHERE t.tenant = ?1 AND t.field = ?2 AND t.value = ?3 AND d.owner IS DISTINCT FROM ?4 AND d.hidden < 2",
    )?;
    let ids = statement.query_map(
        params![person.tenant, term.field, term.value, person.user],
        |row| row.get::<_, String>(0),
    )?;
    for id in ids {
        conversations.push((read_id(&id?)?, false));
    }
    conversations.sort();
    Ok(conversations)
}

fn read_id(text: &str) -> Result<ConversationId> {
    text.parse().map_err(|error| {
        backend::Error::new(backend::Kind::Internal, "a stored conversation id is none")
            .source(error)
    })
}

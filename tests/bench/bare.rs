//! The reference for the store: rusqlite alone, one table, prepared statements, on the calling thread.

use std::path::Path;

use rusqlite::{Connection, params};

/// A connection to a database of one table, with the settings that the store is held to: WAL and durable commits.
pub(crate) struct Bare {
    connection: Connection,
}

impl Bare {
    /// Creates the database.
    pub(crate) fn create(file: &Path) -> rusqlite::Result<Self> {
        let connection = Connection::open(file)?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL;
             PRAGMA synchronous = FULL;
             CREATE TABLE message (
               position INTEGER PRIMARY KEY,
               conversation INTEGER NOT NULL,
               id TEXT NOT NULL,
               document TEXT NOT NULL
             );
             CREATE UNIQUE INDEX message_by_id ON message (conversation, id);
             CREATE UNIQUE INDEX message_by_position ON message (conversation, position);",
        )?;
        Ok(Self { connection })
    }

    /// Fills conversations with messages, in one transaction.
    pub(crate) fn fill(
        &mut self,
        conversations: usize,
        messages: usize,
        document: &str,
    ) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        {
            let mut insert = transaction
                .prepare("INSERT INTO message (conversation, id, document) VALUES (?1, ?2, ?3)")?;
            for conversation in 0..conversations {
                for message in 0..messages {
                    insert.execute(params![number(conversation), id_of(message), document])?;
                }
            }
        }
        transaction.commit()
    }

    /// One document by its id.
    pub(crate) fn point(&self, conversation: usize, message: usize) -> rusqlite::Result<String> {
        let mut select = self
            .connection
            .prepare_cached("SELECT document FROM message WHERE conversation = ?1 AND id = ?2")?;
        select.query_row(params![number(conversation), id_of(message)], |row| {
            row.get(0)
        })
    }

    /// The first documents of a conversation.
    pub(crate) fn page(&self, conversation: usize, limit: usize) -> rusqlite::Result<Vec<String>> {
        let mut select = self.connection.prepare_cached(
            "SELECT document FROM message WHERE conversation = ?1 AND position > 0 ORDER BY position LIMIT ?2",
        )?;
        select
            .query_map(params![number(conversation), number(limit)], |row| {
                row.get(0)
            })?
            .collect()
    }

    /// One message in a commit of its own, on disk when this returns.
    pub(crate) fn insert(
        &self,
        conversation: usize,
        message: usize,
        document: &str,
    ) -> rusqlite::Result<()> {
        let mut insert = self.connection.prepare_cached(
            "INSERT INTO message (conversation, id, document) VALUES (?1, ?2, ?3)",
        )?;
        insert
            .execute(params![number(conversation), id_of(message), document])
            .map(drop)
    }
}

fn id_of(message: usize) -> String {
    format!("msg_{message:026}")
}

/// A number as SQLite takes it; all of them are small here.
fn number(value: usize) -> i64 {
    value as i64
}

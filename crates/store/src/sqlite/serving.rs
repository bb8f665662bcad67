//! Who serves from the database, and where: noted by the serving process, read by commands beside it.

use backend::Result;
use conversation::Time;
use rusqlite::{OptionalExtension as _, params};

use super::{DEAD_AFTER, Micros, Store, earlier};

/// A process that serves from a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Serving {
    /// Where it listens, such as `127.0.0.1:8080`.
    pub address: Box<str>,
    /// Its process id.
    pub process: u32,
    /// How it was started, in words.
    pub command: Box<str>,
}

impl Store {
    /// Notes where this process serves. It is forgotten when the store is closed.
    ///
    /// # Errors
    /// Where the database cannot be written.
    pub async fn note_serving(&self, serving: &Serving) -> Result<()> {
        let (serving, instance) = (serving.clone(), self.instance().to_owned());
        self.write(move |connection, now| {
            connection
                .prepare_cached(
                    "INSERT INTO instances (id, heartbeat_at, address, process, command) VALUES (?1, ?2, ?3, ?4, ?5) \
                     ON CONFLICT (id) DO UPDATE SET address = excluded.address, process = excluded.process, \
                     command = excluded.command",
                )?
                .execute(params![
                    instance,
                    Micros(now),
                    serving.address,
                    serving.process,
                    serving.command
                ])?;
            Ok(())
        })
        .await
    }

    /// Who serves from the database, as far as is noted. One that was killed is still noted for up to a minute: then its
    /// address does not answer.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn serving(&self) -> Result<Option<Serving>> {
        let dead_before = Micros(earlier(Time::now(), DEAD_AFTER));
        self.read(|connection| {
            Ok(connection
                .prepare_cached(
                    "SELECT address, process, command FROM instances \
                     WHERE address IS NOT NULL AND heartbeat_at > ?1 ORDER BY heartbeat_at DESC LIMIT 1",
                )?
                .query_row(params![dead_before], |row| {
                    Ok(Serving {
                        address: row.get(0)?,
                        process: row.get(1)?,
                        command: row.get(2)?,
                    })
                })
                .optional()?)
        })
    }
}

//! Who serves from the database, and where: noted by the serving process, read by commands beside it.

use backend::Result;

use crate::sql::{Micros, Row, earlier, params};
use crate::store::Store;

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

    /// Who serves from the database, as far as is noted, the one that was heard of last first. One that was killed is still
    /// noted for a while: then its address does not answer.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub async fn serving(&self) -> Result<Vec<Serving>> {
        let dead_after = self.dead_after();
        self.read(|connection| {
            let dead_before = Micros(earlier(connection.now()?, dead_after));
            let found = connection
                .prepare_cached(
                    "SELECT address, process, command FROM instances \
                     WHERE address IS NOT NULL AND heartbeat_at > ?1 ORDER BY heartbeat_at DESC, id",
                )?
                .query_map(params![dead_before], read)?
                .collect::<crate::sql::Result<_>>()?;
            Ok(found)
        })
        .await
    }
}

fn read(row: &Row<'_>) -> crate::sql::Result<Serving> {
    Ok(Serving {
        address: row.get(0)?,
        process: row.get(1)?,
        command: row.get(2)?,
    })
}

//! What a backend's name is bound to, for ever; and when a backend was last looked through.

use backend::ports::BackendBinding;
use backend::{Error, Kind, Result};
use conversation::Time;

use super::State;
use crate::failure::Attempt;
use crate::sql::{Connection, Micros, OptionalExtension as _, params};

impl State {
    pub(super) async fn bind(&self, binding: &BackendBinding) -> Result<()> {
        if let Some(found) = self
            .store
            .read(|connection| find(connection, &binding.name))
            .await?
        {
            return check(&found, binding);
        }
        let binding = binding.clone();
        self.store
            .write(move |connection, _now| {
                if let Some(found) = find(connection, &binding.name)? {
                    return Ok(check(&found, &binding)?);
                }
                connection
                    .prepare_cached("INSERT INTO bindings (name, kind, base_url, account) VALUES (?1, ?2, ?3, ?4)")?
                    .execute(params![binding.name, binding.kind, binding.base_url, binding.account])?;
                Ok(())
            })
            .await
    }

    /// Whether a backend's name could be bound just so. Writes nothing, and blocks the thread for one read.
    ///
    /// # Errors
    /// [`Kind::Conflict`] where it is bound to something else; the message says what to do.
    pub fn may_bind(&self, binding: &BackendBinding) -> Result<()> {
        let found = self
            .store
            .read_blocking(|connection| find(connection, &binding.name))?;
        found.map_or(Ok(()), |found| check(&found, binding))
    }

    /// Binds the names of backends for ever: all of them, or none where one is bound to something else.
    ///
    /// # Errors
    /// As [`State::may_bind`].
    pub async fn bind_all(&self, bindings: Vec<BackendBinding>) -> Result<()> {
        self.store
            .write(move |connection, _now| {
                for binding in &bindings {
                    if let Some(found) = find(connection, &binding.name)? {
                        check(&found, binding)?;
                        continue;
                    }
                    connection
                        .prepare_cached("INSERT INTO bindings (name, kind, base_url, account) VALUES (?1, ?2, ?3, ?4)")?
                        .execute(params![binding.name, binding.kind, binding.base_url, binding.account])?;
                }
                Ok(())
            })
            .await
    }

    /// The names of all backends that were ever of this kind, in their order: also of those that are configured no more.
    /// Blocks the thread for one read.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn backends_of_kind(&self, kind: &str) -> Result<Vec<Box<str>>> {
        self.store.read_blocking(|connection| {
            let mut statement = connection
                .prepare_cached("SELECT name FROM bindings WHERE kind = ?1 ORDER BY name")?;
            let names = statement.query_map(params![kind], |row| row.get(0))?;
            Ok(names.collect::<crate::sql::Result<_>>()?)
        })
    }

    pub(super) async fn last_discovery(
        &self,
        backend: &str,
        credential: Option<&str>,
    ) -> Result<Option<Time>> {
        let found: Option<Micros> = self
            .store
            .read(|connection| {
                Ok(connection
                    .prepare_cached(
                        "SELECT started_at FROM discoveries WHERE backend = ?1 AND credential = ?2",
                    )?
                    .query_row(params![backend, credential.unwrap_or_default()], |row| {
                        row.get(0)
                    })
                    .optional()?)
            })
            .await?;
        Ok(found.map(|Micros(time)| time))
    }

    pub(super) async fn note_discovery(
        &self,
        backend: &str,
        credential: Option<&str>,
        started: Time,
    ) -> Result<()> {
        let (backend, credential) = (
            backend.to_owned(),
            credential.unwrap_or_default().to_owned(),
        );
        self.store
            .write(move |connection, _now| {
                connection
                    .prepare_cached(
                        "INSERT INTO discoveries (backend, credential, started_at) VALUES (?1, ?2, ?3) \
                         ON CONFLICT (backend, credential) DO UPDATE \
                         SET started_at = max(discoveries.started_at, excluded.started_at)",
                    )?
                    .execute(params![backend, credential, Micros(started)])?;
                Ok(())
            })
            .await
    }
}

fn find(connection: &Connection, name: &str) -> Attempt<Option<BackendBinding>> {
    Ok(connection
        .prepare_cached("SELECT name, kind, base_url, account FROM bindings WHERE name = ?1")?
        .query_row(params![name], |row| {
            Ok(BackendBinding {
                name: row.get(0)?,
                kind: row.get(1)?,
                base_url: row.get(2)?,
                account: row.get(3)?,
            })
        })
        .optional()?)
}

fn check(found: &BackendBinding, wanted: &BackendBinding) -> Result<()> {
    if found == wanted {
        return Ok(());
    }
    let changed = [
        ("kind", &found.kind, &wanted.kind),
        ("base URL", &found.base_url, &wanted.base_url),
        ("account", &found.account, &wanted.account),
    ]
    .into_iter()
    .filter(|(_, found, wanted)| found != wanted)
    .map(|(member, found, wanted)| format!("its {member} is `{found}`, not `{wanted}`"))
    .collect::<Vec<_>>()
    .join(", ");
    let message = format!(
        "the backend name `{}` is bound for ever: {changed}. Keep that, or add a backend with a new name and change \
         the route",
        found.name
    );
    Err(Error::new(Kind::Conflict, message))
}

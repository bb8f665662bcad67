//! Copies of whole databases, from one engine to another: table by table, in the order of their keys, and compared
//! afterwards.
//!
//! A copy that was cut off goes on behind the last row that is there. Until it has ended well, nobody serves from it.

use std::path::Path;

use backend::{Error, Kind, Outcome, Result};
use conversation::Digest;

use crate::config::{Place, StoreConfig};
use crate::failure::Attempt;
use crate::sql::{
    Connection, Micros, OptionalExtension as _, Value, ValueRef, params, params_from_iter,
};
use crate::store::Store;

mod tables;

use tables::{TABLES, Table};

/// How many rows one statement inserts.
const ROWS_AT_ONCE: usize = 50;

/// How far a copy has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyProgress {
    /// The table that is worked on.
    pub table: &'static str,
    /// True while rows are compared, which comes after they were copied.
    pub comparing: bool,
    /// Tables that are done, of `tables`.
    pub tables_done: usize,
    /// How many tables there are.
    pub tables: usize,
    /// Rows of this table so far.
    pub rows: u64,
}

/// What a copy has copied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Copied {
    /// Rows that both databases have.
    pub rows: u64,
    /// How many of them were there already, from a copy that was cut off.
    pub rows_before: u64,
}

type Row = Vec<Value>;

impl Store {
    /// Copies all of `source` into this database, which is a new one or holds a part of the same copy; then compares both,
    /// row by row. Nobody may serve from either meanwhile: this one was opened by [`Store::open_for_copy`].
    ///
    /// # Errors
    /// [`Kind::Conflict`] where this database holds something else, or the two differ afterwards; else where one of them
    /// cannot be read or written: run again, it goes on.
    pub async fn copy_from(
        &self,
        source: &Self,
        mut progress: impl FnMut(&CopyProgress),
    ) -> Result<Copied> {
        self.begin_copy(source).await?;
        let mut copied = Copied::default();
        let mut tell = |table: &Table, comparing, done, rows| {
            progress(&CopyProgress {
                table: table.name,
                comparing,
                tables_done: done,
                tables: TABLES.len(),
                rows,
            });
        };
        for (done, table) in TABLES.iter().enumerate() {
            let columns = self.columns(table).await?;
            let mut last = self.last_key(table).await?;
            if last.is_some() {
                copied.rows_before += self.count(table).await?;
            }
            let mut rows = 0;
            loop {
                let page = source.page(table, &columns, last.as_ref()).await?;
                let Some(newest) = page.last() else {
                    break;
                };
                last = Some(key_of(table, &columns, newest));
                rows += page.len() as u64;
                self.put(table, &columns, page).await?;
                tell(table, false, done, rows);
            }
        }
        for (done, table) in TABLES.iter().enumerate() {
            copied.rows += self
                .compare(source, table, |rows| tell(table, true, done, rows))
                .await?;
        }
        self.end_copy().await?;
        Ok(copied)
    }

    /// Writes all of this database into a new SQLite file, which appears once it is whole: a backup from which a gateway
    /// can be started, or which is copied back. A SQLite database is copied by SQLite itself, beside whoever serves from
    /// it; of PostgreSQL, what was committed when it began.
    ///
    /// # Errors
    /// [`Kind::Conflict`] where the file is there already; else where it cannot be written.
    pub async fn back_up(&self, file: &Path, progress: impl FnMut(&CopyProgress)) -> Result<()> {
        if file.exists() {
            return Err(Error::new(
                Kind::Conflict,
                format!("{} is there already: choose another name", file.display()),
            ));
        }
        let mut part = file.as_os_str().to_owned();
        part.push(".part");
        let part = Path::new(&part);
        let of_file = |error: std::io::Error| {
            Error::new(
                Kind::Unavailable,
                format!("the backup {} cannot be written: {error}", file.display()),
            )
            .source(error)
        };
        remove_files(part).map_err(of_file)?;
        match self.sqlite() {
            Some(sqlite) => sqlite.copy_into(part).await?,
            None => {
                let target = Self::open(StoreConfig::at(part))?;
                target.copy_moment_of(self, progress).await?;
                target.close().await?;
            }
        }
        std::fs::rename(part, file).map_err(of_file)?;
        remove_files(part).map_err(of_file)
    }

    /// As [`Store::copy_from`], into a new file, of one moment of a database that others write to.
    async fn copy_moment_of(
        &self,
        source: &Self,
        mut progress: impl FnMut(&CopyProgress),
    ) -> Result<()> {
        let (sender, mut receiver) = tokio::sync::mpsc::channel(2);
        let mut columns = Vec::new();
        for table in TABLES {
            columns.push(self.columns(table).await?);
        }
        let told = columns.clone();
        let source = source.clone();
        let reading = tokio::spawn(async move {
            source
                .read_together(move |connection| {
                    for (index, table) in TABLES.iter().enumerate() {
                        let mut last = None;
                        loop {
                            let page = page(connection, table, &told[index], last.as_ref())?;
                            let Some(newest) = page.last() else {
                                break;
                            };
                            last = Some(key_of(table, &told[index], newest));
                            if sender.blocking_send((index, page)).is_err() {
                                // Whoever writes has failed, and says why.
                                return Ok(());
                            }
                        }
                    }
                    Ok(())
                })
                .await
        });
        let mut rows = 0;
        while let Some((index, page)) = receiver.recv().await {
            let table = &TABLES[index];
            rows += page.len() as u64;
            self.put(table, &columns[index], page).await?;
            progress(&CopyProgress {
                table: table.name,
                comparing: false,
                tables_done: index,
                tables: TABLES.len(),
                rows,
            });
        }
        reading.await.map_err(|error| {
            Error::new(Kind::Internal, "reading the database broke off")
                .outcome(Outcome::NotApplied)
                .source(error)
        })?
    }

    /// Notes that a copy of `source` is under way, unless there is something else here.
    async fn begin_copy(&self, source: &Self) -> Result<()> {
        let from = source.place();
        if self.postgres().is_none() {
            let message = "a database is copied into PostgreSQL; into a file, it is backed up";
            return Err(Error::new(Kind::InvalidRequest, message));
        }
        self.write(move |connection, now| {
            let begun: Option<String> = connection
                .prepare_cached("SELECT source FROM copies WHERE finished_at IS NULL")?
                .query_row(params![], |row| row.get(0))
                .optional()?;
            match begun {
                Some(begun) if begun == from => return Ok(()),
                Some(begun) => {
                    let message = format!(
                        "a copy of {begun} was begun here and is not finished: finish that one, or make another database"
                    );
                    return Err(Error::new(Kind::Conflict, message).into());
                }
                None => {}
            }
            for table in TABLES {
                let sql = format!("SELECT 1 FROM {} LIMIT 1", table.name);
                if connection.prepare_cached(&sql)?.exists(params![])? {
                    let message = format!(
                        "the database that is to be copied into is not empty (it has {}): make a new one",
                        table.name
                    );
                    return Err(Error::new(Kind::Conflict, message).into());
                }
            }
            connection
                .prepare_cached("INSERT INTO copies (source, started_at) VALUES (?1, ?2)")?
                .execute(params![from, Micros(now)])?;
            Ok(())
        })
        .await
    }

    /// From here on the database may be served from.
    async fn end_copy(&self) -> Result<()> {
        self.write(|connection, now| {
            for table in TABLES.iter().filter(|table| table.is_numbered) {
                let name = table.name;
                let sql = format!(
                    "SELECT setval(pg_get_serial_sequence('{name}', 'number'), \
                     (SELECT coalesce(max(number), 1) FROM {name}))"
                );
                connection.prepare_cached(&sql)?.exists(params![])?;
            }
            connection
                .prepare_cached("UPDATE copies SET finished_at = ?1 WHERE finished_at IS NULL")?
                .execute(params![Micros(now)])?;
            Ok(())
        })
        .await
    }

    /// The columns of a table, by name.
    async fn columns(&self, table: &Table) -> Result<Vec<String>> {
        let (sql, name) = match self.sqlite() {
            Some(_) => (
                "SELECT name FROM pragma_table_info(?1) ORDER BY name",
                table.name,
            ),
            None => (
                "SELECT CAST(column_name AS text) FROM information_schema.columns \
                 WHERE table_schema = current_schema() AND table_name = ?1 ORDER BY 1",
                table.name,
            ),
        };
        self.read(|connection| {
            let mut statement = connection.prepare_cached(sql)?;
            let names = statement.query_map(params![name], |row| row.get(0))?;
            Ok(names.collect::<crate::sql::Result<_>>()?)
        })
        .await
    }

    async fn page(
        &self,
        table: &Table,
        columns: &[String],
        after: Option<&Row>,
    ) -> Result<Vec<Row>> {
        self.read(|connection| page(connection, table, columns, after))
            .await
    }

    /// The key of the last row that is here.
    async fn last_key(&self, table: &Table) -> Result<Option<Row>> {
        let (key, count) = (table.key.join(", "), table.key.len());
        let order: Vec<String> = table
            .key
            .iter()
            .map(|column| format!("{column} DESC"))
            .collect();
        let sql = format!(
            "SELECT {key} FROM {} ORDER BY {} LIMIT 1",
            table.name,
            order.join(", ")
        );
        self.read(|connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            let mut rows = statement.query(params![])?;
            match rows.next()? {
                Some(row) => Ok(Some(values(&row, count)?)),
                None => Ok(None),
            }
        })
        .await
    }

    async fn count(&self, table: &Table) -> Result<u64> {
        let sql = format!("SELECT count(*) FROM {}", table.name);
        self.read(|connection| {
            Ok(connection
                .prepare_cached(&sql)?
                .query_row(params![], |row| row.get(0))?)
        })
        .await
    }

    /// Writes rows in one transaction; one that is there already stays.
    async fn put(&self, table: &'static Table, columns: &[String], rows: Vec<Row>) -> Result<()> {
        let columns = columns.to_vec();
        self.write_beside(move |connection, _now| {
            for rows in rows.chunks(ROWS_AT_ONCE) {
                let places = vec!["?"; columns.len()].join(", ");
                let all = vec![format!("({places})"); rows.len()].join(", ");
                let sql = format!(
                    "INSERT INTO {} ({}) VALUES {all} ON CONFLICT DO NOTHING",
                    table.name,
                    quoted(&columns)
                );
                connection
                    .prepare_cached(&sql)?
                    .execute(params_from_iter(rows.iter().flatten()))?;
            }
            Ok(())
        })
        .await
    }

    /// Reads a table on both sides; how many rows it has. Where a row differs, says which table.
    async fn compare(
        &self,
        source: &Self,
        table: &Table,
        mut tell: impl FnMut(u64),
    ) -> Result<u64> {
        let columns = self.columns(table).await?;
        let theirs = source.columns(table).await?;
        let differ = |rows: u64| {
            let message = format!(
                "the copy differs from its source in the table {}, behind {rows} equal rows: make a new database and \
                 copy once more",
                table.name
            );
            Error::new(Kind::Conflict, message)
        };
        if columns != theirs {
            return Err(differ(0));
        }
        let (mut last, mut rows) = (None, 0);
        loop {
            let here = self.page(table, &columns, last.as_ref()).await?;
            let there = source.page(table, &columns, last.as_ref()).await?;
            if digest_of(&here) != digest_of(&there) {
                return Err(differ(rows));
            }
            let Some(newest) = here.last() else {
                return Ok(rows);
            };
            rows += here.len() as u64;
            last = Some(key_of(table, &columns, newest));
            tell(rows);
        }
    }

    /// Opens a PostgreSQL database that may hold a part of a copy.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_for_copy(config: StoreConfig) -> Result<Self> {
        match config.place {
            Place::Postgres(_) => Self::open_shared(config),
            Place::File(_) => Err(Error::new(
                Kind::InvalidRequest,
                "a database is copied into PostgreSQL; into a file, it is backed up",
            )),
        }
    }
}

/// Refuses a database into which something is copied.
pub(crate) fn check_finished(connection: &Connection) -> Attempt<()> {
    let begun: Option<(String, Micros)> = connection
        .prepare_cached("SELECT source, started_at FROM copies WHERE finished_at IS NULL")?
        .query_row(params![], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((source, Micros(started))) = begun else {
        return Ok(());
    };
    let message = format!(
        "the copy of {source} into this database is not finished (begun {started}): run `dragoman db copy` again"
    );
    Err(Error::new(Kind::Conflict, message).into())
}

fn page(
    connection: &Connection,
    table: &Table,
    columns: &[String],
    after: Option<&Row>,
) -> Attempt<Vec<Row>> {
    let key = table.key.join(", ");
    let mut sql = format!("SELECT {} FROM {}", quoted(columns), table.name);
    let mut bound: Vec<Value> = Vec::new();
    if let Some(after) = after {
        let places = vec!["?"; after.len()].join(", ");
        sql.push_str(&format!(" WHERE ({key}) > ({places})"));
        bound.extend(after.iter().cloned());
    }
    sql.push_str(&format!(" ORDER BY {key} LIMIT ?"));
    bound.push(Value::Integer(
        i64::try_from(table.rows_at_once).unwrap_or(i64::MAX),
    ));
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(&bound))?;
    let mut page = Vec::new();
    while let Some(row) = rows.next()? {
        page.push(values(&row, columns.len())?);
    }
    Ok(page)
}

fn values(row: &crate::sql::Row<'_>, count: usize) -> Attempt<Row> {
    let mut values = Vec::with_capacity(count);
    for column in 0..count {
        values.push(match row.get_ref(column)? {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(number) => Value::Integer(number),
            ValueRef::Real(number) => Value::Real(number),
            ValueRef::Text(_) => Value::Text(row.get(column)?),
            ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
        });
    }
    Ok(values)
}

fn key_of(table: &Table, columns: &[String], row: &Row) -> Row {
    let of = |name: &&str| {
        let index = columns.iter().position(|column| column == name);
        index.map_or(Value::Null, |index| row[index].clone())
    };
    table.key.iter().map(of).collect()
}

/// The names of columns: some are words of the language.
fn quoted(columns: &[String]) -> String {
    let quoted: Vec<String> = columns
        .iter()
        .map(|column| format!("\"{column}\""))
        .collect();
    quoted.join(", ")
}

fn digest_of(rows: &[Row]) -> Digest {
    let mut bytes = Vec::new();
    let mut put = |kind: u8, value: &[u8]| {
        bytes.push(kind);
        bytes.extend((value.len() as u64).to_be_bytes());
        bytes.extend(value);
    };
    for value in rows.iter().flatten() {
        match value {
            Value::Null => put(0, &[]),
            Value::Integer(number) => put(1, &number.to_be_bytes()),
            Value::Real(number) => put(2, &number.to_bits().to_be_bytes()),
            Value::Text(text) => put(3, text.as_bytes()),
            Value::Blob(value) => put(4, value),
        }
    }
    Digest::of(&bytes)
}

/// Removes a database file and those beside it.
fn remove_files(file: &Path) -> std::io::Result<()> {
    for ending in ["", "-wal", "-shm", ".lock", ".schema-lock"] {
        let mut name = file.as_os_str().to_owned();
        name.push(ending);
        match std::fs::remove_file(Path::new(&name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StoreConfig;
    use tables::LEFT_OUT;

    #[test]
    fn every_table_of_both_engines_is_copied_or_left_out_on_purpose() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(StoreConfig::at(directory.path().join("dragoman.db"))).unwrap();
        let of_sqlite: Vec<String> = store.sqlite().unwrap().look(|connection| {
            let mut statement =
                connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")?;
            let names = statement.query_map([], |row| row.get(0))?;
            names.collect()
        });
        let is_known =
            |name: &str| TABLES.iter().any(|table| table.name == name) || LEFT_OUT.contains(&name);
        for name in &of_sqlite {
            assert!(is_known(name), "{name}");
        }
        for table in TABLES {
            assert!(
                of_sqlite.iter().any(|name| name == table.name),
                "{}",
                table.name
            );
        }
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema-postgres");
        for file in std::fs::read_dir(folder).unwrap() {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            for name in text.split("CREATE TABLE ").skip(1) {
                let name = name.split_whitespace().next().unwrap();
                assert!(is_known(name), "{name}");
            }
        }
    }
}

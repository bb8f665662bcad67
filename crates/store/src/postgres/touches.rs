//! Touches: rows that are read for as long as somebody follows, and swept afterwards.

use backend::Result;

use super::{NOW, Postgres};
use crate::sql::{Result as SqlResult, params};

impl Postgres {
    /// Notes a touch; its number.
    pub(crate) async fn touch(&self, document: String) -> Result<u64> {
        self.single(|connection| {
            let number = connection
                .prepare_cached(&format!(
                    "INSERT INTO touches (at, document) VALUES ({NOW}, ?1)"
                ))?
                .insert(params![document])?;
            Ok(number.cast_unsigned())
        })
        .await
    }

    /// What was noted behind a number, with its numbers.
    pub(crate) async fn touches_since(
        &self,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, String)>> {
        self.single(|connection| {
            let found = connection
                .prepare_cached(
                    "SELECT number, document FROM touches WHERE number > ?1 ORDER BY number LIMIT ?2",
                )?
                .query_map(params![after, limit], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })?
                .collect::<SqlResult<_>>()?;
            Ok(found)
        })
        .await
    }

    /// The largest number that is visible now; 0 where there is none.
    pub(crate) async fn newest_touch(&self) -> Result<u64> {
        self.single(|connection| {
            Ok(connection
                .prepare_cached("SELECT coalesce(max(number), 0) FROM touches")?
                .query_row(params![], |row| row.get(0))?)
        })
        .await
    }
}

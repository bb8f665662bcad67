//! Turns: a row for the window that counts now, by the database's clock.

use std::time::Duration;

use backend::Result;
use backend::ports::Taken;

use super::{NOW, Postgres, micros};
use crate::sql::{OptionalExtension as _, params};

impl Postgres {
    /// Asks for one turn of `who` to do `what`, of at most `most` in a `window`.
    pub(crate) async fn take(
        &self,
        what: &str,
        who: &str,
        most: u32,
        window: Duration,
    ) -> Result<Taken> {
        if most == 0 {
            return Ok(Taken::of(false, 0, 0, window));
        }
        let length = micros(window);
        self.single(|connection| {
            let given: Option<(u32, i64)> = connection
                .prepare_cached(&format!(
                    "INSERT INTO turns (what, who, window_ends_at, taken) VALUES (?1, ?2, {NOW} + ?4, 1) \
                     ON CONFLICT (what, who) DO UPDATE SET \
                     taken = CASE WHEN turns.window_ends_at <= {NOW} THEN 1 ELSE turns.taken + 1 END, \
                     window_ends_at = CASE WHEN turns.window_ends_at <= {NOW} THEN {NOW} + ?4 \
                     ELSE turns.window_ends_at END \
                     WHERE turns.window_ends_at <= {NOW} OR turns.taken < ?3 \
                     RETURNING taken, window_ends_at - {NOW}"
                ))?
                .query_row(params![what, who, most, length], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })
                .optional()?;
            if let Some((used, left)) = given {
                return Ok(Taken::of(true, used, most, span(left)));
            }
            let (used, left) = connection
                .prepare_cached(&format!(
                    "SELECT taken, window_ends_at - {NOW} FROM turns WHERE what = ?1 AND who = ?2"
                ))?
                .query_row(params![what, who], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?
                // It was over, and swept, in between: then the next one is asked for again.
                .unwrap_or((most, 0));
            Ok(Taken::of(false, used, most, span(left)))
        })
        .await
    }
}

fn span(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or_default())
}

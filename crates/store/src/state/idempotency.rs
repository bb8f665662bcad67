//! Idempotency records: one key, one effect, one answer.
//!
//! A record without an answer belongs to the process that began it, until that process is dead: then whoever asks
//! takes it over and settles the write. A process is dead when its heartbeat is old or gone; one that serves alone
//! clears all others' when it starts.

use std::time::Duration;

use async_trait::async_trait;
use backend::ports::{Begin, Idempotency, IdempotencyKey, StoredAnswer};
use backend::{Error, Intent, Kind, Result};
use conversation::{Digest, Time};
use serde::Deserialize;
use uuid::Uuid;

use super::State;
use crate::failure::Attempt;
use crate::json;
use crate::sql::{Connection, Micros, OptionalExtension as _, earlier, params};

/// How long a record of a dead process waits for somebody to repeat its request.
const ABANDONED_RETENTION: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Who holds a record that was abandoned: no process has this id.
const NOBODY: &str = "";
/// The most records that one transaction removes: callers wait meanwhile.
const SWEEP_MAX_ROWS: usize = 2_000;

/// A record.
struct Record {
    request: [u8; 32],
    intent: String,
    instance: String,
    answer: Option<String>,
}

#[async_trait]
impl Idempotency for State {
    async fn begin(&self, key: &IdempotencyKey, request: Digest, intent: &Intent) -> Result<Begin> {
        // A repeat is most often answered already: that needs no transaction.
        let found = self
            .store
            .read(|connection| find(connection, key, Time::now()))
            .await?;
        if let Some(begin) = found
            .map(|record| answered(&record, request))
            .transpose()?
            .flatten()
        {
            return Ok(begin);
        }
        let (key, text, intent) = (
            key.clone(),
            json::to_text("intent", intent)?,
            intent.clone(),
        );
        let (instance, dead_after) = (self.store.instance().to_owned(), self.store.dead_after());
        self.store
            .write_beside(move |connection, now| {
                if insert(connection, &key, request, &text, &instance, now)? {
                    return Ok(Begin::Run);
                }
                // Whoever took the key meanwhile may have given it back.
                let Some(record) = find(connection, &key, now)? else {
                    return Ok(Begin::Running);
                };
                if let Some(begin) = answered(&record, request)? {
                    return Ok(begin);
                }
                let dead_before = earlier(now, dead_after);
                if record.instance == instance || lives(connection, &record.instance, dead_before)? {
                    return Ok(Begin::Running);
                }
                // Of several who find it abandoned, one takes it over.
                let taken = connection
                    .prepare_cached(
                        "UPDATE idempotency SET instance = ?4 WHERE tenant = ?1 AND caller = ?2 AND key = ?3 \
                         AND instance = ?5 AND answer IS NULL",
                    )?
                    .execute(params![key.tenant, key.caller, key.key, instance, record.instance])?;
                if taken == 0 {
                    return Ok(Begin::Running);
                }
                Ok(Begin::Abandoned(Box::new(begun(&record.intent, intent.clone())?)))
            })
            .await
    }

    async fn restart(&self, key: &IdempotencyKey, intent: &Intent) -> Result<()> {
        let (key, intent) = (key.clone(), json::to_text("intent", intent)?);
        let instance = self.store.instance().to_owned();
        self.store
            .write_beside(move |connection, now| {
                let restarted = connection
                    .prepare_cached(
                        "UPDATE idempotency SET intent = ?5, started_at = ?6 \
                         WHERE tenant = ?1 AND caller = ?2 AND key = ?3 AND instance = ?4 AND answer IS NULL",
                    )?
                    .execute(params![key.tenant, key.caller, key.key, instance, intent, Micros(now)])?;
                require_held(restarted)
            })
            .await
    }

    async fn abandon(&self, key: &IdempotencyKey) -> Result<()> {
        let (key, instance) = (key.clone(), self.store.instance().to_owned());
        self.store
            .write_beside(move |connection, _now| {
                let abandoned = connection
                    .prepare_cached(
                        "UPDATE idempotency SET instance = ?5 \
                         WHERE tenant = ?1 AND caller = ?2 AND key = ?3 AND instance = ?4 AND answer IS NULL",
                    )?
                    .execute(params![key.tenant, key.caller, key.key, instance, NOBODY])?;
                require_held(abandoned)
            })
            .await
    }

    async fn finish(
        &self,
        key: &IdempotencyKey,
        answer: &StoredAnswer,
        expires_at: Time,
    ) -> Result<()> {
        let (key, answer) = (key.clone(), json::to_text("answer", answer)?);
        let instance = self.store.instance().to_owned();
        self.store
            .write_beside(move |connection, _now| {
                let finished = connection
                    .prepare_cached(
                        "UPDATE idempotency SET answer = ?5, expires_at = ?6 \
                         WHERE tenant = ?1 AND caller = ?2 AND key = ?3 AND instance = ?4 AND answer IS NULL",
                    )?
                    .execute(params![key.tenant, key.caller, key.key, instance, answer, Micros(expires_at)])?;
                require_held(finished)
            })
            .await
    }

    async fn release(&self, key: &IdempotencyKey) -> Result<()> {
        let (key, instance) = (key.clone(), self.store.instance().to_owned());
        self.store
            .write_beside(move |connection, _now| {
                connection
                    .prepare_cached(
                        "DELETE FROM idempotency \
                         WHERE tenant = ?1 AND caller = ?2 AND key = ?3 AND instance = ?4 AND answer IS NULL",
                    )?
                    .execute(params![key.tenant, key.caller, key.key, instance])?;
                Ok(())
            })
            .await
    }

    async fn sweep(&self, now: Time) -> Result<u64> {
        let (mut swept, dead_after) = (0, self.store.dead_after());
        loop {
            let removed = self
                .store
                .write(move |connection, _now| remove_some(connection, now, dead_after))
                .await?;
            swept += removed as u64;
            if removed < SWEEP_MAX_ROWS {
                return Ok(swept);
            }
        }
    }
}

/// A record can be changed by the process that holds it only: `changed` rows were its.
fn require_held(changed: usize) -> Attempt<()> {
    if changed == 0 {
        let error = Error::new(
            Kind::Conflict,
            "this process does not hold the idempotency key",
        );
        return Err(error.into());
    }
    Ok(())
}

/// When a write was begun and under which id: what every version wrote of an intent.
#[derive(Deserialize)]
struct Begun {
    id: Uuid,
    started_at: Time,
    deadline_at: Time,
}

/// A stored intent. One that another version wrote in words that this one does not read asks for the same write all the
/// same, because the requests are equal: then `repeat` says it.
fn begun(stored: &str, repeat: Intent) -> Result<Intent> {
    if let Ok(intent) = json::from_text("intent", stored) {
        return Ok(intent);
    }
    let Begun {
        id,
        started_at,
        deadline_at,
    } = json::from_text("intent", stored)?;
    Ok(Intent {
        id,
        started_at,
        deadline_at,
        ..repeat
    })
}

/// The record of a key; one that has expired counts as absent.
fn find(connection: &Connection, key: &IdempotencyKey, now: Time) -> Attempt<Option<Record>> {
    Ok(connection
        .prepare_cached(
            "SELECT request, intent, instance, answer FROM idempotency \
             WHERE tenant = ?1 AND caller = ?2 AND key = ?3 AND (expires_at IS NULL OR expires_at > ?4)",
        )?
        .query_row(params![key.tenant, key.caller, key.key, Micros(now)], |row| {
            Ok(Record { request: row.get(0)?, intent: row.get(1)?, instance: row.get(2)?, answer: row.get(3)? })
        })
        .optional()?)
}

/// What a record says whoever holds it: another request, or the answer.
fn answered(record: &Record, request: Digest) -> Result<Option<Begin>> {
    if record.request != *request.as_bytes() {
        return Ok(Some(Begin::Mismatch));
    }
    record
        .answer
        .as_deref()
        .map(|answer| Ok(Begin::Answered(json::from_text("answer", answer)?)))
        .transpose()
}

/// Takes a key where nobody holds it, and true then; an expired record under it goes.
fn insert(
    connection: &Connection,
    key: &IdempotencyKey,
    request: Digest,
    intent: &str,
    instance: &str,
    now: Time,
) -> Attempt<bool> {
    let taken = connection
        .prepare_cached(
            "INSERT INTO idempotency (tenant, caller, key, request, intent, instance, started_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
             ON CONFLICT (tenant, caller, key) DO UPDATE SET request = excluded.request, intent = excluded.intent, \
             instance = excluded.instance, started_at = excluded.started_at, answer = NULL, expires_at = NULL \
             WHERE idempotency.expires_at <= ?7",
        )?
        .execute(params![key.tenant, key.caller, key.key, request.as_bytes(), intent, instance, Micros(now)])?;
    Ok(taken > 0)
}

fn lives(connection: &Connection, instance: &str, dead_before: Time) -> Attempt<bool> {
    Ok(connection
        .prepare_cached("SELECT 1 FROM instances WHERE id = ?1 AND heartbeat_at > ?2")?
        .exists(params![instance, Micros(dead_before)])?)
}

fn remove_some(connection: &Connection, now: Time, dead_after: Duration) -> Attempt<usize> {
    let expired = connection
        .prepare_cached(
            "DELETE FROM idempotency WHERE number IN (SELECT number FROM idempotency WHERE expires_at <= ?1 LIMIT ?2)",
        )?
        .execute(params![Micros(now), SWEEP_MAX_ROWS])?;
    let abandoned = connection
        .prepare_cached(
            "DELETE FROM idempotency WHERE number IN (SELECT number FROM idempotency \
             WHERE expires_at IS NULL AND started_at < ?1 AND NOT EXISTS \
             (SELECT 1 FROM instances WHERE id = instance AND heartbeat_at > ?2) LIMIT ?3)",
        )?
        .execute(params![
            Micros(earlier(now, ABANDONED_RETENTION)),
            Micros(earlier(now, dead_after)),
            SWEEP_MAX_ROWS - expired
        ])?;
    Ok(expired + abandoned)
}

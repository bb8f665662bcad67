//! Activity: how far the business has read. Who types is told to nobody here, so it is stored nowhere.

use backend::{Context, Error, Kind, Location, Result};
use conversation::{Activity, ActivityKind, Conversation, Side, Violation};

use super::{Admission, StoreBackend, conversations};
use crate::failure::Attempt;
use crate::sql::{Connection, OptionalExtension as _, params};

/// Where a message stands in its conversation: `sent_at` and `arrival`.
type Place = (i64, i64);

impl StoreBackend {
    /// `unread` counts what waits for the business, so what a customer reads changes nothing. Reading moves no time
    /// of the conversation: lists by `updated_at` keep their order.
    pub(super) async fn note_activity(
        &self,
        cx: &Context,
        at: &Location,
        activity: &Activity,
    ) -> Result<()> {
        let is_read = match activity.activity {
            ActivityKind::Read => true,
            ActivityKind::TypingStart | ActivityKind::TypingStop => false,
            ActivityKind::Joined | ActivityKind::Left | ActivityKind::Other(_) => {
                return Err(not_told());
            }
        };
        let conversation = self.read_conversation(at).await?;
        if !is_read || is_of_customer(&conversation, activity.participant_id.as_deref()) {
            return Ok(());
        }
        let is_known = self
            .store
            .read(|connection| is_read_to_the_end(connection, self.name(), at))
            .await?;
        if is_known {
            return Ok(());
        }
        let (backend, at, admission) = (self.info.name.clone(), at.clone(), Admission::of(cx));
        self.store
            .write_beside(move |connection, _now| {
                admission.check(connection, &backend, &at)?;
                let number = conversations::number(connection, &backend, &at)?;
                let place = newest(connection, number)?;
                connection
                    .prepare_cached(
                        "UPDATE conversations SET unread = 0, read_sent_at = ?2, read_arrival = ?3 WHERE number = ?1",
                    )?
                    .execute(params![number, place.map(|place| place.0), place.map(|place| place.1)])?;
                Ok(())
            })
            .await
    }
}

fn not_told() -> Error {
    Error::new(Kind::InvalidRequest, "this is not told as activity").violations(vec![Violation {
        pointer: "/activity".to_owned(),
        code: "unknown-value",
        detail: "use one of: read, typing_start, typing_stop; participants are added and removed"
            .to_owned(),
        exceeds: None,
    }])
}

fn is_of_customer(conversation: &Conversation, participant: Option<&str>) -> bool {
    participant.is_some_and(|id| {
        conversation
            .participants
            .iter()
            .any(|one| one.id.as_deref() == Some(id) && one.side == Some(Side::Customer))
    })
}

fn is_read_to_the_end(connection: &Connection, backend: &str, at: &Location) -> Attempt<bool> {
    let number = conversations::number(connection, backend, at)?;
    let (unread, read): (u64, Option<Place>) = connection
        .prepare_cached(
            "SELECT unread, read_sent_at, read_arrival FROM conversations WHERE number = ?1",
        )?
        .query_row(params![number], |row| {
            let sent_at: Option<i64> = row.get(1)?;
            let arrival: Option<i64> = row.get(2)?;
            Ok((row.get(0)?, sent_at.zip(arrival)))
        })?;
    Ok(unread == 0 && read == newest(connection, number)?)
}

/// The place of a conversation's last message.
fn newest(connection: &Connection, conversation: i64) -> Attempt<Option<Place>> {
    Ok(connection
        .prepare_cached(
            "SELECT sent_at, arrival FROM messages WHERE conversation = ?1 \
             ORDER BY sent_at DESC, arrival DESC LIMIT 1",
        )?
        .query_row(params![conversation], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?)
}

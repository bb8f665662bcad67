//! Names: by which ids messages and attachments are known at a place.

use std::str::FromStr;

use async_trait::async_trait;
use backend::ports::{Arriving, Names, PlaceQuery};
use backend::{Error, Kind, Result};
use conversation::{AttachmentId, MessageId, Time};
use serde::Serialize;

use super::{State, intents};
use crate::json;
use crate::sql::params;

/// For each of a list, where it is known: the other id. CROSS JOIN keeps this order: a lookup for each.
pub(crate) const MESSAGE_NATIVES: &str = "SELECT j.key, m.native FROM json_each(?3) j CROSS JOIN copied_messages m \
     ON m.place = (SELECT number FROM places WHERE conversation = ?1 AND backend = ?2) AND m.public = j.value \
     WHERE m.native IS NOT NULL";
pub(crate) const MESSAGE_PUBLICS: &str = "SELECT j.key, m.public FROM json_each(?3) j CROSS JOIN copied_messages m \
     ON m.place = (SELECT number FROM places WHERE conversation = ?1 AND backend = ?2) AND m.native = j.value \
     UNION ALL SELECT j.key, f.public FROM json_each(?3) j CROSS JOIN former_messages f \
     ON f.place = (SELECT number FROM places WHERE conversation = ?1 AND backend = ?2) AND f.native = j.value \
     AND NOT EXISTS (SELECT 1 FROM copied_messages m WHERE m.place = f.place AND m.native = f.native)";
pub(crate) const ATTACHMENT_NATIVES: &str = "SELECT j.key, coalesce(a.native, a.public) FROM json_each(?3) j CROSS JOIN copied_attachments a \
     ON a.place = (SELECT number FROM places WHERE conversation = ?1 AND backend = ?2) AND a.public = j.value";
pub(crate) const ATTACHMENT_PUBLICS: &str = "SELECT j.key, a.public FROM json_each(?3) j CROSS JOIN copied_attachments a \
     ON a.place = (SELECT number FROM places WHERE conversation = ?1 AND backend = ?2) AND a.native = j.value";

#[async_trait]
impl Names for State {
    async fn message_natives(
        &self,
        at: &PlaceQuery,
        public: &[MessageId],
    ) -> Result<Vec<Option<MessageId>>> {
        self.other_ids(MESSAGE_NATIVES, at, public).await
    }

    async fn message_publics(
        &self,
        at: &PlaceQuery,
        native: &[MessageId],
    ) -> Result<Vec<Option<MessageId>>> {
        self.other_ids(MESSAGE_PUBLICS, at, native).await
    }

    /// One that is known to be there is always named, also where it has the same id: a copy tells by that whether the
    /// bytes are there.
    async fn attachment_natives(
        &self,
        at: &PlaceQuery,
        public: &[AttachmentId],
    ) -> Result<Vec<Option<AttachmentId>>> {
        self.other_ids(ATTACHMENT_NATIVES, at, public).await
    }

    async fn attachment_publics(
        &self,
        at: &PlaceQuery,
        native: &[AttachmentId],
    ) -> Result<Vec<Option<AttachmentId>>> {
        self.other_ids(ATTACHMENT_PUBLICS, at, native).await
    }

    async fn arriving(&self, at: &PlaceQuery) -> Result<Vec<Arriving>> {
        let now = Time::now();
        self.store
            .read(|connection| intents::arriving(connection, at, now))
            .await
    }
}

impl State {
    async fn other_ids<T: Serialize + FromStr + Clone + Send + Sync>(
        &self,
        sql: &str,
        at: &PlaceQuery,
        ids: &[T],
    ) -> Result<Vec<Option<T>>> {
        let mut others: Vec<Option<T>> = vec![None; ids.len()];
        if ids.is_empty() {
            return Ok(others);
        }
        let list = json::to_text("list of ids", ids)?;
        self.store
            .read(|connection| {
                let mut statement = connection.prepare_cached(sql)?;
                let mut rows =
                    statement.query(params![at.conversation.to_string(), at.backend, list])?;
                while let Some(row) = rows.next()? {
                    let place: usize = row.get(0)?;
                    let text = row.get_ref(1)?.as_str().map_err(crate::sql::Error::from)?;
                    let other = text
                        .parse()
                        .map_err(|_| Error::new(Kind::Internal, "a stored id is none"))?;
                    if let Some(slot) = others.get_mut(place) {
                        *slot = Some(other);
                    }
                }
                Ok(())
            })
            .await?;
        Ok(others)
    }
}

//! Messages by number, and by ids that only a facade has.
//!
//! Backends page by cursor. A facade whose vendor pages by number remembers, for a while, which cursor stands at which
//! number: whoever walks on pays for a page only. Without the memory the pages before are walked once more.

use std::sync::Arc;
use std::time::Duration;

use backend::{
    Backend, Context, Cursor, Error, Kind, Location, Order, PageRequest, Position, Result,
};
use conversation::{ConversationId, Message, MessageId};
use moka::sync::Cache;

/// Messages of a page of a walk.
const WALK_PAGE: usize = 200;
/// Places and ids that are remembered.
const REMEMBERED_MAX: u64 = 100_000;
/// How long.
const REMEMBERED_FOR: Duration = Duration::from_secs(600);
/// Messages stand in the order in which they were said, but for what a vendor's clock adds: a walk looks so far beyond the
/// time that an id names, in microseconds.
const SKEW_MICROS: i64 = 300 * 1_000_000;

/// How a facade spells a message's id.
#[derive(Debug, Clone, Copy)]
pub struct MessageSpelling {
    /// The id of a message. The same every time.
    pub spell: fn(&Message) -> String,
    /// The message's own id, where the spelling is or holds it.
    pub read: fn(&str) -> Option<MessageId>,
    /// When the message was said, in milliseconds of Unix time, where the spelling tells.
    pub time_ms: fn(&str) -> Option<i64>,
}

/// Messages as facades ask for them. Cheap to clone; clones share what is remembered.
#[derive(Debug, Clone)]
pub struct Messages {
    backend: Arc<dyn Backend>,
    /// The cursor behind so many messages, oldest first. Each belongs to an age of its conversation.
    places: Cache<(ConversationId, u64, u64), Cursor>,
    /// How often the places of a conversation were thrown away. They are forgotten first, so this may be forgotten too.
    ages: Cache<ConversationId, u64>,
    ids: Cache<(ConversationId, Box<str>), MessageId>,
}

impl Messages {
    /// Those of `backend`.
    #[must_use]
    pub fn new(backend: Arc<dyn Backend>) -> Self {
        Self {
            backend,
            places: memory(),
            ages: memory(),
            ids: memory(),
        }
    }

    /// Throws away which cursor stands at which number: a message has gone, or one has come in between.
    pub fn forget(&self, conversation: ConversationId) {
        let age = self.age(conversation);
        self.ages.insert(conversation, age.wrapping_add(1));
    }

    fn age(&self, conversation: ConversationId) -> u64 {
        self.ages.get(&conversation).unwrap_or_default()
    }

    /// At most `limit` messages behind the first `skip`, oldest first.
    ///
    /// # Errors
    /// Those of the backend.
    pub async fn by_number(
        &self,
        cx: &Context,
        at: &Location,
        skip: u64,
        limit: usize,
    ) -> Result<Vec<Message>> {
        match self.walk_on(cx, at, skip, limit).await {
            // The conversation has moved since, and its old home does not know the place any more. It was remembered
            // here; no caller named it.
            Err(error) if error.kind == Kind::InvalidCursor => {
                self.forget(at.id);
                self.walk_on(cx, at, skip, limit).await
            }
            found => found,
        }
    }

    async fn walk_on(
        &self,
        cx: &Context,
        at: &Location,
        skip: u64,
        limit: usize,
    ) -> Result<Vec<Message>> {
        let age = self.age(at.id);
        let Some(mut position) = self.place(cx, at, age, skip).await? else {
            return Ok(Vec::new());
        };
        let mut found: Vec<Message> = Vec::new();
        while found.len() < limit {
            let request = PageRequest {
                limit: (limit - found.len()).min(WALK_PAGE),
                order: Order::Asc,
                position: position.map(Position::After),
            };
            let page = self.backend.list_messages(cx, at, &request).await?;
            found.extend(page.items);
            let Some(next) = page.next else { break };
            let number = skip.saturating_add(u64::try_from(found.len()).unwrap_or(u64::MAX));
            self.places.insert((at.id, age, number), next.clone());
            position = Some(next);
        }
        Ok(found)
    }

    /// Where the messages behind the first `skip` begin; `None` where there are none.
    async fn place(
        &self,
        cx: &Context,
        at: &Location,
        age: u64,
        skip: u64,
    ) -> Result<Option<Option<Cursor>>> {
        if skip == 0 {
            return Ok(Some(None));
        }
        if let Some(known) = self.places.get(&(at.id, age, skip)) {
            return Ok(Some(Some(known)));
        }
        let (mut number, mut position) = (0_u64, None);
        while number < skip {
            let wanted = usize::try_from(skip - number).unwrap_or(usize::MAX);
            let request = PageRequest {
                limit: wanted.min(WALK_PAGE),
                order: Order::Asc,
                position: position.map(Position::After),
            };
            let page = self.backend.list_messages(cx, at, &request).await?;
            let Some(next) = page.next else {
                return Ok(None);
            };
            number = number.saturating_add(u64::try_from(page.items.len()).unwrap_or(u64::MAX));
            position = Some(next);
        }
        if let Some(cursor) = &position {
            self.places.insert((at.id, age, number), cursor.clone());
        }
        Ok(Some(position))
    }

    /// Remembers the ids of messages that are being shown, so that they are found again at once.
    pub fn remember(&self, spelling: &MessageSpelling, at: ConversationId, shown: &[Message]) {
        for message in shown {
            let spelled = (spelling.spell)(message);
            if (spelling.read)(&spelled).as_ref() != Some(&message.id) {
                self.ids.insert((at, spelled.into()), message.id.clone());
            }
        }
    }

    /// The message whose id a caller spells like this.
    ///
    /// # Errors
    /// [`backend::Kind::NotFound`] where there is none; else those of the backend.
    pub async fn find(
        &self,
        cx: &Context,
        at: &Location,
        spelling: &MessageSpelling,
        spelled: &str,
    ) -> Result<Message> {
        let known = self.ids.get(&(at.id, spelled.into()));
        if let Some(id) = known.or_else(|| (spelling.read)(spelled)) {
            match self.backend.get_message(cx, at, &id).await {
                Err(error) if error.kind == backend::Kind::NotFound => {}
                found => return found,
            }
        }
        let Some(time) = (spelling.time_ms)(spelled) else {
            return Err(Error::message_not_found());
        };
        let earliest = time.saturating_mul(1_000).saturating_sub(SKEW_MICROS);
        let mut position = None;
        loop {
            let request = PageRequest {
                limit: WALK_PAGE,
                order: Order::Desc,
                position: position.map(Position::After),
            };
            let page = self.backend.list_messages(cx, at, &request).await?;
            self.remember(spelling, at.id, &page.items);
            let is_before = |message: &Message| message.sent_at.as_micros() < earliest;
            let is_over = page.items.iter().all(is_before);
            let found = page
                .items
                .into_iter()
                .find(|message| (spelling.spell)(message) == spelled);
            match (found, page.next) {
                (Some(found), _) => return Ok(found),
                (None, Some(next)) if !is_over => position = Some(next),
                (None, _) => return Err(Error::message_not_found()),
            }
        }
    }
}

fn memory<K, V>() -> Cache<K, V>
where
    K: std::hash::Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    Cache::builder()
        .max_capacity(REMEMBERED_MAX)
        .time_to_live(REMEMBERED_FOR)
        .build()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use backend::{Principal, Scope};
    use conversation::{NewConversation, NewMessage, Role, text_of};
    use store::{Store, StoreConfig};

    use super::*;
    use crate::Caller;

    #[tokio::test]
    async fn a_remembered_place_that_the_backend_does_not_know_any_more_is_looked_for_anew() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(StoreConfig::at(directory.path().join("test.db"))).unwrap();
        let backend: Arc<dyn Backend> = Arc::new(store.backend("store"));
        let principal = Principal {
            tenant: "acme".into(),
            key: "k".into(),
            user: None,
            scopes: Scope::ALL.to_vec(),
        };
        let cx = Caller::new(Arc::new(principal)).context(Duration::from_secs(60));
        let new = NewConversation::default();
        let at = backend
            .create_conversation(&cx, new)
            .await
            .unwrap()
            .location;
        for number in 0..4 {
            let new = NewMessage::text(Role::User, number.to_string());
            backend.post_message(&cx, &at, new).await.unwrap();
        }
        let messages = Messages::new(backend);
        // Of a home that the conversation has left.
        let stale = Cursor::from("of another place");
        messages.places.insert((at.id, 0, 2), stale);
        let found = messages.by_number(&cx, &at, 2, 10).await.unwrap();
        let texts: Vec<String> = found.iter().map(|one| text_of(&one.parts)).collect();
        assert_eq!(texts, ["2", "3"]);
    }
}

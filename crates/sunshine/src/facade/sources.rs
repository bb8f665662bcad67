//! The lists that together are a user's conversations: those in which the user takes part, and those that belong to the
//! user's name, whoever takes part in them.

use backend::{
    ConversationFilter, ConversationQuery, Cursor, Located, Order, PageRequest, Position, SortKey,
};
use conversation::{Conversation, ConversationId, Kind, Time};
use facadekit::Caller;

use super::answer::Refused;
use super::call::Call;
use super::ids::time_of;
use super::membership::takes_part;

/// How many are looked at at once on the way to a cursor.
const WALK_PAGE: usize = 200;

/// One list.
#[derive(Debug)]
pub(super) struct Source {
    caller: Caller,
    /// Absent where all that the caller sees is the user's.
    participant: Option<Box<str>>,
}

/// A place in the order of all lists: when a conversation began, and which one it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    began_ms: i64,
    at: Option<(Time, ConversationId)>,
}

impl Mark {
    /// Whether a conversation comes before the mark, or is the one that it names.
    fn covers(&self, one: &Conversation) -> bool {
        match self.at {
            Some(at) => (one.created_at, one.id) <= at,
            None => one.created_at.as_millis() <= self.began_ms,
        }
    }

    fn names(&self, one: &Conversation) -> bool {
        self.at.is_some_and(|(_, id)| id == one.id)
    }
}

/// The order of all lists.
pub(super) fn order(one: &Conversation) -> (Time, ConversationId) {
    (one.created_at, one.id)
}

impl Source {
    /// The lists of a user whom the caller may know.
    pub(super) fn all(call: &Call, person: &str) -> Vec<Self> {
        let mut all = Vec::new();
        // Whoever is this user sees nothing but what is theirs.
        if call.caller.principal.user.is_none() {
            all.push(Self {
                caller: call.caller.clone(),
                participant: Some(person.into()),
            });
        }
        all.extend(call.caller.acting_for(person).map(|caller| Self {
            caller,
            participant: None,
        }));
        all
    }

    fn query(&self, kind: &[Kind], limit: usize, position: Option<Cursor>) -> ConversationQuery {
        ConversationQuery {
            filter: ConversationFilter {
                participant: self.participant.clone(),
                kind: kind.to_vec(),
                ..ConversationFilter::default()
            },
            sort: SortKey::CreatedAt,
            page: PageRequest {
                limit,
                order: Order::Asc,
                position: position.map(Position::After),
            },
        }
    }

    /// At most `limit` conversations from here on, oldest first, and where the list goes on.
    pub(super) async fn read(
        &self,
        call: &Call,
        kind: &[Kind],
        limit: usize,
        position: Option<Cursor>,
    ) -> Result<(Vec<Located>, Option<Cursor>), Refused> {
        let mut query = self.query(kind, limit, position);
        let mut found = Vec::new();
        loop {
            let timeout = call.shared.parts.limits.request_timeout;
            let cx = self.caller.context(timeout);
            let answer = call.backend().list_conversations(&cx, &query).await?;
            for located in answer.page.items {
                let is_theirs = match &self.participant {
                    Some(person) => takes_part(call, &located, person).await?,
                    None => true,
                };
                if is_theirs {
                    found.push(located);
                }
            }
            // Rows may be left out, and whoever reads on must not stop for that.
            match answer.page.next {
                Some(next) if found.len() < limit => {
                    query.page = PageRequest {
                        limit: limit - found.len(),
                        ..query.page
                    }
                    .after(next);
                }
                next => return Ok((found, next)),
            }
        }
    }

    /// How many entries of the gateway's own index stand up to a mark; the one that it names counts where `with_named`.
    /// No backend is asked.
    pub(super) async fn number(
        &self,
        call: &Call,
        mark: &Mark,
        with_named: bool,
    ) -> Result<u64, Refused> {
        let directory = &call.shared.parts.directory;
        let mut query = self.query(&[], WALK_PAGE, None);
        let mut number = 0;
        loop {
            let page = directory.list(&self.caller.principal, &query).await?;
            for entry in &page.items {
                if !mark.covers(&entry.document) {
                    return Ok(number);
                }
                number += u64::from(with_named || !mark.names(&entry.document));
            }
            match page.next {
                Some(next) => query.page = query.page.after(next),
                None => return Ok(number),
            }
        }
    }

    /// The place behind so many; `None` where the list begins there, or has fewer.
    pub(super) async fn cursor_at(
        &self,
        call: &Call,
        skip: u64,
    ) -> Result<Option<Cursor>, Refused> {
        let query = self.query(&[], WALK_PAGE, None);
        let directory = &call.shared.parts.directory;
        Ok(directory
            .cursor_at(&self.caller.principal, &query, skip)
            .await?)
    }
}

impl Call {
    /// The place that a cursor names. A conversation that is gone, or nobody of the caller's tenant ever saw, is found by
    /// the time in its id alone.
    pub(super) async fn mark(&self, cursor: &str) -> Result<Mark, Refused> {
        let began_ms = time_of(cursor).ok_or_else(Refused::bad_page)?;
        let entry = match self.shared.ids.read(cursor).await? {
            Some(id) => self.shared.parts.directory.find(id).await?,
            None => None,
        };
        let own = entry.filter(|entry| {
            let principal = &self.caller.principal;
            principal.may_see(entry.tenant.as_deref(), entry.owner.as_deref())
        });
        Ok(Mark {
            began_ms,
            at: own.map(|entry| order(&entry.document)),
        })
    }
}

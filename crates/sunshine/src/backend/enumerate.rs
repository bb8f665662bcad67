//! Enumerating conversations: those of one user, in the vendor's own order. The vendor has no list of all.

use adapterkit::{Effect, name_left_out};
use backend::{
    Context, ConversationPage, ConversationQuery, Cursor, Error, Kind, Page, Position, Result,
    SortKey,
};

use super::Sunshine;
use super::deletion::is_deleted;
use super::records::PageEnd;
use crate::client::Caller;
use crate::error::{Subject, is_unknown_user};
use crate::limits::PAGE_MAX;
use crate::mapping::external_id;
use crate::wire::{Conversation, ConversationListQuery, PageQuery, UserFilter};

const OPERATION: &str = "list_conversations";
/// The most pages that are read for one, where all of their conversations are hidden.
const HIDDEN_PAGES_MAX: usize = 8;

impl Sunshine {
    pub(super) async fn enumerate(
        &self,
        cx: &Context,
        query: &ConversationQuery,
    ) -> Result<ConversationPage> {
        if !query.filter.is_empty() || query.sort != SortKey::CreatedAt {
            let message =
                "sunshine enumerates a user's conversations in its own order and without filters";
            return Err(Error::new(Kind::Unsupported, message).at(self.name(), OPERATION));
        }
        let user = external_id(&cx.principal.tenant, &cx.principal.user_or_key());
        let list = format!(
            "{}/conversations/{user}/{:?}",
            self.name(),
            query.page.order
        );
        let mut after: Option<String> = match &query.page.position {
            None => None,
            Some(Position::After(cursor)) => Some(cursor.decode(&list)?),
            Some(_) => return Err(self.unsupported("list_conversations_backwards")),
        };
        let size = query.page.limit.clamp(1, PAGE_MAX);
        let caller = self.caller(cx);
        let mut items = Vec::new();
        let mut next = None;
        for _ in 0..HIDDEN_PAGES_MAX {
            let page = self
                .conversations_of(caller, &user, after.take(), size, OPERATION)
                .await?;
            for conversation in &page.conversations {
                if is_deleted(conversation) {
                    continue;
                }
                match self.located(conversation, OPERATION) {
                    Ok(located) => items.push(located),
                    Err(_) => {
                        let id = conversation.id.value().map(String::as_str);
                        name_left_out(self.name(), OPERATION, id);
                    }
                }
            }
            next = page.next;
            if !items.is_empty() || next.is_none() {
                break;
            }
            after.clone_from(&next);
        }
        let next = next
            .map(|cursor| Cursor::encode(&list, &cursor))
            .transpose()?;
        Ok(ConversationPage {
            page: Page {
                items,
                next,
                previous: None,
            },
            ..ConversationPage::default()
        })
    }

    /// One page of a user's conversations; none for a user who is not there.
    pub(super) async fn conversations_of(
        &self,
        caller: Caller,
        user: &str,
        after: Option<String>,
        size: usize,
        operation: &'static str,
    ) -> Result<Conversations> {
        let query = ConversationListQuery {
            filter: UserFilter::UserExternalId(user.to_owned()),
            page: PageQuery {
                after: after.clone(),
                before: None,
                size: u32::try_from(size).ok(),
            },
        };
        let answer = match self.client().list_conversations(caller, &query).await {
            Ok(answer) => answer.named(self.name(), operation),
            Err(failure) if is_unknown_user(&failure) => {
                return Ok(Conversations {
                    conversations: Vec::new(),
                    has_gaps: false,
                    next: None,
                });
            }
            Err(failure) => {
                return Err(self.failed(failure, Subject::User, Effect::Read, operation));
            }
        };
        let has_gaps = !answer.is_complete();
        let count = answer.answer.conversations.len() + answer.left_out.len();
        let answer = answer.answer;
        let conversations = answer.conversations;
        let next = PageEnd {
            meta: &answer.meta,
            links: &answer.links,
            count,
            size,
            last: conversations
                .last()
                .and_then(|conversation| conversation.id.value())
                .map(String::as_str),
            sent: after.as_deref(),
        }
        .next()
        .map_err(|error| error.at(self.name(), operation))?;
        Ok(Conversations {
            has_gaps,
            conversations,
            next,
        })
    }
}

/// One page of conversations.
pub(super) struct Conversations {
    pub(super) conversations: Vec<Conversation>,
    /// Whether records are left out that cannot be read.
    pub(super) has_gaps: bool,
    /// The cursor of the next page.
    pub(super) next: Option<String>,
}

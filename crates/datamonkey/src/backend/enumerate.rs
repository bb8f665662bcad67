//! Enumerating an end user's conversations. The vendor has no pages: its whole list is read for each of ours.

use std::collections::HashSet;

use adapterkit::{Listed, name_left_out};
use backend::{
    Context, ConversationPage, ConversationQuery, Error, Kind, Located, Page, Position, Result,
    SortKey,
};

use super::Datamonkey;
use super::identity::Identity;
use crate::client::Caller;
use crate::error::Call;
use crate::mapping::conversation_to_canonical;
use crate::wire::ChatConversation;

const OPERATION: &str = "list_conversations";

impl Datamonkey {
    pub(super) async fn enumerate(
        &self,
        cx: &Context,
        query: &ConversationQuery,
    ) -> Result<ConversationPage> {
        if !query.filter.is_empty() || query.sort != SortKey::CreatedAt {
            let message = "datamonkey enumerates conversations by creation and without filters";
            return Err(Error::new(Kind::Unsupported, message).at(self.name(), OPERATION));
        }
        if matches!(
            query.page.position,
            Some(Position::AfterMessage(_) | Position::BeforeMessage(_))
        ) {
            return Err(self.unsupported("list_conversations_from_a_message"));
        }
        let user = self.user_name(cx);
        let Some(stored) = self.stored(&user).await? else {
            // Without a token there are no conversations yet.
            return Ok(ConversationPage::default());
        };
        let token = self.usable(stored)?.ok_or_else(|| self.ended(OPERATION))?;
        let Identity { reference, token } = self.known_identity(&user, token).await?;
        let caller = Caller {
            deadline: cx.deadline,
            token: Some(token.secret),
        };
        let hidden = self.clear_leftovers(&caller, &user).await?;
        let mut rows = self.rows(&caller, &hidden, OPERATION).await?.answer;
        rows.sort_unstable_by(|one, other| place(one).cmp(&place(other)));
        let page = query
            .page
            .of_index(
                &format!("{}/conversations/{reference}", self.name()),
                &rows,
                |row| (row.created, row.id.clone()),
                |_, _| false,
            )
            .map_err(|error| error.at(self.name(), OPERATION))?;
        let items = page
            .items
            .into_iter()
            .filter_map(|row| match conversation_to_canonical(row, self.name()) {
                Ok(conversation) => Some(Located {
                    location: self.location(&row.id, &reference),
                    conversation,
                }),
                Err(_) => {
                    name_left_out(self.name(), OPERATION, Some(&row.id));
                    None
                }
            })
            .collect();
        Ok(ConversationPage {
            page: Page {
                items,
                next: page.next,
                previous: page.previous,
            },
            ..ConversationPage::default()
        })
    }

    /// All conversations of a user of the vendor but those that are nobody's and those that cannot be read.
    pub(super) async fn rows(
        &self,
        caller: &Caller,
        hidden: &HashSet<Box<str>>,
        operation: &'static str,
    ) -> Result<Listed<Vec<ChatConversation>>> {
        let list = self
            .client()
            .list_conversations(caller)
            .await
            .map_err(|failure| {
                self.failed(failure, operation, Call::Read, caller.token.as_ref())
            })?;
        let mut rows = self.listed(list, |list| list.conversations, "conversations", operation)?;
        rows.answer.retain(|row| !hidden.contains(row.id.as_str()));
        Ok(rows)
    }
}

/// By creation; the vendor's own order moves with each message.
fn place(row: &ChatConversation) -> (i64, &str) {
    (row.created, &row.id)
}

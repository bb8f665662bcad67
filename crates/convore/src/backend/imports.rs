//! Storing history: one request for each message, in their order.

use backend::{Backend, Context, Error, Kind, Location, Result, Write};
use conversation::{Exceeds, Message, NewMessage, Time, Violation};

use super::Convore;
use crate::capabilities::IMPORT_MAX;
use crate::mapping::last_said_at;
use crate::wire::{Conversation, ConversationStatus, ConversationUpdate, Member, spelled_time};

const OPERATION: &str = "import_messages";

impl Convore {
    pub(super) async fn import(
        &self,
        cx: &Context,
        at: &Location,
        messages: Vec<NewMessage>,
    ) -> Result<Vec<Result<Message>>> {
        if messages.len() > IMPORT_MAX {
            let detail = format!("at most {IMPORT_MAX} messages at once");
            let violation = Violation {
                pointer: "/messages".to_owned(),
                code: "too-many",
                detail: detail.clone(),
                exceeds: Some(Exceeds {
                    limit: IMPORT_MAX as u64,
                    value: Some(messages.len() as u64),
                }),
            };
            return Err(Error::new(Kind::InvalidRequest, detail)
                .violations(vec![violation])
                .at(self.name(), OPERATION));
        }
        let row = self.read_row(cx, at, OPERATION).await?;
        let mut results = Vec::with_capacity(messages.len());
        let mut stopped: Option<Error> = None;
        for new in messages {
            let result = match &stopped {
                // Whoever is over the limit or unknown stays so: the rest is not tried, and so not applied.
                Some(error) => Err(error.clone()),
                None => self.import_one(cx, at, &row, new).await,
            };
            if let Err(error) = &result
                && matches!(error.kind, Kind::RateLimited | Kind::UpstreamAuth)
            {
                stopped = Some(error.clone());
            }
            results.push(result);
        }
        self.put_back(cx, at, &row, &results).await;
        Ok(results)
    }

    async fn import_one(
        &self,
        cx: &Context,
        at: &Location,
        row: &Conversation,
        new: NewMessage,
    ) -> Result<Message> {
        let projection = self.preview(&Write::ImportMessage(new));
        projection.check(cx, self.name())?;
        let Write::ImportMessage(new) = projection.write else {
            return Err(self.became_another(OPERATION));
        };
        self.store(cx, at, row, &new, OPERATION).await
    }

    /// History is no news: should the import have marked the conversation unread, opened it again or moved the time
    /// of its newest message, that is put back. Not where somebody else has written meanwhile, and never a failure:
    /// the messages are stored.
    async fn put_back(
        &self,
        cx: &Context,
        at: &Location,
        before: &Conversation,
        results: &[Result<Message>],
    ) {
        let stored: Vec<Time> = results
            .iter()
            .flatten()
            .map(|message| message.sent_at)
            .collect();
        let (Some(newest), Some(count)) = (stored.iter().max(), before.message_count.value())
        else {
            return;
        };
        let Ok(after) = self.read_row(cx, at, OPERATION).await else {
            return;
        };
        if after.message_count.value() != Some(&(count + stored.len() as u64)) {
            return;
        }
        let mut request = ConversationUpdate::default();
        // Closed or moved by somebody meanwhile is no work of ours.
        if after.status == ConversationStatus::Open && after.status != before.status {
            request.status = Member::Value(before.status.clone());
        }
        if before.is_unread.value() == Some(&false) && after.is_unread.value() == Some(&true) {
            request.is_unread = Member::Value(false);
        }
        let said = |row: &Conversation| last_said_at(row).ok().flatten();
        let wanted = said(before).map_or(*newest, |last| last.max(*newest));
        if said(&after).map(Time::to_millis) != Some(wanted.to_millis()) {
            request.last_message_date = Member::Value(spelled_time(wanted));
        }
        if request != ConversationUpdate::default()
            && let Err(error) = self.patch_row(cx, at, &request, OPERATION).await
        {
            tracing::warn!(
                backend.name = self.name(),
                error.kind = error.kind.as_str(),
                "what an import changed of its conversation could not be put back"
            );
        }
    }
}

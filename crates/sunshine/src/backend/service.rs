//! Activity, attachments, health.

use std::sync::atomic::Ordering;

use adapterkit::Effect;
use backend::{Attachment, Context, Error, Health, Kind, Location, NewAttachment, Outcome, Result};
use conversation::{Activity, ActivityKind, AttachmentId};

use super::Sunshine;
use super::messages::{authorship_of, find_member};
use crate::error::{Subject, participant_not_found};
use crate::limits::ATTACHMENT_MAX_BYTES;
use crate::mapping::{Authorship, NOT_TO_A_MESSAGE, external_id};
use crate::wire::{
    ActivityPost, ActivityType, AttachmentUploadQuery, Author, AuthorType, Extra, Member,
};

/// The name of bytes that have none.
const UNNAMED: &str = "file";

impl Sunshine {
    pub(super) async fn tell(&self, cx: &Context, at: &Location, activity: Activity) -> Result<()> {
        let operation = "send_activity";
        let kind = match &activity.activity {
            ActivityKind::Read => ActivityType::ConversationRead,
            ActivityKind::TypingStart => ActivityType::TypingStart,
            ActivityKind::TypingStop => ActivityType::TypingStop,
            ActivityKind::Joined | ActivityKind::Left | ActivityKind::Other(_) => {
                let message = "only `read`, `typing_start` and `typing_stop` are told";
                return Err(Error::new(Kind::InvalidRequest, message).at(self.name(), operation));
            }
        };
        let caller = self.caller(cx);
        self.facts(caller, at, operation).await?;
        let authorship = match activity.participant_id.as_deref() {
            None => Authorship::Business,
            Some(_) if kind != ActivityType::ConversationRead => {
                let detail = "on sunshine only the business is told to be typing";
                return Err(self.not_held("/participant_id", detail, operation));
            }
            Some(id) => {
                let members = self.members(caller, &at.native, operation).await?;
                find_member(&members, &cx.principal.tenant, id)
                    .and_then(authorship_of)
                    .ok_or_else(|| participant_not_found().at(self.name(), operation))?
            }
        };
        let (kind_of_author, user_id, user_external_id) = match authorship {
            Authorship::Business | Authorship::Silent => (AuthorType::Business, None, None),
            Authorship::ExternalUser(id) => (AuthorType::User, None, Some(id)),
            Authorship::User(id) => (AuthorType::User, Some(id), None),
        };
        let body = ActivityPost {
            author: Author {
                kind: kind_of_author,
                subtypes: Member::Absent,
                user_id: Member::from(user_id),
                user_external_id: Member::from(user_external_id),
                brand_id: Member::Absent,
                display_name: Member::Absent,
                avatar_url: Member::Absent,
                extra: Extra::new(),
            },
            kind,
            extra: Extra::new(),
        };
        self.client()
            .post_activity(caller, &at.native, &body)
            .await
            .map_err(|failure| {
                self.failed(failure, Subject::Conversation, Effect::Write, operation)
            })?;
        Ok(())
    }

    pub(super) async fn upload(
        &self,
        cx: &Context,
        at: &Location,
        new: NewAttachment,
    ) -> Result<Attachment> {
        let operation = "put_attachment";
        if new.message_id.is_some() {
            return Err(self.not_held("/message_id", NOT_TO_A_MESSAGE, operation));
        }
        if new.bytes.len() > ATTACHMENT_MAX_BYTES {
            let detail = "sunshine takes attachments of at most 50 MB";
            let exceeds = Some((ATTACHMENT_MAX_BYTES, new.bytes.len()));
            return Err(self.not_held_beyond("/bytes", detail, exceeds, operation));
        }
        let caller = self.caller(cx);
        self.facts(caller, at, operation).await?;
        let query = AttachmentUploadQuery {
            conversation_id: Some(String::from(&*at.native)),
        };
        let size = new.bytes.len() as u64;
        let answer = self
            .client()
            .upload_attachment(
                caller,
                &query,
                new.name.as_deref().unwrap_or(UNNAMED),
                &new.media_type,
                new.bytes,
            )
            .await
            .map_err(|failure| {
                self.failed(failure, Subject::Attachment, Effect::Write, operation)
            })?;
        let stored = answer.attachment;
        let url = stored.media_url.into_value().ok_or_else(|| {
            Error::new(
                Kind::InvalidResponse,
                "sunshine stored the attachment and did not say where",
            )
            .outcome(Outcome::Applied)
            .at(self.name(), operation)
        })?;
        Ok(Attachment {
            id: AttachmentId::derive(&[self.name(), &url]),
            url: Some(url.into()),
            name: new.name,
            media_type: stored
                .media_type
                .into_value()
                .map_or(new.media_type, Into::into),
            size,
        })
    }

    /// Reads the conversations of a user who is not there: cheap, and needs everything that other calls need.
    pub(super) async fn check_health(&self, cx: &Context) -> Health {
        let nobody = external_id("", "health");
        let caller = self.caller(cx);
        let found = self
            .conversations_of(caller, &nobody, None, 1, "health")
            .await;
        match found {
            Ok(_) => {
                let first_pages = if self.0.beginning_is_refused.load(Ordering::Relaxed) {
                    ", first pages are read from the end"
                } else {
                    ""
                };
                Health {
                    ok: true,
                    detail: format!("sunshine answers{first_pages}"),
                }
            }
            Err(error) => Health {
                ok: false,
                detail: error.message.clone(),
            },
        }
    }
}

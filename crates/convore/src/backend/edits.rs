//! Edits of stored messages: words, subject, and which files stay.

use backend::{Backend, Context, Error, Kind, Location, Outcome, Precondition, Result, Write};
use conversation::{Message, MessageId, MessagePatch, Part, Patch, Violation};

use super::Convore;
use crate::error::{Effect, Target};
use crate::mapping::{FILES_BELONG_TO_MESSAGES, message_update, stored_file};

impl Convore {
    pub(super) async fn edit(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        mut patch: MessagePatch,
        precondition: Option<&Precondition>,
    ) -> Result<Message> {
        let operation = "update_message";
        self.read_row(cx, at, operation).await?;
        let before = self.read_message(cx, at, id, operation).await?;
        let current = self.canonical_message(&before, at, operation)?;
        if let Some(precondition) = precondition {
            precondition.check(&current)?;
        }
        if patch.subject == Patch::Clear && current.subject.is_none() {
            patch.subject = Patch::Keep;
        }
        self.check_files(&patch, &current, operation)?;
        let removed = keep_files(&mut patch, &current);
        let projection = self.preview(&Write::UpdateMessage {
            id: id.clone(),
            patch,
        });
        projection.check(cx, self.name())?;
        let Write::UpdateMessage { patch, .. } = projection.write else {
            return Err(self.became_another(operation));
        };
        let request = message_update(&patch);
        if request.is_none() && removed.is_empty() {
            return Ok(current);
        }
        self.0.indexes.forget(&at.native);
        let mut changed = None;
        if let Some(request) = request {
            let answer = self
                .client()
                .update_message(cx.deadline, id.as_str(), &request)
                .await
                .map_err(|failure| {
                    self.failed(failure, operation, Target::Message, Effect::Write)
                })?;
            changed = Some(answer);
        }
        if !removed.is_empty() {
            for file in &removed {
                self.client()
                    .delete_attachment(cx.deadline, file)
                    .await
                    .map_err(|failure| {
                        self.failed(failure, operation, Target::Attachment, Effect::Write)
                            .outcome(Outcome::Unknown)
                    })?;
            }
            changed = None;
        }
        let changed = match changed {
            Some(changed) => changed,
            None => self
                .read_message(cx, at, id, operation)
                .await
                .map_err(|error| error.outcome(Outcome::Applied))?,
        };
        self.stored(cx, at, changed, operation).await
    }

    /// Refuses files that the message does not have: an edit cannot bring them.
    fn check_files(
        &self,
        patch: &MessagePatch,
        current: &Message,
        operation: &'static str,
    ) -> Result<()> {
        let parts = patch.parts.set().into_iter().flatten().enumerate();
        let violations: Vec<Violation> = parts
            .filter(|(_, part)| stored_file(part).is_some_and(|id| !has_file(current, id)))
            .map(|(index, _)| Violation {
                pointer: format!("/parts/{index}"),
                code: "not-held",
                detail: FILES_BELONG_TO_MESSAGES.to_owned(),
                exceeds: None,
            })
            .collect();
        if violations.is_empty() {
            return Ok(());
        }
        Err(Error::new(Kind::NotHeld, FILES_BELONG_TO_MESSAGES)
            .violations(violations)
            .at(self.name(), operation))
    }
}

fn has_file(message: &Message, id: &str) -> bool {
    message.parts.iter().any(|part| file_id(part) == Some(id))
}

/// Takes the files that the message has already out of a patch's parts, because only texts are written; gives those
/// that the patch leaves out.
fn keep_files(patch: &mut MessagePatch, current: &Message) -> Vec<String> {
    let Patch::Set(parts) = &mut patch.parts else {
        return Vec::new();
    };
    if parts.is_empty() {
        return Vec::new();
    }
    let files: Vec<&Part> = current
        .parts
        .iter()
        .filter(|part| file_id(part).is_some())
        .collect();
    let removed = files
        .iter()
        .filter(|file| parts.iter().all(|part| file_id(part) != file_id(file)))
        .filter_map(|file| file_id(file).map(str::to_owned))
        .collect();
    parts.retain(|part| stored_file(part).is_none());
    if parts.is_empty() {
        // Nothing but files: the text goes.
        parts.push(Part::text(""));
    }
    removed
}

fn file_id(part: &Part) -> Option<&str> {
    match part {
        Part::Image(media) | Part::File(media) | Part::Audio(media) | Part::Video(media) => media
            .attachment_id
            .as_ref()
            .map(conversation::AttachmentId::as_str),
        _ => None,
    }
}

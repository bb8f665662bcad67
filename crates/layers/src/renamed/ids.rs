//! Where ids of messages and attachments stand in what travels through the port.

use backend::{
    Applied, Attachment, Event, NewAttachment, PageRequest, Position, RespondRequest, Result,
    Settled, Write,
};
use conversation::{
    AttachmentId, Media, Message, MessageId, MessagePatch, NewMessage, Part, Patch,
};
use futures_util::{Stream, StreamExt as _};

/// An id, and what it is there for.
pub(super) enum Id<'a> {
    /// It says which message.
    Message(&'a mut MessageId),
    /// A message names another one, which need not be there.
    MessageReference(&'a mut MessageId),
    /// It says which attachment.
    Attachment(&'a mut AttachmentId),
    /// A message names an attachment.
    AttachmentReference(&'a mut AttachmentId),
}

/// Something that may hold ids.
pub(super) trait HasIds {
    /// Shows each id, in a fixed order.
    fn each_id(&mut self, see: &mut dyn FnMut(Id<'_>));
}

/// Whether what a write has made is told by the ids that it got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// By public ids, as everything.
    Shown,
    /// By the ids that it got. What it names itself has public ids all the same.
    Copied,
}

impl Sort {
    pub(super) fn of(is_copied: bool) -> Self {
        if is_copied { Self::Copied } else { Self::Shown }
    }
}

/// What a write has made.
pub(super) struct Made<T> {
    sort: Sort,
    what: T,
}

impl<T> Made<T> {
    pub(super) fn new(sort: Sort, what: T) -> Self {
        Self { sort, what }
    }

    pub(super) fn into_inner(self) -> T {
        self.what
    }
}

impl<T: HasIds> HasIds for Made<T> {
    fn each_id(&mut self, see: &mut dyn FnMut(Id<'_>)) {
        let sort = self.sort;
        self.what.each_id(&mut |id| match id {
            Id::Message(_) | Id::Attachment(_) if sort == Sort::Copied => {}
            id => see(id),
        });
    }
}

impl HasIds for MessageId {
    fn each_id(&mut self, see: &mut dyn FnMut(Id<'_>)) {
        see(Id::Message(self));
    }
}

impl HasIds for AttachmentId {
    fn each_id(&mut self, see: &mut dyn FnMut(Id<'_>)) {
        see(Id::Attachment(self));
    }
}

impl<T: HasIds> HasIds for Option<T> {
    fn each_id(&mut self, see: &mut dyn FnMut(Id<'_>)) {
        if let Some(one) = self {
            one.each_id(see);
        }
    }
}

impl<T: HasIds> HasIds for Vec<T> {
    fn each_id(&mut self, see: &mut dyn FnMut(Id<'_>)) {
        for one in self {
            one.each_id(see);
        }
    }
}

impl<T: HasIds> HasIds for Box<T> {
    fn each_id(&mut self, see: &mut dyn FnMut(Id<'_>)) {
        (**self).each_id(see);
    }
}

impl<T: HasIds> HasIds for Result<T> {
    fn each_id(&mut self, see: &mut dyn FnMut(Id<'_>)) {
        if let Ok(one) = self {
            one.each_id(see);
        }
    }
}

impl<T: HasIds, U: HasIds> HasIds for (T, U) {
    fn each_id(&mut self, see: &mut dyn FnMut(Id<'_>)) {
        self.0.each_id(see);
        self.1.each_id(see);
    }
}

impl HasIds for () {
    fn each_id(&mut self, _see: &mut dyn FnMut(Id<'_>)) {}
}

impl HasIds for Part {
    fn each_id(&mut self, see: &mut dyn FnMut(Id<'_>)) {
        match self {
            Self::Image(media) | Self::File(media) | Self::Audio(media) | Self::Video(media) => {
                of_media(media, see);
            }
            Self::Quote(quote) => {
                if let Some(id) = &mut quote.message_id {
                    see(Id::MessageReference(id));
                }
            }
            Self::Text(_)
            | Self::Location(_)
            | Self::Carousel(_)
            | Self::List(_)
            | Self::Form(_)
            | Self::FormResponse(_)
            | Self::Template(_)
            | Self::Actions(_)
            | Self::ToolCall(_)
            | Self::ToolResult(_)
            | Self::Reasoning(_)
            | Self::Activity(_)
            | Self::Unknown(_) => {}
        }
    }
}

fn of_media(media: &mut Media, see: &mut dyn FnMut(Id<'_>)) {
    if let Some(id) = &mut media.attachment_id {
        see(Id::AttachmentReference(id));
    }
}

impl HasIds for Message {
    fn each_id(&mut self, see: &mut dyn FnMut(Id<'_>)) {
        see(Id::Message(&mut self.id));
        if let Some(reply) = &mut self.in_reply_to {
            see(Id::MessageReference(&mut reply.id));
        }
        self.parts.each_id(see);
    }
}

impl HasIds for NewMessage {
    fn each_id(&mut self, see: &mut dyn FnMut(Id<'_>)) {
        if let Some(reply) = &mut self.in_reply_to {
            see(Id::MessageReference(&mut reply.id));
        }
        self.parts.each_id(see);
    }
}

impl HasIds for MessagePatch {
    fn each_id(&mut self, see: &mut dyn FnMut(Id<'_>)) {
        if let Patch::Set(parts) = &mut self.parts {
            parts.each_id(see);
        }
    }
}

impl HasIds for PageRequest {
    fn each_id(&mut self, see: &mut dyn FnMut(Id<'_>)) {
        match &mut self.position {
            Some(Position::AfterMessage(id) | Position::BeforeMessage(id)) => {
                see(Id::Message(id));
            }
            Some(Position::After(_) | Position::Before(_)) | None => {}
        }
    }
}

impl HasIds for RespondRequest {
    fn each_id(&mut self, see: &mut dyn FnMut(Id<'_>)) {
        self.input.each_id(see);
    }
}

impl HasIds for NewAttachment {
    fn each_id(&mut self, see: &mut dyn FnMut(Id<'_>)) {
        self.message_id.each_id(see);
    }
}

impl HasIds for Attachment {
    fn each_id(&mut self, see: &mut dyn FnMut(Id<'_>)) {
        see(Id::Attachment(&mut self.id));
    }
}

impl HasIds for Write {
    fn each_id(&mut self, see: &mut dyn FnMut(Id<'_>)) {
        match self {
            Self::PostMessage(new) | Self::ImportMessage(new) => new.each_id(see),
            Self::ImportMessages(new) => new.each_id(see),
            Self::UpdateMessage { id, patch } => {
                see(Id::Message(id));
                patch.each_id(see);
            }
            Self::DeleteMessage { id } | Self::RateMessage { id, .. } => see(Id::Message(id)),
            Self::Respond(request) => request.each_id(see),
            Self::PutAttachment { message_id, .. } => message_id.each_id(see),
            Self::CreateConversation(_)
            | Self::UpdateConversation(_)
            | Self::DeleteConversation
            | Self::AddParticipants(_)
            | Self::RemoveParticipant { .. } => {}
        }
    }
}

impl HasIds for Settled {
    fn each_id(&mut self, see: &mut dyn FnMut(Id<'_>)) {
        match self {
            Self::Applied(Applied::Message(message)) => message.each_id(see),
            Self::Applied(Applied::Messages(messages)) => messages.each_id(see),
            Self::Applied(Applied::Attachment(attachment)) => attachment.each_id(see),
            Self::Applied(
                Applied::Conversation(_) | Applied::Participants(_) | Applied::Nothing,
            )
            | Self::NotApplied
            | Self::Unknown => {}
        }
    }
}

impl HasIds for Event {
    fn each_id(&mut self, see: &mut dyn FnMut(Id<'_>)) {
        match self {
            Self::MessageStarted { id, input } => {
                id.each_id(see);
                input.each_id(see);
            }
            Self::PartCompleted { part, .. } => part.each_id(see),
            Self::MessageCompleted(message) | Self::MessageIncomplete(message) => {
                message.each_id(see);
            }
            Self::MessageFailed { message, .. } => message.each_id(see),
            Self::PartStarted { .. } | Self::PartDelta { .. } | Self::MessageUsage(_) => {}
        }
    }
}

/// The events up to the one that ends an answer.
pub(super) fn until_last(events: impl Stream<Item = Event>) -> impl Stream<Item = Event> {
    let mut is_over = false;
    events.take_while(move |event| {
        let goes_on = !is_over;
        is_over |= event.is_last();
        std::future::ready(goes_on)
    })
}

//! Messages: `…/conversations/{conversationId}/messages`. There is no read of one message and no change.

use adapterkit::{wire_object, wire_word};

use super::{Content, Links, Meta, Raw};

wire_word! {
    /// On which side an author stands.
    pub enum AuthorType {
        /// The business.
        Business = "business",
        /// The end user.
        User = "user",
    }
}

wire_word! {
    /// What sort of author. An array holds exactly one.
    pub enum AuthorSubtype {
        /// An AI; the vendor adds a disclaimer to the text.
        Ai = "AI",
        /// The system, by an activity.
        Activity = "activity",
        /// A person; in answers only.
        Agent = "agent",
        /// A program; in answers only.
        Bot = "bot",
    }
}

wire_object! {
    /// Who writes.
    pub struct Author {
        /// On which side.
        required kind = "type": AuthorType,
        /// What sort.
        optional subtypes: Vec<AuthorSubtype>,
        /// The user's id; users only.
        optional user_id = "userId": String,
        /// Our own id for the user; in requests only.
        optional user_external_id = "userExternalId": String,
        /// In requests only, with an external id of a user who belongs to one brand.
        optional brand_id = "brandId": String,
        /// The name shown to others.
        optional display_name = "displayName": String,
        /// A picture.
        optional avatar_url = "avatarUrl": String,
    }
}

wire_object! {
    /// One stored message. No member is documented as required, not even `id`.
    pub struct Message {
        /// 24 lower-case hexadecimal characters in all examples; the order of messages.
        optional id: String,
        /// RFC 3339: when the vendor received it. Cannot be set.
        optional received: String,
        /// Who wrote it.
        optional author: Author,
        /// What the system did, where that made the message.
        optional activity: ActivityMessage,
        /// What it says.
        optional content: Content,
        /// Where it came from.
        optional source: Source,
        /// The message that it quotes; `WhatsApp` and form responses only.
        optional quoted_message = "quotedMessage": QuotedMessage,
        /// Flat map of strings, numbers and booleans.
        optional metadata: Raw,
        /// True for what is left of a deleted message.
        optional deleted: bool,
        /// Sources of a bot's answer, 1 to 10.
        optional references: Vec<Reference>,
    }
}

wire_word! {
    /// What the system did.
    pub enum ActivityMessageType {
        /// The ticket was closed.
        TicketClosed = "ticket:closed",
        /// The ticket goes on by mail.
        TicketTransferEmail = "ticket:transfer:email",
        /// The user ended the conversation.
        ConversationEndedByUser = "conversation:endedByUser",
    }
}

wire_object! {
    /// A system activity that made a message.
    pub struct ActivityMessage {
        /// What happened.
        required kind = "type": ActivityMessageType,
        /// Free; empty for all documented types.
        optional data: Raw,
    }
}

wire_object! {
    /// Where a message came from.
    pub struct Source {
        /// `api:conversations` for messages posted through this API, else a channel: `ios`, `web`, `telegram`, …
        required kind = "type": String,
        /// The integration; messages of users only.
        optional integration_id = "integrationId": String,
        /// The channel's own id of the message.
        optional original_message_id = "originalMessageId": String,
        /// RFC 3339: the channel's own time of the message.
        optional original_message_timestamp = "originalMessageTimestamp": String,
        /// The user's client; in full webhooks only.
        optional client: Raw,
        /// The user's device; in full webhooks only.
        optional device: Raw,
    }
}

wire_word! {
    /// How a quoted message is told.
    pub enum QuotedMessageType {
        /// Whole.
        Message = "message",
        /// By the channel's id only.
        ExternalMessageId = "externalMessageId",
    }
}

wire_object! {
    /// A message that another one quotes. Cannot be posted.
    pub struct QuotedMessage {
        /// How it is told; absent in an empty object, which stands for none.
        optional kind = "type": QuotedMessageType,
        /// The message itself, which may quote again.
        optional message: Box<Message>,
        /// The channel's own id of it.
        optional external_message_id = "externalMessageId": String,
    }
}

wire_object! {
    /// A source of a bot's answer.
    pub struct Reference {
        /// At most 2,048 characters.
        required uri: String,
        /// At most 128 characters.
        optional title: String,
        /// At most 256 characters.
        optional description: String,
    }
}

wire_object! {
    /// Body of a post; answers 201. Posting delivers.
    pub struct MessagePost {
        /// Who writes.
        required author: Author,
        /// What it says.
        required content: Content,
        /// Where it is delivered; business authors in personal conversations only.
        optional destination: Destination,
        /// Flat, 4 KB.
        optional metadata: Raw,
        /// Raw payloads for single channels.
        optional channel_override = "override": Raw,
        /// `whatsapp`: the content follows that channel's own form.
        optional schema: String,
    }
}

wire_object! {
    /// Where a message is delivered: one of the two.
    pub struct Destination {
        /// This integration.
        optional integration_id = "integrationId": String,
        /// This type of integration; `none` stores the message without delivering it.
        optional integration_type = "integrationType": String,
    }
}

wire_object! {
    /// Answer of a post: usually one message, more where a text of the template shorthand led the content.
    pub struct MessagePostResponse {
        /// What was stored.
        required messages: Vec<Message>,
    }
}

wire_object! {
    /// Answer of a list, 100 a page: the newest page first, or the one before or after a cursor.
    pub struct MessageListResponse {
        /// Messages. Their order is not stated.
        required messages: Vec<Message>,
        /// Which page.
        optional meta: Meta,
        /// Its neighbours.
        optional links: Links,
    }
}

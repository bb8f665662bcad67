//! Messages.

use adapterkit::{Extra, Member, wire_object, wire_word};

use super::{Attachment, MessageParticipant};

wire_word! {
    /// Which way a message goes, seen from the account.
    pub enum MessageDirection {
        /// To the account.
        Inbound = "inbound",
        /// From the account.
        Outbound = "outbound",
    }
}

wire_word! {
    /// How much of a message an object shows. Not how its text is written.
    pub enum MessageFormat {
        /// Without bodies and attachments.
        Minimal = "minimal",
        /// Everything.
        Full = "full",
    }
}

wire_word! {
    /// How a message follows another.
    pub enum MessageReplyType {
        /// An answer to its author.
        Reply = "reply",
        /// An answer to everybody.
        ReplyAll = "reply_all",
        /// Passed on to others.
        Forward = "forward",
    }
}

wire_object! {
    /// A message.
    pub struct Message {
        /// Its id, such as `msg_…`.
        required id: String,
        /// The channel that it came or went through.
        required channel_id: String,
        /// Its conversation.
        required conversation_id: String,
        /// The message that it follows: an id of ours, or one of a mail provider.
        optional reply_to_message_id: String,
        /// How it follows that.
        optional reply_type: MessageReplyType,
        /// The subject; none on chat channels.
        optional subject: String,
        /// Which way it goes.
        required direction: MessageDirection,
        /// When it was said.
        required date: String,
        /// Who wrote it.
        required sender: MessageParticipant,
        /// Who got it: main recipients and both kinds of copies.
        required recipients: Vec<MessageParticipant>,
        /// A short beginning.
        optional snippet: String,
        /// HTML, without what it quotes.
        optional body: String,
        /// Plain text of `body`.
        optional text_body: String,
        /// HTML with everything.
        optional raw_body: String,
        /// Its files.
        optional attachments: Vec<Attachment>,
        /// Its id at the mail provider.
        optional external_message_id: String,
        /// When it was stored.
        required created_at: String,
        /// How much this object shows.
        required format: MessageFormat,
    }
}

wire_object! {
    /// Body of `POST /v1/messages`: sends now. Needs `channel_id` or `reply_to_message_id`.
    pub struct MessageSend {
        /// The channel of a message that is no reply.
        optional channel_id: String,
        /// Its conversation. Alone it is not enough.
        optional conversation_id: String,
        /// The message that is answered: channel, conversation, recipients and subject follow from it.
        optional reply_to_message_id: String,
        /// How it is answered; the channel decides where absent.
        optional reply_type: MessageReplyType,
        /// A bare address; the other way to name the sender.
        optional from: String,
        /// Bare addresses; the other way to name recipients.
        optional to: Vec<String>,
        /// Bare addresses of copies.
        optional cc: Vec<String>,
        /// Bare addresses of hidden copies.
        optional bcc: Vec<String>,
        /// Who writes. Never together with the bare address: nobody knows which one counts.
        optional sender: MessageParticipant,
        /// Who gets it. Never together with the bare addresses.
        optional recipients: Vec<MessageParticipant>,
        /// The subject.
        optional subject: String,
        /// HTML.
        required body: String,
        /// What is quoted, on mail channels.
        optional quote_body: String,
    }
}

impl MessageSend {
    /// A message with this HTML and nothing else.
    #[must_use]
    pub fn new(body: impl Into<String>) -> Self {
        Self {
            channel_id: Member::Absent,
            conversation_id: Member::Absent,
            reply_to_message_id: Member::Absent,
            reply_type: Member::Absent,
            from: Member::Absent,
            to: Member::Absent,
            cc: Member::Absent,
            bcc: Member::Absent,
            sender: Member::Absent,
            recipients: Member::Absent,
            subject: Member::Absent,
            body: body.into(),
            quote_body: Member::Absent,
            extra: Extra::new(),
        }
    }
}

wire_object! {
    /// Body of `POST /v1/messages/import`: stores without sending. Needs `conversation_id` or `channel_id`.
    pub struct MessageImport {
        /// An existing conversation.
        optional conversation_id: String,
        /// The channel where there is no conversation yet.
        optional channel_id: String,
        /// The subject.
        optional subject: String,
        /// Which way it went. Always sent: nobody knows what is taken where it is absent.
        optional direction: MessageDirection,
        /// When it was said.
        required date: String,
        /// Who wrote it.
        required sender: MessageParticipant,
        /// Who got it; may be empty.
        required recipients: Vec<MessageParticipant>,
        /// HTML.
        optional body: String,
        /// A short beginning.
        optional snippet: String,
        /// The stored message that it follows.
        optional reply_to_message_id: String,
        /// How it follows that.
        optional reply_type: MessageReplyType,
    }
}

wire_object! {
    /// Body of `PATCH /v1/messages/{id}`. `null` is no way to clear anything.
    pub struct MessageUpdate {
        /// The subject.
        optional subject: String,
        /// Which way it went.
        optional direction: MessageDirection,
        /// When it was said.
        optional date: String,
        /// Who wrote it.
        optional sender: MessageParticipant,
        /// Who got it, all of them.
        optional recipients: Vec<MessageParticipant>,
        /// HTML.
        optional body: String,
        /// A short beginning.
        optional snippet: String,
    }
}

impl Default for MessageUpdate {
    /// Changes nothing.
    fn default() -> Self {
        Self {
            subject: Member::Absent,
            direction: Member::Absent,
            date: Member::Absent,
            sender: Member::Absent,
            recipients: Member::Absent,
            body: Member::Absent,
            snippet: Member::Absent,
            extra: Extra::new(),
        }
    }
}

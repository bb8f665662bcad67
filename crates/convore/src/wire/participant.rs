//! Who takes part, and the addresses at which they are reached.

use adapterkit::{wire_object, wire_word};

wire_word! {
    /// The kind of an address.
    pub enum ContactHandleType {
        /// A mail address.
        Email = "email",
        /// A name that the caller of the API chose, on chat channels.
        ConvoreChat = "convore_chat",
    }
}

wire_word! {
    /// How somebody takes part in a message. Also required where it means nothing, as on a sender.
    pub enum MessageParticipantRole {
        /// Who wrote it.
        From = "from",
        /// A main recipient.
        To = "to",
        /// A copy that everybody sees.
        Cc = "cc",
        /// A copy that nobody else sees.
        Bcc = "bcc",
    }
}

wire_object! {
    /// An address.
    pub struct ContactHandle {
        /// Its kind.
        required kind = "type": ContactHandleType,
        /// The address itself.
        required value: String,
    }
}

wire_object! {
    /// Somebody who takes part. One that the account does not know becomes a contact by being named.
    pub struct MessageParticipant {
        /// The name of the contact.
        optional name: String,
        /// Where it is reached.
        required handle: ContactHandle,
        /// How it takes part.
        required role: MessageParticipantRole,
    }
}

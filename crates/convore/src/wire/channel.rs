//! Channels: the ways by which messages come and go.

use adapterkit::{Raw, wire_object, wire_word};

use super::ContactHandle;

wire_word! {
    /// Who carries a channel's messages.
    pub enum ProviderType {
        /// The vendor's own mail.
        ConvoreMail = "convore_mail",
        /// The vendor's way into Gmail.
        ConvoreGmail = "convore_gmail",
        /// The vendor's chat.
        ConvoreChat = "convore_chat",
        /// Gmail.
        Gmail = "gmail",
        /// Amazon's mail service.
        Ses = "ses",
    }
}

wire_word! {
    /// Whether a channel is in use.
    pub enum ChannelStatus {
        /// It is.
        Active = "active",
        /// It is not.
        Disabled = "disabled",
    }
}

wire_object! {
    /// An address of a channel.
    pub struct ChannelAddress {
        /// The name shown beside it.
        optional name: String,
        /// The address.
        required handle: ContactHandle,
        /// True for the one that messages are sent from.
        optional is_primary: bool,
    }
}

wire_object! {
    /// A channel.
    pub struct Channel {
        /// Its id, such as `chnnl_…`.
        required id: String,
        /// The connector that it was made from.
        required connector_id: String,
        /// Who carries its messages.
        required provider: ProviderType,
        /// Its name.
        required name: String,
        /// Its addresses.
        required addresses: Vec<ChannelAddress>,
        /// Whether it is in use.
        required status: ChannelStatus,
        /// When it was made.
        required created_at: String,
        /// What only the vendor's own mail has.
        optional convore_mail: Raw,
        /// What only Amazon's mail service has.
        optional ses: Raw,
    }
}

wire_object! {
    /// Body of `POST /v1/channels`.
    pub struct ChannelCreate {
        /// The connector that it is made from.
        required connector_id: String,
        /// Its name.
        optional name: String,
        /// Set-up of the vendor's own mail.
        optional convore_mail: Raw,
        /// Set-up of Amazon's mail service.
        optional ses: Raw,
    }
}

wire_object! {
    /// Body of `PATCH /v1/channels/{id}`.
    pub struct ChannelUpdate {
        /// Its name.
        optional name: String,
        /// Whether it is in use.
        optional status: ChannelStatus,
        /// Set-up of the vendor's own mail.
        optional convore_mail: Raw,
    }
}

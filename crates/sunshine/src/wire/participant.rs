//! Participants: `…/conversations/{conversationId}/participants`, `/join` and `/leave`.

use adapterkit::wire_object;

use super::{Links, Meta};

wire_object! {
    /// A user in a conversation.
    pub struct Participant {
        /// The participant's own id.
        optional id: String,
        /// The user's id.
        optional user_id = "userId": String,
        /// Messages that the user has not read.
        optional unread_count = "unreadCount": i64,
        /// Clients of the user in this conversation, the most recent first.
        optional client_associations = "clientAssociations": Vec<ClientAssociation>,
        /// Our own id for the user.
        optional user_external_id = "userExternalId": String,
        /// RFC 3339: the newest message that was read.
        optional last_read = "lastRead": String,
    }
}

wire_object! {
    /// A client through which a user takes part.
    pub struct ClientAssociation {
        /// For example `sdk`, `whatsapp`.
        optional kind = "type": String,
        /// The client's id.
        optional client_id = "clientId": String,
    }
}

wire_object! {
    /// Who takes part in a new conversation: exactly one of the two ids.
    pub struct ParticipantSubSchema {
        /// The user's id.
        optional user_id = "userId": String,
        /// Our own id for the user.
        optional user_external_id = "userExternalId": String,
        /// Mandatory in a group.
        optional subscribe_sdk_client = "subscribeSDKClient": bool,
    }
}

/// Body of `POST …/join`, groups only: a [`ParticipantSubSchema`]. Answers 201.
pub type ParticipantJoinBody = ParticipantSubSchema;

wire_object! {
    /// Body of `POST …/leave`: exactly one of the three. Answers `{}`, or 404 `not_found` for who is not a member.
    pub struct ParticipantLeaveBody {
        /// The user's id.
        optional user_id = "userId": String,
        /// Our own id for the user.
        optional user_external_id = "userExternalId": String,
        /// The participant's own id.
        optional participant_id = "participantId": String,
    }
}

wire_object! {
    /// Answer of a join.
    pub struct ParticipantResponse {
        /// The participant.
        required participant: Participant,
    }
}

wire_object! {
    /// Answer of `GET …/participants`, forwards, 1 to 100 a page.
    pub struct ParticipantListResponse {
        /// Participants.
        required participants: Vec<Participant>,
        /// Which page.
        optional meta: Meta,
        /// Its neighbours.
        optional links: Links,
    }
}

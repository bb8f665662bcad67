//! Conversations: `/v2/apps/{appId}/conversations`.

use adapterkit::{wire_object, wire_word};

use super::{Links, Meta, PageQuery, ParticipantSubSchema, Raw};

wire_word! {
    /// What sort a conversation is. It cannot be changed.
    pub enum ConversationType {
        /// One user and the business.
        Personal = "personal",
        /// Several users and the business, in the vendor's own clients only.
        SdkGroup = "sdkGroup",
    }
}

wire_object! {
    /// One conversation. It has no participants, no state and no labels.
    pub struct Conversation {
        /// 24 lower-case hexadecimal characters in all examples.
        optional id: String,
        /// What sort.
        optional kind = "type": ConversationType,
        /// Flat map of strings, numbers and booleans.
        optional metadata: Raw,
        /// Who is in control; absent where nobody is.
        optional active_switchboard_integration = "activeSwitchboardIntegration": SwitchboardIntegration,
        /// Who waits for control; absent where nobody does.
        optional pending_switchboard_integration = "pendingSwitchboardIntegration": SwitchboardIntegration,
        /// True for the user's first personal conversation only, which cannot be deleted.
        optional is_default = "isDefault": bool,
        /// The title, 1 to 100 characters.
        optional display_name = "displayName": String,
        /// 1 to 100 characters.
        optional description: String,
        /// A URL, at most 2,048 characters.
        optional icon_url = "iconUrl": String,
        /// RFC 3339.
        optional business_last_read = "businessLastRead": String,
        /// RFC 3339: the newest message, or the beginning.
        optional last_updated_at = "lastUpdatedAt": String,
        /// RFC 3339.
        optional created_at = "createdAt": String,
    }
}

wire_object! {
    /// A program or service that may control a conversation.
    pub struct SwitchboardIntegration {
        /// Its id.
        optional id: String,
        /// Its name, at most 128 letters, digits, `-` and `_`.
        optional name: String,
        /// The integration behind it.
        optional integration_id = "integrationId": String,
        /// That integration's type.
        optional integration_type = "integrationType": String,
    }
}

wire_object! {
    /// Body of a create; answers 201.
    pub struct ConversationCreateBody {
        /// What sort.
        required kind = "type": ConversationType,
        /// At most 10; exactly one in a personal conversation.
        optional participants: Vec<ParticipantSubSchema>,
        /// The title, 1 to 100 characters.
        optional display_name = "displayName": String,
        /// 1 to 100 characters.
        optional description: String,
        /// A URL of a JPG, PNG or GIF.
        optional icon_url = "iconUrl": String,
        /// Flat, 4 KB.
        optional metadata: Raw,
    }
}

wire_object! {
    /// Body of an update. Null clears; whether metadata merges is not stated.
    pub struct ConversationUpdateBody {
        /// The title, 1 to 100 characters.
        optional display_name = "displayName": String,
        /// 1 to 100 characters.
        optional description: String,
        /// A URL of a JPG, PNG or GIF.
        optional icon_url = "iconUrl": String,
        /// Flat, 4 KB.
        optional metadata: Raw,
    }
}

wire_object! {
    /// Answer with one conversation.
    pub struct ConversationResponse {
        /// The conversation.
        required conversation: Conversation,
    }
}

wire_object! {
    /// Answer of a list, forwards.
    pub struct ConversationListResponse {
        /// Conversations.
        required conversations: Vec<Conversation>,
        /// Which page; the published example has none.
        optional meta: Meta,
        /// Its neighbours.
        optional links: Links,
    }
}

wire_object! {
    /// The answer of every delete: an object without members.
    pub struct Empty {}
}

/// Whose conversations are listed. There is no list of all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserFilter {
    /// The user with this id.
    UserId(String),
    /// The user with this id of ours.
    UserExternalId(String),
}

/// Query of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConversationListQuery {
    /// Whose.
    pub filter: UserFilter,
    /// Which page.
    pub page: PageQuery,
}

impl ConversationListQuery {
    /// The parameters as they are sent.
    #[must_use]
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = vec![match &self.filter {
            UserFilter::UserId(id) => ("filter[userId]", id.clone()),
            UserFilter::UserExternalId(id) => ("filter[userExternalId]", id.clone()),
        }];
        pairs.extend(self.page.pairs());
        pairs
    }
}

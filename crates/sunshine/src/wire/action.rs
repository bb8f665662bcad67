//! Actions: what a reader can press. They have no id and no state.

use adapterkit::{wire_object, wire_word};

use super::Raw;

wire_word! {
    /// What pressing an action does.
    pub enum ActionType {
        /// Starts a payment: `text`, `amount`, `currency`.
        Buy = "buy",
        /// Opens `uri`.
        Link = "link",
        /// Asks for the reader's place.
        LocationRequest = "locationRequest",
        /// Sends `payload` to the business without a message.
        Postback = "postback",
        /// Sends `payload` as the reader's reply.
        Reply = "reply",
        /// Opens `uri` inside the conversation, `fallback` where that is not possible.
        Webview = "webview",
    }
}

wire_object! {
    /// An action of any type. Texts and images take all six; items and lists `buy`, `link`, `postback`, `webview`.
    pub struct Action {
        /// The words on it; every documented type requires them.
        optional text: String,
        /// What pressing it does.
        required kind = "type": ActionType,
        /// The price in the currency's smallest unit.
        optional amount: i64,
        /// ISO 4217.
        optional currency: String,
        /// What is sent.
        optional payload: String,
        /// What is opened.
        optional uri: String,
        /// Whether this is the item's main action.
        optional default: bool,
        /// Free fields.
        optional metadata: Raw,
        /// Options of single channels. Its members are spelled in snake case.
        optional extra_channel_options = "extraChannelOptions": Raw,
        /// How large a webview opens: `compact`, `tall` or `full`.
        optional size: String,
        /// What is opened where a webview cannot be shown.
        optional fallback: String,
        /// Whether a webview opens by itself.
        optional open_on_receive = "openOnReceive": bool,
        /// A small picture beside the words of a reply.
        optional icon_url = "iconUrl": String,
    }
}

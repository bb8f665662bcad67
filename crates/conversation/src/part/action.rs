//! Actions: what a reader can press.

use serde::{Deserialize, Serialize};

use crate::JsonMap;
use crate::open_enum::open_enum;

open_enum! {
    /// What pressing an action does.
    pub enum ActionKind {
        /// Opens `uri`.
        Link = "link",
        /// Sends `payload` as the reader's reply.
        Reply = "reply",
        /// Sends `payload` to the business without a message.
        Postback = "postback",
        /// Starts a payment of `amount` in `currency`.
        Buy = "buy",
        /// Opens `uri` inside the conversation.
        Webview = "webview",
        /// Asks for the reader's place.
        LocationRequest = "location_request",
    }
}

/// A button, or what stands for one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// What pressing it does.
    #[serde(rename = "type")]
    pub kind: ActionKind,
    /// The words on it.
    pub text: Box<str>,
    /// What is sent when it is pressed (reply, postback).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Box<str>>,
    /// What is opened (link, webview).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<Box<str>>,
    /// What is opened where a webview cannot be shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Box<str>>,
    /// A small picture beside the words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icon_url: Option<Box<str>>,
    /// The price in the currency's smallest unit (buy).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<i64>,
    /// ISO 4217 currency code (buy).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Box<str>>,
    /// True where this is the item's main action.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub default: bool,
    /// Free fields that travel with it.
    #[serde(default, skip_serializing_if = "JsonMap::is_empty")]
    pub metadata: JsonMap,
    /// A vendor's fields without a canonical home.
    #[serde(default, skip_serializing_if = "JsonMap::is_empty")]
    pub extensions: JsonMap,
}

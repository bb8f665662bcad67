//! What all four facades can be asked for, each in its vendor's way.

use async_trait::async_trait;
use serde_json::Value;
use tests::client::Answer;

use crate::caller::Caller;
use crate::chatter::Chatter;
use crate::convore::Convore;
use crate::datamonkey::Datamonkey;
use crate::site::{Key, Site};
use crate::sunshine::Sunshine;

/// The facades.
pub(crate) const FACADES: [&str; 4] = ["chatter", "datamonkey", "sunshine", "convore"];
/// Items of a page, where the vendor lets its clients choose: small, so that few items make several pages.
pub(crate) const PAGE: usize = 2;

/// A conversation in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) title: String,
}

/// A message in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) id: String,
    pub(crate) words: String,
}

/// One request that must be refused.
pub(crate) struct Wrong {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) body: &'static str,
    pub(crate) status: u16,
}

/// Shortens a table of these.
pub(crate) fn wrong(
    method: &'static str,
    path: impl Into<String>,
    body: &'static str,
    status: u16,
) -> Wrong {
    Wrong {
        method,
        path: path.into(),
        body,
        status,
    }
}

/// A program that speaks one vendor's API.
#[async_trait]
pub(crate) trait Facade: Send + Sync {
    /// The way to speak to it.
    fn caller(&self) -> &Caller;

    /// Whether this vendor's API answers what is said.
    fn answers(&self) -> bool;

    /// Makes a conversation; its id.
    async fn create(&self, title: &str) -> String;

    /// All conversations, walked forwards page by page where the vendor has pages.
    async fn list(&self) -> Vec<Row>;

    /// Reads one conversation.
    async fn get(&self, id: &str) -> Answer;

    /// Its title in what [`Facade::get`] answered.
    fn title(&self, conversation: &Value) -> String;

    /// Tries to say something in a conversation.
    async fn try_say(&self, id: &str, words: &str) -> Answer;

    /// All messages, oldest first, walked forwards page by page where the vendor has pages.
    async fn messages(&self, id: &str) -> Vec<Said>;

    /// The same walked backwards where the vendor can, given in the order of [`Facade::messages`].
    async fn backwards(&self, id: &str) -> Vec<Said>;

    /// Gives a conversation another title. False: the vendor has no such operation, and said so.
    async fn update(&self, id: &str, title: &str) -> bool;

    /// Tries to delete a conversation, or to do what the vendor has instead.
    async fn try_delete(&self, id: &str) -> Answer;

    /// Whether an answer of [`Facade::get`] shows a conversation that was deleted.
    fn is_deleted(&self, answer: &Answer) -> bool;

    /// Requests that must be refused, given a conversation that is there.
    fn wrongs(&self, id: &str) -> Vec<Wrong>;

    /// The words of a refusal in the vendor's shape; none where it is not that shape.
    fn refusal(&self, answer: &Answer) -> Option<String>;
}

/// A program for this facade with this key.
pub(crate) fn open(site: &Site, facade: &'static str, key: &Key) -> Box<dyn Facade> {
    let caller = Caller::new(site, facade, key);
    let user = key.user.clone().unwrap_or_else(|| "everyone".to_owned());
    match facade {
        "chatter" => Box::new(Chatter { caller }),
        "datamonkey" => Box::new(Datamonkey { caller }),
        "sunshine" => Box::new(Sunshine { caller, user }),
        "convore" => Box::new(Convore { caller }),
        other => panic!("no facade {other}"),
    }
}

/// Says something that must be accepted.
pub(crate) async fn say(facade: &dyn Facade, id: &str, words: &str) {
    let answer = facade.try_say(id, words).await;
    assert!(
        answer.status.is_success(),
        "{} {}",
        answer.status,
        answer.text
    );
}

/// The ids of rows.
pub(crate) fn ids(rows: &[Row]) -> Vec<String> {
    let mut ids: Vec<String> = rows.iter().map(|row| row.id.clone()).collect();
    ids.sort();
    ids
}

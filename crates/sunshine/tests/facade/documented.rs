//! The answers that the vendor documents, held against those of the facade.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::examples;
use crate::shape::lacks;
use crate::world::World;

/// Members of documented answers that the facade's have not, or have as something else, and why.
const DIFFERENT: &[(&str, &str, &str)] = &[
    ("post", "/messages/*/author/avatarUrl", NO_PICTURE),
    ("text-2", "/messages/*/author/avatarUrl", NO_PICTURE),
    ("carousel-2", "/messages/*/author/avatarUrl", NO_PICTURE),
    ("file-2", "/messages/*/author/avatarUrl", NO_PICTURE),
    ("form-2", "/messages/*/author/avatarUrl", NO_PICTURE),
    ("image-2", "/messages/*/author/avatarUrl", NO_PICTURE),
    ("list-2", "/messages/*/author/avatarUrl", NO_PICTURE),
    ("location-2", "/messages/*/author/avatarUrl", NO_PICTURE),
    ("listMessages", "/messages/*/author/avatarUrl", NO_PICTURE),
    (
        "carousel-2",
        "/messages/*/content/items/*/actions/*/uri",
        UNDECLARED,
    ),
    (
        "list-2",
        "/messages/*/content/items/*/actions/*/uri",
        UNDECLARED,
    ),
    ("list-2", "/messages/*/content/text\"", UNDECLARED),
    ("file-2", "/messages/*/content/mediaSize", NOT_FETCHED),
    ("image-2", "/messages/*/content/mediaSize", NOT_FETCHED),
    (
        "joinConversation",
        "/participant/clientAssociations/*",
        NO_CHANNELS,
    ),
    (
        "joinConversation",
        "/participant/clientAssociations/*/clientId",
        NO_CHANNELS,
    ),
    (
        "joinConversation",
        "/participant/clientAssociations/*/type",
        NO_CHANNELS,
    ),
    ("createUser", "/user/brandId", NOT_SENT),
    ("createUser", "/user/profile/locale", NOT_SENT),
    ("createUser", "/user/hasPaymentInfo", UNDECLARED),
    ("createUser", "/user/metadata", UNREADABLE),
    ("createUser", "/user/profile/localeOrigin", UNDECLARED),
    ("getUser", "/user/brandId", NOT_SENT),
    ("getUser", "/user/profile/locale", NOT_SENT),
    ("getUser", "/user/hasPaymentInfo", UNDECLARED),
    ("getUser", "/user/metadata", UNREADABLE),
    ("getUser", "/user/profile/localeOrigin", UNDECLARED),
    ("getUser", "/user/zendeskId", "no Zendesk stands behind"),
];
const NO_PICTURE: &str =
    "an app has no picture of its own here: what is posted without one has none";
const UNDECLARED: &str = "the description does not declare it";
const NOT_FETCHED: &str = "files of others are not fetched";
const NO_CHANNELS: &str = "there are no channels";
const UNREADABLE: &str = "an official client cannot read a map, so that an empty one is left out";
const NOT_SENT: &str = "nothing was sent of which it could be made";

/// A documented answer.
fn example(name: &str) -> Value {
    let body = |name: &str| {
        let found = examples::bodies()
            .into_iter()
            .find(|body| body.name == name);
        serde_json::from_str::<Value>(&found.unwrap().body).unwrap()
    };
    match name {
        "error" => json!({"errors": [{"code": "conversation_not_found", "title": "Not found"}]}),
        // Whatever was posted.
        "post" => {
            let mut any = body("text-2");
            any["messages"][0]["content"] = json!({});
            any
        }
        name => body(name),
    }
}

/// How answers differ from documented ones.
#[derive(Default)]
pub(crate) struct Compared {
    examples: BTreeSet<&'static str>,
    missing: BTreeSet<(&'static str, String)>,
}

impl Compared {
    /// Compares one answer with the example of this name.
    pub(crate) fn add(&mut self, name: &'static str, answer: &Value) {
        self.examples.insert(name);
        let missing = lacks(answer, &example(name));
        self.missing
            .extend(missing.into_iter().map(|place| (name, place)));
    }

    /// They differ in what is listed, and in all of it.
    pub(crate) fn assert_as_listed(&self) {
        let listed: BTreeSet<(&str, String)> = DIFFERENT
            .iter()
            .filter(|(name, ..)| self.examples.contains(name))
            .map(|(name, place, _)| (*name, (*place).to_owned()))
            .collect();
        assert_eq!(self.missing, listed);
    }
}

#[tokio::test]
async fn every_documented_post_is_answered_as_documented() {
    let world = World::start().await;
    let user = world.user("ann").await;
    let id = world.personal(&user).await;
    let tail = format!("/conversations/{id}/messages");
    let mut compared = Compared::default();
    for (post, answer) in [
        ("text", Some("text-2")),
        ("carousel", Some("carousel-2")),
        ("file", Some("file-2")),
        ("form", Some("form-2")),
        ("image", Some("image-2")),
        ("list", Some("list-2")),
        ("location", Some("location-2")),
        ("whatsappTemplate", None),
    ] {
        let posted = world.ask("POST", &tail, &example(post)).await;
        assert_eq!(posted.status, 201, "{post}: {}", posted.json());
        if let Some(answer) = answer {
            compared.add(answer, &posted.json());
        }
    }
    compared.assert_as_listed();
}

//! What the vendor's client was seen to send, sent to the facade, in its order: ids are those that the facade gave. What
//! comes back has the shape of the answers that this client reads.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::captures::{Request, Shapes, kind_of_request, requests};
use crate::support::{Answer, World};

/// Requests that are refused: each with its status, and why. Nothing else is.
const REFUSED: &[(&str, u16, &str)] = &[
    (
        "messages.get.id-needs-escaping",
        404,
        "there is nothing with this id",
    ),
    ("messages.list.limit-0", 400, "a page has one item at least"),
    (
        "messages.send.empty-lists-and-none",
        400,
        "nobody would get it",
    ),
    (
        "messages.update.all-fields",
        422,
        "who said something, and when, stays",
    ),
    (
        "messages.import.date-naive",
        400,
        "a time without its offset could mean anything",
    ),
    ("drafts.create", 404, "there are no drafts here"),
    ("drafts.update", 404, "there are no drafts here"),
    ("drafts.get", 404, "there are no drafts here"),
    ("drafts.list", 404, "there are no drafts here"),
    ("drafts.send", 404, "there are no drafts here"),
    ("drafts.delete", 404, "there are no drafts here"),
    ("attachments.upload.draft", 404, "there are no drafts here"),
    (
        "contacts.create",
        409,
        "who was named before is a contact already",
    ),
    (
        "inbound_webhook.post",
        404,
        "no mail service reports to this server",
    ),
    ("auth.no-token", 401, "nothing is answered without a key"),
];

/// How answers differ in their shape from those that the vendor's description gives as examples: the kind, what
/// differs, and why. Everything else is the same.
const DIFFERENCES: &[(&str, &str, &str)] = &[
    (
        "channel",
        "/addresses/*/handle/value is chnnl_ id",
        "a channel without mail is known by its id",
    ),
    (
        "channel",
        "/addresses/*/name is never here",
        "only a channel of mail has a sender's name",
    ),
    (
        "conversation",
        "/attachment_count is never here",
        "nobody counts files",
    ),
    (
        "conversation",
        "/external_conversation_id is never here",
        "no mail provider stands behind",
    ),
    (
        "conversation",
        "/participants/*/handle/value is chnnl_ id",
        "who sends from a channel without mail is known by its id",
    ),
    (
        "conversation",
        "/participants/*/name is not always here",
        "whoever has no name is shown without one",
    ),
    (
        "event",
        "/label_id is only here",
        "the example shows a message",
    ),
    (
        "event",
        "/message_id is not always here",
        "the example shows a message",
    ),
    (
        "event",
        "/object_id is conv_ id",
        "the example shows a message",
    ),
    (
        "event",
        "/object_id is lbl_ id",
        "the example shows a message",
    ),
    (
        "label",
        "/channel_id is only here",
        "the example shows a shared label",
    ),
    (
        "label",
        "/description is only here",
        "the example shows a label without one",
    ),
    (
        "label",
        "/external_label_id is only here",
        "the example shows a shared label",
    ),
    (
        "message",
        "/external_message_id is never here",
        "no mail provider stands behind",
    ),
    (
        "message",
        "/recipients/*/name is not always here",
        "whoever has no name is shown without one",
    ),
    (
        "message",
        "/reply_to_message_id is only here",
        "the example shows no answer",
    ),
    (
        "message",
        "/reply_type is only here",
        "the example shows no answer",
    ),
    (
        "message",
        "/sender/handle/value is chnnl_ id",
        "who sends from a channel without mail is known by its id",
    ),
];

/// Ids in the captures, and what stands in their place.
struct Ids(Vec<(&'static str, String)>);

impl Ids {
    /// Makes what the captures take for there.
    async fn of(world: &World) -> Self {
        let channel = "chnnl_01h2xcejqtf2nbrexx3vqjhp41";
        let label = world.post("/v1/labels", json!({"name": "L"})).await.ok();
        let body = json!({
            "channel_id": channel, "label_ids": [label["id"]], "participants": [], "subject": "Order 1001", "snippet": "x",
            "is_unread": true, "last_message_date": "2019-05-04T03:02:01.123Z",
        });
        let conversation = world.post("/v1/conversations", body).await.ok();
        let conversation = text(&conversation["id"]);
        let message = world
            .said(&conversation, "x", "2019-05-04T03:02:01.123Z")
            .await;
        world
            .said(&conversation, "y", "2019-05-04T03:02:02.123Z")
            .await;
        let page = format!("/v1/messages?conversation_id={conversation}&limit=1");
        let cursor = world.get(&page).await.ok()["next_cursor"].clone();
        let event = message.replacen("msg_", "event_", 1);
        Self(vec![
            ("conv_01h2xcejqtf2nbrexx3vqjhp41", conversation),
            ("lbl_01hggtgr3yfm3t450q1hq4vs9s", text(&label["id"])),
            ("msg_01hggtpfewf0y91nde7cz02p0k", message),
            ("event_01hggtpfewf0y91nde7cz02p0k", event),
            ("eyJvIjoxMDB9%2B/%3D%3D", text(&cursor)),
        ])
    }

    fn put(&self, text: &str) -> String {
        let replace = |text: String, (from, to): &(&str, String)| text.replace(from, to);
        self.0.iter().fold(text.to_owned(), replace)
    }

    /// Learns of what an answer gave.
    fn learn(&mut self, request: &str, answer: &Value) {
        let (from, id) = match request {
            "attachments.upload.message" => ("attch_01hcf9x766fqk8g7hz74363j9q", &answer["id"]),
            "contacts.list" => ("cntct_01hcf9x766fqk8g7hz74363j9q", &answer["data"][0]["id"]),
            _ => return,
        };
        self.0.push((from, text(id)));
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

async fn sent(world: &World, request: &Request, ids: &Ids) -> Answer {
    let path = ids.put(&request.path);
    let (content_type, body) = match &request.form {
        Some(form) => (form.content_type.as_str(), form.body.clone()),
        None => ("application/json", ids.put(&request.body)),
    };
    let key = (!request.is_anonymous).then_some(world.key.as_str());
    let answer = world
        .send(&request.method, &path, key, content_type, body.as_bytes())
        .await;
    let is_served = !["/v1/drafts", "/inbound_webhook"]
        .iter()
        .any(|other| path.starts_with(other));
    if is_served {
        answer.check(&request.method, &path);
    }
    answer
}

/// A list again, one at a time.
async fn first_of(world: &World, request: &Request, ids: &Ids) -> Value {
    let path = ids.put(request.path.split("limit=").next().unwrap());
    let separator = if path.contains('?') { '&' } else { '?' };
    let path = format!("{path}{separator}limit=1");
    world.get(&path).await.ok()
}

#[tokio::test]
async fn every_captured_request_is_answered_as_its_client_expects() {
    let world = World::start().await;
    let mut ids = Ids::of(&world).await;
    let mut ours = Shapes::default();
    let mut names = BTreeSet::new();
    for request in requests() {
        assert!(names.insert(request.name.clone()), "{}", request.name);
        let answer = sent(&world, &request, &ids).await;
        let refused = REFUSED.iter().find(|(name, ..)| *name == request.name);
        if let Some((_, status, _)) = refused {
            answer.is_problem(*status);
            continue;
        }
        assert_eq!(answer.status, 200, "{}: {answer:?}", request.name);
        match kind_of_request(&request) {
            Some(kind) => {
                assert_eq!(answer.header("content-type"), Some("application/json"));
                let value = answer.ok();
                ids.learn(&request.name, &value);
                if value.get("data").is_some() {
                    ours.add(kind, first_of(&world, &request, &ids).await);
                }
                ours.add(kind, value);
            }
            None if request.method == "DELETE" => assert_eq!(answer.body, b""),
            None => {
                assert_eq!(answer.body, b"hello");
                assert_eq!(answer.header("content-type"), Some("text/plain"));
            }
        }
    }
    for (name, _, why) in REFUSED {
        assert!(names.contains(*name), "{name}: {why}");
    }

    let listed: BTreeSet<(String, String)> = DIFFERENCES
        .iter()
        .map(|(kind, what, _)| ((*kind).to_owned(), (*what).to_owned()))
        .collect();
    let theirs = Shapes::of_examples();
    assert_eq!(ours.differences(&theirs), listed);
    assert!(ours.0.keys().eq(theirs.0.keys()));
}

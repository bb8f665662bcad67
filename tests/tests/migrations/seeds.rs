//! What vendors hold before a migration begins: conversations that others made, with words that tell where they belong.

use serde_json::{Value, json};

use crate::fake_convore::FakeConvore;
use crate::fake_convore::behind::Said;
use crate::fake_sunshine::FakeSunshine;

/// The tenant to which users found at a vendor belong.
pub(crate) const TENANT: &str = "default";
/// When the first of these words were said: 2024-03-01T09:00:00Z, in milliseconds.
const BEGIN_MS: i64 = 1_709_283_600_000;
/// Between two messages of one conversation, in milliseconds.
const STEP_MS: i64 = 61_007;
/// Every so manieth message has the time of the one before it: vendors count in milliseconds, and people paste.
const EQUAL_EVERY: usize = 7;

/// A conversation that others made at a vendor.
#[derive(Debug, Clone)]
pub(crate) struct Seeded {
    /// The vendor's id.
    pub(crate) native: String,
    /// The words of each message, oldest first, and when they were said, in milliseconds.
    pub(crate) said: Vec<(String, i64)>,
}

/// The words of the `number`th message of a conversation: no other message has them, and they contain no other's.
pub(crate) fn words(conversation: usize, number: usize) -> String {
    format!("said c{conversation}-m{number}. by somebody")
}

/// When it was said.
fn said_at(conversation: usize, number: usize) -> i64 {
    let steps = number - usize::from(number % EQUAL_EVERY == EQUAL_EVERY - 1);
    BEGIN_MS + (conversation as i64) * 3_600_000 + (steps as i64) * STEP_MS
}

fn spelled(milliseconds: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(milliseconds).expect("a time of this era");
    format!("{time:.3}")
}

/// Conversations at Sunshine, of both sides: `users` users, each with several. Also the roster, one user per line.
pub(crate) fn at_sunshine(
    fake: &FakeSunshine,
    users: usize,
    conversations: usize,
    messages: usize,
) -> (String, Vec<Seeded>) {
    let natives: Vec<String> = (0..users)
        .map(|user| fake.add_user(Some(&format!("{TENANT}:user-{user}"))))
        .collect();
    let roster: String = (0..users).map(|user| format!("user-{user}\n")).collect();
    let seeded = (0..conversations).map(|conversation| {
        let user = &natives[conversation % users];
        let native = fake.add_conversation(user);
        let said = (0..messages).map(|number| {
            let (words, at) = (words(conversation, number), said_at(conversation, number));
            fake.add_message(&native, &at_sunshine_said(user, number, &words, at));
            (words, at)
        });
        let said = said.collect();
        Seeded { native, said }
    });
    let seeded = seeded.collect();
    (roster, seeded)
}

/// A message as Sunshine's channels store it.
pub(crate) fn at_sunshine_said(user: &str, number: usize, words: &str, at: i64) -> Value {
    let author = match number % 2 {
        0 => json!({"type": "user", "userId": user, "displayName": "Ann"}),
        _ => json!({"type": "business", "displayName": "Shop"}),
    };
    let content = match number % 5 {
        3 => json!({
            "type": "image", "text": words, "mediaUrl": "https://files.example/cat.png",
            "mediaType": "image/png", "mediaSize": 2048
        }),
        4 => json!({
            "type": "text", "text": words,
            "actions": [{"type": "link", "text": "Open", "uri": "https://a.example/1"}]
        }),
        _ => json!({"type": "text", "text": words}),
    };
    json!({
        "author": author, "content": content, "received": spelled(at),
        "source": {"type": "whatsapp"}, "metadata": {"number": number}
    })
}

/// Conversations at Convore, of both sides, the nth with as many messages as `messages` says.
pub(crate) fn at_convore(
    fake: &FakeConvore,
    conversations: usize,
    messages: impl Fn(usize) -> usize,
) -> Vec<Seeded> {
    let seeded = (0..conversations).map(|conversation| {
        let native = fake.add_conversation(&format!("Order {conversation}"));
        let said = (0..messages(conversation)).map(|number| {
            let (words, at) = (words(conversation, number), said_at(conversation, number));
            at_convore_said(fake, &native, number.is_multiple_of(2), &words, at);
            (words, at)
        });
        let said = said.collect();
        Seeded { native, said }
    });
    seeded.collect()
}

/// Somebody says something in a conversation at Convore.
pub(crate) fn at_convore_said(
    fake: &FakeConvore,
    native: &str,
    inbound: bool,
    words: &str,
    at: i64,
) {
    let (from, body) = (
        if inbound {
            "bo@example.test"
        } else {
            "shop@example.test"
        },
        format!("<p>{words}</p>"),
    );
    let said = Said {
        inbound,
        from,
        body: &body,
        at,
    };
    fake.add_message(native, said);
}

/// The present moment, in milliseconds.
pub(crate) fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

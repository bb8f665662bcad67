//! Both directions of the mapping: what the vendor sends comes back exactly, and what is sent is what was previewed.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests panic like the tests themselves"
)]

#[path = "fixtures/examples.rs"]
mod examples;

use backend::{Fate, FieldFate, Write};
use conversation::{
    ActivityKind, ConversationId, Direction, JsonMap, Kind, Message, MessageStatus,
    NewConversation, NewMessage, Part, ParticipantKind, RawJson, Role, Status,
};
use serde_json::Value;
use sunshine::ImportMode;
use sunshine::mapping::{
    Authorship, INTENT_KEY, SENT_AT_KEY, conversation_from_canonical, conversation_to_canonical,
    message_from_canonical, message_post, message_to_canonical, preview,
};
use sunshine::wire;

fn json<T: serde::Serialize>(value: &T) -> Value {
    serde_json::to_value(value).unwrap()
}

fn id() -> ConversationId {
    ConversationId::derive("sunshine", "native")
}

fn nobody(_: &str) -> Option<Box<str>> {
    None
}

/// Every documented message.
fn messages() -> Vec<(String, wire::Message)> {
    let mut messages = Vec::new();
    for example in examples::bodies() {
        let body: Value = serde_json::from_str(&example.body).unwrap();
        match example.kind.as_str() {
            "Message" => messages.push((example.name, serde_json::from_value(body).unwrap())),
            "MessageListResponse" | "MessagePostResponse" => {
                for message in body["messages"].as_array().unwrap() {
                    let message = serde_json::from_value(message.clone()).unwrap();
                    messages.push((example.name.clone(), message));
                }
            }
            _ => {}
        }
    }
    messages
}

fn message(name: &str) -> wire::Message {
    let found = messages().into_iter().find(|(other, _)| other == name);
    found.unwrap().1
}

fn canonical(name: &str) -> Message {
    message_to_canonical(&message(name), id(), &nobody).unwrap()
}

#[test]
fn every_documented_message_comes_back_exactly() {
    for (name, wire) in messages() {
        for name_of in [&nobody as &dyn Fn(&str) -> Option<Box<str>>, &|id: &str| {
            Some(format!("our {id}").into())
        }] {
            let message = message_to_canonical(&wire, id(), name_of).unwrap();
            // Through JSON, as a stored copy would go.
            let message: Message =
                serde_json::from_str(&serde_json::to_string(&message).unwrap()).unwrap();
            let back = message_from_canonical(&message, None).unwrap();
            assert_eq!(json(&back), json(&wire), "{name}");
        }
    }
}

#[test]
fn every_documented_conversation_comes_back_exactly() {
    let mut checked = 0;
    for example in examples::bodies() {
        let body: Value = serde_json::from_str(&example.body).unwrap();
        let body = match example.kind.as_str() {
            "Conversation" => body,
            "ConversationResponse" => body["conversation"].clone(),
            _ => continue,
        };
        let wire: wire::Conversation = serde_json::from_value(body.clone()).unwrap();
        let conversation = conversation_to_canonical(&wire, "sunshine").unwrap();
        let native = wire.id.value().unwrap();
        let back = conversation_from_canonical(&conversation, native).unwrap();
        assert_eq!(json(&back), body, "{}", example.name);
        checked += 1;
    }
    assert!(checked >= 3);
}

#[test]
fn a_changed_message_loses_what_is_out_of_date_and_keeps_the_rest() {
    let mut message = canonical("ai answer");
    message.parts = vec![Part::text("plain")];
    let back = json(&message_from_canonical(&message, None).unwrap());
    assert_eq!(
        back["content"],
        serde_json::json!({"type": "text", "text": "plain"})
    );
    assert_eq!(back["references"][0]["title"], "A");
}

#[test]
fn users_and_the_business_have_their_roles() {
    let user = canonical("user message");
    assert_eq!(
        (&user.role, &user.direction),
        (&Role::User, &Direction::Inbound)
    );
    let author = user.author.clone().unwrap();
    assert_eq!(author.id.as_deref(), Some("5963c0d619a30a2e00de36b8"));
    assert_eq!(author.name.as_deref(), Some("Ann"));
    assert_eq!(
        user.in_reply_to.unwrap().id.as_str(),
        "5e552ef595e5206375bb8300"
    );
    assert_eq!(user.source["channel"], RawJson::string("whatsapp"));
    assert_eq!(user.metadata.len(), 3);

    let named = message_to_canonical(&message("user message"), id(), &|_| Some("ann".into()));
    assert_eq!(named.unwrap().author.unwrap().id.as_deref(), Some("ann"));

    let ai = canonical("ai answer");
    assert_eq!(
        (&ai.role, &ai.direction),
        (&Role::Assistant, &Direction::Outbound)
    );
    assert_eq!(ai.author.unwrap().kind, ParticipantKind::Assistant);
    assert_eq!(ai.status, MessageStatus::Sent);
}

#[test]
fn a_system_activity_is_a_part() {
    let activity = canonical("system activity");
    let [Part::Activity(part)] = activity.parts.as_slice() else {
        panic!("{:?}", activity.parts)
    };
    assert_eq!(part.activity, ActivityKind::Other("ticket:closed".into()));
    assert_eq!(activity.author.unwrap().kind, ParticipantKind::System);
}

#[test]
fn unknown_contents_and_known_ones_of_another_shape_are_kept_whole() {
    for name in ["unknown content", "known content of another shape"] {
        let message = canonical(name);
        let [Part::Unknown(part)] = message.parts.as_slice() else {
            panic!("{:?}", message.parts)
        };
        assert_eq!(&*part.vendor, "sunshine");
    }
}

#[test]
fn a_message_needs_an_id_and_a_time_and_nothing_else() {
    let of = |text: &str| message_to_canonical(&serde_json::from_str(text).unwrap(), id(), &nobody);
    assert!(of("{}").is_err());
    assert!(of(r#"{"id":"short"}"#).is_err());
    let bare = of(r#"{"id":"5e552ef595e5206375bb835d"}"#).unwrap();
    assert_eq!(bare.created_at.to_string(), "2020-02-25T14:28:05.000Z");
    assert_eq!(bare.parts, [Part::text("")]);
    let back = json(&message_from_canonical(&bare, None).unwrap());
    assert_eq!(back, serde_json::json!({"id": "5e552ef595e5206375bb835d"}));
}

#[test]
fn our_own_metadata_is_hidden_and_gives_the_original_time() {
    let text = format!(
        r#"{{"id":"5e552ef595e5206375bb835d","metadata":{{"a":1,"{INTENT_KEY}":"x","{SENT_AT_KEY}":"2001-02-03T04:05:06.789Z"}}}}"#
    );
    let wire = serde_json::from_str(&text).unwrap();
    let message = message_to_canonical(&wire, id(), &nobody).unwrap();
    assert_eq!(message.metadata.len(), 1);
    assert_eq!(message.sent_at.to_string(), "2001-02-03T04:05:06.789Z");
    assert_eq!(message.created_at.to_string(), "2020-02-25T14:28:05.000Z");
}

fn fates(write: Write) -> Vec<FieldFate> {
    preview(&write, ImportMode::Overlay).fates
}

fn post(role: Role, parts: Vec<Part>) -> (Vec<Part>, Vec<(String, Fate)>) {
    let projection = preview(
        &Write::PostMessage(NewMessage::of(role, parts)),
        ImportMode::Overlay,
    );
    let Write::PostMessage(sent) = projection.write else {
        panic!("another write")
    };
    let fates = projection.fates.into_iter();
    (
        sent.parts,
        fates.map(|fate| (fate.pointer, fate.fate)).collect(),
    )
}

fn parts(text: &str) -> Vec<Part> {
    serde_json::from_str(text).unwrap()
}

#[test]
fn parts_that_are_one_content_are_sent_as_they_are() {
    for text in [
        r#"[{"type":"text","text":"a"}]"#,
        r#"[{"type":"text","text":"<b>a</b>","format":"html"}]"#,
        r#"[{"type":"text","text":"a"},{"type":"actions","actions":[{"type":"reply","text":"Y","payload":"Y"}]}]"#,
        r#"[{"type":"actions","actions":[{"type":"location_request","text":"Where?"}]}]"#,
        r#"[{"type":"image","url":"https://files.example/a.png","alt_text":"a","caption":"b"}]"#,
        r#"[{"type":"image","url":"https://files.example/a.png"},{"type":"actions","actions":[{"type":"link","text":"L","uri":"https://a.example"}]}]"#,
        r#"[{"type":"file","url":"https://files.example/a.pdf","caption":"b"}]"#,
        r#"[{"type":"location","latitude":47.37,"longitude":8.54,"name":"Station"}]"#,
        r#"[{"type":"carousel","items":[{"title":"a","actions":[{"type":"buy","text":"B","amount":5}]}]}]"#,
        r#"[{"type":"list","items":[{"title":"a","actions":[{"type":"postback","text":"B","payload":"b"}]}]},{"type":"actions","actions":[{"type":"postback","text":"All","payload":"all"}]}]"#,
        r#"[{"type":"text","text":"Please"},{"type":"form","fields":[{"name":"n","label":"N","type":"text","min_chars":2}]}]"#,
        r#"[{"type":"template","name":"t","language":"de","parameters":{"components":[{"type":"body"}]}}]"#,
    ] {
        let sent = parts(text);
        let (kept, fates) = post(Role::Assistant, sent.clone());
        assert_eq!((kept, fates), (sent.clone(), Vec::new()), "{text}");
        // And what is sent reads as what was meant.
        let new = NewMessage::of(Role::Assistant, sent.clone());
        let body = message_post(&new, &Authorship::Business, &JsonMap::new());
        assert_eq!(
            sunshine::mapping::parts_from_content(&body.content),
            sent,
            "{text}"
        );
    }
}

#[test]
fn parts_beyond_a_limit_become_text_where_they_have_words() {
    let item = r#"{"title":"a","actions":[{"type":"postback","text":"B","payload":"b"}]}"#;
    let eleven = format!(
        r#"[{{"type":"carousel","items":[{}]}}]"#,
        [item; 11].join(",")
    );
    let action = r#"{"type":"postback","text":"B","payload":"b"}"#;
    let four = format!(
        r#"[{{"type":"list","items":[{{"title":"a","actions":[{}]}}]}}]"#,
        [action; 4].join(",")
    );
    let field = |index: usize| format!(r#"{{"name":"n{index}","label":"N","type":"text"}}"#);
    let many: Vec<String> = (0..21).map(field).collect();
    let twenty_one = format!(r#"[{{"type":"form","fields":[{}]}}]"#, many.join(","));
    let no_action = r#"[{"type":"list","items":[{"title":"a"}]}]"#.to_owned();
    let two = r#"[{"type":"text","text":"a"},{"type":"text","text":"b"}]"#.to_owned();
    for text in [eleven, four, twenty_one, no_action, two] {
        let (kept, fates) = post(Role::Assistant, parts(&text));
        assert!(matches!(kept.as_slice(), [Part::Text(_)]), "{text}");
        assert!(
            fates.iter().all(|(_, fate)| *fate == Fate::Converted) && !fates.is_empty(),
            "{text}"
        );
    }
}

#[test]
fn a_limit_that_is_crossed_is_told_with_what_was_sent() {
    let item = r#"{"title":"a","actions":[{"type":"postback","text":"B","payload":"b"}]}"#;
    let eleven = format!(r#"[{{"type":"list","items":[{}]}}]"#, [item; 11].join(","));
    let caption = format!(
        r#"[{{"type":"image","url":"https://files.example/a.png","alt_text":"{}"}}]"#,
        "é".repeat(129)
    );
    let long = format!(r#"[{{"type":"text","text":"{}"}}]"#, "x".repeat(4_097));
    for (text, limit, value) in [(eleven, 10, 11), (caption, 128, 129), (long, 4_096, 4_097)] {
        let new = NewMessage::of(Role::Assistant, parts(&text));
        let exceeds = fates(Write::PostMessage(new))[0].exceeds.unwrap();
        assert_eq!((exceeds.limit, exceeds.value), (limit, Some(value)));
    }
}

#[test]
fn what_has_no_room_is_left_out_and_the_rest_is_sent() {
    let long = "x".repeat(4_097);
    let image = r#"{"type":"image","url":"https://files.example/a.png"}"#;
    let (kept, fates) = post(
        Role::Assistant,
        parts(&format!(
            r#"[{image},{{"type":"text","text":"{long}"}},{{"type":"reasoning","text":"hm"}}]"#
        )),
    );
    assert_eq!(kept, parts(&format!("[{image}]")), "and stays a picture");
    assert_eq!(
        fates,
        [
            ("/parts/2".to_owned(), Fate::Rejected),
            ("/parts/1".to_owned(), Fate::Rejected)
        ]
    );
    for nothing in [
        vec![Part::text(long)],
        vec![Part::text("")],
        vec![Part::Reasoning("hm".into())],
    ] {
        let write = Write::PostMessage(NewMessage::of(Role::User, nothing));
        let projection = preview(&write, ImportMode::Overlay);
        assert!(!projection.is_held && !projection.fates.is_empty());
    }
}

#[test]
fn an_attachment_with_a_url_is_sent_by_it() {
    let id = "att_7zzzzzzzzzzzzzzzzzzzzzzzzz";
    let both = format!(
        r#"[{{"type":"file","url":"https://files.example/a.pdf","attachment_id":"{id}"}}]"#
    );
    let (kept, fates) = post(Role::Assistant, parts(&both));
    assert_eq!(
        kept,
        parts(r#"[{"type":"file","url":"https://files.example/a.pdf"}]"#)
    );
    assert_eq!(
        fates,
        [("/parts/0/attachment_id".to_owned(), Fate::Converted)]
    );
}

#[test]
fn a_text_before_a_picture_becomes_its_caption() {
    let (kept, fates) = post(
        Role::User,
        parts(
            r#"[{"type":"text","text":"look"},{"type":"audio","url":"https://files.example/a.ogg","name":"a.ogg","size":5}]"#,
        ),
    );
    assert_eq!(
        kept,
        parts(
            r#"[{"type":"file","url":"https://files.example/a.ogg","alt_text":"a.ogg","caption":"look"}]"#
        )
    );
    assert!(fates.iter().all(|(_, fate)| *fate == Fate::Converted));
}

#[test]
fn what_has_no_words_is_refused_by_its_place_and_the_rest_stays() {
    let (kept, fates) = post(
        Role::Assistant,
        parts(
            r#"[{"type":"reasoning","text":"hm"},{"type":"text","text":"a"},{"type":"form_response","fields":[]}]"#,
        ),
    );
    assert_eq!(kept, [Part::text("a")]);
    assert_eq!(
        fates,
        [
            ("/parts/0".to_owned(), Fate::Rejected),
            ("/parts/2".to_owned(), Fate::Rejected)
        ]
    );
}

#[test]
fn texts_have_their_limits() {
    for (text, pointer) in [
        ("", "/parts/0"),
        ("a\0b", "/parts/0"),
        (&*"x".repeat(4_097), "/parts/0"),
    ] {
        let (kept, fates) = post(Role::User, vec![Part::text(text)]);
        assert!(kept.is_empty());
        assert_eq!(fates, [(pointer.to_owned(), Fate::Rejected)]);
    }
    let (_, fates) = post(Role::User, vec![Part::text("é".repeat(4_096))]);
    assert!(fates.is_empty());
}

#[test]
fn a_new_conversation_is_judged_field_by_field() {
    let new: NewConversation = serde_json::from_str(
        r#"{"kind":"assistant","title":"","status":"closed","labels":["a"],"owner":"o","icon_url":"no url","created_at":"2020-01-01T00:00:00Z",
            "participants":[{"id":"ann","name":"Ann"},{"id":"bot","kind":"bot"},{"id":"ann"}],
            "metadata":{"flat":1,"deep":{"a":1},"none":null,"dragoman_intent":"mine"},"extensions":{"sunshine":{"a":1}}}"#,
    )
    .unwrap();
    let found: Vec<(String, Fate)> = fates(Write::CreateConversation(new))
        .into_iter()
        .map(|fate| (fate.pointer, fate.fate))
        .collect();
    let wanted = [
        ("/participants/0", Fate::Converted),
        ("/participants/1", Fate::Rejected),
        ("/participants/2", Fate::Rejected),
        ("/kind", Fate::Converted),
        ("/title", Fate::Converted),
        ("/status", Fate::Rejected),
        ("/labels", Fate::Rejected),
        ("/owner", Fate::Rejected),
        ("/created_at", Fate::Rejected),
        ("/icon_url", Fate::Rejected),
        ("/metadata/deep", Fate::Rejected),
        ("/metadata/dragoman_intent", Fate::Rejected),
        ("/metadata/none", Fate::Rejected),
        ("/extensions/sunshine/a", Fate::Rejected),
    ];
    let wanted: Vec<(String, Fate)> = wanted
        .into_iter()
        .map(|(pointer, fate)| (pointer.to_owned(), fate))
        .collect();
    assert_eq!(found, wanted);
}

#[test]
fn metadata_beyond_its_size_is_refused() {
    let mut new = NewConversation::default();
    new.metadata
        .insert("a".into(), RawJson::string(&"x".repeat(3_950)));
    let fates = fates(Write::CreateConversation(new));
    assert_eq!(
        (
            &*fates[0].pointer,
            fates[0].exceeds.and_then(|exceeds| exceeds.value)
        ),
        ("/metadata", Some(3_958))
    );
}

#[test]
fn internal_messages_stay_away() {
    for role in [Role::System, Role::Tool] {
        let write = Write::PostMessage(NewMessage::text(role, "quiet"));
        let projection = preview(&write, ImportMode::Overlay);
        assert!(!projection.is_held);
        let fates = projection.fates;
        assert_eq!(
            (&*fates[0].pointer, fates[0].fate),
            ("/role", Fate::Rejected)
        );
    }
}

#[test]
fn a_silent_post_names_no_channel_and_a_delivered_one_none_at_all() {
    let new = NewMessage::text(Role::Assistant, "a");
    let body = |authorship| json(&message_post(&new, authorship, &JsonMap::new()));
    assert_eq!(
        body(&Authorship::Silent)["destination"],
        serde_json::json!({"integrationType": "none"})
    );
    assert_eq!(body(&Authorship::Business).get("destination"), None);
    assert_eq!(
        body(&Authorship::ExternalUser("t:u".into()))["author"],
        serde_json::json!({"type": "user", "userExternalId": "t:u"})
    );
}

#[test]
fn a_conversation_of_the_vendor_has_its_canonical_fields() {
    let example = examples::bodies()
        .into_iter()
        .find(|example| example.name == "group")
        .unwrap();
    let wire = serde_json::from_str(&example.body).unwrap();
    let group = conversation_to_canonical(&wire, "sunshine").unwrap();
    assert_eq!((group.kind, group.status), (Kind::Group, Status::Open));
    assert_eq!(group.title.as_deref(), Some("Title"));
    assert_eq!(group.updated_at.to_string(), "2020-06-26T14:33:47.120Z");
    assert_eq!(group.last_message_at, Some(group.updated_at));
    assert_eq!(
        group.extensions["sunshine"]
            .keys()
            .map(AsRef::as_ref)
            .collect::<Vec<&str>>(),
        [
            "activeSwitchboardIntegration",
            "businessLastRead",
            "isDefault",
            "pendingSwitchboardIntegration"
        ]
    );
}

#[test]
fn empty_objects_that_stand_for_none_are_read_and_come_back() {
    let body = r#"{"id":"5e552ef595e5206375bb835d","author":{"type":"business"},"content":{"type":"text","text":"a"},"source":{"type":"web","client":{},"device":null},"quotedMessage":{},"metadata":{}}"#;
    let wire: wire::Message = serde_json::from_str(body).unwrap();
    let message = message_to_canonical(&wire, id(), &nobody).unwrap();
    assert_eq!(message.in_reply_to, None);
    let again = message_from_canonical(&message, None).unwrap();
    assert_eq!(serde_json::to_string(&again).unwrap(), body);
}

#[test]
fn an_option_that_the_vendor_takes_otherwise_is_not_dropped_silently() {
    let webview = |options: &str| {
        format!(
            r#"[{{"type":"actions","actions":[{{"type":"webview","text":"a","uri":"https://a.example","fallback":"https://a.example","extensions":{options}}}]}}]"#
        )
    };
    let form = |options: &str| {
        format!(
            r#"[{{"type":"form","fields":[{{"name":"a","label":"A","type":"text","extensions":{options}}}]}}]"#
        )
    };
    for text in [
        webview(r#"{"size":"tall","openOnReceive":true,"extraChannelOptions":{"messenger":{}}}"#),
        form(r#"{"format":"integer"}"#),
    ] {
        let (kept, fates) = post(Role::Assistant, parts(&text));
        assert_eq!((kept, fates), (parts(&text), vec![]), "{text}");
    }
    for text in [
        webview(r#"{"size":"gigantic"}"#),
        webview(r#"{"size":5}"#),
        webview(r#"{"openOnReceive":"yes"}"#),
        webview(r#"{"extraChannelOptions":[]}"#),
        form(r#"{"format":5}"#),
        form(r#"{"format":"roman"}"#),
    ] {
        let (kept, fates) = post(Role::Assistant, parts(&text));
        assert!(matches!(kept.as_slice(), [Part::Text(_)]), "{text}");
        assert_eq!(fates[0].1, Fate::Converted, "{text}");
    }
}

#[test]
fn a_direction_that_is_not_that_of_the_role_has_no_place() {
    for (role, direction) in [
        (Role::User, Direction::Outbound),
        (Role::Assistant, Direction::Inbound),
        (Role::Assistant, Direction::Internal),
    ] {
        let new = NewMessage {
            direction: Some(direction),
            ..NewMessage::text(role, "x")
        };
        let projection = preview(&Write::PostMessage(new), ImportMode::Overlay);
        assert!(!projection.is_held);
        assert_eq!(projection.fates[0].pointer, "/direction");
    }
}

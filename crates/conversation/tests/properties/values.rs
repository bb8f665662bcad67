//! Any value of every canonical type.

use conversation::{
    Action, ActionKind, Activity, ActivityKind, Assistant, AttachmentId, Conversation,
    ConversationId, ConversationPatch, Counts, Direction, Extensions, Field, FieldOption, Handle,
    InReplyTo, Item, JsonMap, Kind, Location, Media, Message, MessageId, MessagePatch,
    MessageStatus, NewConversation, NewMessage, Part, Participant, ParticipantKind, Patch,
    Priority, Quote, Rating, RawJson, Recipient, RecipientKind, ReplyKind, Role, Side, Status,
    Template, Text, TextFormat, Time, ToolCall, ToolResult, Unknown, Usage,
};
use proptest::collection::{btree_map, vec};
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::strategy::BoxedStrategy;

/// Any text: empty, unicode, NUL, control characters, quotes.
pub(crate) fn text() -> BoxedStrategy<Box<str>> {
    prop_oneof![
        3 => vec(any::<char>(), 0..12).prop_map(|characters| characters.into_iter().collect::<String>().into()),
        1 => Just("nul \0 and \"quotes\" \\ \u{7f}\u{85}\u{2028}\u{feff}".into()),
        1 => Just("👩‍👩‍👧 é e\u{301} \u{202e}عربى".into()),
        1 => "[a-z ]{0,20}".prop_map(Into::into),
    ]
    .boxed()
}

fn maybe<T: Clone + std::fmt::Debug + 'static>(
    value: BoxedStrategy<T>,
) -> BoxedStrategy<Option<T>> {
    proptest::option::of(value).boxed()
}

fn maybe_text() -> BoxedStrategy<Option<Box<str>>> {
    maybe(text())
}

/// A word that the enum knows, or any other text: `From<&str>` keeps the latter in `Other`.
fn word<T>(known: &'static [&'static str]) -> BoxedStrategy<T>
where
    T: for<'a> From<&'a str> + Clone + std::fmt::Debug + 'static,
{
    prop_oneof![
        4 => proptest::sample::select(known).prop_map(T::from),
        1 => text().prop_map(|other| T::from(&*other)),
    ]
    .boxed()
}

/// A finite number: JSON has no other.
fn number() -> BoxedStrategy<f64> {
    prop_oneof![
        any::<f64>().prop_filter("finite", |number| number.is_finite()),
        Just(-0.0),
        Just(0.1 + 0.2),
        Just(1e300),
        Just(5e-324),
    ]
    .boxed()
}

/// Any time that RFC 3339 can spell: years 0 to 9999.
pub(crate) fn time() -> BoxedStrategy<Time> {
    (-62_167_219_200_000_000_i64..=253_402_207_200_999_999)
        .prop_map(|micros| Time::from_micros(micros).expect("valid by construction"))
        .boxed()
}

/// White space that JSON allows between tokens.
fn gap() -> BoxedStrategy<&'static str> {
    prop_oneof![4 => Just(""), 1 => Just(" "), 1 => Just("\n\t\r ")].boxed()
}

fn json_string() -> BoxedStrategy<String> {
    prop_oneof![
        4 => text().prop_map(|text| serde_json::to_string(&text).expect("valid by construction")),
        1 => Just(r#""\u0041\u00e9\ud83d\ude00\/ \" \\""#.to_owned()),
        1 => Just(r#""a  b \\\" { [ , : ""#.to_owned()),
    ]
    .boxed()
}

/// Any JSON text with white space, unusual spellings and large numbers.
pub(crate) fn json_text() -> BoxedStrategy<String> {
    let leaf = prop_oneof![
        json_string(),
        any::<i64>().prop_map(|integer| integer.to_string()),
        number().prop_map(|number| serde_json::to_string(&number).expect("valid by construction")),
        proptest::sample::select(vec![
            "null",
            "true",
            "false",
            "0",
            "-0",
            "1.50",
            "1E2",
            "-1.25e-7",
            "12345678901234567890123",
            "9007199254740993",
        ])
        .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            (vec((inner.clone(), gap()), 0..5), gap()).prop_map(|(items, gap)| {
                let items: Vec<String> = items
                    .into_iter()
                    .map(|(item, gap)| format!("{gap}{item}{gap}"))
                    .collect();
                format!("[{gap}{}]", items.join(","))
            }),
            (btree_map(json_string(), (inner, gap()), 0..5), gap()).prop_map(|(members, gap)| {
                let members: Vec<String> = members
                    .into_iter()
                    .map(|(key, (value, gap))| format!("{gap}{key}{gap}:{gap}{value}"))
                    .collect();
                format!("{{{}{gap}}}", members.join(","))
            }),
        ]
    })
    .boxed()
}

/// Any kept JSON.
pub(crate) fn raw() -> BoxedStrategy<RawJson> {
    json_text()
        .prop_map(|text| RawJson::parse(&text).expect("valid by construction"))
        .boxed()
}

pub(crate) fn map() -> BoxedStrategy<JsonMap> {
    prop_oneof![2 => Just(JsonMap::new()), 1 => btree_map(text(), raw(), 0..4)].boxed()
}

pub(crate) fn extensions() -> BoxedStrategy<Extensions> {
    prop_oneof![2 => Just(Extensions::new()), 1 => btree_map(text(), map(), 0..3)].boxed()
}

pub(crate) fn conversation_id() -> BoxedStrategy<ConversationId> {
    any::<u128>().prop_map(ConversationId::from_bits).boxed()
}

pub(crate) fn message_id() -> BoxedStrategy<MessageId> {
    "[A-Za-z0-9_-]{1,128}"
        .prop_map(|id| id.parse().expect("valid by construction"))
        .boxed()
}

fn handle() -> BoxedStrategy<Handle> {
    (text(), text())
        .prop_map(|(kind, value)| Handle { kind, value })
        .boxed()
}

pub(crate) fn participant() -> BoxedStrategy<Participant> {
    (
        maybe_text(),
        word(ParticipantKind::KNOWN),
        maybe(word(Side::KNOWN)),
        maybe_text(),
        maybe_text(),
        vec(handle(), 0..3),
    )
        .prop_map(|(id, kind, side, name, avatar_url, handles)| Participant {
            id,
            kind,
            side,
            name,
            avatar_url,
            handles,
        })
        .boxed()
}

fn recipient() -> BoxedStrategy<Recipient> {
    (
        word(RecipientKind::KNOWN),
        maybe_text(),
        maybe_text(),
        maybe(handle()),
    )
        .prop_map(|(kind, participant_id, name, handle)| Recipient {
            kind,
            participant_id,
            name,
            handle,
        })
        .boxed()
}

fn action() -> BoxedStrategy<Action> {
    (
        (
            word(ActionKind::KNOWN),
            text(),
            maybe_text(),
            maybe_text(),
            maybe_text(),
            maybe_text(),
        ),
        (
            maybe(any::<i64>().boxed()),
            maybe_text(),
            any::<bool>(),
            map(),
            map(),
        ),
    )
        .prop_map(
            |(
                (kind, text, payload, uri, fallback, icon_url),
                (amount, currency, default, metadata, extensions),
            )| Action {
                kind,
                text,
                payload,
                uri,
                fallback,
                icon_url,
                amount,
                currency,
                default,
                metadata,
                extensions,
            },
        )
        .boxed()
}

fn item() -> BoxedStrategy<Item> {
    (
        (
            text(),
            maybe_text(),
            maybe_text(),
            maybe_text(),
            maybe_text(),
            maybe_text(),
        ),
        (vec(action(), 0..2), map(), map()),
    )
        .prop_map(
            |(
                (title, description, media_url, media_type, alt_text, size),
                (actions, metadata, extensions),
            )| Item {
                title,
                description,
                media_url,
                media_type,
                alt_text,
                size,
                actions,
                metadata,
                extensions,
            },
        )
        .boxed()
}

fn field_option() -> BoxedStrategy<FieldOption> {
    (text(), maybe_text())
        .prop_map(|(name, label)| FieldOption { name, label })
        .boxed()
}

fn field() -> BoxedStrategy<Field> {
    (
        (
            text(),
            maybe_text(),
            maybe_text(),
            maybe_text(),
            maybe(any::<u64>().boxed()),
            maybe(any::<u64>().boxed()),
        ),
        (
            vec(field_option(), 0..3),
            maybe_text(),
            vec(field_option(), 0..3),
            map(),
        ),
    )
        .prop_map(
            |(
                (name, label, kind, placeholder, min_chars, max_chars),
                (options, value, chosen, extensions),
            )| Field {
                name,
                label,
                kind,
                placeholder,
                min_chars,
                max_chars,
                options,
                value,
                chosen,
                extensions,
            },
        )
        .boxed()
}

fn media() -> BoxedStrategy<Media> {
    let attachment = "[A-Za-z0-9_-]{1,40}"
        .prop_map(|id| id.parse::<AttachmentId>().expect("valid by construction"))
        .boxed();
    (
        maybe_text(),
        maybe(attachment),
        maybe_text(),
        maybe(any::<u64>().boxed()),
        maybe_text(),
        maybe_text(),
        maybe_text(),
    )
        .prop_map(
            |(url, attachment_id, media_type, size, name, alt_text, caption)| Media {
                url,
                attachment_id,
                media_type,
                size,
                name,
                alt_text,
                caption,
            },
        )
        .boxed()
}

/// Any part of every type.
pub(crate) fn part() -> BoxedStrategy<Part> {
    prop_oneof![
        3 => (text(), word(TextFormat::KNOWN)).prop_map(|(text, format)| Part::Text(Text { text, format })),
        1 => media().prop_map(Part::Image),
        1 => media().prop_map(Part::File),
        1 => media().prop_map(Part::Audio),
        1 => media().prop_map(Part::Video),
        1 => (number(), number(), maybe_text(), maybe_text()).prop_map(|(latitude, longitude, name, address)| {
            Part::Location(Location { latitude, longitude, name, address })
        }),
        1 => vec(item(), 0..3).prop_map(Part::Carousel),
        1 => vec(item(), 0..3).prop_map(Part::List),
        1 => vec(field(), 0..3).prop_map(Part::Form),
        1 => vec(field(), 0..3).prop_map(Part::FormResponse),
        1 => (text(), maybe_text(), map(), maybe_text()).prop_map(|(name, language, parameters, text)| {
            Part::Template(Template { name, language, parameters, text })
        }),
        1 => vec(action(), 0..3).prop_map(Part::Actions),
        1 => (text(), text(), raw()).prop_map(|(id, name, arguments)| Part::ToolCall(ToolCall { id, name, arguments })),
        1 => (text(), maybe_text(), raw(), any::<bool>()).prop_map(|(tool_call_id, name, result, is_error)| {
            Part::ToolResult(ToolResult { tool_call_id, name, result, is_error })
        }),
        1 => text().prop_map(Part::Reasoning),
        1 => (text(), maybe(message_id())).prop_map(|(text, message_id)| Part::Quote(Quote { text, message_id })),
        1 => (word(ActivityKind::KNOWN), maybe_text()).prop_map(|(activity, participant_id)| {
            Part::Activity(Activity { activity, participant_id })
        }),
        1 => (text(), raw()).prop_map(|(vendor, value)| Part::Unknown(Unknown { vendor, value })),
    ]
    .boxed()
}

pub(crate) fn assistant() -> BoxedStrategy<Assistant> {
    // JSON null as `workflow_config` cannot be told from its absence, so nothing may depend on it.
    let config = raw()
        .prop_filter("null is absence", |value| !value.is_null())
        .boxed();
    (
        (
            maybe_text(),
            maybe_text(),
            maybe(number()),
            maybe(number()),
            maybe(any::<u64>().boxed()),
        ),
        (
            maybe_text(),
            maybe_text(),
            maybe(config),
            maybe(any::<bool>().boxed()),
            maybe_text(),
        ),
    )
        .prop_map(
            |(
                (provider, model, temperature, top_p, max_tokens),
                (system_prompt, workflow, workflow_config, retrieval, profile_id),
            )| Assistant {
                provider,
                model,
                temperature,
                top_p,
                max_tokens,
                system_prompt,
                workflow,
                workflow_config,
                retrieval,
                profile_id,
            },
        )
        .boxed()
}

pub(crate) fn rating() -> BoxedStrategy<Rating> {
    (maybe(number()), any::<u64>(), maybe(number()))
        .prop_map(|(mean, count, mine)| Rating { mean, count, mine })
        .boxed()
}

pub(crate) fn usage() -> BoxedStrategy<Usage> {
    let tokens = || maybe(any::<u64>().boxed());
    (tokens(), tokens(), tokens(), maybe(number()))
        .prop_map(|(input_tokens, output_tokens, total_tokens, cost)| Usage {
            input_tokens,
            output_tokens,
            total_tokens,
            cost,
        })
        .boxed()
}

pub(crate) fn new_conversation() -> BoxedStrategy<NewConversation> {
    (
        (
            maybe(word(Kind::KNOWN)),
            maybe_text(),
            maybe_text(),
            maybe(word(Status::KNOWN)),
            maybe(word(Priority::KNOWN)),
        ),
        (
            vec(text(), 0..4),
            vec(participant(), 0..3),
            maybe_text(),
            maybe_text(),
        ),
        (maybe(assistant()), map(), maybe(time()), extensions()),
    )
        .prop_map(
            |(
                (kind, title, description, status, priority),
                (labels, participants, owner, icon_url),
                (assistant, metadata, created_at, extensions),
            )| NewConversation {
                kind,
                title,
                description,
                status,
                priority,
                labels,
                participants,
                owner,
                icon_url,
                assistant,
                metadata,
                created_at,
                extensions,
            },
        )
        .boxed()
}

pub(crate) fn new_message() -> BoxedStrategy<NewMessage> {
    let reply = (message_id(), word(ReplyKind::KNOWN))
        .prop_map(|(id, kind)| InReplyTo { id, kind })
        .boxed();
    (
        (
            word(Role::KNOWN),
            maybe(participant()),
            maybe(word(Direction::KNOWN)),
            vec(recipient(), 0..3),
            maybe_text(),
            vec(part(), 0..4),
            maybe(reply),
        ),
        (
            maybe(word(MessageStatus::KNOWN)),
            maybe(rating()),
            maybe(usage()),
            maybe_text(),
            maybe_text(),
            maybe_text(),
            maybe(any::<u64>().boxed()),
        ),
        (
            map(),
            map(),
            maybe_text(),
            maybe(time()),
            maybe(time()),
            extensions(),
        ),
    )
        .prop_map(
            |(
                (role, author, direction, recipients, subject, parts, in_reply_to),
                (status, rating, usage, model, provider, finish_reason, latency_ms),
                (source, metadata, client_message_id, sent_at, edited_at, extensions),
            )| NewMessage {
                role,
                author,
                direction,
                recipients,
                subject,
                parts,
                in_reply_to,
                status,
                rating,
                usage,
                model,
                provider,
                finish_reason,
                latency_ms,
                source,
                metadata,
                client_message_id,
                sent_at,
                edited_at,
                extensions,
            },
        )
        .boxed()
}

/// Any conversation, with everything that only a backend sets.
pub(crate) fn conversation() -> BoxedStrategy<Conversation> {
    let count = || maybe(any::<u64>().boxed());
    (
        (
            new_conversation(),
            conversation_id(),
            text(),
            time(),
            time(),
        ),
        (
            maybe_text(),
            count(),
            maybe(count()),
            maybe(usage()),
            maybe(time()),
        ),
    )
        .prop_map(
            |(
                (new, id, backend, created_at, updated_at),
                (status_native, unread, counts, usage, last_message_at),
            )| {
                Conversation {
                    status_native,
                    unread,
                    counts: counts.map(|messages| Counts { messages }),
                    usage,
                    updated_at,
                    last_message_at,
                    ..new.into_conversation(id, &backend, created_at)
                }
            },
        )
        .boxed()
}

/// Any message as a backend holds it.
pub(crate) fn message() -> BoxedStrategy<Message> {
    (new_message(), message_id(), conversation_id(), time())
        .prop_map(|(new, id, conversation_id, now)| new.into_message(id, conversation_id, now))
        .boxed()
}

fn patch<T: Clone + std::fmt::Debug + 'static>(value: BoxedStrategy<T>) -> BoxedStrategy<Patch<T>> {
    prop_oneof![2 => Just(Patch::Keep), 1 => Just(Patch::Clear), 2 => value.prop_map(Patch::Set)]
        .boxed()
}

pub(crate) fn conversation_patch() -> BoxedStrategy<ConversationPatch> {
    (
        (
            patch(word(Kind::KNOWN)),
            patch(text()),
            patch(text()),
            patch(word(Status::KNOWN)),
            patch(word(Priority::KNOWN)),
        ),
        (
            patch(vec(text(), 0..4).boxed()),
            patch(vec(participant(), 0..3).boxed()),
            patch(text()),
            patch(text()),
        ),
        (patch(map()), patch(map()), patch(map())),
    )
        .prop_map(
            |(
                (kind, title, description, status, priority),
                (labels, participants, owner, icon_url),
                (assistant, metadata, extensions),
            )| ConversationPatch {
                kind,
                title,
                description,
                status,
                priority,
                labels,
                participants,
                owner,
                icon_url,
                assistant,
                metadata,
                extensions,
            },
        )
        .boxed()
}

pub(crate) fn message_patch() -> BoxedStrategy<MessagePatch> {
    (
        patch(vec(part(), 0..3).boxed()),
        patch(text()),
        patch(word(MessageStatus::KNOWN)),
        patch(map()),
        patch(map()),
    )
        .prop_map(
            |(parts, subject, status, metadata, extensions)| MessagePatch {
                parts,
                subject,
                status,
                metadata,
                extensions,
            },
        )
        .boxed()
}

//! Any value survives JSON and back; texts of ids, times and kept JSON read back as what they were.

use conversation::{
    ConversationId, Message, MessageId, Part, RawJson, Time, html_to_text, text_of,
};
use proptest::prelude::{any, prop_assert, prop_assert_eq, prop_assert_ne, prop_assume, proptest};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::values;

/// The value after a way through JSON text, and after one through a `serde_json::Value`, where it exists.
fn there_and_back<T: Serialize + DeserializeOwned>(value: &T) -> T {
    let text = serde_json::to_string(value).expect("valid by construction");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

proptest! {
    #![proptest_config(crate::cases())]

    #[test]
    fn any_conversation_survives_json(value in values::conversation()) {
        prop_assert_eq!(there_and_back(&value), value);
    }

    #[test]
    fn any_message_survives_json(value in values::message()) {
        prop_assert_eq!(there_and_back(&value), value);
    }

    #[test]
    fn any_request_survives_json(conversation in values::new_conversation(), message in values::new_message()) {
        prop_assert_eq!(there_and_back(&conversation), conversation);
        prop_assert_eq!(there_and_back(&message), message);
    }

    #[test]
    fn any_patch_survives_json(conversation in values::conversation_patch(), message in values::message_patch()) {
        prop_assert_eq!(there_and_back(&conversation), conversation);
        prop_assert_eq!(there_and_back(&message), message);
    }

    #[test]
    fn any_part_survives_json(part in values::part()) {
        prop_assert_eq!(&there_and_back(&part), &part);
        prop_assert!(Part::TYPES.contains(&part.type_name()));
        let tag = format!("{{\"type\":\"{}\"", part.type_name());
        prop_assert!(serde_json::to_string(&part).unwrap().starts_with(&tag));
    }

    #[test]
    fn a_message_written_twice_is_written_alike(value in values::message()) {
        let first = serde_json::to_string(&value).unwrap();
        let read: Message = serde_json::from_str(&first).unwrap();
        prop_assert_eq!(serde_json::to_string(&read).unwrap(), first);
    }

    #[test]
    fn kept_json_keeps_every_token(text in values::json_text()) {
        let kept = RawJson::parse(&text).unwrap();
        prop_assert!(!kept.get().contains(['\n', '\r', '\t']), "no line break is left: {:?}", kept.get());
        // Through `Value`, numbers beyond its types would be rounded on both sides alike.
        let before: serde_json::Value = serde_json::from_str(&text).unwrap();
        let after: serde_json::Value = serde_json::from_str(kept.get()).unwrap();
        prop_assert_eq!(after, before);
        let digits = |text: &str| -> String { text.chars().filter(|character| !character.is_ascii_whitespace()).collect() };
        prop_assert_eq!(digits(kept.get()), digits(&text), "every token keeps its spelling");
        let again = RawJson::parse(kept.get()).unwrap();
        prop_assert_eq!(again.get(), kept.get());
    }

    #[test]
    fn conversation_ids_read_back(bits in any::<u128>()) {
        let id = ConversationId::from_bits(bits);
        let text = id.to_string();
        prop_assert_eq!(text.len(), 31);
        prop_assert_eq!(text.parse(), Ok(id));
        prop_assert_eq!(there_and_back(&id), id);
        let upper = format!("conv_{}", text["conv_".len()..].to_uppercase());
        prop_assert!(upper == text || upper.parse::<ConversationId>().is_err(), "one spelling each");
    }

    #[test]
    fn no_text_is_taken_for_an_id_that_it_does_not_spell(text in "(conv_)?[0-9a-zA-Z]{24,28}|\\PC{0,40}") {
        if let Ok(id) = text.parse::<ConversationId>() {
            prop_assert_eq!(id.to_string(), text.clone());
        }
        if let Ok(id) = text.parse::<MessageId>() {
            prop_assert_eq!(id.to_string(), text);
        }
    }

    #[test]
    fn derived_ids_differ_when_their_parts_do(left in ("[a-c]{0,3}", "[a-c]{0,3}"), right in ("[a-c]{0,3}", "[a-c]{0,3}")) {
        prop_assume!(left != right);
        prop_assert_ne!(ConversationId::derive(&left.0, &left.1), ConversationId::derive(&right.0, &right.1));
        prop_assert_ne!(MessageId::derive(&[&left.0, &left.1]), MessageId::derive(&[&right.0, &right.1]));
        prop_assert!(MessageId::derive(&[&left.0, &left.1]).as_str().parse::<MessageId>().is_ok());
    }

    #[test]
    fn times_read_back(time in values::time()) {
        prop_assert_eq!(time.to_string().parse::<Time>(), Ok(time));
        prop_assert_eq!(Time::from_micros(time.as_micros()), Ok(time));
        prop_assert_eq!(time.to_millis().as_micros().rem_euclid(1_000), 0);
        prop_assert!(time.to_millis() <= time);
    }

    #[test]
    fn the_text_of_any_html_ends_with_a_word(html in "(<(p|li|ul|pre|td|a href=x|br|script|/p|/li|/ul|/pre|/script|/a)>|[a-z& \\n]|\\PC){0,40}") {
        let text = html_to_text(&html);
        prop_assert_eq!(text.trim_end_matches([' ', '\n', '\t']), &text, "nothing trails");
    }

    #[test]
    fn words_of_any_parts_can_be_read(parts in proptest::collection::vec(values::part(), 0..4)) {
        let words = text_of(&parts);
        prop_assert_eq!(text_of(&there_and_back(&parts)), words);
    }
}

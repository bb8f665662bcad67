//! What is said survives: every part type, unicode, NUL, long and empty texts.

use conversation::{NewMessage, Part, RawJson, Role, Text, TextFormat, Unknown};

use crate::bench::Bench;
use crate::builders::{every_part, is_held_part};
use crate::case::{Case, Need, Outcome};
use crate::expect::Must;

const TEXTS: &[Need] = &[
    Need::Works("conversation_create"),
    Need::Grows,
    Need::Works("part_text"),
];

pub(super) const CASES: &[Case] = &[
    Case {
        rule: "every part type survives a post",
        needs: &[Need::Works("conversation_create"), Need::Grows],
        run: |bench| Box::pin(every_part_type(bench)),
    },
    Case {
        rule: "unicode survives a post",
        needs: TEXTS,
        run: |bench| Box::pin(unicode(bench)),
    },
    Case {
        rule: "NUL survives a post",
        needs: &[
            Need::Works("conversation_create"),
            Need::Grows,
            Need::Works("part_text"),
            Need::Held("text_nul"),
        ],
        run: |bench| Box::pin(nul(bench)),
    },
    Case {
        rule: "a long text survives a post",
        needs: TEXTS,
        run: |bench| Box::pin(long_text(bench)),
    },
    Case {
        rule: "an empty text survives a post",
        needs: TEXTS,
        run: |bench| Box::pin(empty_text(bench)),
    },
    Case {
        rule: "unknown vendor parts are kept whole",
        needs: &[
            Need::Works("conversation_create"),
            Need::Grows,
            Need::Held("part_unknown"),
        ],
        run: |bench| Box::pin(unknown_parts(bench)),
    },
];

/// The longest text that is tried where the backend names no limit, in characters.
const LONG_TEXT_CHARS: u64 = 100_000;

/// Says `parts` and expects answer and list to show just these.
async fn assert_survives(bench: &Bench, parts: Vec<Part>, what: &str) {
    let at = bench.conversation().await;
    let said = bench
        .say(&at, NewMessage::of(Role::User, parts.clone()))
        .await
        .must(what);
    // `assert!` and not `assert_eq!`: nobody wants to read a hundred thousand characters.
    assert!(said.parts == parts, "{what}: the answer shows other parts");
    let listed = bench.messages(&at).await;
    let listed = listed.iter().find(|message| message.id == said.id);
    let listed = listed.unwrap_or_else(|| panic!("{what}: not listed"));
    assert!(listed.parts == parts, "{what}: the list shows other parts");
}

async fn every_part_type(bench: &Bench) -> Outcome {
    let (mut held, mut reason) = (Vec::new(), None);
    for part in every_part() {
        match bench.must_hold(std::slice::from_ref(&part)) {
            Ok(()) => held.push(part),
            Err(skip) => reason = Some(skip),
        }
    }
    if let (true, Some(reason)) = (held.is_empty(), reason) {
        return Err(reason);
    }
    for part in &held {
        let what = format!("a part of type `{}`", part.type_name());
        assert_survives(bench, vec![part.clone()], &what).await;
    }
    if bench.must_hold(&held).is_ok() {
        assert_survives(bench, held, "one message with every part").await;
    }
    Ok(())
}

async fn unicode(bench: &Bench) -> Outcome {
    for text in [
        "Grüße aus Zürich — naïve façade, ÆØÅ, ß, ﬁ",
        "e\u{301} is not é, and both stay as they are",
        "日本語 한국어 العربية עברית हिन्दी ไทย",
        "👩‍👩‍👧‍👦 🏳️‍🌈 🇨🇭 \u{1f9d1}\u{1f3fd}\u{200d}\u{1f680} 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𠜎",
        "\u{202e}right to left\u{202c} \u{200b}zero width\u{feff} \u{2028}line\u{2029}paragraph",
        "quotes \" ' ` „“ « » backslash \\ slash / percent %2F %00 <b>&amp;</b> {{x}} ${y} ; DROP TABLE--",
        "\u{10ffff}\u{fffd}\u{fffe}\u{e000}",
        "tab\tline\nreturn\r\nend",
        "  leading and trailing  ",
        "\u{1}\u{7}\u{8}\u{b}\u{c}\u{1b}[31m\u{7f}\u{85}",
    ] {
        let parts = vec![Part::text(text)];
        bench.must_hold(&parts)?;
        assert_survives(bench, parts, &format!("the text {text:?}")).await;
    }
    Ok(())
}

async fn nul(bench: &Bench) -> Outcome {
    for text in ["a\0b", "\0", "\0\0end", "before\\u0000after", "\\\0"] {
        assert_survives(bench, vec![Part::text(text)], &format!("the text {text:?}")).await;
    }
    Ok(())
}

async fn long_text(bench: &Bench) -> Outcome {
    let limit = bench
        .capabilities
        .limits
        .text_max_chars
        .unwrap_or(LONG_TEXT_CHARS)
        .min(LONG_TEXT_CHARS);
    let characters = usize::try_from(limit).unwrap_or(usize::MAX);
    // Characters of one to four bytes, so that a limit in bytes shows; no two neighbours alike, so that a cut shows.
    let pattern = ["a", "é", "語", "😀", "0", "\n", "\"", "z"];
    let text: String = (0..characters)
        .map(|index| pattern[(index + index / 7) % pattern.len()])
        .collect();
    let parts = vec![Part::text(text)];
    bench.must_hold(&parts)?;
    assert_survives(bench, parts, &format!("a text of {characters} characters")).await;
    Ok(())
}

async fn empty_text(bench: &Bench) -> Outcome {
    let parts = vec![Part::text("")];
    bench.must_hold(&parts)?;
    assert_survives(bench, parts, "an empty text").await;
    Ok(())
}

async fn unknown_parts(bench: &Bench) -> Outcome {
    let value = r#"{"type":"hologram","depth":9007199254740993,"price":1.50,"nested":{"z":null,"a":[[],{}]},"s":"\ud83d\ude00 \/"}"#;
    let value = RawJson::parse(value).unwrap_or_default();
    let unknown = Part::Unknown(Unknown {
        vendor: "acme".into(),
        value: value.clone(),
    });
    let marked = Part::Text(Text {
        text: "**beside it**".into(),
        format: TextFormat::Markdown,
    });
    let parts = if is_held_part(&marked, &bench.capabilities) {
        vec![marked, unknown]
    } else {
        vec![unknown]
    };
    bench.must_hold(&parts)?;
    let at = bench.conversation().await;
    let said = bench
        .say(&at, NewMessage::of(Role::User, parts))
        .await
        .must("an unknown part");
    for message in bench
        .messages(&at)
        .await
        .into_iter()
        .filter(|message| message.id == said.id)
        .chain([said.clone()])
    {
        let Some(Part::Unknown(kept)) = message.parts.last() else {
            panic!("the unknown part became {:?}", message.parts)
        };
        assert_eq!(
            kept.value.get(),
            value.get(),
            "numbers and escapes stay as they came"
        );
        assert_eq!(&*kept.vendor, "acme");
    }
    Ok(())
}

//! Storing what was said elsewhere.

use backend::{Kind, Location, Write};
use conversation::{Message, NewMessage, Role, Time, text_of};

use crate::bench::Bench;
use crate::builders::{every_part, full_message, held_import, is_held_part};
use crate::case::{Case, Need, Outcome, is_held, skip};
use crate::expect::{Must, not_found, refused};
use crate::json::{assert_kept, members};

const IMPORTS: &[Need] = &[
    Need::Works("conversation_create"),
    Need::Works("message_import"),
    Need::Works("message_list"),
];
const TIMES: &[Need] = &[
    Need::Works("conversation_create"),
    Need::Works("message_import"),
    Need::Works("message_list"),
    Need::Held("message_sent_at"),
];

pub(super) const CASES: &[Case] = &[
    Case {
        rule: "imported messages keep their original times",
        needs: TIMES,
        run: |bench| Box::pin(original_times(bench)),
    },
    Case {
        rule: "imported messages take their place by time",
        needs: TIMES,
        run: |bench| Box::pin(place_by_time(bench)),
    },
    Case {
        rule: "messages of equal time keep the order of import",
        needs: TIMES,
        run: |bench| Box::pin(equal_times(bench)),
    },
    Case {
        rule: "an import gives one result for each message",
        needs: IMPORTS,
        run: |bench| Box::pin(one_result_each(bench)),
    },
    Case {
        rule: "an import keeps status, rating, usage and model",
        needs: IMPORTS,
        run: |bench| Box::pin(import_only_fields(bench)),
    },
    Case {
        rule: "an import to an unknown conversation is not found",
        needs: IMPORTS,
        run: |bench| Box::pin(unknown(bench)),
    },
];

fn time(text: &str) -> Time {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn said_at(text: impl Into<Box<str>>, at: Time) -> NewMessage {
    NewMessage {
        sent_at: Some(at),
        ..NewMessage::text(Role::User, text)
    }
}

/// Imports and expects every result to be right.
async fn import(bench: &Bench, at: &Location, messages: Vec<NewMessage>) -> Vec<Message> {
    let count = messages.len();
    let results = bench
        .backend
        .import_messages(&bench.cx(), at, messages)
        .await
        .must("importing");
    assert_eq!(results.len(), count, "one result for each message");
    results
        .into_iter()
        .map(|result| result.must("importing one of them"))
        .collect()
}

async fn texts(bench: &Bench, at: &Location) -> Vec<String> {
    bench
        .messages(at)
        .await
        .iter()
        .map(|message| text_of(&message.parts))
        .collect()
}

async fn original_times(bench: &Bench) -> Outcome {
    let at = bench.conversation().await;
    let times: Vec<Time> = [
        "1969-07-20T20:17:40.000Z",
        "2001-02-03T04:05:06.789Z",
        "2016-02-29T23:59:59.999Z",
        "2024-11-03T01:30:00.001+01:00",
    ]
    .iter()
    .map(|text| time(text))
    .collect();
    let new = times
        .iter()
        .map(|time| said_at(time.to_string(), *time))
        .collect();
    let imported = import(bench, &at, new).await;
    let shown: Vec<Time> = imported.iter().map(|message| message.sent_at).collect();
    assert_eq!(shown, times, "the import's own answer");
    let listed: Vec<Time> = bench
        .messages(&at)
        .await
        .iter()
        .map(|message| message.sent_at)
        .collect();
    assert_eq!(listed, times, "the list");
    Ok(())
}

async fn place_by_time(bench: &Bench) -> Outcome {
    let at = bench.conversation().await;
    let mut wanted: Vec<String> = (0..6).map(|year| format!("in 201{year}")).collect();
    if bench.capabilities.message_post.works() {
        bench.say_text(&at, "now").await.must("posting");
        wanted.push("now".to_owned());
    }
    let new = [3, 0, 5, 1].map(|year| {
        said_at(
            format!("in 201{year}"),
            time(&format!("201{year}-06-01T00:00:00Z")),
        )
    });
    import(bench, &at, new.to_vec()).await;
    let later = [4, 2].map(|year| {
        said_at(
            format!("in 201{year}"),
            time(&format!("201{year}-06-01T00:00:00Z")),
        )
    });
    import(bench, &at, later.to_vec()).await;
    assert_eq!(texts(bench, &at).await, wanted);
    let conversation = bench
        .backend
        .get_conversation(&bench.cx().fresh(), &at)
        .await
        .must("reading it");
    let newest = bench
        .messages(&at)
        .await
        .last()
        .map(|message| message.sent_at);
    assert_eq!(
        conversation.last_message_at, newest,
        "when the newest message was said, not when it was imported"
    );
    Ok(())
}

async fn equal_times(bench: &Bench) -> Outcome {
    let at = bench.conversation().await;
    let moment = time("2020-01-01T00:00:00.000Z");
    let wanted: Vec<String> = (0..8).map(|number| format!("at once {number}")).collect();
    let (first, second) = wanted.split_at(5);
    for texts in [first, second] {
        import(
            bench,
            &at,
            texts
                .iter()
                .map(|text| said_at(text.as_str(), moment))
                .collect(),
        )
        .await;
    }
    assert_eq!(texts(bench, &at).await, wanted);
    Ok(())
}

async fn one_result_each(bench: &Bench) -> Outcome {
    let at = bench.conversation().await;
    let moment = time("2020-01-01T00:00:00.000Z");
    let new: Vec<NewMessage> = (0..5)
        .map(|number| said_at(format!("number {number}"), moment))
        .collect();
    let imported = import(bench, &at, new.clone()).await;
    for (sent, stored) in new.iter().zip(&imported) {
        assert_eq!(
            stored.parts, sent.parts,
            "results come in the order of the messages"
        );
    }
    assert_eq!(
        bench.messages(&at).await.len(),
        new.len(),
        "each is stored once"
    );
    assert!(
        import(bench, &at, Vec::new()).await.is_empty(),
        "nothing to import is no failure"
    );

    // Among them one that the backend cannot hold, where there is such a thing.
    let refusals = every_part()
        .into_iter()
        .map(|part| NewMessage::of(Role::User, vec![part]));
    let is_refused = |new: &NewMessage| {
        let fates = bench
            .backend
            .preview(&Write::ImportMessage(new.clone()))
            .fates;
        fates
            .iter()
            .any(|fate| fate.fate == backend::Fate::Rejected)
    };
    if let Some(bad) = refusals.into_iter().find(is_refused) {
        let new = vec![said_at("before", moment), bad, said_at("after", moment)];
        let results = bench
            .backend
            .import_messages(&bench.cx(), &at, new)
            .await
            .must("importing what is held in part");
        let mut results = results.into_iter();
        let mut next = || {
            results
                .next()
                .unwrap_or_else(|| panic!("three messages, fewer results"))
        };
        next().must("the message before the refused one");
        refused(
            next(),
            Kind::NotHeld,
            "the message that the backend cannot hold",
        );
        next().must("the message after the refused one");
        assert_eq!(
            bench.messages(&at).await.len(),
            imported.len() + 2,
            "the refused one is not stored"
        );
    }
    Ok(())
}

async fn import_only_fields(bench: &Bench) -> Outcome {
    let at = bench.conversation().await;
    let capabilities = &bench.capabilities;
    let fields = [
        capabilities.message_status,
        capabilities.message_rating,
        capabilities.message_usage,
        capabilities.message_model,
    ];
    if !fields.into_iter().any(is_held) {
        return Err(skip(
            "backend cannot hold status, rating, usage or model of an imported message exactly",
        ));
    }
    let mut new = held_import(&full_message(), capabilities);
    new.parts = every_part()
        .into_iter()
        .filter(|part| is_held_part(part, capabilities))
        .collect();
    let imported = import(bench, &at, vec![new.clone()]).await;
    assert_kept(
        &members(&new),
        &members(&imported[0]),
        &[],
        "the imported message",
    );
    let listed = bench.messages(&at).await;
    assert_eq!(listed.len(), 1);
    assert_kept(
        &members(&new),
        &members(&listed[0]),
        &[],
        "the imported message in the list",
    );
    Ok(())
}

async fn unknown(bench: &Bench) -> Outcome {
    let new = vec![said_at("into the void", time("2020-01-01T00:00:00Z"))];
    let result = bench
        .backend
        .import_messages(&bench.cx(), &bench.missing, new)
        .await;
    not_found(result, "importing to an unknown conversation");
    Ok(())
}

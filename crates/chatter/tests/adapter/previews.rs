//! What preview leaves over is taken by the server as it is.

use backend::{Backend, Kind, RespondRequest, Write};
use testkit::generate::{self, Chance};

use crate::support::{ALL, ANSWERING, create, cx, events, pair};

/// Bytes of chance, other ones for each number.
fn bytes(number: usize) -> Vec<u8> {
    let byte =
        |place: usize| ((place * place * 7 + place * (number + 3) * 31 + number) % 251) as u8;
    (0..256).map(byte).collect()
}

#[tokio::test]
async fn generated_conversations_are_taken_as_preview_leaves_them() {
    for generation in ALL {
        let (_fake, chatter) = pair(generation).await;
        for number in 0..30 {
            let bytes = bytes(number);
            let mut chance = Chance::new(&bytes);
            let new = generate::conversation(&mut chance);
            let write = chatter.preview(&Write::CreateConversation(new)).write;
            let Write::CreateConversation(mut new) = write else {
                panic!()
            };
            if let Some(assistant) = &mut new.assistant {
                // Must be a profile of the server.
                assistant.profile_id = None;
            }
            let made = chatter.create_conversation(&cx(), new.clone()).await;
            let at = made
                .unwrap_or_else(|error| panic!("{error:?} of {new:?}"))
                .location;
            let patch = generate::conversation_patch(&mut chance);
            let write = chatter.preview(&Write::UpdateConversation(patch)).write;
            let Write::UpdateConversation(patch) = write else {
                panic!()
            };
            let updated = chatter
                .update_conversation(&cx(), &at, patch.clone(), None)
                .await;
            if let Err(error) = updated {
                // Only what preview cannot know: metadata that is there already.
                assert_eq!(error.kind, Kind::NotHeld, "{error:?} of {patch:?}");
                let is_metadata = |pointer: &str| pointer.starts_with("/metadata");
                let violations = &error.violations;
                assert!(violations.iter().all(|found| is_metadata(&found.pointer)));
            }
        }
    }
}

#[tokio::test]
async fn generated_questions_are_taken_as_preview_leaves_them() {
    for generation in ANSWERING {
        let (_fake, chatter) = pair(generation).await;
        let at = create(&chatter).await;
        for number in 0..30 {
            let bytes = bytes(number);
            let mut chance = Chance::new(&bytes);
            let mut input = generate::message(&mut chance);
            input.role = conversation::Role::User;
            let mut assistant = generate::conversation(&mut chance).assistant;
            if let Some(assistant) = &mut assistant {
                // Must be one that the server has.
                assistant.provider = None;
            }
            let request = RespondRequest {
                input: Some(input),
                assistant,
                ..RespondRequest::default()
            };
            let projection = chatter.preview(&Write::Respond(request));
            let Write::Respond(request) = projection.write else {
                panic!()
            };
            let answered = events(&chatter, &at, request).await;
            if projection.is_held {
                answered.unwrap_or_else(|error| panic!("{error:?} of {number}"));
            }
        }
    }
}

//! What preview leaves over is taken by the server as it is.

use backend::{Backend, RespondRequest, Write};
use testkit::generate::{self, Chance};

use crate::support::{Pair, cx, events};

/// Bytes of chance, other ones for each number.
fn bytes(number: usize) -> Vec<u8> {
    let byte =
        |place: usize| ((place * place * 7 + place * (number + 3) * 31 + number) % 251) as u8;
    (0..256).map(byte).collect()
}

#[tokio::test]
async fn generated_writes_are_taken_as_preview_leaves_them() {
    let pair = Pair::new().await;
    let datamonkey = &pair.datamonkey;
    for number in 0..60 {
        let bytes = bytes(number);
        let mut chance = Chance::new(&bytes);
        let new = generate::conversation(&mut chance);
        let write = datamonkey.preview(&Write::CreateConversation(new)).write;
        let Write::CreateConversation(new) = write else {
            panic!()
        };
        let title = new.title.clone();
        let made = datamonkey.create_conversation(&cx(), new).await.unwrap();
        assert_eq!(made.conversation.title, title);
        let at = made.location;

        let patch = generate::conversation_patch(&mut chance);
        let projection = datamonkey.preview(&Write::UpdateConversation(patch));
        if let Write::UpdateConversation(patch) = projection.write
            && projection.is_held
        {
            let updated = datamonkey
                .update_conversation(&cx(), &at, patch, None)
                .await;
            assert_eq!(updated.unwrap().title, title);
        }

        let mut input = generate::message(&mut chance);
        input.role = conversation::Role::User;
        let request = RespondRequest {
            input: Some(input),
            assistant: generate::conversation(&mut chance).assistant,
            template: Some("general".into()),
            ..RespondRequest::default()
        };
        let projection = datamonkey.preview(&Write::Respond(request));
        let Write::Respond(request) = projection.write else {
            panic!()
        };
        if projection.is_held {
            events(datamonkey, &at, request).await.unwrap();
        }
    }
}

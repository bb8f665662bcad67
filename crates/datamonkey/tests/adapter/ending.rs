//! Access that ends: for whom a new conversation is made, and which refusals mean it.

use backend::{Backend, Kind, Outcome};

use crate::fake::{Fault, Operation};
use crate::support::{Pair, cx, subject_of};

#[tokio::test]
async fn after_access_has_ended_a_conversation_is_made_for_the_user_of_the_principal() {
    let pair = Pair::new().await;
    let at = pair.create().await;
    let subject = subject_of(&at);
    let ended = pair.fake.sign(&subject, Some(-10));
    pair.put_token("ada", &subject, &ended).await;
    // Whoever calls makes it: a key without a user becomes a user of its own.
    let mut key = cx();
    let mut principal = (*key.principal).clone();
    principal.user = None;
    key.principal = principal.into();
    let by_key = pair.create_as(&key).await;
    assert!(by_key.credential.unwrap().ends_with("@user:t/key-k"));
    // For the end user it is made by a caller who names the user, with whatever key.
    let mut other_key = cx();
    let mut principal = (*other_key.principal).clone();
    principal.key = "another".into();
    other_key.principal = principal.into();
    let by_user = pair.create_as(&other_key).await;
    assert!(by_user.credential.clone().unwrap().ends_with("@user:t/ada"));
    pair.datamonkey
        .get_conversation(&key, &by_user)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_token_that_the_server_refuses_after_its_life_has_ended() {
    let pair = Pair::new().await;
    let at = pair.create().await;
    let subject = subject_of(&at);
    let refusal = || Fault::json(401, r#"{"error":"Invalid or missing user token"}"#);
    // It ends within what the clocks may differ by.
    let ending = pair.fake.sign(&subject, Some(3));
    let living = pair.fake.sign(&subject, Some(3600));
    for (token, kind) in [(ending, Kind::AccessEnded), (living, Kind::UpstreamAuth)] {
        pair.put_token("ada", &subject, &token).await;
        for operation in [Operation::Get, Operation::Delete, Operation::List] {
            pair.fake.inject(operation, refusal());
            let datamonkey = &pair.datamonkey;
            let error = match operation {
                Operation::Get => datamonkey.get_conversation(&cx(), &at).await.err(),
                Operation::Delete => datamonkey.delete_conversation(&cx(), &at, None).await.err(),
                _ => {
                    let query = backend::ConversationQuery::all(1);
                    datamonkey.list_conversations(&cx(), &query).await.err()
                }
            };
            let error = error.unwrap();
            assert_eq!(
                (error.kind, error.outcome),
                (kind, Outcome::NotApplied),
                "{operation:?}"
            );
        }
    }
    // What something in between says is not the server's word.
    let ending = pair.fake.sign(&subject, Some(3));
    pair.put_token("ada", &subject, &ending).await;
    pair.fake.inject(Operation::Get, Fault::html(401));
    let error = pair
        .datamonkey
        .get_conversation(&cx(), &at)
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::UpstreamAuth);
}

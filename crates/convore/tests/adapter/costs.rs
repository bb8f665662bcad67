//! What a copy costs: as many requests as the capabilities say.

use std::num::NonZeroU32;

use backend::{Backend, Write};
use convore::{Convore, ConvoreConfig};

use crate::support::{by_mail, config, create_with, cx, import, pair, said_at};

#[tokio::test]
async fn a_create_and_an_import_take_as_many_requests_as_is_said() {
    let (fake, convore) = pair().await;
    let can = convore.capabilities();
    create_with(&convore, by_mail()).await;
    let mut places = Vec::new();
    for _ in 0..3 {
        let before = fake.requests().len();
        places.push(create_with(&convore, by_mail()).await);
        let sent = fake.requests().len() - before;
        assert_eq!(u32::try_from(sent), Ok(can.create_requests));
    }
    // A copy imports one message at a time, so that the outcome of each is known.
    for number in 0..5 {
        let before = fake.requests().len();
        let one = said_at(&number.to_string(), "2020-01-01T00:00:00Z");
        import(&convore, &places[0], vec![one]).await;
        let sent = fake.requests().len() - before;
        assert_eq!(u32::try_from(sent), Ok(can.import_requests));
    }
    // Several at once share the looks at the conversation.
    let before = fake.requests().len();
    let several = (0..30).map(|number| said_at(&number.to_string(), "2020-01-01T00:00:00Z"));
    import(&convore, &places[0], several.collect()).await;
    assert_eq!(fake.requests().len() - before, 32);
}

#[tokio::test]
async fn copies_are_paced_only_where_that_is_configured() {
    let (fake, _) = pair().await;
    for (set, wanted) in [(None, None), (NonZeroU32::new(7), Some(7))] {
        let config = ConvoreConfig {
            requests_per_minute: set,
            ..config(&fake)
        };
        let convore = Convore::new("convore", &config).unwrap();
        assert_eq!(convore.capabilities().limits.requests_per_minute, wanted);
    }
}

#[tokio::test]
async fn a_delete_says_what_the_vendor_keeps() {
    let (_fake, convore) = pair().await;
    let at = create_with(&convore, by_mail()).await;
    let foretold = convore.preview(&Write::DeleteConversation);
    assert!(foretold.is_held);
    assert!(
        foretold.fates[0]
            .detail
            .starts_with("hidden, still held by convore")
    );
    convore.delete_conversation(&cx(), &at, None).await.unwrap();
    let gone = convore.get_conversation(&cx(), &at).await;
    assert_eq!(gone.unwrap_err().kind, backend::Kind::NotFound);
}

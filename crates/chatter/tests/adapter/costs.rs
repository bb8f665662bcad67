//! What a copy costs: as many requests as the capabilities say.

use std::num::NonZeroU32;

use backend::Backend;
use chatter::{Chatter, ChatterConfig};

use crate::fake::FakeChatter;
use crate::support::{ALL, config, create, cx, pair};

#[tokio::test]
async fn a_create_takes_as_many_requests_as_is_said() {
    for generation in ALL {
        let (fake, chatter) = pair(generation).await;
        create(&chatter).await;
        let can = chatter.capabilities();
        for _ in 0..3 {
            let before = fake.requests().len();
            create(&chatter).await;
            let sent = fake.requests().len() - before;
            assert_eq!(u32::try_from(sent), Ok(can.create_requests));
        }
        // History cannot be stored at all: it is kept beside the server, which is not asked.
        assert_eq!(
            (can.import_requests, can.message_import.works()),
            (0, false)
        );
    }
}

#[tokio::test]
async fn copies_are_paced_as_the_server_counts_or_as_configured() {
    let fake = FakeChatter::start_with(crate::fake::FakeOptions::new(ALL[3])).await;
    for (set, wanted) in [(None, 100), (NonZeroU32::new(7), 7)] {
        let config = ChatterConfig {
            requests_per_minute: set,
            ..config(&fake)
        };
        let chatter = Chatter::new("chatter", &config, None).unwrap();
        let limits = chatter.capabilities().limits;
        assert_eq!(limits.requests_per_minute, Some(wanted));
    }
}

#[tokio::test]
async fn a_delete_says_what_the_server_keeps() {
    for generation in ALL {
        let (_fake, chatter) = pair(generation).await;
        let at = create(&chatter).await;
        let foretold = chatter.preview(&backend::Write::DeleteConversation);
        assert!(foretold.is_held);
        assert!(
            foretold.fates[0]
                .detail
                .starts_with("hidden, still held by chatter")
        );
        chatter.delete_conversation(&cx(), &at, None).await.unwrap();
        let gone = chatter.get_conversation(&cx(), &at).await;
        assert_eq!(gone.unwrap_err().kind, backend::Kind::NotFound);
    }
}

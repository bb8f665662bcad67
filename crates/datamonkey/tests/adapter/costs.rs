//! What a copy costs: as many requests as the capabilities say.

use std::num::NonZeroU32;

use backend::Backend;

use crate::fake::FakeOptions;
use crate::support::Pair;

#[tokio::test]
async fn a_create_takes_as_many_requests_as_is_said() {
    for signs in [false, true] {
        let pair = if signs {
            Pair::signing(FakeOptions::default()).await
        } else {
            Pair::new().await
        };
        pair.create().await;
        let can = pair.datamonkey.capabilities();
        for _ in 0..3 {
            let before = pair.fake.requests().len();
            pair.create().await;
            let sent = pair.fake.requests().len() - before;
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
async fn copies_are_paced_only_where_that_is_configured() {
    for (set, wanted) in [(None, None), (NonZeroU32::new(7), Some(7))] {
        let pair = Pair::with(FakeOptions::default(), |config| {
            config.requests_per_minute = set;
        });
        let limits = pair.await.datamonkey.capabilities().limits;
        assert_eq!(limits.requests_per_minute, wanted);
    }
}
